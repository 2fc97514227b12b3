"""The rate of the box's clock between two readings: good, wrong, or too uncertain to tell."""

from __future__ import annotations

import pytest

from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.selftest.clock_drift import LARGEST_PPM, PROBES, judge_drift, shortest_probe
from rigdriver.selftest.result import CheckResult, Status

TICKS_PER_S = 10_000_000
TRIP_NS = 200_000


def probe(t_ns: int, ppm: float = 0.0, trip_ns: int = TRIP_NS) -> ClockProbe:
    ticks = round((t_ns + trip_ns / 2) * (1 + ppm / 1e6) * TICKS_PER_S / 1e9)
    return ClockProbe(1, t_ns, t_ns + trip_ns, ticks)


def drift(ppm: float, seconds: float = 10.0, trip_ns: int = TRIP_NS) -> CheckResult:
    return judge_drift(probe(0, ppm, trip_ns), probe(round(seconds * 1e9), ppm, trip_ns), TICKS_PER_S)


@pytest.mark.parametrize("ppm", [-150.0, 0.0, 12.0, 150.0])
def test_a_clock_within_its_crystal_s_bounds_is_good(ppm: float) -> None:
    found = drift(ppm)
    assert found.status is Status.GOOD
    assert found.measured == pytest.approx(ppm, abs=0.1)


@pytest.mark.parametrize(("ppm", "word"), [(-270.0, "270 ppm slow"), (270.0, "270 ppm fast"), (9e5, "fast")])
def test_a_clock_that_runs_too_fast_or_slow_is_told_with_its_rate(ppm: float, word: str) -> None:
    found = drift(ppm)
    assert found.status is Status.FAILED
    assert word in found.remedy


@pytest.mark.parametrize("ppm", [0.0, 150.0, 270.0])
@pytest.mark.parametrize(("seconds", "trip_ns"), [(0.5, TRIP_NS), (10.0, 8_000_000), (0.0, TRIP_NS)])
def test_what_a_short_test_or_a_slow_link_cannot_tell_is_not_checked(ppm: float, seconds: float, trip_ns: int) -> None:
    assert drift(ppm, seconds, trip_ns).status is Status.NOT_CHECKED


def test_a_rate_that_is_wrong_beyond_all_doubt_fails_also_in_a_short_test() -> None:
    assert drift(10 * LARGEST_PPM, seconds=0.5).status is Status.FAILED


def test_the_shortest_round_trip_counts() -> None:
    class Box:
        def __init__(self) -> None:
            self.trips = iter([9, 4, 7, *[8] * PROBES])

        def probe_clock(self) -> ClockProbe:
            return probe(0, trip_ns=next(self.trips))

    found = shortest_probe(Box())
    assert found.t_received_ns - found.t_sent_ns == 4
