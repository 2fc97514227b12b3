"""Exposures are read off edges that a camera's line delays: the delays that the rig file names are taken off.

In: edges of a box as it stamps them behind an opto-coupler. Out: start and end of the exposure itself. Not here: how
the delays are measured (see tests/unit/selftest/test_optical_checks.py).
"""

from __future__ import annotations

from rigdriver.frames import Edge, PulseReport
from rigdriver.schedule.planned import PlannedExposure
from rigdriver.sync.exposures import ExposureLog

PERIOD = 1_000_000
TRIGGER, START, END = 1000, 1280, 21_280
"""Ticks of 0.1 us: 7 us in the trigger input and 21 us of latency, then 2 ms of exposure."""


def log(rise: int, fall: int, line: int | None = 3) -> ExposureLog:
    plan = PlannedExposure("a", 0, line, TRIGGER, START - TRIGGER, 0, END - START, rise, fall)
    return ExposureLog(plan, 30)


def edges(rise: int, fall: int) -> PulseReport:
    stamped = (
        Edge(TRIGGER, False, 1, 1),
        Edge(TRIGGER + 1000, False, 1, 0),
        Edge(START + rise, True, 8, 8),
        Edge(END + fall, True, 8, 0),
    )
    return PulseReport(0, 1, 0, stamped, False, 0)


def test_start_and_length_are_those_of_the_exposure_and_not_of_its_edges() -> None:
    (exposure,) = log(360, 180).feed(edges(360, 180), PERIOD)[1]
    assert (exposure.start_ticks, exposure.end_ticks, exposure.is_on_time) == (START, END, True)


def test_delays_that_the_rig_file_does_not_name_stand_in_the_exposure() -> None:
    (exposure,) = log(0, 0).feed(edges(360, 180), PERIOD)[1]
    assert (exposure.start_ticks, exposure.end_ticks) == (START + 360, END + 180)
    assert not exposure.is_on_time


def test_an_exposure_whose_edge_may_still_be_on_its_way_is_not_counted_as_reported() -> None:
    delayed, plain = log(360, 180), log(0, 0)
    for one in (delayed, plain):
        one.feed(edges(360, 180), PERIOD)
    assert plain.reported_ticks - delayed.reported_ticks == 360


def test_a_line_that_is_not_wired_is_inferred_from_the_trigger_and_its_delay() -> None:
    (exposure,) = log(360, 180, None).feed(edges(360, 180), PERIOD)[1]
    assert (exposure.start_ticks, exposure.end_ticks, exposure.is_inferred) == (START, END, True)
