"""Reports of the box that get lost: whole pulses, single parts, a cut of seconds; at 10, 25 and 50 Hz.

The frames all arrive. A place whose report is missing is a gap for that reason and no other, and everything else is
complete: no camera is blamed, none stays away, and no frame is in a wrong frame set.
"""

from __future__ import annotations

import random

import pytest

from rigdriver.frames import GapReason
from tests.unit.sync.planted import World, run

RATES = (10, 25, 50)
QUIET_S = 2.0
"""Time after the last damage, in s, from which every frame set is complete."""


def cut(rng: random.Random, rate_hz: int, length_s: float) -> dict[int, float]:
    first = rng.randrange(rate_hz, 3 * rate_hz)
    return dict.fromkeys(range(first, first + max(1, round(length_s * rate_hz))), 1.0)


def drops(rng: random.Random, rate_hz: int) -> dict[int, float]:
    return {p: rng.choice([0.2, 0.5, 1.0]) for p in range(rate_hz, 6 * rate_hz) if rng.random() < 0.2}


def judge(world: World, rate_hz: int) -> None:
    last = max(world.lost_reports)
    resolved, _, _ = run(world, last + round((QUIET_S + 1) * rate_hz))
    wrong = [r.pulse_index for r in resolved for f in r.frames.values() if f.pixels[0, 0] != r.pulse_index & 0xFFFF]
    assert wrong == []
    assert {g.reason for r in resolved for g in r.gaps.values()} == {GapReason.EDGES_LOST}
    assert [r.pulse_index for r in resolved if r.gaps and r.pulse_index > last + QUIET_S * rate_hz] == []
    # A loss shows at the next report only, so the pulse before it and the one after it may have suffered.
    struck = {p + after for p in world.lost_reports for after in (-1, 0, 1)}
    assert {r.pulse_index for r in resolved if r.gaps} <= struck


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("length_s", [0.1, 0.5, 1.0, 3.0])
def test_after_a_cut_every_camera_is_back_with_the_first_report(rate_hz: int, length_s: float) -> None:
    rng = random.Random(f"{rate_hz} {length_s}")
    judge(World(rng.randrange(2**31), rate_hz, lost_reports=cut(rng, rate_hz, length_s)), rate_hz)


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("seed", range(3))
def test_drops_for_seconds_cost_only_what_was_not_reported(rate_hz: int, seed: int) -> None:
    rng = random.Random(f"{rate_hz} {seed}")
    judge(World(rng.randrange(2**31), rate_hz, lost_reports=drops(rng, rate_hz)), rate_hz)


def test_where_the_box_falls_silent_within_a_pulse_nobody_says_that_it_sent_no_trigger() -> None:
    """The last reports of a run are lost, so no counter shows it: the time is over, or the run."""
    resolved, _, _ = run(World(3, 10, lost_reports=dict.fromkeys(range(17, 20), 0.6)), 20)
    reasons = {g.reason for r in resolved for g in r.gaps.values()}
    assert reasons <= {GapReason.EDGES_LOST, GapReason.STOPPED}
