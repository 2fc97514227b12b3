"""Ask many interfaces for their devices, side by side and in turns that grow.

In: one blocking call per interface, a time for all of them together, and whether enough is found. Out: what came of
each interface. The time grows with the slowest interface, not with their number. Some producers wait for the whole
time-out that they are given, so the first turn is short; others find nothing in less time than they need, so each
further turn is four times as long. Nobody is asked again once enough is found. An interface that overruns its turn
stays behind on its thread, and the others go on. Not here: GenTL (see libraries.py and binding.py).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rigdriver.devices.camera_link.descriptions import InterfaceOutcome
from rigdriver.own_pause import LOOK_S
from rigdriver.timebase import WALL_TIME

FIRST_TURN_S = 0.25
"""Time-out of the first turn. The answers of GigE cameras on one switch come within milliseconds."""
GROWTH = 4
OVERRUN_S = 0.25
"""Time after its time-out at which an interface counts as one that does not answer."""
_WHOLE_TURN = 0.9
"""Share of its time-out after which a call counts as one that has waited for all of it."""
_SUCCESS, _TIMED_OUT = 0, -1011
"""GC_ERR_SUCCESS and GC_ERR_TIMEOUT of GenTL."""


@dataclass(frozen=True, slots=True)
class InterfaceCall:
    """The way to ask one interface."""

    name: str
    ask: Callable[[int], int]
    """Function that takes a time-out in ms and returns a GenTL error code, without the interpreter's lock meanwhile."""


@dataclass(frozen=True, slots=True)
class InterfaceAnswer:
    """What came of one interface."""

    outcome: InterfaceOutcome
    asked_s: float
    """Time that the interface was being asked, all turns together."""
    code: int = _SUCCESS
    """GenTL error code of the last turn."""

    @property
    def is_out(self) -> bool:
        """A call has not come back, so nothing of this interface may be touched."""
        return self.outcome is InterfaceOutcome.NO_ANSWER


class Enumeration:
    """One search on several interfaces. `answers` has one answer per call, in their order."""

    def __init__(self, calls: Sequence[InterfaceCall], now_s: Callable[[], float] = WALL_TIME.now_s) -> None:
        """Take the calls. Producers keep their time-outs by the wall clock, so this one does, too."""
        self._calls = calls
        self._now_s = now_s
        self._arrivals: queue.SimpleQueue[tuple[int, InterfaceAnswer]] = queue.SimpleQueue()
        self._begun_s = [0.0] * len(calls)
        self.answers = [InterfaceAnswer(InterfaceOutcome.NOT_ASKED, 0.0)] * len(calls)

    def run(self, time_s: float, is_enough: Callable[[], bool]) -> None:
        """Ask until enough is found, every interface has listed all it has, or the time is over."""
        end_s = self._now_s() + time_s
        turn_s = FIRST_TURN_S
        while True:
            left_s = end_s - self._now_s()
            asked = [n for n, a in enumerate(self.answers) if _wants_a_turn(a)] if left_s > 0 else []
            this_s = turn_s if left_s >= 3 * turn_s else max(left_s, 0.0)  # all the rest at once, no crumbs
            for n in asked:
                self._begin(n, max(1, round(this_s * 1000)))
            self._gather(this_s + OVERRUN_S)
            is_over = not any(a.is_out or _wants_a_turn(a) for a in self.answers)
            if is_over or is_enough() or self._now_s() >= end_s:
                return
            turn_s *= GROWTH

    def settle(self, time_s: float) -> bool:
        """Wait for calls that have not come back; return whether none is left."""
        self._gather(time_s)
        return not any(a.is_out for a in self.answers)

    def _begin(self, n: int, timeout_ms: int) -> None:
        before = self.answers[n]
        self.answers[n] = InterfaceAnswer(InterfaceOutcome.NO_ANSWER, before.asked_s)
        self._begun_s[n] = self._now_s()
        # A daemon: a producer that never comes back must not keep the camera process from ending.
        thread = threading.Thread(
            target=self._ask, args=(n, timeout_ms, before.asked_s), name=f"list {self._calls[n].name}", daemon=True
        )
        thread.start()

    def _ask(self, n: int, timeout_ms: int, asked_s: float) -> None:
        """Make one call; on the thread of its interface."""
        code = self._calls[n].ask(timeout_ms)
        took_s = self._now_s() - self._begun_s[n]
        # A vendor's GigE producer waits for all the time that it is given, so the time taken says as much as the code.
        if code not in (_SUCCESS, _TIMED_OUT):
            outcome = InterfaceOutcome.FAILED
        elif code == _TIMED_OUT or took_s >= _WHOLE_TURN * timeout_ms / 1000:
            outcome = InterfaceOutcome.TIME_USED
        else:
            outcome = InterfaceOutcome.COMPLETE
        self._arrivals.put((n, InterfaceAnswer(outcome, asked_s + took_s, code)))

    def _gather(self, time_s: float) -> None:
        end_s = self._now_s() + time_s
        has_listened = False
        while any(a.is_out for a in self.answers):
            try:
                n, answer = self._arrivals.get(timeout=max(0.0, end_s - self._now_s()))
            except queue.Empty:
                if has_listened or self._now_s() - end_s <= LOOK_S:
                    break
                # This process stood still, and the threads that ask, too: the first look after it judges nobody.
                has_listened, end_s = True, self._now_s() + LOOK_S
                continue
            self.answers[n] = answer
        now_s = self._now_s()
        # What is still out is charged the time up to now, so that a report says for how long it has been silent.
        for n, answer in enumerate(self.answers):
            if answer.is_out:
                self.answers[n] = InterfaceAnswer(answer.outcome, max(answer.asked_s, now_s - self._begun_s[n]))


def _wants_a_turn(answer: InterfaceAnswer) -> bool:
    return answer.outcome in (InterfaceOutcome.NOT_ASKED, InterfaceOutcome.TIME_USED)
