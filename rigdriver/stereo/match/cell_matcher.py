"""Coarse to fine: from two rectified images to one disparity plane a cell, with its quality.

In: two rectified images and the range of disparities. Out: `Matches`. Start: rough matching at an eighth; then planes
at a quarter, a half and full resolution, each corrected by windowed least squares (`step`) and grown over what no
coarser level found (`grow`). At full resolution one step must do; what its windows smoothed is taken back by a fit to
the corrections (`sharpen`).
This file refuses to know calibration, pods and millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.cells import CELL_PX, CORRELATION, QUALITIES, Limits
from rigdriver.stereo.match.coarse import LEVELS, make_pyramid, match_coarse
from rigdriver.stereo.match.field import find_spans, fit_planes, refine, settle, sharpen
from rigdriver.stereo.match.grow import grow_field
from rigdriver.stereo.match.products import COUNT, MID, SUMS
from rigdriver.stereo.match.step import take_step
from rigdriver.stereo.match.windows import TAPS

Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Image = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How to match. The defaults suit speckle of 2 to 8 pixels."""

    steps: tuple[int, ...] = (2, 2, 1)
    """Least-squares steps at a quarter, a half and full resolution, before the field grows."""
    rounds: tuple[int, ...] = (8, 8, 30)
    """Cells by which it may grow at each of these."""
    least_correlation: float = 0.85
    """Of a window at every step on the way; the final screen may be stricter."""
    doubt: float = 2.5
    """Cells fall before the field grows when their correlation is so many times farther from 1 than the median's..."""
    most_doubt: float = 0.95
    """...and below this: in good images wrong planes stand out, in poor ones all planes are poor."""
    reach_px: float = 2.5
    """Longest correction of one step."""
    fullness: float = 0.35
    """Least share of a window's weight that lies on cells that count."""
    steepest: float = 4.0
    """Largest slope of a disparity plane, pixels a pixel, that a surface seen by both cameras may have."""
    worst_rest: float = 0.35
    """Largest squared rest of one cell, as a share of its window's variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Planes of full-resolution cells. Arrays may be overwritten by the next match of the same `Matcher`."""

    field: Floats32
    """(3, h, w): disparity in pixels at the cell's centre, dd/dx, dd/dy."""
    quality: Floats32
    """(6, h, w): the planes that `cells` names."""
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
        self.sums = np.zeros((rows, SUMS, columns), np.float32)
        self.quality = np.zeros((QUALITIES, rows, columns), np.float32)
        self.has = np.zeros((rows, columns), np.uint8)
        self.maps = np.zeros((3, rows + 2, columns + 2), np.uint8)
        self.places = np.zeros((2, rows * columns, 2), np.int32)
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
            self._solve(level, lefts[k], rights[k], dark, k)
        done = self._levels[0]
        return Matches(done.field, done.quality, done.has, done.sums[:, COUNT])

    def _solve(self, level: _Level, left: Image, right: Image, dark: float, k: int) -> None:
        """Correct the planes that came from above, and let them grow."""
        n = LEVELS - 1 - k
        for step in range(self._settings.steps[n]):
            is_end = step in {0, self._settings.steps[n] - 1}
            self._step(level, left, right, dark, is_settling=is_end, is_first=step == 0)
        if k == 0:
            sharpen(level.field, level.step, level.has, level.spans, TAPS)
        if rounds := self._settings.rounds[n]:
            grow_field(
                left, right, level.field, level.has, level.quality, level.sums, TAPS, dark - float(MID),
                self._limits(), self._doubt(level), rounds, level.places, level.maps,
            )  # fmt: skip

    def _step(
        self, level: _Level, left: Image, right: Image, dark: float, *, is_settling: bool, is_first: bool
    ) -> None:
        find_spans(level.has, level.spans)
        if is_settling:
            settle(level.field, level.has, level.spans, level.step)
            level.field, level.step = level.step, level.field
        take_step(
            left, right, level.field, level.has, level.quality, level.spans, TAPS, dark - float(MID),
            0.0 if is_first else self._settings.worst_rest, self._limits(), level.sums, level.step,
        )  # fmt: skip

    def _limits(self) -> Limits:
        chosen = self._settings
        return Limits(chosen.reach_px, chosen.least_correlation, chosen.fullness, chosen.steepest)

    def _doubt(self, level: _Level) -> float:
        """Return the correlation below which a cell of a level is not believed."""
        chosen = self._settings
        some = level.quality[CORRELATION, ::4, ::4][level.has[::4, ::4] > 0]
        median = float(np.median(some)) if len(some) else 1.0
        return float(np.clip(1 - chosen.doubt * (1 - median), chosen.least_correlation, chosen.most_doubt))
