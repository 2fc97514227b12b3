"""A time limit counts only time in which its thread could look."""

from __future__ import annotations

import threading

import pytest

from rigdriver.own_pause import LOOK_S
from rigdriver.timebase import TimeLimit, wait_for
from tests.fake_time import FakeTime


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


def test_a_limit_ends_after_its_time_when_its_thread_looks_often(clock: FakeTime) -> None:
    limit = TimeLimit(clock, 1.0)
    for _ in range(9):
        clock.pass_s(0.1)
        assert limit.left_s() > 0
    clock.pass_s(0.11)
    assert limit.left_s() <= 0


def test_time_in_which_the_computer_stood_still_is_not_counted(clock: FakeTime) -> None:
    limit = TimeLimit(clock, 1.0)
    for _ in range(4):
        clock.pass_s(0.1)
        limit.left_s()
    assert limit.left_s() == pytest.approx(0.6)
    clock.pass_s(60)  # stopped, suspended, starved
    assert limit.left_s() == pytest.approx(0.6)
    assert limit.left_s() == pytest.approx(0.6 - LOOK_S)


def test_a_wait_looks_often_enough_to_notice_that_it_was_held_up(clock: FakeTime) -> None:
    assert TimeLimit(clock, 60).look_s() < LOOK_S
    assert TimeLimit(clock, 0.1).look_s() == pytest.approx(0.1)


def test_what_came_while_the_computer_stood_still_is_found_before_it_is_given_up(clock: FakeTime) -> None:
    """The first look after the stop finds nothing yet, for whoever answers stood still, too."""
    stops = iter([5.0, 0.1, 0.1])
    answers = iter([False, False, True])
    clock.wait_on = lambda condition, timeout_s: clock.pass_s(next(stops))  # type: ignore[method-assign]
    assert wait_for(clock, threading.Condition(), lambda: next(answers), timeout_s=1.0)


def test_a_wait_for_what_never_comes_ends(clock: FakeTime) -> None:
    begun_s = clock.now_s()
    assert not wait_for(clock, threading.Condition(), lambda: False, timeout_s=2.0)
    assert clock.now_s() - begun_s == pytest.approx(2.0)
