"""Frames that nobody read are not missing: the loop of a run was away, or the camera process said nothing."""

from __future__ import annotations

import pytest

from rigdriver.run.reading import UNHEARD_S, Reading
from tests.fake_time import FakeTime


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime(100_000_000_000)


def turns(reading: Reading, clock: FakeTime, count: int, each_s: float = 0.05) -> float:
    """Turn that often; return the time that is left out."""
    left_out_s = 0.0
    for _ in range(count):
        clock.pass_s(each_s)
        reading.look()
        left_out_s += reading.held_up_ns / 1e9
    return left_out_s


def test_time_in_which_loop_and_camera_process_are_there_counts_in_full(clock: FakeTime) -> None:
    reading = Reading(clock.now_s, lambda: UNHEARD_S / 2)
    assert turns(reading, clock, 40) == 0.0
    assert reading.held_up_ns == 0


def test_time_in_which_the_camera_process_says_nothing_is_left_out(clock: FakeTime) -> None:
    reading = Reading(clock.now_s, lambda: UNHEARD_S + 0.1)
    assert turns(reading, clock, 40) == pytest.approx(2.0)
    assert reading.held_up_ns > 0


def test_time_in_which_the_loop_is_away_is_left_out_once(clock: FakeTime) -> None:
    reading = Reading(clock.now_s, lambda: 0.0)
    assert turns(reading, clock, 1, each_s=3.0) == pytest.approx(2.75)
    assert reading.held_up_ns > 0
    assert turns(reading, clock, 10) == 0.0
