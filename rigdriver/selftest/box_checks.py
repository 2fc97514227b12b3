"""The trigger box on its own: who it is, its clock, its interlock, its watchdog, its counters.

In: an open, idle box. Out: checks. The watchdog is tested as a hanging computer would test it: outputs high, no feeds,
and the box must turn everything off by itself. No lamp is lit. Not here: cameras (see wiring.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Protocol

from rigdriver.clock import ticks_from_us
from rigdriver.config import RigConfig
from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.box.events import BoxEvent, BoxStatus
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.devices.box.refusals import fault_cause, fault_remedy
from rigdriver.devices.box.trigger_box import BoxCounters
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.selftest.result import CheckResult, unknown, verdict
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire.registers import INTERFACE_HASH, BoxStates, Faults
from rigdriver.wire.session import LinkCounters

PROBES = 20
LONGEST_ROUND_TRIP_MS = 50.0
"""Longest good round trip of a clock probe; USB serial takes 1 to 2 ms, a loaded computer 20."""
# A number of its own: a report that comes late from another run cannot pass for one of this test.
_GENERATION = 0x444F4758
_BOX_ERRORS = ("events_dropped", "checksum_errors", "bytes_skipped", "inputs_ignored", "interlock_trips")
_LINK_ERRORS = (
    "differences",
    "damaged_replies",
    "abandoned",
    "bytes_skipped",
    "checksum_errors",
    "header_errors",
    "unfinished",
    "implausible_events",
)


class CheckedBox(Protocol):
    """What this file needs of a trigger box."""

    @property
    def identity(self) -> BoxIdentity: ...
    @property
    def link_counters(self) -> LinkCounters: ...
    def subscribe(self, sink: Callable[[BoxEvent], None]) -> None: ...
    def unsubscribe(self, sink: Callable[[BoxEvent], None]) -> None: ...
    def commit(self, schedule: BoxSchedule) -> None: ...
    def arm(self, generation: int) -> None: ...
    def start(self, generation: int) -> None: ...
    def stop(self, now: bool = True) -> None: ...
    def stop_feeding(self) -> None: ...
    def clear_fault(self) -> None: ...
    def status(self) -> BoxStatus: ...
    def counters(self) -> BoxCounters: ...
    def probe_clock(self) -> ClockProbe: ...


def judge_box(box: CheckedBox, config: RigConfig) -> Iterator[CheckResult]:
    """Judge what the box says of itself, while it is idle."""
    identity = box.identity
    told = f"{identity.device_name} {identity.serial_number}, firmware {identity.firmware}"
    yield verdict(True, "box.identity", told, "a trigger box")
    ours = INTERFACE_HASH.hex()
    remedy = "install firmware and driver of the same release"
    yield verdict(
        identity.interface_hash == ours, "box.interface", identity.interface_hash[:12], ours[:12], remedy=remedy
    )
    needed = 1 + max([camera.output for camera in config.cameras] + [lamp.output for lamp in config.lamps])
    remedy = "the rig file names an output that the box does not have: correct `output`, or use a box with more outputs"
    yield verdict(identity.outputs >= needed, "box.outputs", identity.outputs, f">= {needed}", remedy=remedy)
    yield _judge_lamp_outputs(identity, config)
    status = box.status()
    is_calm = status.state is not BoxStates.FAULT and status.output_levels == 0
    yield verdict(
        is_calm, "box.state", status.state.name.lower(), "no fault, outputs off", remedy=_state_remedy(status)
    )
    yield _judge_interlock(identity, config, status)
    yield _judge_clock(box)


def _state_remedy(status: BoxStatus) -> str:
    if status.state is BoxStates.FAULT:
        return f"{fault_cause(status.fault)}: {fault_remedy(status.fault)}, then run `rigdriver box clear`"
    return f"outputs {_lines(status.output_levels)} are on; power the trigger box off and on"


def _judge_lamp_outputs(identity: BoxIdentity, config: RigConfig) -> CheckResult:
    """Check that the box knows each lamp output: without its light limits a lamp could hurt an eye."""
    unguarded = [lamp for lamp in config.lamps if not identity.lamp_outputs >> lamp.output & 1]
    told = ", ".join(f"{lamp.name} on output {lamp.output}" for lamp in unguarded)
    remedy = f"{told}: the box does not limit light there; connect lamps to outputs {_lines(identity.lamp_outputs)}"
    guarded = len(config.lamps) - len(unguarded)
    return verdict(not unguarded, "box.lamp_outputs", guarded, len(config.lamps), "lamps limited", remedy)


def _judge_interlock(identity: BoxIdentity, config: RigConfig, status: BoxStatus) -> CheckResult:
    mask = identity.interlock_inputs
    # Not failed: a box without interlock works, and the report says what is not guarded.
    if not mask and config.lamps:
        return unknown(
            "box.interlock", "closed", "the box has no interlock input, so nothing stops light but its limits"
        )
    # A closed interlock drives its input high in the box's report; a bit that is missing is an open one.
    open_lines = mask & ~status.input_levels
    seen = "closed" if not open_lines else f"open at input {_lines(open_lines)}"
    remedy = "close the interlock: covers and door; until then the box refuses every schedule with light"
    return verdict(not open_lines, "box.interlock", seen, "closed", remedy=remedy)


def _judge_clock(box: CheckedBox) -> CheckResult:
    probes = [box.probe_clock() for _ in range(PROBES)]
    trips_ms = [(probe.t_received_ns - probe.t_sent_ns) / 1e6 for probe in probes]
    is_forward = all(a.t_box_ticks < b.t_box_ticks for a, b in pairwise(probes))
    # The median, because one round trip that the operating system delayed says nothing about the link.
    typical = median(trips_ms)
    remedy = (
        "replies take long: connect the box without a hub, free the processor"
        if is_forward
        else "the box's clock does not go forward: report its firmware"
    )
    is_good = is_forward and typical <= LONGEST_ROUND_TRIP_MS
    return verdict(is_good, "box.clock_probe", round(typical, 3), f"<= {LONGEST_ROUND_TRIP_MS:g}", "ms", remedy)


def judge_watchdog(box: CheckedBox, config: RigConfig, timebase: Timebase = WALL_TIME) -> Iterator[CheckResult]:
    """Hold the cameras' trigger outputs high, stop feeding, and see that the box ends it in time."""
    ticks = box.identity.tick_rate_hz
    watchdog_us = config.required_box().watchdog_s * 1e6
    mask = sum(1 << camera.output for camera in config.cameras)
    # Three times as long as the watchdog: the outputs must fall by the watchdog and not by the schedule.
    step = box_step(mask, 0, ticks_from_us(3 * watchdog_us, ticks))
    schedule = BoxSchedule.of(_GENERATION, ticks_from_us(4 * watchdog_us, ticks), 1, (step,))
    listener = _Listener(timebase)
    # Before the start, so that no fault is missed.
    box.subscribe(listener.hear)
    try:
        box.commit(schedule)
        box.arm(_GENERATION)
        box.start(_GENERATION)
        box.stop_feeding()
        fault = listener.wait_for_fault(timeout_s=3 * config.required_box().watchdog_s + 2)
        # The levels are read as well: a box may report the fault and leave its outputs on.
        levels = box.status().output_levels
    finally:
        box.unsubscribe(listener.hear)
        # However the check ends, the outputs are off and the fault is cleared, so that later checks find an idle box.
        box.stop(now=True)
        box.clear_fault()
    remedy = "do not use lamps with this box: its outputs stay on when the computer hangs; report its firmware"
    has_tripped = fault is not None and Faults.WATCHDOG_EXPIRED in fault.fault
    seen = "tripped" if has_tripped else "no fault" if fault is None else fault_cause(fault.fault)
    yield verdict(has_tripped, "box.watchdog", seen, "tripped", remedy=remedy)
    yield verdict(has_tripped and levels == 0, "box.outputs_cut", f"{levels:#06x}", f"{0:#06x}", remedy=remedy)


class _Listener:
    """Takes the box's changes of state on its thread."""

    def __init__(self, timebase: Timebase) -> None:
        self._timebase = timebase
        self._fault: BoxStatus | None = None
        self._has_faulted = SafeEvent()

    def hear(self, event: BoxEvent) -> None:
        """Take an event."""
        if isinstance(event, BoxStatus) and event.state is BoxStates.FAULT:
            # The first fault is the cause; later ones may follow from it.
            self._fault = self._fault or event
            self._has_faulted.set()

    def wait_for_fault(self, timeout_s: float) -> BoxStatus | None:
        """Return the first fault, or None after the timeout."""
        self._timebase.wait(self._has_faulted, timeout_s)
        return self._fault


@dataclass(frozen=True, slots=True)
class Health:
    """The error counters of box and link at one moment."""

    box: BoxCounters
    link: LinkCounters

    @classmethod
    def of(cls, box: CheckedBox) -> Health:
        """Read them."""
        return cls(box.counters(), box.link_counters)


def judge_health(before: Health, after: Health) -> Iterator[CheckResult]:
    """Judge what was added to the error counters in between: nothing may be.

    Replies that come too late, and messages whose rest does, are told apart from damage: a busy computer makes them,
    too, but it damages no byte.
    """
    cable = "check the USB cable of the box and its hubs; keep the cable away from motors and lamp supplies"
    link = _grown(before.link, after.link, _LINK_ERRORS)
    late = link if _are_late(link) else {}
    yield _judge_counters(
        "box.counters", _grown(before.box, after.box, _BOX_ERRORS), cable + "; inputs_ignored: an input line is noisy"
    )
    yield _judge_counters("box.link_counters", {} if late else link, cable)
    yield _judge_counters("box.replies", late, "replies of the box came too late: connect it without a hub; " + cable)


def _grown(old: object, new: object, counters: Iterable[str]) -> dict[str, int]:
    # Differences: counters run since power-on, and what was before this test is not its finding.
    return {c: getattr(new, c) - getattr(old, c) for c in counters if getattr(new, c) != getattr(old, c)}


def _are_late(grown: Mapping[str, int]) -> bool:
    """Whether time alone explains all of what was counted; bytes of an unfinished message are skipped."""
    return set(grown) <= {"abandoned", "unfinished", *(["bytes_skipped"] if "unfinished" in grown else [])}


def _judge_counters(name: str, grown: Mapping[str, int], remedy: str) -> CheckResult:
    told = ", ".join(f"{counter} {count}" for counter, count in grown.items())
    return verdict(not grown, name, sum(grown.values()), 0, "errors", f"{told}: {remedy}")


def _lines(mask: int) -> str:
    return ", ".join(str(line) for line in range(mask.bit_length()) if mask >> line & 1) or "none"
