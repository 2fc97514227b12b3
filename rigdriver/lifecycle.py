"""The states of a rig, and the one table of what may follow what.

In: the next state that is asked for. Out: the state, or a StateError that says what is allowed. Not here: devices (see
rig.py).

    OPEN --run--> STARTING --locked--> RUNNING --ended--> OPEN
      any --close--> CLOSED         STARTING --failed--> OPEN
"""

from __future__ import annotations

from enum import Enum
from threading import Lock

from rigdriver.errors import StateError


class RigState(Enum):
    """What a rig is doing."""

    OPEN = "open"
    """Devices are connected and idle; all outputs are low."""
    STARTING = "starting"
    """Cameras acquire, the preamble ties their clocks to the box."""
    RUNNING = "running"
    """The schedule runs."""
    CLOSED = "closed"
    """Devices are given back."""


TRANSITIONS: dict[RigState, frozenset[RigState]] = {
    RigState.OPEN: frozenset({RigState.STARTING, RigState.CLOSED}),
    RigState.STARTING: frozenset({RigState.RUNNING, RigState.OPEN, RigState.CLOSED}),
    RigState.RUNNING: frozenset({RigState.OPEN, RigState.CLOSED}),
    RigState.CLOSED: frozenset(),
}


class Lifecycle:
    """The current state, changed only along the table; safe from any thread."""

    def __init__(self) -> None:
        self._state = RigState.OPEN
        self._lock = Lock()

    @property
    def state(self) -> RigState:
        """The state now."""
        return self._state

    def go(self, to: RigState) -> None:
        """Enter a state. StateError when the table forbids it."""
        with self._lock:
            # Asked and changed under one lock: two threads that start a run must not both be allowed to.
            if to not in TRANSITIONS[self._state]:
                allowed = sorted(s.value for s in TRANSITIONS[self._state])
                raise StateError(
                    device="rig",
                    seen=f"cannot become {to.value} while it is {self._state.value}",
                    expected=" or ".join(allowed),
                    remedy="" if allowed else "open it again",
                )
            self._state = to
