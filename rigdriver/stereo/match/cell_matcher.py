"""Coarse to fine: from two rectified images to one disparity plane per cell, with its quality.

In: two rectified images and the range of disparities. Out: `Matches`. It starts with rough matching at an eighth of the
resolution. Then planes at a quarter, a half and full resolution are corrected by windowed least squares (`step`) and
grown over what no coarser level found (`grow`). At full resolution there is one step; a fit to its corrections gives
back what its windows smoothed (`sharpen`). Not here: calibration, pods and millimetres (see ../geometry/).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Bytes, Floats32
from rigdriver.stereo.cells import CELL_PX, CORRELATION, QUALITIES, Limits
from rigdriver.stereo.match.coarse import LEVELS, make_pyramid, match_coarse
from rigdriver.stereo.match.field import find_spans, fit_planes, refine, settle, sharpen
from rigdriver.stereo.match.grow import grow_field
from rigdriver.stereo.match.products import MID, SUM, SUMS
from rigdriver.stereo.match.step import take_step
from rigdriver.stereo.match.windows import TAPS

_SAMPLE = 4
"""Step between the cells, along each axis, of which a level's median correlation is taken."""


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """Settings of the matching. The defaults suit speckle of 2 to 8 pixels."""

    steps: tuple[int, ...] = (2, 2, 1)
    """Number of least-squares steps at a quarter, a half and full resolution, before the field grows."""
    rounds: tuple[int, ...] = (8, 8, 30)
    """Largest number of cells by which the field may grow at each of these."""
    least_correlation: float = 0.85
    """Least correlation of a window at every step on the way; the final screen may be stricter."""
    doubt: float = 2.5
    """Ratio of 1 - correlation to the level's median of it above which a cell falls before the field grows."""
    most_doubt: float = 0.95
    """Correlation above which no cell falls for that reason. In good images wrong planes stand out; in poor ones all
    planes are poor."""
    reach_px: float = 2.5
    """Longest correction of one step."""
    fullness: float = 0.35
    """Least share of a window's weight that lies on cells that count."""
    steepest: float = 4.0
    """Largest slope of a disparity plane, pixels per pixel, that a surface seen by both cameras may have."""
    worst_rest: float = 0.35
    """Largest squared rest of one cell, as a share of its window's variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Planes of full-resolution cells. Arrays may be overwritten by the next match of the same `CellMatcher`."""

    field: Floats32
    """(3, h, w): disparity in pixels at the cell's centre, dd/dx, dd/dy."""
    quality: Floats32
    """(6, h, w): the planes that `cells` names."""
    has: Bytes
    """(h, w): 1 where a plane stands."""
    weight: Floats32
    """(h, w): 1 where the cell itself took part."""
    step: Floats32
    """(3, h, w): the last correction of the settled cells."""
    settled: Bytes
    """(h, w): 1 where a plane stood before the field grew."""


class _Level:
    """Arrays of one pyramid level, kept from frame to frame: fresh memory costs more than the sums."""

    def __init__(self, shape: tuple[int, int]) -> None:
        rows, columns = shape[0] // CELL_PX, shape[1] // CELL_PX
        self.field = np.zeros((3, rows, columns), np.float32)
        self.step = np.zeros((3, rows, columns), np.float32)
        self.sums = np.zeros((rows, SUMS, columns), np.float32)
        self.quality = np.zeros((QUALITIES, rows, columns), np.float32)
        self.has = np.zeros((rows, columns), np.uint8)
        self.settled = np.zeros((rows, columns), np.uint8)
        self.maps = np.zeros((3, rows + 2, columns + 2), np.uint8)
        self.places = np.zeros((2, rows * columns, 2), np.int32)
        self.spans = np.zeros((rows, 2), np.int32)


class CellMatcher:
    """Matches pairs of one size. One thread at a time; make one per pod."""

    def __init__(self, size_px: tuple[int, int], settings: MatchSettings | None = None) -> None:
        self._settings = settings or MatchSettings()
        width, height = size_px
        self._levels = [_Level((height >> k, width >> k)) for k in range(LEVELS)]

    def match(self, left: Floats32, right: Floats32, disparities_px: tuple[float, float], dark: float) -> Matches:
        """Match two rectified images, (H, W); `dark`: pixel value below which nothing counts."""
        lefts, rights = make_pyramid(left).levels, make_pyramid(right).levels
        scale = 2**LEVELS
        rough = match_coarse(lefts[LEVELS], rights[LEVELS], (disparities_px[0] / scale, disparities_px[1] / scale))
        # Planes of a quarter's cells (4 x 4 pixels) are fitted to 2 x 2 pixels of an eighth.
        start = self._levels[LEVELS - 1]
        fit_planes(rough, start.field, start.has)
        for k in range(LEVELS - 1, -1, -1):
            level = self._levels[k]
            if k < LEVELS - 1:
                above = self._levels[k + 1]
                refine(above.field, above.has, level.field, level.has)
            self._solve(level, lefts[k], rights[k], dark, k)
        done = self._levels[0]
        return Matches(done.field, done.quality, done.has, done.sums[:, SUM.counted], done.step, done.settled)

    def _solve(self, level: _Level, left: Floats32, right: Floats32, dark: float, k: int) -> None:
        """Correct the planes that came from above, and let them grow."""
        n = LEVELS - 1 - k
        for step in range(self._settings.steps[n]):
            # Neighbours are evened out before the first step and before the last one.
            is_end = step in {0, self._settings.steps[n] - 1}
            self._step(level, left, right, dark, is_settling=is_end, is_first=step == 0)
        if k == 0:
            sharpen(level.field, level.step, level.has, level.spans, TAPS)
            np.copyto(level.settled, level.has)
        # `MID` is taken off all pixels, so off the dark value, too.
        if rounds := self._settings.rounds[n]:
            grow_field(
                left, right, level.field, level.has, level.quality, level.sums, TAPS, dark - float(MID),
                self._limits(), self._least_correlation(level), rounds, level.places, level.maps,
            )  # fmt: skip

    def _step(
        self, level: _Level, left: Floats32, right: Floats32, dark: float, *, is_settling: bool, is_first: bool
    ) -> None:
        find_spans(level.has, level.spans)
        if is_settling:
            settle(level.field, level.has, level.spans, level.step)
            # `step` is free until the correction fills it, so the two arrays change places.
            level.field, level.step = level.step, level.field
        take_step(
            left, right, level.field, level.has, level.quality, level.spans, TAPS, dark - float(MID),
            0.0 if is_first else self._settings.worst_rest, self._limits(), level.sums, level.step,
        )  # fmt: skip

    def _limits(self) -> Limits:
        chosen = self._settings
        return Limits(chosen.reach_px, chosen.least_correlation, chosen.fullness, chosen.steepest)

    def _least_correlation(self, level: _Level) -> float:
        """Return the correlation below which a cell of a level falls."""
        chosen = self._settings
        some = level.quality[CORRELATION, ::_SAMPLE, ::_SAMPLE][level.has[::_SAMPLE, ::_SAMPLE] > 0]
        median = float(np.median(some)) if len(some) else 1.0
        return float(np.clip(1 - chosen.doubt * (1 - median), chosen.least_correlation, chosen.most_doubt))
