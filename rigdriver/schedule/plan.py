"""The plan of one pulse in user terms, compiled to the box's steps.

In: a checked `RigConfig`, the box's tick rate, how many pulses. Out: a frozen `Schedule`: the box's steps, and when
each camera is triggered and each lamp lit, in ticks after the pulse start. A plan that would break a limit is refused
with the limit and the remedy. Not here: how a schedule reaches the box (see devices/box/trigger_box.py).

    pulse start
    |  trigger left_upper   |^|                      (latencies are made up for: exposures begin together)
    |  exposure                 [=========]
    |  left_pattern               [=====]            (inside every geometry exposure, guard and jitter included)
    |  texture exposure                     [=========]
    |  left_white                             [=====]
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit, Finding
from rigdriver.schedule.limits import emitted_j, refuse_broken_limits
from rigdriver.schedule.planned import CameraFacts, PlannedExposure, PlannedFlash, Schedule
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire.registers import LightLimitsRecord, StageStepRecord

GOLOMB_MARKS = (0, 1, 4, 9, 11)
"""Marks of a Golomb ruler: each difference between two of them occurs once, so two frames show which marks they are."""
RULERS = (GOLOMB_MARKS, (0, 2, 7, 10, 11), (0, 2, 3, 9, 14))
"""Rulers of the first, second and third attempt. No three marks of one stand at the distances of three of another, so
frames of an earlier attempt that come late fit no exposures of a later one."""

WORD = 2**32
"""Bound of the box's numbers, which are smaller."""


def exposure_us(config: RigConfig, camera: CameraConfig) -> float:
    """Return a camera's exposure: its own, else the schedule's for its role."""
    if camera.exposure_us is not None:
        return camera.exposure_us
    plan = config.schedule
    return plan.geometry_exposure_us if camera.role == "geometry" else plan.texture_exposure_us


def compile_schedule(
    config: RigConfig,
    tick_rate_hz: int,
    generation: int,
    pulses: int | None = None,
    rate_hz: float | None = None,
    facts: Mapping[str, CameraFacts] | None = None,
) -> Schedule:
    """Compile the rig's plan. `pulses` None runs until stopped, or until the light limits end it.

    `facts`: what the cameras say of themselves, by name; without them, what only they can report is not checked.

    Raises:
        ScheduleError: the plan breaks a limit; the message names it and the remedy.
    """
    rate = config.schedule.rate_hz if rate_hz is None else rate_hz
    if not 0 < rate <= 1000:
        raise ScheduleError(
            kind=BrokenLimit.RATE, device="schedule", seen=f"rate_hz = {rate:g}",
            expected="more than 0 and at most 1000 Hz",
        )  # fmt: skip
    if pulses is not None and not 0 < pulses < 2**32:
        raise ScheduleError(
            kind=BrokenLimit.PULSES, device="schedule", seen=f"pulses = {pulses}",
            expected=f"1 to {2**32 - 1}, or none to run until stopped",
        )  # fmt: skip
    exposures = plan_exposures(config, tick_rate_hz)
    flashes = _plan_flashes(config, exposures, tick_rate_hz)
    period_ticks = math.ceil(tick_rate_hz / rate)  # never faster than asked: the rate may be a limit
    if period_ticks >= WORD:
        raise ScheduleError(
            kind=BrokenLimit.RATE, device="schedule", seen=f"rate_hz = {rate:g}",
            expected=f"at least {tick_rate_hz / WORD:.2g} Hz; the trigger box cannot wait longer between two pulses",
        )  # fmt: skip
    count = _pulse_count(config, pulses, flashes, tick_rate_hz)
    box = BoxSchedule.of(generation, period_ticks, count, _steps(config, exposures, flashes, tick_rate_hz))
    schedule = Schedule(box, tick_rate_hz, MappingProxyType(exposures), flashes)
    refuse_broken_limits(config, schedule, facts or {}, light_limits(config, tick_rate_hz))
    return schedule


def compile_preamble(
    config: RigConfig, tick_rate_hz: int, generation: int, unit_us: float, marks: Sequence[int] = GOLOMB_MARKS
) -> Schedule:
    """Compile the dark preamble: one pulse whose triggers stand on the marks of a Golomb ruler, `unit_us` apart.

    The spacing of any two of its frames says which marks they are, so each camera's clock is tied to the box's
    without counting and without trusting that no frame was lost.
    """
    exposures = plan_exposures(config, tick_rate_hz)
    unit = ticks_from_us(unit_us, tick_rate_hz)
    width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    if width >= unit:
        raise ScheduleError(
            kind=BrokenLimit.PREAMBLE, device="schedule",
            seen=f"trigger_width_us = {config.schedule.trigger_width_us:g}",
            expected=f"less than {unit_us:g} us, the time between two triggers of the preamble",
            remedy="shorten trigger_width_us",
        )  # fmt: skip
    by_delay = _outputs_by_delay(exposures.values())
    steps = tuple(
        box_step(mask, mark * unit + delay, width) for mark in marks for delay, mask in sorted(by_delay.items())
    )
    longest = max(e.start_ticks + e.exposure_ticks for e in exposures.values())
    period = marks[-1] * unit + longest + unit
    # The box has room for 32 steps, and each delay takes one per mark.
    if len(steps) > 32:
        raise ScheduleError(
            kind=BrokenLimit.PREAMBLE, device="schedule", seen=f"{len(by_delay)} different trigger delays",
            expected="at most 6, which is what the preamble has room for",
            remedy="give cameras with nearly the same latency_us, or trigger_rise_us, the same one",
        )  # fmt: skip
    return Schedule(BoxSchedule.of(generation, period, 1, steps), tick_rate_hz, MappingProxyType(exposures), ())


def light_limits(config: RigConfig, tick_rate_hz: int) -> LightLimitsRecord:
    """Return the rig file's limits on light as the box holds them; what does not fit its units allows less light."""
    light = config.light
    return LightLimitsRecord(
        # Limits on light are rounded down and the pause up: rounding never allows more light.
        max_flash_width_ticks=at_most(light.max_flash_width_us * tick_rate_hz / 1e6),
        max_duty_permille=at_most(light.max_duty * 1000),
        max_train_flashes=at_most(light.max_train_flashes),
        min_train_pause_ticks=math.ceil(light.min_train_pause_s * tick_rate_hz),
        max_session_flashes=at_most(light.max_session_flashes),
        max_rate_millihertz=at_most(light.max_rate_hz * 1000),
    )


def at_most(limit: float) -> int:
    """Return the largest whole number within a limit that fits a word; a float's last bits do not count."""
    return min(math.floor(limit * (1 + 1e-9)), WORD - 1)


def plan_exposures(config: RigConfig, tick_rate_hz: int) -> dict[str, PlannedExposure]:
    """Place the exposures: each group begins together, when the group before has ended and the gap is over."""
    # A trigger cannot come before the pulse start, so that the slowest camera sets when the first exposures begin.
    slowest_us = max(c.start_us for c in config.cameras)
    planned: dict[str, PlannedExposure] = {}
    end_us = slowest_us
    for n, group in enumerate(_groups(config)):
        # The gap is dark at both ends of the jitter: the group before may end late, this one begin early.
        start_us = end_us + (config.schedule.texture_gap_us + max(c.jitter_us for c in group) if n else 0)
        for camera in group:
            planned[camera.name] = PlannedExposure(
                camera=camera.name,
                output=camera.output,
                input=camera.input,
                delay_ticks=ticks_from_us(start_us - camera.start_us, tick_rate_hz),
                latency_ticks=ticks_from_us(camera.start_us, tick_rate_hz),
                # Rounded up, because it is a bound.
                jitter_ticks=math.ceil(camera.jitter_us * tick_rate_hz / 1e6),
                exposure_ticks=ticks_from_us(exposure_us(config, camera), tick_rate_hz),
                line_rise_ticks=ticks_from_us(camera.line_rise_us, tick_rate_hz),
                line_fall_ticks=ticks_from_us(camera.line_fall_us, tick_rate_hz),
            )
        end_us = start_us + max(exposure_us(config, c) + c.jitter_us for c in group)
    return {c.name: planned[c.name] for c in config.cameras}


def _groups(config: RigConfig) -> list[list[CameraConfig]]:
    """Return the cameras that expose together, in the order of their turns: geometry (pod by pod if asked), texture."""
    geometry = [c for c in config.cameras if c.role == "geometry"]
    pods = list(dict.fromkeys(c.pod for c in geometry)) if config.schedule.interleave_pods else []
    turns = [[c for c in geometry if c.pod == pod] for pod in pods] or [geometry]
    return [group for group in [*turns, [c for c in config.cameras if c.role == "texture"]] if group]


def _plan_flashes(
    config: RigConfig, exposures: Mapping[str, PlannedExposure], tick_rate_hz: int
) -> tuple[PlannedFlash, ...]:
    planned: list[PlannedFlash] = []
    findings: list[Finding[BrokenLimit]] = []
    for lamp in config.lamps:
        try:
            planned.append(_plan_flash(config, lamp, exposures, tick_rate_hz))
        except ScheduleError as exc:
            findings += exc.findings
    if findings:
        raise ScheduleError(findings=findings)
    return tuple(planned)


def _plan_flash(
    config: RigConfig, lamp: LampConfig, exposures: Mapping[str, PlannedExposure], tick_rate_hz: int
) -> PlannedFlash:
    """Put a lamp's flash inside what all its cameras expose in common, jitter and guard taken off at both ends."""
    role = "geometry" if lamp.kind == "pattern" else "texture"
    is_apart = config.schedule.interleave_pods and lamp.kind == "pattern"
    names = tuple(c.name for c in config.cameras if c.role == role and (c.pod == lamp.pod or not is_apart))
    if not names:
        where = f" of pod {lamp.pod}" if is_apart else ""
        raise ScheduleError(
            kind=BrokenLimit.LAMP_WITHOUT_CAMERA, device=f"lamp {lamp.name} ({lamp.kind})",
            seen=f"no camera{where} would see it",
            expected=f'a camera with role = "{role}", which a {lamp.kind} lamp lights',
            remedy="give a camera that role, or remove the lamp",
        )  # fmt: skip
    guard = ticks_from_us(config.schedule.guard_us, tick_rate_hz)
    lit = [exposures[name] for name in names]
    # What all cameras expose in common: from the latest possible start to the earliest possible end.
    first = max(e.start_ticks + e.jitter_ticks for e in lit) + guard
    last = min(e.start_ticks - e.jitter_ticks + e.exposure_ticks for e in lit) - guard
    longest_us = min(config.light.max_flash_width_us, lamp.max_flash_width_us or config.light.max_flash_width_us)
    longest = at_most(longest_us * tick_rate_hz / 1e6)
    width = min(last - first, longest)
    if width < ticks_from_us(1, tick_rate_hz):
        left_us = us_from_ticks(last - first, tick_rate_hz)
        raise ScheduleError(
            kind=BrokenLimit.COMMON_EXPOSURE, device=f"lamp {lamp.name}",
            seen=f"exposure that its cameras have in common, less jitter and {config.schedule.guard_us:g} us guard at "
            f"both ends: {left_us:.0f} us",
            expected="at least 1 us",
            remedy=f"lengthen {role}_exposure_us or shorten guard_us",
        )  # fmt: skip
    return PlannedFlash(lamp.name, lamp.output, first, width, names)


def _pulse_count(config: RigConfig, pulses: int | None, flashes: Sequence[PlannedFlash], tick_rate_hz: int) -> int:
    """Return the box's pulse count: a run with light and without a number of frame sets ends after one flash train."""
    if pulses is not None:
        return pulses
    if not flashes:
        return 0
    longest = min(config.light.max_train_flashes, WORD - 1)
    pulse_j = emitted_j(config, flashes, tick_rate_hz)
    if config.light.max_run_energy_j is None or not pulse_j:
        return longest
    return max(1, min(longest, int(config.light.max_run_energy_j / pulse_j)))  # too little for one pulse is refused


def _outputs_by_delay(exposures: Iterable[PlannedExposure]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for e in exposures:
        masks[e.delay_ticks] = masks.get(e.delay_ticks, 0) | 1 << e.output
    return masks


def _steps(
    config: RigConfig,
    exposures: Mapping[str, PlannedExposure],
    flashes: Sequence[PlannedFlash],
    tick_rate_hz: int,
) -> tuple[StageStepRecord, ...]:
    """Join outputs that rise and fall together into one step, in time order."""
    trigger_width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    # One step per rise and width: outputs of one step change in one tick, and steps are few in the box.
    masks: dict[tuple[int, int], int] = {}
    for delay, mask in _outputs_by_delay(exposures.values()).items():
        masks[delay, trigger_width] = mask
    for flash in flashes:
        key = (flash.delay_ticks, flash.width_ticks)
        masks[key] = masks.get(key, 0) | 1 << flash.output
    return tuple(box_step(mask, delay, width) for (delay, width), mask in sorted(masks.items()))
