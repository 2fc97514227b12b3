"""A time away is nobody's silence; a loop that is there, or always slow, still comes to an end."""

from __future__ import annotations

import threading

import pytest

from rigdriver.own_pause import LOOK_S, AttendedTime, Quiet
from rigdriver.timebase import WALL_TIME
from tests.fake_time import FakeTime


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


def test_a_loop_that_is_there_attends_to_all_time(clock: FakeTime) -> None:
    time = AttendedTime(clock.now_s)
    for _ in range(10):
        clock.pass_s(0.1)
        time.look()
    assert time.attended_s == pytest.approx(1.0)
    assert time.away_s == 0


def test_the_first_look_after_a_pause_counts_nothing_and_says_that_the_loop_was_away(clock: FakeTime) -> None:
    time = AttendedTime(clock.now_s)
    clock.pass_s(60)
    assert time.look() == 0
    assert time.away_s == pytest.approx(60 - LOOK_S)
    clock.pass_s(0.1)
    assert time.look() == pytest.approx(LOOK_S + 0.1)
    assert time.away_s == 0


def test_a_loop_whose_every_turn_is_slow_comes_to_an_end_too(clock: FakeTime) -> None:
    time = AttendedTime(clock.now_s)
    for _ in range(9):
        clock.pass_s(10)
        time.look()
    assert time.attended_s == pytest.approx(8 * LOOK_S)


def test_another_is_silent_for_as_long_as_somebody_listened(clock: FakeTime) -> None:
    quiet = Quiet(clock.now_s)
    clock.pass_s(0.2)
    assert quiet.look() == pytest.approx(0.2)
    clock.pass_s(3600)
    assert quiet.look() == pytest.approx(0.2)
    quiet.heard()
    clock.pass_s(0.1)
    assert quiet.look() == pytest.approx(LOOK_S + 0.1)


def test_a_wait_by_the_wall_clock_ends_with_its_event_or_after_its_time() -> None:
    event = threading.Event()
    assert not WALL_TIME.wait(event, 0.01)
    event.set()
    assert WALL_TIME.wait(event, 1000)
