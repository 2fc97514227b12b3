"""Row residual: the height difference of matching pixels, which a pair can measure of its own calibration.

In: a rectified pair and its planes. Out: that difference for each part of the image. With a true calibration it is zero
to some hundredths of a pixel; a camera that was bumped, a wrong file or images of different moments shift it. Not here:
what is done about it (see ../trust.py and calibration/).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Bytes, Floats32
from rigdriver.stereo.cells import CELL_PX, GAIN, MIDDLE_PX, OFFSET
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.products import MID

BLOCK_CELLS = 16
"""Side of a part of the image, in cells."""
LEAST_CELLS = 40
"""Least number of kept cells that a part is judged by."""
_MID = float(MID)
_ROBUST = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_ROW = 1
"""Row of a cell that is read: it has a row above and one below within the cell."""


def row_residual(
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes
) -> tuple[float, float]:
    """Return median and robust standard deviation of the blocks' row differences, px; NaN when no block has one."""
    shifts = block_shifts(left, right, field, quality, keep)
    found = shifts[np.isfinite(shifts)]
    if not len(found):
        return float("nan"), float("nan")
    median = float(np.median(found))
    return median, _ROBUST * float(np.median(np.abs(found - median)))


def block_shifts(left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes) -> Floats32:
    """Return by how many pixels the right image's match lies lower than the left's, (blocks down, across), or NaN."""
    shifts = np.full((-(-keep.shape[0] // BLOCK_CELLS), -(-keep.shape[1] // BLOCK_CELLS)), np.nan, np.float32)
    _shift_blocks(left, right, field, quality, keep, shifts)
    return shifts


@kernel
def _shift_blocks(
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes, shifts: Floats32
) -> None:
    """Solve slope * shift = gain * left + offset - right for the shift of each block, by least squares.

    `slope` is the vertical one of the right image; a step of Lucas and Kanade (1981) across the rows.
    """
    rows, columns = keep.shape
    for bj in range(shifts.shape[0]):
        for bi in range(shifts.shape[1]):
            top = bottom = 0.0
            cells = 0
            for j in range(max(bj * BLOCK_CELLS, 1), min((bj + 1) * BLOCK_CELLS, rows - 1), 2):
                for i in range(bi * BLOCK_CELLS, min((bi + 1) * BLOCK_CELLS, columns)):
                    if not keep[j, i]:
                        continue
                    cells += 1
                    # Every second row of cells, one pixel row of each: enough for a median over blocks.
                    y = CELL_PX * j + _ROW
                    for k in range(CELL_PX):
                        x = CELL_PX * i + k
                        # Where the plane leads in the right image: x - (d + a u + b v).
                        t = x - field[0, j, i] - field[1, j, i] * (k - MIDDLE_PX) + (MIDDLE_PX - _ROW) * field[2, j, i]
                        n = int(t)
                        if n < 0 or n + 1 >= right.shape[1]:
                            continue
                        f = t - n
                        # Central difference across the rows, linear between two columns.
                        slope = 0.5 * (
                            (1 - f) * (right[y + 1, n] - right[y - 1, n])
                            + f * (right[y + 1, n + 1] - right[y - 1, n + 1])
                        )
                        value = (1 - f) * right[y, n] + f * right[y, n + 1]
                        # Gain and offset hold for values from which MID was taken.
                        want = quality[GAIN, j, i] * (left[y, x] - _MID) + quality[OFFSET, j, i] + _MID
                        top += slope * (want - value)
                        bottom += slope * slope
            if cells >= LEAST_CELLS and bottom > 0.0:
                shifts[bj, bi] = top / bottom
