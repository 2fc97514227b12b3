"""Coarse to fine: from two rectified images to one disparity plane a cell, with its quality.

In: two rectified images and the range of disparities. Out: `Matches`. Start: rough matching at an eighth; then planes
at a quarter, a half and full resolution, each corrected by windowed least squares. Because each window corrects a
field that already bends, a second step at full resolution takes back most of what the first one's window smoothed.
This file refuses to know calibration, pods and millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.coarse import LEVELS, make_pyramid, match_coarse
from rigdriver.stereo.field import correct, find_spans, fit_planes, grow, refine, settle, weigh
from rigdriver.stereo.products import CELL_PX, MID, PLANES, sum_products
from rigdriver.stereo.windows import QUALITIES, TAPS, gate, solve_windows

Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How to match. The defaults suit speckle of 2 to 8 pixels."""

    steps: tuple[int, ...] = (8, 6, 2)
    """Least-squares steps at a quarter, a half and full resolution."""
    least_correlation: float = 0.85
    """Of a window at every step on the way; the final screen is stricter."""
    reach_px: float = 2.5
    """Longest correction of one step."""
    fullness: float = 0.2
    settle: int = 1
    worst_rest: float = 0.35
    """Largest squared rest of one cell, as a share of its window's variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Planes of full-resolution cells. Arrays may be overwritten by the next match of the same `Matcher`."""

    field: Floats32
    """(3, h, w): disparity in pixels at the cell's centre, dd/dx, dd/dy."""
    quality: Floats32
    """(6, h, w): correlation, sigma of d in pixels, fullness, gain, offset, variance."""
    has: Bytes
    """(h, w): 1 where a plane stands."""
    weight: Floats32
    """(h, w): 1 where the cell itself took part."""


class _Level:
    """Arrays of one pyramid level, kept from frame to frame: fresh memory costs more than the sums."""

    def __init__(self, shape: tuple[int, int]) -> None:
        rows, columns = shape[0] // CELL_PX, shape[1] // CELL_PX
        self.field = np.zeros((3, rows, columns), np.float32)
        self.step = np.zeros((3, rows, columns), np.float32)
        self.sums = np.zeros((PLANES, rows, columns), np.float32)
        self.quality = np.zeros((QUALITIES, rows, columns), np.float32)
        self.weight = np.zeros((rows, columns), np.float32)
        self.has = np.zeros((rows, columns), np.uint8)
        self.other = np.zeros((rows, columns), np.uint8)
        self.spans = np.zeros((rows, 2), np.int32)


class Matcher:
    """Matches pairs of one size. One thread at a time; make one a pod."""

    def __init__(self, size_px: tuple[int, int], settings: MatchSettings | None = None) -> None:
        self._settings = settings or MatchSettings()
        width, height = size_px
        self._levels = [_Level((height >> k, width >> k)) for k in range(LEVELS)]

    def match(self, left: Image, right: Image, disparities_px: tuple[float, float], dark: float) -> Matches:
        """Match two rectified images, (H, W); `dark`: pixel value below which nothing is believed."""
        lefts, rights = make_pyramid(left).levels, make_pyramid(right).levels
        scale = 2**LEVELS
        rough = match_coarse(lefts[LEVELS], rights[LEVELS], (disparities_px[0] / scale, disparities_px[1] / scale))
        start = self._levels[LEVELS - 1]
        fit_planes(rough, start.field, start.has)
        for k in range(LEVELS - 1, -1, -1):
            level = self._levels[k]
            if k < LEVELS - 1:
                above = self._levels[k + 1]
                refine(above.field, above.has, level.field, level.has)
            self._solve(level, lefts[k], rights[k], dark, self._settings.steps[LEVELS - 1 - k])
        done = self._levels[0]
        return Matches(done.field, done.quality, done.has, done.weight)

    def _solve(self, level: _Level, left: Image, right: Image, dark: float, steps: int) -> None:
        chosen = self._settings
        for n in range(steps):
            grow(level.field, level.has, level.other, CELL_PX)
            level.has, level.other = level.other, level.has
            find_spans(level.has, level.spans)
            if n == 0 or n + 1 == steps:
                settle(level.field, level.has, level.spans, TAPS, chosen.settle, level.step)
                level.field, level.step = level.step, level.field
            sum_products(left, right, level.field, level.spans, level.sums)
            worst = chosen.worst_rest if n > 0 else 0.0
            weigh(level.sums, level.quality, level.has, level.spans, dark - float(MID), worst, level.weight)
            gate(level.sums, level.weight, level.spans)
            solve_windows(level.sums, level.weight, level.spans, TAPS, level.step, level.quality)
            correct(
                level.field, level.step, level.quality, level.has, level.spans,
                chosen.reach_px, chosen.least_correlation, chosen.fullness,
            )  # fmt: skip
