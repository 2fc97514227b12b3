"""The search on many interfaces: side by side, in turns that grow, until enough is found.

In: interfaces that wait for each other, overrun or fail, and a clock that each call moves on by itself. Out: what came
of each, and how long each was asked. No time is measured; a call that must be side by side with others waits at a
barrier for them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

import pytest

from rigdriver.devices.camera_link.descriptions import InterfaceOutcome
from rigdriver.devices.camera_process import enumeration
from rigdriver.devices.camera_process.enumeration import Enumeration, InterfaceCall
from tests.fake_time import clock_of_looks

PATIENCE_S = 20.0
TIMED_OUT, FAILED = -1011, -1001


class PerThreadClock:
    """A clock that each thread moves on for itself, as if all calls took their time at once."""

    def __init__(self) -> None:
        self._own = threading.local()
        self.s = 0.0

    def now_s(self) -> float:
        return self.s + float(getattr(self._own, "s", 0.0))

    def pass_s(self, time_s: float) -> None:
        self._own.s = float(getattr(self._own, "s", 0.0)) + time_s


class Waiter:
    """An interface that waits for the whole time-out that it is given, or for `needs_s`."""

    def __init__(self, clock: PerThreadClock, needs_s: float = float("inf"), code: int = 0) -> None:
        self.turns_ms: list[int] = []
        self._clock, self._needs_s, self._code = clock, needs_s, code

    def __call__(self, timeout_ms: int) -> int:
        self.turns_ms.append(timeout_ms)
        self._clock.pass_s(min(self._needs_s, timeout_ms / 1000))
        return self._code


def searched(calls: Sequence[Callable[[int], int]], clock: PerThreadClock) -> Enumeration:
    return Enumeration([InterfaceCall(f"eth{n}", call) for n, call in enumerate(calls)], clock.now_s)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_all_interfaces_are_asked_at_the_same_time(count: int) -> None:
    together = threading.Barrier(count, timeout=PATIENCE_S)

    def ask(_timeout_ms: int) -> int:
        together.wait()  # comes back only while all others are being asked, too
        return 0

    search = searched([ask] * count, PerThreadClock())
    search.run(PATIENCE_S, lambda: False)
    assert [a.outcome for a in search.answers] == [InterfaceOutcome.COMPLETE] * count


def test_the_first_turn_is_short_and_the_next_four_times_as_long() -> None:
    clock = PerThreadClock()
    waiter = Waiter(clock)
    search = searched([waiter], clock)
    search.run(PATIENCE_S, lambda: len(waiter.turns_ms) == 3)
    assert waiter.turns_ms == [250, 1000, 4000]
    assert search.answers[0].outcome is InterfaceOutcome.TIME_USED
    assert search.answers[0].asked_s == pytest.approx(5.25)


def test_nobody_is_asked_again_once_enough_is_found() -> None:
    clock = PerThreadClock()
    slow, fast = Waiter(clock), Waiter(clock, needs_s=0.01)
    search = searched([slow, fast], clock)
    search.run(PATIENCE_S, lambda: True)
    assert (slow.turns_ms, fast.turns_ms) == ([250], [250])


def test_an_interface_that_has_told_all_is_not_asked_again_while_a_slow_one_is() -> None:
    clock = PerThreadClock()
    slow, fast = Waiter(clock, needs_s=0.6), Waiter(clock, needs_s=0.01)
    search = searched([slow, fast], clock)
    search.run(PATIENCE_S, lambda: False)
    assert (slow.turns_ms, fast.turns_ms) == ([250, 1000], [250])
    assert [a.outcome for a in search.answers] == [InterfaceOutcome.COMPLETE] * 2


def test_the_time_of_one_interface_is_no_smaller_when_there_are_many() -> None:
    clock = PerThreadClock()
    waiters = [Waiter(clock) for _ in range(8)]
    search = searched(waiters, clock)
    search.run(PATIENCE_S, lambda: all(len(w.turns_ms) == 3 for w in waiters))
    assert {tuple(w.turns_ms) for w in waiters} == {(250, 1000, 4000)}


@pytest.mark.parametrize(
    ("time_s", "expected"), [(1.0, [250, 750]), (15.0, [250, 1000, 4000, 9750]), (10.0, [250, 1000, 8750])]
)
def test_the_last_turn_takes_all_that_is_left_and_no_turn_is_longer(time_s: float, expected: list[int]) -> None:
    clock = PerThreadClock()

    def wait(timeout_ms: int) -> int:
        turns.append(timeout_ms)
        clock.s += timeout_ms / 1000  # for everybody: it is the only one
        return 0

    turns: list[int] = []
    searched([wait], clock).run(time_s, lambda: False)
    assert turns == expected


def test_a_time_out_is_no_failure_and_gets_another_turn() -> None:
    clock = PerThreadClock()
    waiter = Waiter(clock, needs_s=0.01, code=TIMED_OUT)
    search = searched([waiter], clock)
    search.run(PATIENCE_S, lambda: len(waiter.turns_ms) == 2)
    assert search.answers[0].outcome is InterfaceOutcome.TIME_USED


def test_an_error_is_final_and_keeps_its_code() -> None:
    clock = PerThreadClock()
    waiter = Waiter(clock, needs_s=0.01, code=FAILED)
    search = searched([waiter], clock)
    search.run(PATIENCE_S, lambda: False)
    assert (waiter.turns_ms, search.answers[0].outcome) == ([250], InterfaceOutcome.FAILED)
    assert search.answers[0].code == FAILED


def test_an_interface_that_answers_after_a_pause_of_this_process_counts_as_one_that_answers() -> None:
    """The clock as the waiting thread reads it: it begins, it waits in vain, and an hour has passed."""
    readings = deque([0.0, 0.0])
    is_back, is_late = threading.Event(), threading.Event()

    def now_s() -> float:
        if not is_late.is_set() or threading.current_thread() is not threading.main_thread():
            return 0.0
        if readings:
            return readings.popleft()
        is_back.set()
        return 3600.0

    def ask(_timeout_ms: int) -> int:
        is_back.wait(PATIENCE_S)
        return 0

    search = Enumeration([InterfaceCall("eth0", ask)], now_s)
    search.run(0.01, lambda: True)
    assert [a.outcome for a in search.answers] == [InterfaceOutcome.NO_ANSWER]
    is_late.set()
    assert search.settle(0.01)
    assert [a.outcome for a in search.answers] == [InterfaceOutcome.COMPLETE]


def test_one_that_never_comes_back_stays_behind_and_keeps_no_other_from_being_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(enumeration, "FIRST_TURN_S", 0.01)
    monkeypatch.setattr(enumeration, "OVERRUN_S", 0.01)
    release = threading.Event()
    answered = threading.Event()

    def hang(_timeout_ms: int) -> int:
        release.wait(PATIENCE_S)
        return 0

    def answer(_timeout_ms: int) -> int:
        answered.set()
        return 0

    search = Enumeration([InterfaceCall("eth0", hang), InterfaceCall("eth1", answer)], clock_of_looks())
    search.run(PATIENCE_S, lambda: answered.is_set() and not search.answers[1].is_out)
    assert [a.outcome for a in search.answers] == [InterfaceOutcome.NO_ANSWER, InterfaceOutcome.COMPLETE]
    assert search.answers[0].asked_s > 0
    assert not search.settle(0.0)
    release.set()
    assert search.settle(PATIENCE_S)
