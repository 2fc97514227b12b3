"""Do the rows still correspond? The one residual that a stereo pair can measure of its own calibration.

In: a rectified pair and its planes. Out: the height difference of matching pixels, part by part of the image. With a
true calibration it is zero to some hundredths of a pixel; a camera that was bumped, a wrong file or images of
different moments shift it. This file refuses to know what to do about it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.cells import GAIN, OFFSET
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.products import MID

Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

BLOCK_CELLS = 16
LEAST_CELLS = 40
_MID = float(MID)


def row_residual(
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes
) -> tuple[float, float]:
    """Return median and robust standard deviation over the blocks of the row difference in pixels; NaN without any."""
    shifts = block_shifts(left, right, field, quality, keep)
    found = shifts[np.isfinite(shifts)]
    if not len(found):
        return float("nan"), float("nan")
    median = float(np.median(found))
    return median, 1.4826 * float(np.median(np.abs(found - median)))


def block_shifts(left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes) -> Floats32:
    """Return by how many pixels the right image's match lies lower than the left's, (blocks down, across); or NaN."""
    shifts = np.full((-(-keep.shape[0] // BLOCK_CELLS), -(-keep.shape[1] // BLOCK_CELLS)), np.nan, np.float32)
    _shift_blocks(left, right, field, quality, keep, shifts)
    return shifts


@kernel
def _shift_blocks(
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, keep: Bytes, shifts: Floats32
) -> None:
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
                    y = 4 * j + 1
                    for k in range(4):
                        x = 4 * i + k
                        t = x - field[0, j, i] - field[1, j, i] * (k - 1.5) + 0.5 * field[2, j, i]
                        n = int(t)
                        if n < 0 or n + 1 >= right.shape[1]:
                            continue
                        f = t - n
                        slope = 0.5 * (
                            (1 - f) * (right[y + 1, n] - right[y - 1, n])
                            + f * (right[y + 1, n + 1] - right[y - 1, n + 1])
                        )
                        value = (1 - f) * right[y, n] + f * right[y, n + 1]
                        # Gain and offset stand for values from which MID was taken.
                        want = quality[GAIN, j, i] * (left[y, x] - _MID) + quality[OFFSET, j, i] + _MID
                        top += slope * (want - value)
                        bottom += slope * slope
            if cells >= LEAST_CELLS and bottom > 0.0:
                shifts[bj, bi] = top / bottom
