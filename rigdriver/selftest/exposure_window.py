r"""When a camera really exposes, from the brightness of its images in a swept flash.

In: for each image its brightness, when the flash began, and when the exposure began and ended by the edges of its line.
Out: how much later than these edges the exposure really begins and ends, each with its uncertainty. Brightness against
delay is a trapezoid: it rises while the flash enters the exposure and falls while it leaves it.

    brightness   b + k * w          ____________
                                   /            \
                 b         _______/              \_______
                           s - w  s        e - w  e         start of the flash

How long the lamp shines (w) is fitted, too, as lamps switch on and off more slowly than their outputs. A lamp that is
late as a whole cannot be told from an exposure that is early: the figures are times of the lamp's output.
Not here: how the images come about (see sweeping.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array

COVERAGE = 2.0
"""Coverage factor of expanded uncertainties: about 95 % (GUM, JCGM 100:2008, 6.2.1)."""
LEAST_SIGNAL = 20.0
"""Least ratio of the flash's light to the scatter of the brightness about the fit."""
ON_A_SLOPE = (0.05, 0.95)
"""Shares of the flash within the exposure between which an image stands on a slope of the trapezoid."""
LEAST_ON_A_SLOPE = 2
"""Least number of images on each slope."""
UNKNOWNS = 5


@dataclass(frozen=True, slots=True)
class SweepSample:
    """One image of the sweep; times in us, as the box stamped them."""

    brightness: float
    """Share of full scale."""
    flash_us: float | None
    """Start of the flash after the exposure's start; None for an image without a flash."""
    length_us: float
    """Length of the exposure by the edges of its line."""


@dataclass(frozen=True, slots=True)
class ExposureWindow:
    """The true exposure against the edges of its line."""

    start_us: float
    """Time by which it begins later than its edge says."""
    end_us: float
    """Time by which it ends later than its edge says."""
    start_uncertainty_us: float
    end_uncertainty_us: float
    """Expanded uncertainties (`COVERAGE`)."""
    length_uncertainty_us: float
    shone_us: float
    """Time for which the lamp shone."""
    light: float = 0.0
    """Brightness that a flash within the exposure adds."""
    dark: float = 0.0
    """Brightness of an image without it; both as shares of full scale."""


@dataclass(frozen=True, slots=True)
class NoWindow:
    """What keeps the images from showing the exposure."""

    why: str


def find_window(samples: Sequence[SweepSample], width_us: float) -> ExposureWindow | NoWindow:
    """Fit the trapezoid; `width_us`: how long the lamps' outputs were high."""
    from scipy.optimize import least_squares  # noqa: PLC0415  slow to import, and most verbs fit nothing

    if len(samples) <= UNKNOWNS:
        return NoWindow(f"{len(samples)} images of the sweep came")
    levels = np.array([sample.brightness for sample in samples])
    lit = float(levels.max() - levels.min())
    if lit <= 0:
        return NoWindow("no image of the sweep is brighter than the others")
    start = np.array([0.0, 0.0, width_us, lit, float(levels.min())])

    def misfit(unknowns: Array) -> Array:
        begins, ends, shines, light, dark = unknowns
        return np.asarray(dark + light * _shares(samples, begins, ends, shines) - levels)

    found = least_squares(misfit, start, x_scale=np.array([10.0, 10.0, 10.0, lit, lit]))
    free = len(samples) - UNKNOWNS
    scatter = math.sqrt(float(np.sum(found.fun**2)) / free)
    begins, ends, shines, light, dark = (float(value) for value in found.x)
    if (why := _fault(_shares(samples, begins, ends, shines), samples, light, scatter)) is not None:
        return why
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * scatter**2
    across = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    sigmas = [math.sqrt(max(0.0, float(covariance[n, n]))) for n in (0, 1)]
    return ExposureWindow(
        start_us=begins,
        end_us=ends,
        start_uncertainty_us=COVERAGE * sigmas[0],
        end_uncertainty_us=COVERAGE * sigmas[1],
        length_uncertainty_us=COVERAGE * math.sqrt(max(0.0, across)),
        shone_us=shines,
        light=light,
        dark=dark,
    )


def _shares(samples: Sequence[SweepSample], begins: float, ends: float, shines: float) -> Array:
    """Return the share of each flash that lies within its exposure."""
    inside = [
        0.0 if s.flash_us is None else min(s.flash_us + shines, s.length_us + ends) - max(s.flash_us, begins)
        for s in samples
    ]
    return np.asarray(np.clip(np.array(inside), 0.0, None) / max(shines, 1e-3))


def _fault(shares: Array, samples: Sequence[SweepSample], light: float, scatter: float) -> NoWindow | None:
    """Return why these images determine no window."""
    if light < LEAST_SIGNAL * scatter:
        return NoWindow(f"its images do not follow the flash: light {light:.2%}, scatter {scatter:.2%} of full scale")
    flashes = [math.nan if s.flash_us is None else s.flash_us / s.length_us for s in samples]
    is_on = (shares > ON_A_SLOPE[0]) & (shares < ON_A_SLOPE[1])
    rising, falling = (int(np.sum(is_on & side)) for side in (np.array(flashes) < 0.5, np.array(flashes) >= 0.5))
    if min(rising, falling) < LEAST_ON_A_SLOPE:
        return NoWindow(f"{rising} images show its start and {falling} its end, and {LEAST_ON_A_SLOPE} must")
    return None
