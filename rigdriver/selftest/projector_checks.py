"""The projector that the rig file names: whether it is there, answers, and is set as the rig file says.

In: the rig file's table `[projector]`. Out: one check per property. The projector is opened for this and given back.
Its settings stay as they are; while its table of patterns is validated, a running sequence stands still. Not here: the
light that it gives (see light_checks.py), and the bus on which it hangs (see bus_checks.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rigdriver.config import ProjectorConfig, RigConfig
from rigdriver.devices.projector.commands import (
    DisplayMode,
    LedLevels,
    PatternEntry,
    PatternRun,
    PatternTimes,
    PatternTrigger,
    ProjectorFault,
    TableFault,
    TriggerMode,
)
from rigdriver.devices.projector.projector import Projector, ProjectorState, wanted_entries
from rigdriver.devices.usb_library import CORE
from rigdriver.errors import LinkError, PortUnavailable, ProjectorRefused
from rigdriver.selftest.result import CheckResult, not_checked, verdict

SET = "`rigdriver projector set` writes what the rig file says"
_FOUND, _REPLIES = "projector.found", "projector.replies"


def check_projector(config: RigConfig, core: Any = CORE) -> Iterator[CheckResult]:
    """Check the projector; a rig file without one gets no line. `core`: pyusb's, or another in its place."""
    if config.projector is None:
        return
    try:
        with Projector.open(config.projector, core) as projector:
            yield verdict(True, _FOUND, "DLPC350", "one DLPC350")
            state = projector.state()
            table = projector.validated()
            yield _judge_replies(projector.late_replies)
    except PortUnavailable as exc:
        yield verdict(False, _FOUND, exc.seen, "one DLPC350", "", _told(config.projector, exc.remedy))
        return
    except (LinkError, ProjectorRefused) as exc:
        yield verdict(False, _REPLIES, exc.seen, "every command answered", "", _told(config.projector, exc.remedy))
        return
    yield from judge_projector(state, table, config)


def judge_projector(state: ProjectorState, table: Sequence[TableFault], config: RigConfig) -> Iterator[CheckResult]:
    """Judge what a projector reports of itself. `table`: what its validation has found."""
    wanted = config.projector
    assert wanted is not None, "its caller has asked for it"
    yield _judge_firmware(state, wanted)
    yield _judge_status(state.faults, wanted)
    yield _judge_mode(state, wanted)
    yield _judge_trigger(state, config, wanted)
    yield _judge_run(state.run, wanted)
    yield _judge_levels(state.levels, wanted)
    yield _judge_times(state.times, wanted)
    yield _judge_patterns(state.entries, wanted)
    yield _judge_table(table, wanted)


def _told(wanted: ProjectorConfig, what: str) -> str:
    return f"projector {wanted.lamp}: {what}"


def _judge_replies(late: int) -> CheckResult:
    remedy = "replies came that nobody had asked for: close other programs that use the projector"
    return verdict(late == 0, _REPLIES, late, 0, "late replies", remedy)


def _judge_firmware(state: ProjectorState, wanted: ProjectorConfig) -> CheckResult:
    found = state.versions.application
    remedy = _told(wanted, "install that firmware with TI's program, or mend projector.firmware")
    is_good = wanted.firmware in {None, found}
    return verdict(is_good, "projector.firmware", found, wanted.firmware or found, "", remedy)


def _judge_status(faults: Sequence[ProjectorFault], wanted: ProjectorConfig) -> CheckResult:
    told = "; ".join(fault.value for fault in faults)
    remedy = _told(wanted, f"{told}; switch it off and on, let it cool, then {SET}")
    return verdict(not faults, "projector.status", told or "no fault", "no fault", "", remedy)


def _judge_mode(state: ProjectorState, wanted: ProjectorConfig) -> CheckResult:
    seen = state.mode.name.lower()
    if state.mode is DisplayMode.PATTERN and not state.is_from_flash:
        seen = "pattern, from a video input"
    is_good = state.mode is DisplayMode.PATTERN and state.is_from_flash
    remedy = _told(wanted, f"it does not show the patterns of its memory; {SET}")
    return verdict(is_good, "projector.mode", seen, "pattern, from its memory", "", remedy)


def _judge_trigger(state: ProjectorState, config: RigConfig, wanted: ProjectorConfig) -> CheckResult:
    expected = f"TRIG_IN_1, {wanted.trigger} edge"
    seen = ", ".join(dict.fromkeys(_source(state.trigger_mode, entry) for entry in state.entries))
    output = next(lamp.output for lamp in config.lamps if lamp.name == wanted.lamp)
    remedy = _told(
        wanted, f"it shows a pattern at {seen}, and box output {output} gives the {wanted.trigger} edge; {SET}"
    )
    return verdict(seen == expected, "projector.trigger", seen, expected, "", remedy)


def _source(mode: TriggerMode, entry: PatternEntry) -> str:
    """Return what shows a pattern, in words."""
    if mode in {TriggerMode.VSYNC, TriggerMode.VSYNC_VARIABLE}:
        return "the video input's VSYNC"
    if mode is TriggerMode.TWO_INPUTS:
        return "TRIG_IN_1 and TRIG_IN_2"
    edges = {PatternTrigger.RISING: "TRIG_IN_1, rising edge", PatternTrigger.FALLING: "TRIG_IN_1, falling edge"}
    return edges.get(entry.trigger, "its own clock")


def _judge_run(run: PatternRun, wanted: ProjectorConfig) -> CheckResult:
    remedy = _told(wanted, f"its sequence of patterns does not run, so no trigger gives light; {SET} and starts it")
    return verdict(run is PatternRun.RUNNING, "projector.sequence", run.name.lower(), "running", "", remedy)


def _judge_levels(levels: LedLevels, wanted: ProjectorConfig) -> CheckResult:
    asked = {"red": wanted.red_level, "green": wanted.green_level, "blue": wanted.blue_level}
    given = {colour: level for colour, level in asked.items() if level is not None}
    if not given:
        return not_checked("projector.levels", "the rig file states no projector.red_level, green_level or blue_level")
    found = {colour: getattr(levels, colour) for colour in given}
    remedy = _told(wanted, f"the currents of its LEDs are not those of the rig file; {SET}")
    return verdict(found == given, "projector.levels", _listed(found), _listed(given), "of 255", remedy)


def _listed(levels: dict[str, int]) -> str:
    return ", ".join(f"{colour} {level}" for colour, level in levels.items())


def _judge_times(times: PatternTimes, wanted: ProjectorConfig) -> CheckResult:
    seen = f"{times.exposure_us} in {times.period_us}"
    expected = f"{wanted.exposure_us} in {wanted.period_us}"
    remedy = _told(wanted, f"it shows a pattern for another time; {SET}")
    return verdict(seen == expected, "projector.times", seen, expected, "us", remedy)


def _judge_patterns(entries: Sequence[PatternEntry], wanted: ProjectorConfig) -> CheckResult:
    # What they wait for has its own check.
    seen, expected = (_series(list(map(str, some))) for some in (entries, wanted_entries(wanted)))
    remedy = _told(wanted, f"its table of patterns is not that of the rig file; {SET}")
    return verdict(seen == expected, "projector.patterns", seen, expected, "", remedy)


def _series(told: list[str]) -> str:
    """Return patterns in words, those that follow each other and are alike counted."""
    parts: list[tuple[str, int]] = []
    for one in told:
        if parts and parts[-1][0] == one:
            parts[-1] = one, parts[-1][1] + 1
        else:
            parts.append((one, 1))
    return "; ".join(one if times == 1 else f"{times} times {one}" for one, times in parts)


def _judge_table(table: Sequence[TableFault], wanted: ProjectorConfig) -> CheckResult:
    errors = [fault.value for fault in table if fault.is_error]
    warned = [fault.value for fault in table if not fault.is_error]
    remedy = _told(
        wanted,
        f"it refuses its table of patterns: {'; '.join(errors)}; mend projector.patterns, bit_depth, exposure_us or "
        f"period_us, then {SET}",
    )
    seen = "; ".join([*errors, *(f"warning: {told}" for told in warned)]) or "valid"
    return verdict(not errors, "projector.table", seen, "valid", "", remedy)
