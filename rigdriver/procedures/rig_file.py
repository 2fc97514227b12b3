"""What a rig file has the box do, without touching a device: its schedule, and whether it breaks a limit.

In: a rig file, perhaps another rate. Out: the configuration, the compiled schedule, and what each lamp emits.
Not here: the diagram (see schedule/diagram.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rigdriver.clock import us_from_ticks
from rigdriver.config import RigConfig, load
from rigdriver.config.loading import check, read_text
from rigdriver.errors import ConfigError, ScheduleError
from rigdriver.findings import BrokenLimit, Finding, RigFileFinding
from rigdriver.schedule.plan import compile_schedule, exposure_us
from rigdriver.schedule.planned import Schedule

FASTEST_HZ = 1000.0
"""Largest rate of a rig."""
USUAL_TICK_RATE_HZ = 10_000_000
"""Tick rate, in Hz, of the box that a schedule is compiled for when there is no box to ask."""


@dataclass(frozen=True, slots=True)
class LampLight:
    """What one lamp emits: the figures that an assessment of the lamp needs."""

    lamp: str
    width_us: float
    duty: float
    energy_mj: float | None
    """Energy per flash; None when the rig file gives no radiant_power_w."""


@dataclass(frozen=True, slots=True)
class PlannedRig:
    """A rig file and its schedule."""

    config: RigConfig
    schedule: Schedule

    @property
    def lights(self) -> tuple[LampLight, ...]:
        """What each lamp emits."""
        powers_w = {lamp.name: lamp.radiant_power_w for lamp in self.config.lamps}
        lights = []
        for flash in self.schedule.flashes:
            width_us = us_from_ticks(flash.width_ticks, self.schedule.tick_rate_hz)
            power_w = powers_w[flash.lamp]
            energy_mj = None if power_w is None else power_w * width_us * 1e-3
            duty = flash.width_ticks / self.schedule.box.pulse_period_ticks
            lights.append(LampLight(flash.lamp, width_us, duty, energy_mj))
        return tuple(lights)


@dataclass(frozen=True, slots=True)
class PlannedBench:
    """A rig file of a bench without a trigger box: nothing times its exposures to each other, and no lamp is lit."""

    config: RigConfig
    rate_hz: float

    @property
    def exposures_us(self) -> dict[str, float | None]:
        """Exposure by camera; None where a free-running camera keeps its own."""
        is_free = self.config.schedule.mode == "free"
        return {c.name: c.exposure_us if is_free else exposure_us(self.config, c) for c in self.config.cameras}


def planned_rig(file: Path, rate_hz: float | None = None) -> PlannedRig | PlannedBench:
    """Read a rig file and compile its schedule; without a trigger box there is none.

    Raises:
        ConfigError: the file is wrong; every finding is named.
        ScheduleError: the plan breaks a limit.
    """
    return planned(load(file), rate_hz)


def planned(config: RigConfig, rate_hz: float | None = None) -> PlannedRig | PlannedBench:
    """Compile the schedule of a configuration. ScheduleError as in `planned_rig`."""
    if config.schedule.mode != "box":
        return _planned_bench(config, config.schedule.rate_hz if rate_hz is None else rate_hz)
    return PlannedRig(config, compile_schedule(config, USUAL_TICK_RATE_HZ, generation=1, rate_hz=rate_hz))


def _planned_bench(config: RigConfig, rate_hz: float) -> PlannedBench:
    # The option may give what the rig file's own bounds would reject.
    if not 0 < rate_hz <= FASTEST_HZ:
        raise ScheduleError(
            kind=BrokenLimit.RATE, device="schedule", seen=f"rate_hz = {rate_hz:g}",
            expected=f"more than 0 and at most {FASTEST_HZ:g} Hz",
        )  # fmt: skip
    planned = PlannedBench(config, rate_hz)
    for name, length_us in planned.exposures_us.items():
        if length_us is not None and length_us >= 1e6 / rate_hz:
            raise ScheduleError(
                kind=BrokenLimit.PERIOD, device=f"camera {name}", seen=f"exposes for {length_us:g} us",
                expected=f"less than {1e6 / rate_hz:g} us, the time between two frames at {rate_hz:g} Hz",
                remedy="shorten the exposure or lower rate_hz",
            )  # fmt: skip
    return planned


@dataclass(frozen=True, slots=True)
class CheckedRigFile:
    """What is wrong with a rig file."""

    file: Path
    findings: tuple[RigFileFinding | Finding[BrokenLimit] | ConfigError, ...]
    """Keys that are wrong and limits that the plan breaks, or the error that ended the check; empty for a good file."""
    config: RigConfig | None = None


def check_rig_file(file: Path) -> CheckedRigFile:
    """Return everything that is wrong with a rig file, its schedule's findings beside those of its keys."""
    try:
        checked = check(read_text(file), str(file), file.parent)
    except ConfigError as exc:
        return CheckedRigFile(file, (exc,))
    findings: list[RigFileFinding | Finding[BrokenLimit]] = [*checked.findings]
    if checked.usable is not None:
        # A file can be well formed and still plan what breaks a limit; both are findings on the file.
        try:
            planned(checked.usable)
        except ScheduleError as exc:
            findings += exc.findings
    return CheckedRigFile(file, tuple(findings), None if findings else checked.usable)
