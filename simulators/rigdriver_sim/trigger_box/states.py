"""The states of the box and every transition between them; nothing else changes state.

In: a state and an act. Out: the next state, or None where the act is not allowed. Not here: why an act happens (see
behaviour.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, IntFlag
from types import MappingProxyType

from rigdriver_sim.trigger_box import registers as r


class BoxState(IntEnum):
    IDLE = r.BOX_STATES_IDLE
    COMMITTED = r.BOX_STATES_COMMITTED
    ARMED = r.BOX_STATES_ARMED
    RUNNING = r.BOX_STATES_RUNNING
    FAULT = r.BOX_STATES_FAULT


class Fault(IntFlag):
    NONE = 0
    WATCHDOG_EXPIRED = r.FAULTS_WATCHDOG_EXPIRED
    INTERLOCK_OPEN = r.FAULTS_INTERLOCK_OPEN
    LIGHT_LIMIT = r.FAULTS_LIGHT_LIMIT
    EVENTS_LOST = r.FAULTS_EVENTS_LOST
    INTERNAL = r.FAULTS_INTERNAL


class Act(Enum):
    COMMIT = "commit"
    ARM = "arm"
    START = "start"
    FINISH = "finish"
    """The run is over: stopped, or all pulses done."""
    TRIP = "trip"
    CLEAR = "clear"


TRANSITIONS: Mapping[tuple[BoxState, Act], BoxState] = MappingProxyType(
    {
        (BoxState.IDLE, Act.COMMIT): BoxState.COMMITTED,
        # No commit while Armed or Running (PROTOCOL 5.2): what was armed is what runs.
        (BoxState.COMMITTED, Act.COMMIT): BoxState.COMMITTED,
        (BoxState.COMMITTED, Act.ARM): BoxState.ARMED,
        (BoxState.ARMED, Act.START): BoxState.RUNNING,
        (BoxState.ARMED, Act.FINISH): BoxState.COMMITTED,
        (BoxState.RUNNING, Act.FINISH): BoxState.COMMITTED,
        (BoxState.ARMED, Act.TRIP): BoxState.FAULT,
        (BoxState.RUNNING, Act.TRIP): BoxState.FAULT,
        # Stop does not leave Fault (PROTOCOL 4.2): the host has to acknowledge it.
        (BoxState.FAULT, Act.CLEAR): BoxState.IDLE,
    }
)


def after(state: BoxState, act: Act) -> BoxState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))
