"""Rejection of cells that cannot be trusted, without knowing the truth.

In: one plane per cell and its quality. Out: which cells are kept. The tests, in this order: correlation, predicted
uncertainty, fullness of the window, agreement with the neighbours, uniqueness in the right image, size of the island.
Not here: whether a pod's result as a whole can be trusted (see ../trust.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Bytes, Floats32
from rigdriver.stereo.cells import CELL_PX, CORRELATION, FULLNESS, MIDDLE_PX, SIGMA, Planes
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.cell_matcher import Matches

MARGIN_CELLS = 256
"""Distance beyond the image's sides at which a cell may be matched and still be compared with others."""
SHARED_CELLS = 3
"""Largest distance of two cells that may share a place of the right image, on a steep but single surface."""


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """Conditions that a cell must meet."""

    correlation: float = 0.85
    """Least correlation of its window."""
    sigma_px: float = 0.15
    """Largest predicted uncertainty."""
    fullness: float = 0.3
    """Least share of the window's weight that lies on cells that count."""
    agreement_px: float = 0.8
    """Largest distance from a neighbour's plane, on a surface that faces the pod; more on an oblique one."""
    neighbours: int = 3
    """Least number of its eight neighbours that are kept and agree."""
    island_cells: int = 120
    """Least number of cells of a connected group."""


def screen(matches: Matches, settings: ScreenSettings) -> Bytes:
    """Return (h, w) uint8: 1 where a cell is kept."""
    keep = np.zeros(matches.has.shape, np.uint8)
    _test(
        matches.quality, matches.has, matches.weight,
        np.float32(settings.correlation), np.float32(settings.sigma_px), np.float32(settings.fullness), keep,
    )  # fmt: skip
    agreed = np.zeros_like(keep)
    _agree(matches.field, keep, np.float32(settings.agreement_px), settings.neighbours, agreed)
    _unique(matches.field, agreed)
    return _drop_islands(agreed, settings.island_cells)


@kernel
def _test(
    quality: Floats32, has: Bytes, weight: Floats32,
    correlation: np.float32, sigma: np.float32, fullness: np.float32, keep: Bytes,
) -> None:  # fmt: skip
    """Tests that need only the cell itself."""
    for j in range(has.shape[0]):
        for i in range(has.shape[1]):
            good = has[j, i] and weight[j, i] > 0 and quality[CORRELATION, j, i] >= correlation
            good = good and quality[SIGMA, j, i] <= sigma and quality[FULLNESS, j, i] >= fullness
            keep[j, i] = 1 if good else 0


@kernel
def _agree(field: Floats32, keep: Bytes, most: np.float32, least: int, agreed: Bytes) -> None:
    """Keep the cells with which at least that many of their eight neighbours agree."""
    rows, columns = keep.shape
    count, reach = np.zeros(columns, np.uint8), np.zeros(columns, np.float32)
    for j in range(rows):
        # On an oblique surface a plane's error grows with its slope, so more disagreement is allowed.
        own, a, b = field[0, j], field[1, j], field[2, j]
        for i in range(columns):
            reach[i] = most * (np.float32(1) + np.float32(0.5) * (abs(a[i]) + abs(b[i])))
            count[i] = 0
        for q in range(max(j - 1, 0), min(j + 2, rows)):
            for p in range(-1, 2):
                if q == j and p == 0:
                    continue
                # The same shift of the row and of its neighbour, cut at the image's sides.
                here, there = slice(max(-p, 0), columns - max(p, 0)), slice(max(p, 0), columns - max(-p, 0))
                _count_agreeing(
                    own[here], reach[here], Planes(field[0, q, there], field[1, q, there], field[2, q, there]),
                    keep[q, there], np.float32(-CELL_PX * p), np.float32(CELL_PX * (j - q)), count[here],
                )  # fmt: skip
        kept, out = keep[j], agreed[j]
        for i in range(columns):
            out[i] = kept[i] & np.uint8(count[i] >= least)


@kernel
def _count_agreeing(
    own: Floats32, reach: Floats32, beside: Planes, keep: Bytes, u: np.float32, v: np.float32, count: Bytes
) -> None:
    """Count the neighbours on one side whose plane, d + a u + b v, meets the cell's own disparity."""
    d, a, b = beside.d, beside.a, beside.b
    for n in range(own.shape[0]):
        count[n] += keep[n] & np.uint8(abs(d[n] + u * a[n] + v * b[n] - own[n]) <= reach[n])


@kernel
def _unique(field: Floats32, keep: Bytes) -> None:
    """Drop the farther of two cells of a row that claim one place of the right image: it would be hidden there."""
    rows, columns = keep.shape
    reach = columns + MARGIN_CELLS
    # Which cell of the left image claimed each cell of the right one, from left to right.
    owner = np.empty(2 * reach, np.int32)
    for j in range(rows):
        owner[:] = -1
        for i in range(columns):
            if not keep[j, i]:
                continue
            place = int(np.floor((CELL_PX * i + MIDDLE_PX - field[0, j, i]) / CELL_PX)) + MARGIN_CELLS
            if place < 0 or place >= owner.shape[0]:
                keep[j, i] = 0
                continue
            other = owner[place]
            if other >= 0 and i - other > SHARED_CELLS:
                # A larger disparity is nearer to the cameras.
                if field[0, j, other] >= field[0, j, i]:
                    keep[j, i] = 0
                    continue
                keep[j, other] = 0
            owner[place] = i


def _drop_islands(keep: Bytes, least: int) -> Bytes:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(keep, connectivity=4)
    # Label 0 is everything that is not kept.
    big = stats[:, cv2.CC_STAT_AREA] >= least
    big[0] = False
    return np.asarray(big[labels] if count > 1 else np.zeros_like(keep), np.uint8)
