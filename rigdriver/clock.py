"""Time as a value: tick conversion, and a fitted line from one clock to another with its honest uncertainty.

In: pairs of simultaneous readings of two clocks. Out: `ClockFit`, frozen. The fit is a straight line over a sliding
window with a weak prior on the rate, so that a short first window does not swing. Not here: whose clocks they are, and
which pairs are wrong (see sync/track.py and sync/host_clock.py); no pair is thrown away here.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

RATE_PRIOR_SIGMA = 200e-6
"""Prior's standard deviation of a rate: twice the 100 ppm within which crystals of cameras and boxes stay."""


def ticks_from_us(duration_us: float, tick_rate_hz: int) -> int:
    """Return the nearest whole number of ticks."""
    return round(duration_us * tick_rate_hz / 1e6)


def us_from_ticks(ticks: float, tick_rate_hz: int) -> float:
    """Return a tick difference in microseconds."""
    return ticks * 1e6 / tick_rate_hz


@dataclass(frozen=True, slots=True)
class ClockFit:
    """A line from clock `source` to clock `target`: target = y0 + (source - x0) * rate.

    `rate` is in target units per source unit; `sigma` is the spread of one pair about the line in target units;
    `span` is the source time that the window covers.
    """

    source: str
    target: str
    x0: int
    y0: float
    rate: float
    nominal_rate: float
    sigma: float
    samples: int
    mean_x: float
    """Centre of the window, as a difference to x0."""
    sum_xx: float
    """Spread of the window, sum of (x - mean)^2, prior included."""
    span: float

    @property
    def drift_ppm(self) -> float:
        """Drift: how much faster than nominal the target runs against the source."""
        return (self.rate / self.nominal_rate - 1.0) * 1e6

    def map(self, source_time: int) -> float:
        """Return the target's reading at a source reading, in target units."""
        return self.y0 + (source_time - self.x0) * self.rate

    def sigma_at(self, source_time: int) -> float:
        """Return the standard error of `map` at a source reading, in target units; grows away from the window."""
        dx = source_time - self.x0 - self.mean_x
        # Standard error of a fitted line: s * sqrt(1 / n + (x - mean)^2 / S_xx).
        return self.sigma * math.sqrt(1.0 / max(self.samples, 1) + dx * dx / self.sum_xx)

    def shifted(self, by: float) -> ClockFit:
        """Return the same line moved by `by` target units: a clock that has stepped."""
        return ClockFit(
            self.source, self.target, self.x0, self.y0 + by, self.rate, self.nominal_rate, self.sigma, self.samples,
            self.mean_x, self.sum_xx, self.span,
        )  # fmt: skip


class ClockEstimator:
    """Keeps the newest pairs of two clocks and fits a line through them.

    `nominal_rate`: target units a source unit when both run true. `sigma_floor`: spread of a pair that is taken for
    granted, in target units (quantisation); it also weighs the rate prior.
    """

    def __init__(self, source: str, target: str, nominal_rate: float, sigma_floor: float, window: int = 256) -> None:
        self._source, self._target = source, target
        self._nominal_rate = nominal_rate
        self._sigma_floor = sigma_floor
        self._pairs: deque[tuple[int, int]] = deque(maxlen=window)

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, source_time: int, target_time: int) -> None:
        """Take one more pair; the oldest leaves when the window is full."""
        self._pairs.append((source_time, target_time))

    def shift(self, by: int) -> None:
        """Move all kept target readings: after a step of the source, so that the rate learned so far stays."""
        # Readings move and not the line, because the next fit is made from the readings.
        self._pairs = deque(((x, y + by) for x, y in self._pairs), maxlen=self._pairs.maxlen)

    def clear(self) -> None:
        """Forget everything: after a reset of either clock."""
        self._pairs.clear()

    def fit(self) -> ClockFit | None:
        """Return the line through the window, or None without a pair. O(window): about 60 us for 256 pairs."""
        if not self._pairs:
            return None
        n = len(self._pairs)
        x0, y_first = self._pairs[-1]
        # Differences of integers first, the nominal line off next: what is left is small, and floats lose nothing.
        dx = np.array([x - x0 for x, _ in self._pairs], dtype=np.float64)
        dy = np.array([y - y_first for _, y in self._pairs], dtype=np.float64) - dx * self._nominal_rate
        mean_x, mean_y = float(dx.mean()), float(dy.mean())
        cx, cy = dx - mean_x, dy - mean_y
        # Ridge regression: a prior N(0, RATE_PRIOR_SIGMA) on the relative rate adds (sigma / prior)^2 to the sum of
        # squares.
        sum_xx = (self._sigma_floor / (RATE_PRIOR_SIGMA * self._nominal_rate)) ** 2 + float(cx @ cx)
        slope = float(cx @ cy) / sum_xx
        rest = cy - slope * cx
        # Two degrees of freedom go into offset and rate; two pairs leave none to estimate a spread from.
        sigma = math.sqrt(float(rest @ rest) / (n - 2)) if n > 2 else self._sigma_floor
        return ClockFit(
            source=self._source,
            target=self._target,
            x0=x0,
            y0=y_first + mean_y - slope * mean_x,
            rate=self._nominal_rate + slope,
            nominal_rate=self._nominal_rate,
            sigma=max(sigma, self._sigma_floor),
            samples=n,
            mean_x=mean_x,
            sum_xx=sum_xx,
            span=float(-dx[0]),
        )
