"""The state in which a box is found when it is opened: left running or in Fault by a program that is gone.

In: a link to a box that is in standby. Out: `FoundState`: an old fault with its cause and age, and whether it was
cleared. A box that still runs is stopped: the port is locked, so the program that started it is gone. A fault is
cleared when its cause is gone and the policy (`box.old_faults`) allows it: by default an interlock fault waits for
somebody who clears it, and it is never cleared while an interlock is open. The limits on light are the box's own, and
no cleared fault changes them. Not here: what the faults mean (see refusals.py).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from rigdriver.devices.box.clock_probe import probe_once
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.refusals import fault_cause, fault_remedy
from rigdriver.errors import BadReply, NoReply
from rigdriver.wire import registers
from rigdriver.wire.payload_crc import is_intact
from rigdriver.wire.registers import BoxStates, Faults

_logger = logging.getLogger(__name__)
Policy = Literal["host", "clear", "keep"]
"""Policy of opening towards an old fault whose cause is gone: clear those of `BY_HOST`, clear any, or keep all."""
BY_HOST = Faults.WATCHDOG_EXPIRED | Faults.EVENTS_LOST | Faults.LIGHT_LIMIT
"""Faults whose cause is gone when a program opens the box: it speaks, it reads, and no run goes on. The box counts
light on, so that clearing LightLimit allows no flash more."""


@dataclass(frozen=True, slots=True)
class OldFault:
    """A fault from before the box was opened."""

    fault: Faults
    age_s: float | None
    """Time since the fault by the box's own clock, in s; None where the box does not report it."""
    is_cleared: bool
    remedy: str
    """Act that must come before it can be cleared; empty when its cause is gone."""

    @property
    def cause(self) -> str:
        """What happened, in words."""
        return fault_cause(self.fault)

    def __str__(self) -> str:
        return f"{'' if self.age_s is None else f'{self.age_s:.0f} s ago '}it had turned everything off: {self.cause}"


@dataclass(frozen=True, slots=True)
class FoundState:
    """How a box was found."""

    state: BoxStates
    old_fault: OldFault | None = None


def take_over(link: BoxLink, policy: Policy) -> FoundState:
    """Stop a box that runs; report an old fault, and clear it where its cause is gone and the policy allows that."""
    state = link.read_twice(registers.BOX_STATE)
    if state in (BoxStates.ARMED, BoxStates.RUNNING):
        link.write(registers.STOP, registers.StopModes.NOW)
        _logger.warning("%s: still ran the schedule of a program that is gone; stopped", link.name)
        # It may have faulted in the meantime: its watchdog was not fed any more.
        state = link.read_twice(registers.BOX_STATE)
    if state is not BoxStates.FAULT:
        return FoundState(state)
    fault = link.read_twice(registers.FAULT)
    remedy = _what_to_remove(link, fault)
    is_allowed = policy == "clear" or (policy == "host" and not fault & ~BY_HOST)
    is_cleared = is_allowed and not remedy
    old = OldFault(fault, _age_s(link, fault), is_cleared, remedy)
    if is_cleared:
        link.write(registers.CLEAR_FAULT, 1)
        _logger.warning("%s: %s; that is over, and the fault is cleared", link.name, old)
    else:
        then = f"{remedy}, then run" if remedy else "its cause is gone; run"
        _logger.warning("%s: %s; %s `rigdriver box clear`", link.name, old, then)
    return FoundState(state, old)


def _what_to_remove(link: BoxLink, fault: Faults) -> str:
    """Return what must be done before the fault may be cleared; empty when its cause is gone."""
    lasting = fault & ~BY_HOST
    if Faults.INTERLOCK_OPEN in fault:
        mask = int(link.read_twice(registers.CAPABILITIES).interlock_inputs)
        if not mask & ~int(link.read_twice(registers.INPUT_LEVELS)):
            lasting &= ~Faults.INTERLOCK_OPEN
    return fault_remedy(lasting) if lasting else ""


def _age_s(link: BoxLink, fault: Faults) -> float | None:
    """Return how long ago the box entered Fault, by the newest StatusEvent, which is kept in its register."""
    try:
        event = link.read_twice(registers.STATUS_EVENT)
        if event.state is not BoxStates.FAULT or event.fault != fault:
            return None  # it faulted in standby, where the box sends no events
        if not is_intact(registers.STATUS_EVENT.address, registers.STATUS_EVENT.pack(event)):
            return None
        now_ticks = probe_once(link).t_box_ticks
        tick_rate_hz = link.read_twice(registers.TICK_RATE)
    except (BadReply, NoReply):
        return None  # its cause counts more than its age
    age_ticks = now_ticks - event.tick
    return age_ticks / tick_rate_hz if age_ticks >= 0 and tick_rate_hz > 0 else None
