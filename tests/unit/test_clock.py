"""A fitted clock tells the other clock's time, and how far it may be off.

In: pairs of readings made from a known clock, with jitter of fixed seeds. Out: errors within stated bounds, as often as
the fit itself claims.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rigdriver.clock import ClockEstimator, ticks_from_us, us_from_ticks

TICKS_PER_NS = 0.01


def fitted(
    seed: int, pairs: int, drift_ppm: float = 50, jitter_ns: float = 5000
) -> tuple[ClockEstimator, Callable[[int], int], int]:
    rng = random.Random(seed)
    offset = rng.randrange(10**15)
    estimator = ClockEstimator("camera", "box", TICKS_PER_NS, sigma_floor=20)

    def stamp(t_ns: int) -> int:
        return round(t_ns * (1 + drift_ppm * 1e-6)) + offset

    for n in range(pairs):
        t_ns = n * 100_000_000
        estimator.add(stamp(t_ns) + round(rng.gauss(0, jitter_ns)), t_ns // 100)
    return estimator, stamp, (pairs - 1) * 100_000_000


@pytest.mark.parametrize("seed", range(5))
def test_a_clock_of_50_ppm_with_5_us_jitter_is_known_to_2_us(seed: int) -> None:
    estimator, stamp, t_ns = fitted(seed, 256)
    fit = estimator.fit()
    assert fit is not None
    assert abs(fit.map(stamp(t_ns)) - t_ns / 100) * 0.1 < 2
    assert fit.drift_ppm == pytest.approx(-50, abs=1)


def test_the_stated_99_percent_bound_holds_in_99_percent_of_the_runs() -> None:
    inside = 0
    for seed in range(400):
        estimator, stamp, t_ns = fitted(seed, 40)
        fit = estimator.fit()
        assert fit is not None
        inside += abs(fit.map(stamp(t_ns)) - t_ns / 100) <= 2.576 * fit.sigma_at(stamp(t_ns))
    assert inside >= 0.98 * 400


def test_a_short_first_window_does_not_swing() -> None:
    estimator, stamp, t_ns = fitted(seed=1, pairs=3, drift_ppm=0)
    fit = estimator.fit()
    assert fit is not None
    assert abs(fit.drift_ppm) < 100
    assert abs(fit.map(stamp(t_ns + 100_000_000)) - (t_ns + 100_000_000) / 100) * 0.1 < 50


def test_there_is_no_fit_without_a_pair_and_none_after_clear() -> None:
    estimator, _, _ = fitted(seed=1, pairs=3)
    estimator.clear()
    assert estimator.fit() is None


def test_a_shift_moves_the_line_and_keeps_the_rate() -> None:
    estimator, stamp, t_ns = fitted(seed=2, pairs=50)
    before = estimator.fit()
    estimator.shift(1234)
    after = estimator.fit()
    assert before is not None
    assert after is not None
    assert after.map(stamp(t_ns)) - before.map(stamp(t_ns)) == pytest.approx(1234, abs=1e-3)
    assert after.rate == pytest.approx(before.rate, rel=1e-12)


def test_microseconds_and_ticks_convert_both_ways() -> None:
    assert ticks_from_us(12.34, 10_000_000) == 123
    assert us_from_ticks(123, 10_000_000) == pytest.approx(12.3)
