"""The preamble of a run: what is told of a camera whose frames come damaged, and attempts that follow each other.

In: pulse reports, frames and losses, by hand. Out: whether an attempt is over, complete or hopeless, and the reasons.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.frames import Edge, Frame, PulseReport
from rigdriver.schedule.plan import GOLOMB_MARKS
from rigdriver.schedule.planned import PlannedExposure, Schedule
from rigdriver.schedule.steps import BoxSchedule
from rigdriver.sync.exposures import ExposureLog
from rigdriver.sync.preamble import Preamble
from rigdriver.sync.track import Track

TICK_HZ = 1_000_000
UNIT, EXPOSURE, PERIOD = 10_000, 2_000, 122_000
GENERATION = 7
MARKS = len(GOLOMB_MARKS)
PLANNED = PlannedExposure("left", 0, 0, 0, 20, 5, EXPOSURE)
SCHEDULE = Schedule(BoxSchedule.of(GENERATION, PERIOD, 1, ()), TICK_HZ, MappingProxyType({"left": PLANNED}), ())


def report(start_ticks: int, marks: int = MARKS, *, is_closed: bool = True) -> PulseReport:
    """Return the report of an attempt in which the camera exposes at the first `marks` marks."""
    edges: list[Edge] = []
    for mark in GOLOMB_MARKS[:marks]:
        t_ticks = start_ticks + mark * UNIT
        edges += [Edge(t_ticks, False, 1, 1), Edge(t_ticks + 20, True, 1, 1), Edge(t_ticks + 20 + EXPOSURE, True, 1, 0)]
    return PulseReport(0, GENERATION, start_ticks, tuple(edges), is_closed, 0)


@pytest.fixture
def log() -> ExposureLog:
    return ExposureLog(PLANNED, 50)


def preamble(log: ExposureLog, after_ticks: int = -1) -> Preamble:
    return Preamble(SCHEDULE, {"left": log}, {"left": Track(log, TICK_HZ, 50)}, 50, after_ticks)


def frame(frame_id: int) -> Frame:
    return Frame("left", frame_id, frame_id, 0, "Mono8", np.zeros((2, 2), np.uint8))


def test_frames_that_all_come_damaged_are_told_with_their_number_and_what_to_do(log: ExposureLog) -> None:
    attempt = preamble(log)
    attempt.take_report(report(1000))
    before = attempt.is_complete
    attempt.take_damaged("left", MARKS)
    assert (before, attempt.is_complete) == (False, True)  # nothing more is to come
    assert attempt.is_hopeless
    (error,) = attempt.lock()
    assert error.device == "camera left"
    assert "5 of 5 exposures and 0 of 5 frames, and 5 with bytes missing" in error.seen
    assert "MTU" in error.remedy
    assert not attempt.is_dark("left")  # so its trigger is no cause


def test_one_whole_frame_among_damaged_ones_is_worth_another_attempt(log: ExposureLog) -> None:
    attempt = preamble(log)
    attempt.take_damaged("left", MARKS - 1)
    attempt.take_frame(frame(0))
    assert not attempt.is_hopeless


def test_an_attempt_is_not_over_by_the_last_report_of_the_one_before(log: ExposureLog) -> None:
    first = preamble(log)
    first.take_report(report(1000, 3, is_closed=False))
    second = preamble(log, first.start_ticks)
    second.take_report(PulseReport(0, GENERATION, 1000, (), True, 0))
    assert not second.is_over
    second.take_report(report(500_000, is_closed=False))
    assert (second.is_over, second.start_ticks) == (False, 500_000)
    second.take_report(PulseReport(0, GENERATION, 500_000, (), True, 0))
    assert second.is_over


def test_exposures_of_the_attempt_before_that_are_reported_late_do_not_count(log: ExposureLog) -> None:
    first = preamble(log)
    first.take_report(PulseReport(0, GENERATION, 1000, (), False, 0))
    second = preamble(log, first.start_ticks)
    second.take_report(report(1000))
    assert second.is_dark("left")


def test_a_camera_whose_exposures_are_only_inferred_is_dark_until_it_delivers() -> None:
    log = ExposureLog(replace(PLANNED, input=None), 50)
    attempt = preamble(log)
    attempt.take_report(report(1000))
    assert attempt.is_dark("left")
    attempt.take_frame(frame(0))
    assert not attempt.is_dark("left")
