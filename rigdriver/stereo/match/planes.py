"""Planes through windows of cells, also of windows that are not whole: M, the value in the middle of each.

In: values of cells, and which cells there are. Out: for each cell that there is, the value that the least-squares plane
through its window has in the middle. In a whole window that is the weighted mean, so one filter does for all; each
other window has weights of its own. Arrays are framed: REACH cells more on each side, which are 0, so no window leaves
them. Not here: what is made of M (see lost.py) and the same fit within the matching (see field.sharpen).
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, make_read_only
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.kernel import exact_kernel, kernel
from rigdriver.stereo.match.field import LEAST_SPREAD
from rigdriver.stereo.match.windows import REACH, TAPS

_SIDE = 2 * REACH + 1
_SHARES = TAPS / TAPS.sum()
_ZERO, _ONE = np.float32(0), np.float32(1)
_WHOLE_ROW = (1 << _SIDE) - 1
N = TypeVar("N", bound=np.generic)


class PlaneWindows(NamedTuple):
    """Windows of all cells of a grid."""

    has: Bytes
    """(h + 2 REACH, w + 2 REACH): 1 where a cell is."""
    corners: Ints32
    """(n,): the first cell, in the flat grid, of each window that is not whole, but has its middle."""
    weights: Floats32
    """(SIDE^2, n): share of each cell of these in the value of its plane."""

    def average(self, values: Floats32) -> Floats32:
        """Return M of framed values, which are 0 where no cell is; where no cell is, the result means nothing."""
        found = np.empty_like(values)
        inside(found)[:] = cv2.sepFilter2D(inside(values), -1, _SHARES, _SHARES, borderType=cv2.BORDER_CONSTANT)
        _fill(values.ravel(), values.shape[1], self.corners, self.weights, found.ravel())
        return found


def framed(values: npt.NDArray[N]) -> npt.NDArray[N]:
    """Return a copy with REACH zeros on each side."""
    found: npt.NDArray[N] = np.zeros([n + 2 * REACH for n in values.shape], values.dtype)
    inside(found)[:] = values
    return found


def inside(values: npt.NDArray[N]) -> npt.NDArray[N]:
    """Return what the frame holds, as a view."""
    return values[REACH:-REACH, REACH:-REACH]


def windows_of(has: Bytes) -> PlaneWindows:
    """Return the windows of a grid, (h, w), not framed: 1 where a cell is."""
    grid = framed(has)
    patterns, corners = np.empty_like(grid), np.empty(has.size, np.int32)
    _find_patterns(grid.ravel(), patterns.ravel())
    corners = corners[: _list_open(patterns, inside(grid), corners)]
    weights = np.empty((_SIDE * _SIDE, len(corners)), np.float32)
    _weigh(patterns.ravel(), grid.shape[1], corners, _ROWS, _ROW_SUMS, weights)
    return PlaneWindows(grid, corners, weights)


def _row_weights() -> tuple[Floats32, Array]:
    """Return, by row of a window and by pattern of that row, the weights of its cells and their sums, and with u, u^2.

    The sums are exact: 24 bits per weight, times small whole numbers.
    """
    bits = (np.arange(1 << _SIDE)[:, None] >> np.arange(_SIDE)) & 1
    weights = (TAPS[:, None] * TAPS)[:, None, :] * bits.astype(np.float32)
    u = CELL_PX * (np.arange(_SIDE) - REACH)
    return weights, weights.astype(np.float64) @ np.stack([np.ones(_SIDE), u, u * u], axis=1)


_ROWS, _ROW_SUMS = _row_weights()
make_read_only(_ROWS, _ROW_SUMS)


@exact_kernel
def _find_patterns(has: Bytes, patterns: Bytes) -> None:
    """Fill in which cells of a window's row are there: the cell itself is bit 0, the last one to its right bit 4."""
    a, b, c, d, e = has, has[1:], has[2:], has[3:], has[4:]
    for i in range(e.shape[0]):
        patterns[i] = a[i] | b[i] << 1 | c[i] << 2 | d[i] << 3 | e[i] << 4


@exact_kernel
def _list_open(patterns: Bytes, has: Bytes, corners: Ints32) -> int:
    """List the windows that are not whole, but have their middle, by their first cell in the flat grid; count them."""
    rows, columns = has.shape
    count = 0
    for j in range(rows):
        a, b, c, d, e = patterns[j], patterns[j + 1], patterns[j + 2], patterns[j + 3], patterns[j + 4]
        middle = has[j]
        for i in range(columns):
            if middle[i] and a[i] & b[i] & c[i] & d[i] & e[i] != _WHOLE_ROW:
                corners[count] = j * patterns.shape[1] + i
                count += 1
    return count


@kernel
def _weigh(patterns: Bytes, columns: int, corners: Ints32, rows: Floats32, row_sums: Array, weights: Floats32) -> None:
    """Fill the weights with which the cells of a window make the value of their plane there (as field.sharpen fits)."""
    for n in range(corners.shape[0]):
        window = patterns[corners[n] :]
        s = su = sv = suu = suv = svv = 0.0
        for q in range(_SIDE):
            sums, v = row_sums[q, window[q * columns]], float(CELL_PX * (q - REACH))
            s, su, suu = s + sums[0], su + sums[1], suu + sums[2]
            sv, suv, svv = sv + v * sums[0], suv + v * sums[1], svv + v * v * sums[0]
        # First row of the inverse of the plane's normal equations, by cofactors.
        c00, c01, c02 = suu * svv - suv * suv, suv * sv - su * svv, su * suv - suu * sv
        determinant = s * c00 + su * c01 + sv * c02
        if not determinant > LEAST_SPREAD * s * suu * svv:
            # Hardly a neighbour: the cell stays as it is.
            weights[:, n] = _ZERO
            weights[_SIDE * REACH + REACH, n] = _ONE
            continue
        for q in range(_SIDE):
            shares = rows[q, window[q * columns]]
            for p in range(_SIDE):
                at = c00 + c01 * CELL_PX * (p - REACH) + c02 * CELL_PX * (q - REACH)
                weights[_SIDE * q + p, n] = shares[p] * at / determinant


@kernel
def _fill(values: Floats32, columns: int, corners: Ints32, weights: Floats32, found: Floats32) -> None:
    """Write the value of its plane into the middle of each listed window."""
    count = corners.shape[0]
    total = np.zeros(count, np.float32)
    # Cell by cell of all windows at once: sums that do not wait for one another.
    for q in range(_SIDE):
        for p in range(_SIDE):
            weight, cell = weights[_SIDE * q + p], values[q * columns + p :]
            for n in range(count):
                total[n] += weight[n] * cell[np.uint32(corners[n])]
    middle = found[REACH * columns + REACH :]
    for n in range(count):
        middle[np.uint32(corners[n])] = total[n]
