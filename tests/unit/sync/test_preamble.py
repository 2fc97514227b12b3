"""The preamble of a run: what is told of a camera whose frames come damaged, and attempts that follow each other.

In: pulse reports, frames and losses, by hand. Out: whether an attempt is over, complete or hopeless, and the reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.frames import Edge, Frame, PulseReport
from rigdriver.schedule.plan import GOLOMB_MARKS, RULERS
from rigdriver.schedule.planned import PlannedExposure, Schedule
from rigdriver.schedule.steps import BoxSchedule
from rigdriver.sync.exposures import ExposureLog
from rigdriver.sync.preamble import Preamble
from rigdriver.sync.track import Track
from rigdriver.sync.verdicts import Held, Matched, Rejected

TICK_HZ = 1_000_000
UNIT, EXPOSURE, PERIOD = 10_000, 2_000, 122_000
GENERATION = 7
MARKS = len(GOLOMB_MARKS)
PLANNED = PlannedExposure("left", 0, 0, 0, 20, 5, EXPOSURE)
SCHEDULE = Schedule(BoxSchedule.of(GENERATION, PERIOD, 1, ()), TICK_HZ, MappingProxyType({"left": PLANNED}), ())


def report(start_ticks: int, marks: int = MARKS, *, is_closed: bool = True, attempt: int = 0) -> PulseReport:
    """Return the report of an attempt in which the camera exposes at the first `marks` marks."""
    edges: list[Edge] = []
    for mark in RULERS[attempt][:marks]:
        t_ticks = start_ticks + mark * UNIT
        edges += [Edge(t_ticks, False, 1, 1), Edge(t_ticks + 20, True, 1, 1), Edge(t_ticks + 20 + EXPOSURE, True, 1, 0)]
    return PulseReport(0, GENERATION + attempt, start_ticks, tuple(edges), is_closed, 0)


@pytest.fixture
def log() -> ExposureLog:
    return ExposureLog(PLANNED, 50)


def preamble(log: ExposureLog, attempt: int = 0, begun_ns: int = 0) -> Preamble:
    """Return an attempt with the ruler and the generation of its number."""
    schedule = replace(SCHEDULE, box=replace(SCHEDULE.box, generation=GENERATION + attempt))
    return Preamble(schedule, {"left": log}, {"left": Track(log, TICK_HZ, 50)}, 50, RULERS[attempt], begun_ns)


def frame(frame_id: int) -> Frame:
    return Frame("left", frame_id, frame_id, 0, "Mono8", np.zeros((2, 2), np.uint8))


def test_frames_that_all_come_damaged_are_told_with_their_number_and_what_to_do(log: ExposureLog) -> None:
    attempt = preamble(log)
    attempt.take_report(report(1000))
    before = attempt.is_complete
    attempt.take_damaged("left", MARKS)
    assert (before, attempt.is_complete) == (False, True)  # nothing more is to come
    assert attempt.is_hopeless
    (error,) = attempt.lock().values()
    assert error.device == "camera left"
    assert "5 of 5 exposures and 0 of 5 frames, and 5 with bytes missing" in error.seen
    assert "MTU" in error.remedy
    assert not attempt.is_dark("left")  # so its trigger is no cause


@pytest.mark.parametrize("damaged", [MARKS - 1, MARKS])
def test_one_whole_frame_among_damaged_ones_is_worth_another_attempt(log: ExposureLog, damaged: int) -> None:
    attempt = preamble(log)
    attempt.take_damaged("left", damaged)
    attempt.take_frame(frame(0))
    assert not attempt.is_hopeless


def test_what_is_reported_late_of_the_attempt_before_neither_ends_this_one_nor_counts(log: ExposureLog) -> None:
    second = preamble(log, 1)
    second.take_report(report(1000))
    before = second.is_over, second.is_dark("left")
    second.take_report(report(500_000, attempt=1))
    assert (before, second.is_over) == ((False, True), True)
    (error,) = second.lock().values()
    assert error.seen.startswith("5 of 5 exposures and 0 of 5 frames")


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("has_stamps", [True, False])
def test_frames_of_the_attempt_before_that_come_late_lock_nothing(
    log: ExposureLog, attempt: int, has_stamps: bool
) -> None:
    late = preamble(log, attempt)
    late.take_report(report(1000, attempt=attempt - 1))
    late.take_report(report(500_000, attempt=attempt))
    for one in stamped(1000, attempt=attempt - 1, has_stamps=has_stamps):
        late.take_frame(one)
    assert set(late.lock()) == {"left"}


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_attempt_is_locked_by_its_own_frames_among_late_ones_of_the_one_before(
    log: ExposureLog, attempt: int
) -> None:
    mixed = preamble(log, attempt)
    mixed.take_report(report(500_000, attempt=attempt))
    own = [replace(one, frame_id=one.frame_id + MARKS) for one in stamped(500_000, attempt=attempt)]
    for one in [*stamped(1000, attempt=attempt - 1), *own]:
        mixed.take_frame(one)
    assert mixed.lock() == {}


def test_frames_that_arrived_before_an_attempt_began_are_not_of_it(log: ExposureLog) -> None:
    second = preamble(log, 1, begun_ns=1_000_000_000)
    for one in stamped(7_000, attempt=1):
        second.take_frame(one)
    assert second.is_dark("left")


def test_no_three_marks_of_one_ruler_stand_like_three_of_another() -> None:
    gaps = [{(b - a, c - b) for a, b, c in combinations(ruler, 3)} for ruler in RULERS]
    assert all(one.isdisjoint(other) for one, other in combinations(gaps, 2))
    for ruler in RULERS:
        differences = [b - a for a, b in combinations(ruler, 2)]
        assert len(differences) == len(set(differences))


def test_a_camera_whose_exposures_are_only_inferred_is_dark_until_it_delivers() -> None:
    log = ExposureLog(replace(PLANNED, input=None), 50)
    attempt = preamble(log)
    attempt.take_report(report(1000))
    assert attempt.is_dark("left")
    attempt.take_frame(frame(0))
    assert not attempt.is_dark("left")


def test_a_camera_whose_exposures_are_only_inferred_is_not_dark_when_its_frames_come_damaged() -> None:
    log = ExposureLog(replace(PLANNED, input=None), 50)
    attempt = preamble(log)
    attempt.take_report(report(1000))
    attempt.take_damaged("left", 1)
    assert not attempt.is_dark("left")


def stamped(
    start_ticks: int, offsets_ns: Sequence[int] = (0,) * MARKS, *, has_stamps: bool = True, attempt: int = 0
) -> list[Frame]:
    """Return a frame per mark; its time stamp, or its arrival where it has none, is off by so much."""
    frames = []
    for number, (mark, offset_ns) in enumerate(zip(RULERS[attempt], offsets_ns, strict=True)):
        t_ns = (start_ticks + mark * UNIT) * 1000 + offset_ns
        frames.append(replace(frame(number), t_camera_ns=t_ns if has_stamps else None, t_host_ns=t_ns))
    return frames


def told(log: ExposureLog, frames: Sequence[Frame], *reports: PulseReport) -> str:
    """Return the only error of an attempt with those frames and reports."""
    attempt = preamble(log)
    for part in reports:
        attempt.take_report(part)
    for one in frames:
        attempt.take_frame(one)
    (error,) = attempt.lock().values()
    return str(error)


def locked(log: ExposureLog, frames: Sequence[Frame]) -> Track:
    """Return the track after an attempt that locks with those frames."""
    track = Track(log, TICK_HZ, 50)
    attempt = Preamble(SCHEDULE, {"left": log}, {"left": track}, 50)
    attempt.take_report(report(1000))
    for one in frames:
        attempt.take_frame(one)
    assert attempt.lock() == {}
    return track


@pytest.mark.parametrize("has_stamps", [True, False])
def test_frames_at_the_distances_of_the_marks_lock_the_track(log: ExposureLog, has_stamps: bool) -> None:
    # Arrivals are far less steady than time stamps, and good enough for a camera that has none.
    offsets_ns = [0 if has_stamps else number * 300_000 for number in range(MARKS)]
    track = locked(log, stamped(7_000, offsets_ns, has_stamps=has_stamps))
    assert track.frame_id_of(MARKS) == MARKS
    assert (track.clock is not None) is has_stamps


@pytest.mark.parametrize(("skipped", "is_matched"), [(0, True), (1, False)])
def test_where_a_camera_has_no_stamps_an_arrival_alone_matches_no_frame(
    log: ExposureLog, skipped: int, is_matched: bool
) -> None:
    first = stamped(7_000, has_stamps=False)
    track = locked(log, first)
    for number in range(1, 5):
        log.feed(report(1000 + number * PERIOD, marks=1), PERIOD)
    # The second pulse after the preamble; a camera that slept through the first gives it the first one's id.
    late = replace(first[0], frame_id=MARKS + 1 - skipped, t_host_ns=first[0].t_host_ns + 2 * PERIOD * 1000)
    verdict = track.offer(late, PERIOD)
    assert isinstance(verdict, Matched) is is_matched
    if isinstance(verdict, Matched):
        assert verdict.exposure.ordinal == MARKS + 1
    else:
        assert isinstance(verdict, Rejected)
        assert f"its frame id counts exposure {MARKS}, its arrival says exposure {MARKS + 1}" in str(verdict.facts)


def test_a_frame_without_stamp_is_not_judged_before_the_exposure_that_its_arrival_names_is_reported(
    log: ExposureLog,
) -> None:
    first = stamped(7_000, has_stamps=False)
    track = locked(log, first)
    log.feed(report(1000 + PERIOD, marks=1), PERIOD)
    late = replace(first[0], frame_id=MARKS, t_host_ns=first[0].t_host_ns + 2 * PERIOD * 1000)
    assert isinstance(track.offer(late, PERIOD), Held)
    log.feed(report(1000 + 2 * PERIOD, marks=1), PERIOD)
    verdict = track.offer(late, PERIOD)
    assert isinstance(verdict, Rejected)
    assert verdict.exposure is log.by_ordinal(MARKS + 1)
    assert f"its frame id counts exposure {MARKS}, its arrival says exposure {MARKS + 1}" in str(verdict.facts)


def test_a_camera_without_an_exposure_is_sent_to_its_trigger(log: ExposureLog) -> None:
    error = told(log, [])
    assert "0 of 5 exposures and 0 of 5 frames" in error
    assert "check its trigger cable, its exposure line and TriggerSource" in error


def test_a_camera_that_exposes_and_delivers_nothing_is_sent_to_its_link(log: ExposureLog) -> None:
    error = told(log, [], report(1000))
    assert "5 of 5 exposures and 0 of 5 frames; check its link and TriggerMode" in error


def test_frames_at_other_distances_than_the_exposures_are_sent_to_the_cables(log: ExposureLog) -> None:
    error = told(log, stamped(7_000, (0, 3_000_000, 0, 5_000_000, 9_000_000)), report(1000))
    assert "5 of 5 exposures and 5 of 5 frames, but their times do not fit" in error
    assert "swapped with another camera's" in error


def test_arrivals_that_show_no_marks_are_told_as_such(log: ExposureLog) -> None:
    frames = [replace(frame(number), t_camera_ns=None, t_host_ns=0) for number in range(MARKS)]
    error = told(log, frames, report(1000))
    assert "5 of 5 frames, without time stamps, and their arrivals do not show which is which" in error
    assert "end other programs on this computer" in error
