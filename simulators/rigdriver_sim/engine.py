"""The simulation's one loop: actions at simulated times, file descriptors in between.

In: actions with a simulated time, descriptors with a callback, gates that can hold time back. Out: calls, one at a
time, on one thread. Simulated time is modelled: wall time paces when an action runs, never what it sees as its time.
`pace` is simulated seconds per wall second; pace 0 runs as fast as all gates let it. Not here: what is simulated (see
bench/rig.py).
"""

from __future__ import annotations

import heapq
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MAX_WAIT_S = 0.05
"""Longest sleep, in s; it bounds how late `stop` from a signal handler is noticed."""
GATE_POLL_S = 0.001
"""Time between two looks at the gates, in s: they watch shared memory, which cannot wake a selector."""
STEP_NS = 1_000_000
"""Longest leap between two looks at the descriptors while a driver follows, in ns."""
STEP_POLL_S = 0.0002
"""Real time between two looks at how far the driver has followed, in s."""
LATE_NS = 5_000_000
"""Delay in wall time, in ns, from which an action counts as late."""

Action = Callable[[], None]


class Follower(Protocol):
    """Whoever time must wait for, and who sees it pass."""

    def publish(self, t_ns: int) -> None:
        """Let it be seen that simulated time has come so far."""
        ...

    def host_ns(self, t_ns: int) -> int:
        """Return the host's time at a simulated time."""
        ...

    def delivered(self, t_ns: int) -> None:
        """Note that there is something to find that was not there before."""
        ...

    def horizon_ns(self) -> int | None:
        """Return the latest simulated time that is allowed now; None while nobody follows."""
        ...


class Engine(Protocol):
    """What a model needs of the loop."""

    @property
    def now_ns(self) -> int:
        """Simulated true time, nanoseconds since the simulation began."""
        ...

    def at(self, t_ns: int, action: Action) -> None:
        """Run the action when simulated time reaches `t_ns`; ties run in the order of the calls."""
        ...

    def host_ns(self) -> int:
        """Host time now (time.monotonic_ns, or the modelled one where the driver follows)."""
        ...

    def delivered(self) -> None:
        """Note that the driver has something to find that was not there before."""
        ...

    def add_reader(self, fd: int, action: Action) -> None:
        """Call the action in the loop whenever the descriptor is readable."""
        ...

    def remove_reader(self, fd: int) -> None:
        """Forget the descriptor; harmless when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Pacing:
    """How well wall time kept up with simulated time (pace 0 has no wall times to keep)."""

    actions: int
    late_actions: int
    """Actions that ran more than `LATE_NS` after their wall time."""
    worst_late_ns: int
    total_late_ns: int


class EventEngine:
    """The discrete-event loop. Not thread-safe: only `stop` may be called from elsewhere (signal handlers)."""

    def __init__(
        self,
        pace: float = 1.0,
        wall_ns: Callable[[], int] = time.monotonic_ns,
        selector: selectors.BaseSelector | None = None,
        follower: Follower | None = None,
    ) -> None:
        if pace < 0:
            raise ValueError(f"pace {pace}: expected 0 (as fast as possible) or more simulated seconds a second")
        self.pace = pace
        self._follower = follower
        self._is_held = False
        """Time could not go on in the last step: it waits for the driver, or for the wall clock."""
        self._wall_ns = wall_ns
        # poll(2) waits for bytes that the kernel still carries to a pseudo terminal, which it does in a thread of its
        # own; epoll(7) does not, and simulated time ran on meanwhile.
        self._selector = selector if selector is not None else selectors.PollSelector()
        self._heap: list[tuple[int, int, bool, Action]] = []
        # Ties run in the order of the calls; without the number heapq would compare the actions themselves.
        self._sequence = 0
        self._driving = 0
        self._carried_ns = 0
        self._gates: list[Callable[[], bool]] = []
        self._readers: dict[int, Action] = {}
        self._writers: dict[int, Action] = {}
        self._now_ns = 0
        # Simulated time is the anchor's plus what wall time has passed since, times the pace.
        self._anchor_sim_ns = 0
        self._anchor_wall_ns = wall_ns()
        self._is_stopping = False
        self._actions = self._late_actions = self._worst_late_ns = self._total_late_ns = 0

    @property
    def now_ns(self) -> int:
        """Simulated true time, nanoseconds since the simulation began."""
        return self._now_ns

    @property
    def pacing(self) -> Pacing:
        """What the loop has counted so far."""
        return Pacing(self._actions, self._late_actions, self._worst_late_ns, self._total_late_ns)

    @property
    def clock_ns(self) -> int:
        """What a clock that is never late shows: `now_ns` waits for actions that are overdue, crystals do not."""
        return max(self._now_ns, self._modelled_ns()) if self.pace > 0 and not self._follower else self._now_ns

    @property
    def origin_wall_ns(self) -> int:
        """Host time at which simulated time would have been 0: at pace 1, host time is this plus simulated time."""
        if self._follower is not None:
            return self._follower.host_ns(0)
        return self._anchor_wall_ns - self._anchor_sim_ns

    @property
    def is_in_step(self) -> bool:
        """Time waits for a driver that follows it."""
        return self._follower is not None

    def host_ns(self) -> int:
        """Host time now, on the clock that the driver reads."""
        return self._wall_ns() if self._follower is None else self._follower.host_ns(self._now_ns)

    def delivered(self) -> None:
        """Note that the driver has something to find that was not there before: where it is followed, time waits."""
        if self._follower is not None:
            self._follower.delivered(self._now_ns)

    def wall_ns(self) -> int:
        """Wall time (monotonic) as this loop sees it."""
        return self._wall_ns()

    def at(self, t_ns: int, action: Action, *, is_background: bool = False, is_carried: bool = False) -> None:
        """Run the action when simulated time reaches `t_ns`; ties run in the order of the calls.

        A background action (a time-out, a heartbeat) waits for its time but gives pace 0 no reason to leap to it. What
        is carried to the driver arrives even where time waits for the driver: it may wait for just that.
        """
        if is_carried:
            self._carried_ns = max(self._carried_ns, t_ns)
        self._sequence += 1
        self._driving += not is_background
        heapq.heappush(self._heap, (t_ns, self._sequence, is_background, action))

    def add_gate(self, is_open: Callable[[], bool]) -> None:
        """Hold simulated time back at pace 0 while `is_open` returns False: a consumer has no room."""
        self._gates.append(is_open)

    def add_reader(self, fd: int, action: Action) -> None:
        """Call the action in the loop whenever the descriptor is readable."""
        self._readers[fd] = action
        self._register(fd)

    def remove_reader(self, fd: int) -> None:
        """Forget the descriptor; harmless when it is not known."""
        self._readers.pop(fd, None)
        self._register(fd)

    def add_writer(self, fd: int, action: Action) -> None:
        """Call the action in the loop whenever the descriptor takes bytes."""
        self._writers[fd] = action
        self._register(fd)

    def remove_writer(self, fd: int) -> None:
        """Stop waiting for the descriptor to take bytes; harmless when nobody does."""
        self._writers.pop(fd, None)
        self._register(fd)

    @property
    def is_stopping(self) -> bool:
        """Somebody has called `stop`."""
        return self._is_stopping

    def stop(self) -> None:
        """End `run` after the action under way; safe in a signal handler."""
        self._is_stopping = True

    def begin(self) -> None:
        """Let simulated time go on from here: what was set up before took no time."""
        self._anchor_here()

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._is_stopping:
            self.step()

    def close(self) -> None:
        """Forget everything; closing twice is harmless."""
        self._is_stopping = True
        self._heap.clear()
        self._driving = 0
        self._readers.clear()
        self._writers.clear()
        self._selector.close()

    def step(self) -> None:
        """Wait for the next thing (at most `MAX_WAIT_S`), serve ready descriptors, then run at most one action."""
        # Descriptors are polled between any two actions: painting six frames delays nobody by more than one.
        self._serve_descriptors(self._wait_s())
        if self._follower is not None:
            self._keep_step(self._follower)
        if self._is_due():
            self._run_first()

    def _leaps(self) -> bool:
        return self.pace == 0 and self._driving > 0 and self._follower is None

    def _keep_step(self, follower: Follower) -> None:
        """Let time pass up to the next action, as far as the driver has followed; then it is due, or time waits."""
        horizon_ns, modelled_ns = follower.horizon_ns(), self._modelled_ns()
        if horizon_ns is not None:
            horizon_ns = max(horizon_ns, self._carried_ns)
        leaps = horizon_ns is not None and self._driving > 0 and self.pace == 0
        if horizon_ns is None:
            reach_ns = modelled_ns
        elif leaps:
            reach_ns = horizon_ns if self._are_gates_open() else self._now_ns
        else:
            reach_ns = min(horizon_ns, modelled_ns)
        until_ns = min(reach_ns, self._heap[0][0]) if self._heap else reach_ns
        if horizon_ns is not None:
            until_ns = min(until_ns, self._now_ns + STEP_NS)  # so that a request is taken soon after it was sent
        has_moved = leaps and until_ns > self._now_ns
        self._now_ns = max(self._now_ns, until_ns)
        self._is_held = not has_moved and not (self._heap and self._heap[0][0] <= self._now_ns)
        if reach_ns != modelled_ns:
            self._anchor_here()  # what was waited for is not made up for
        follower.publish(self._now_ns)

    def _modelled_ns(self) -> int:
        """Simulated time by the wall clock, not clamped to what has been run."""
        passed = self._wall_ns() - self._anchor_wall_ns
        # At pace 0, where nothing is left to leap to, time passes as the wall's does, so that time-outs come.
        return self._anchor_sim_ns + (int(passed * self.pace) if self.pace > 0 else passed)

    def _are_gates_open(self) -> bool:
        return all(is_open() for is_open in self._gates)

    def _wait_s(self) -> float:
        if self._is_stopping:
            return 0.0
        if self._follower is not None:
            return STEP_POLL_S if self._is_held else 0.0
        if self._leaps():
            return 0.0 if self._are_gates_open() else GATE_POLL_S
        if not self._heap:
            return MAX_WAIT_S
        ahead_s = (self._heap[0][0] - self._modelled_ns()) / 1e9 / (self.pace or 1.0)
        return min(max(ahead_s, 0.0), MAX_WAIT_S)

    def _is_due(self) -> bool:
        if not self._heap or self._is_stopping:
            return False
        if self._leaps():
            if self._are_gates_open():
                return True
            # Time stands still: should the last driving action be served now, it must not leap by the time we waited.
            self._anchor_here()
            return False
        if self._follower is not None:
            return self._heap[0][0] <= self._now_ns
        return self._heap[0][0] <= self._modelled_ns()

    def _anchor_here(self) -> None:
        self._anchor_sim_ns, self._anchor_wall_ns = self._now_ns, self._wall_ns()

    def _run_first(self) -> None:
        t_ns, _, is_background, action = heapq.heappop(self._heap)
        # Asked before the action is taken off the count: the last driving one leaps as well.
        leapt = self._leaps()
        self._driving -= not is_background
        if self.pace > 0 and self._follower is None:
            self._count_lateness(max(0, int((self._modelled_ns() - t_ns) / self.pace)))
        self._now_ns = max(self._now_ns, t_ns)
        if leapt:
            self._anchor_here()
        action()

    def _count_lateness(self, late_ns: int) -> None:
        self._actions += 1
        self._late_actions += late_ns > LATE_NS
        self._worst_late_ns = max(self._worst_late_ns, late_ns)
        self._total_late_ns += late_ns

    def _follow_wall(self) -> None:
        """Let time pass up to the next action: what comes in from outside happens now, and never after what is due."""
        if self._leaps() or self._follower is not None:
            return
        modelled = self._modelled_ns()
        if self._heap:
            modelled = min(modelled, self._heap[0][0])
        self._now_ns = max(self._now_ns, modelled)

    def _serve_descriptors(self, wait_s: float) -> None:
        ready = self._selector.select(wait_s)
        self._follow_wall()
        for key, mask in ready:
            # Looked up anew each time: an earlier callback may have removed or replaced this one.
            if mask & selectors.EVENT_READ and (reader := self._readers.get(key.fd)):
                reader()
            if mask & selectors.EVENT_WRITE and (writer := self._writers.get(key.fd)):
                writer()

    def _register(self, fd: int) -> None:
        mask = 0
        if fd in self._readers:
            mask |= selectors.EVENT_READ
        if fd in self._writers:
            mask |= selectors.EVENT_WRITE
        is_known = fd in self._selector.get_map()
        if not mask and is_known:
            self._selector.unregister(fd)
        elif mask and is_known:
            self._selector.modify(fd, mask)
        elif mask:
            self._selector.register(fd, mask)
