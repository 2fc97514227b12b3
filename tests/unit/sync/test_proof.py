"""A camera whose exposure was not together with the others' is a gap that says by how much; the majority is right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rigdriver.frames import GapReason
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.proof import Evidence, Prover

TICKS_PER_US = 10
PLANNED_US = {"left_upper": 0, "left_lower": 0, "right_upper": 0, "left_colour": 2500}
"""Planned exposure starts after the pulse's start, in us."""


def refused(late_us: dict[str, float], max_skew_us: float = 100) -> dict[str, Any]:
    exposures = {name: SimpleNamespace(start_ticks=us * TICKS_PER_US) for name, us in PLANNED_US.items()}
    schedule = cast("Schedule", SimpleNamespace(tick_rate_hz=TICKS_PER_US * 1_000_000, exposures=exposures))
    start = 1_000_000
    evidence = {
        name: cast(
            "Evidence",
            SimpleNamespace(
                exposure=SimpleNamespace(camera=name, start_ticks=start + round((PLANNED_US[name] + us) * TICKS_PER_US))
            ),
        )
        for name, us in late_us.items()
    }
    return Prover(schedule, 100, max_skew_us).refuse_skew(start, evidence)


def test_exposures_within_the_limit_are_together_each_measured_against_its_own_plan() -> None:
    assert refused({"left_upper": 0, "left_lower": 60, "right_upper": 99, "left_colour": 20}) == {}


@pytest.mark.parametrize("late_us", [101.0, -101.0, 5000.0])
def test_one_camera_that_exposed_apart_from_the_others_is_a_gap_that_says_by_how_much(late_us: float) -> None:
    gaps = refused({"left_upper": 0, "left_lower": 0, "right_upper": late_us, "left_colour": 0})
    assert {name: gap.reason for name, gap in gaps.items()} == {"right_upper": GapReason.SKEW}
    assert f"{late_us:+.1f} us from the others; limit 100 us" in gaps["right_upper"].detail


def test_of_two_that_are_apart_both_are_gaps_and_the_majority_stays() -> None:
    gaps = refused({"left_upper": 0, "left_lower": 5, "right_upper": 400, "left_colour": -300})
    assert set(gaps) == {"right_upper", "left_colour"}
