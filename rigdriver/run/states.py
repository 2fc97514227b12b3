"""The states of a run and every transition between them; nothing else changes state.

In: acts, from any thread. Out: the state, two events for those who wait, and a call to whoever watches. The act of
closing is taken at once, so that every wait of the run gives up; the run is finished by whoever holds its gate.
Not here: what a run does in a state (see frame_sets.py, run.py, bench_run.py), and the rig's own states (lifecycle.py).

    NEW --start--> STARTING --tie--> TYING --play--> PLAYING --satisfy--> SATISFIED    PLAYING --fail--> FAILED
    stop:   NEW -> WITHDRAWN (--start--> GIVING_UP), STARTING and TYING -> GIVING_UP, PLAYING -> STOPPING
    close:  NEW and WITHDRAWN -> CLOSED, all others -> CLOSING or, if it was stopped before, CLOSING_STOPPED
    finish: CLOSING and CLOSING_STOPPED -> CLOSED
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from threading import Lock
from types import MappingProxyType

from rigdriver.signal_safe import SafeEvent


class RunState(Enum):
    """What a run is doing."""

    NEW = "new"
    """Nothing has begun."""
    WITHDRAWN = "withdrawn"
    """The run was stopped before it began."""
    STARTING = "starting"
    """The cameras start, and box time is compared with this computer's."""
    TYING = "tying"
    """The preamble ties the cameras' clocks to the box's."""
    GIVING_UP = "giving up"
    """The run was stopped while it started: the start ends as soon as it can."""
    PLAYING = "playing"
    """The schedule runs, or frames of it are on their way."""
    STOPPING = "stopping"
    """The user wants the end: what has been pulsed is still waited for."""
    SATISFIED = "satisfied"
    """The wanted number of frame sets has been handed out."""
    FAILED = "failed"
    """An error ends the run; the consumer gets it."""
    CLOSING = "closing"
    """The run is being closed: every wait of it gives up."""
    CLOSING_STOPPED = "closing, stopped"
    """The same for a run that the user has stopped."""
    CLOSED = "closed"
    """Everything is turned off, or being turned off by the one who closes."""


class RunAct(Enum):
    """What changes the state of a run."""

    START = "start"
    TIE = "tie"
    """The cameras acquire, and the preamble begins."""
    PLAY = "play"
    """The schedule has started; without a box, the cameras have."""
    STOP = "stop"
    """The user wants the end after the pulse under way."""
    SATISFY = "satisfy"
    FAIL = "fail"
    CLOSE = "close"
    """Somebody wants the end now."""
    FINISH = "finish"
    """The one who holds the run's gate begins to turn everything off."""


TRANSITIONS: Mapping[tuple[RunState, RunAct], RunState] = MappingProxyType(
    {
        (RunState.NEW, RunAct.START): RunState.STARTING,
        (RunState.NEW, RunAct.STOP): RunState.WITHDRAWN,
        # Before a run begins there is nothing to turn off; from all other states the way leads through FINISH.
        (RunState.NEW, RunAct.CLOSE): RunState.CLOSED,
        (RunState.WITHDRAWN, RunAct.START): RunState.GIVING_UP,
        (RunState.WITHDRAWN, RunAct.CLOSE): RunState.CLOSED,
        (RunState.STARTING, RunAct.TIE): RunState.TYING,
        (RunState.STARTING, RunAct.PLAY): RunState.PLAYING,
        (RunState.STARTING, RunAct.STOP): RunState.GIVING_UP,
        (RunState.STARTING, RunAct.CLOSE): RunState.CLOSING,
        (RunState.TYING, RunAct.PLAY): RunState.PLAYING,
        (RunState.TYING, RunAct.STOP): RunState.GIVING_UP,
        (RunState.TYING, RunAct.CLOSE): RunState.CLOSING,
        (RunState.GIVING_UP, RunAct.CLOSE): RunState.CLOSING_STOPPED,
        (RunState.PLAYING, RunAct.STOP): RunState.STOPPING,
        (RunState.PLAYING, RunAct.SATISFY): RunState.SATISFIED,
        (RunState.PLAYING, RunAct.FAIL): RunState.FAILED,
        (RunState.PLAYING, RunAct.CLOSE): RunState.CLOSING,
        (RunState.STOPPING, RunAct.SATISFY): RunState.SATISFIED,
        (RunState.STOPPING, RunAct.FAIL): RunState.FAILED,
        (RunState.STOPPING, RunAct.CLOSE): RunState.CLOSING_STOPPED,
        (RunState.SATISFIED, RunAct.FAIL): RunState.FAILED,
        (RunState.SATISFIED, RunAct.CLOSE): RunState.CLOSING,
        (RunState.FAILED, RunAct.CLOSE): RunState.CLOSING,
        (RunState.CLOSING, RunAct.STOP): RunState.CLOSING_STOPPED,
        (RunState.CLOSING, RunAct.FINISH): RunState.CLOSED,
        (RunState.CLOSING_STOPPED, RunAct.FINISH): RunState.CLOSED,
    }
)
STOPPED = frozenset({RunState.WITHDRAWN, RunState.GIVING_UP, RunState.STOPPING, RunState.CLOSING_STOPPED})
"""States of a run that its user has stopped."""
HALTED = frozenset({RunState.CLOSING, RunState.CLOSING_STOPPED, RunState.CLOSED})
"""States in which every wait of the run gives up."""
PLAYED = frozenset({RunState.PLAYING, RunState.STOPPING, RunState.SATISFIED, RunState.FAILED})
"""States in which the schedule may run on the box."""

Watcher = Callable[[RunState], None]


def after(state: RunState, act: RunAct) -> RunState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))


class RunStates:
    """The current state of one run, changed only along the table; safe from any thread."""

    def __init__(self) -> None:
        self._state = RunState.NEW
        self._lock = Lock()
        self._watchers: tuple[Watcher, ...] = ()
        self.halted = SafeEvent()
        """Event that is set from the first state of HALTED on."""
        self.unwanted = SafeEvent()
        """Event that is set from the first state of STOPPED or HALTED on: nobody wants the run to go on."""

    @property
    def state(self) -> RunState:
        """The state now."""
        return self._state

    def go(self, act: RunAct) -> RunState | None:
        """Act; return the state before it, or None (and change nothing) where the table does not allow the act."""
        with self._lock:
            before, to = self._state, after(self._state, act)
            if to is None:
                return None
            self._state = to
            if to in HALTED:
                self.halted.set()
            if to in STOPPED | HALTED:
                self.unwanted.set()
        # Outside the lock: a watcher may act on the run itself.
        for watcher in self._watchers:
            watcher(to)
        return before

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` with each state that is entered from now on, on the thread that enters it."""
        self._watchers = (*self._watchers, watcher)
