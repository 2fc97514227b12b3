"""Windowed least squares: from sums a cell to a correction of disparity, slopes, gain and offset for every window.

In: the ten planes of `products`, gated by a weight a cell. Out: corrections of the disparity planes and the quality of
each window. A window spans 2 * REACH + 1 cells a side with separable weights, so it is built from sums, not pixels.
The model: right(x - d) - slope * (e0 + e1 u + e2 v) = gain * left + offset, with u and v counted in whole cells.
This file refuses to know images and pyramids.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.products import CELL_PX, G2, GL, GR, LL, LR, RR, G, L, R

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]

REACH = 2
TAPS = np.array([0.35, 0.8, 1.0, 0.8, 0.35], np.float32)
"""Weights of a window's cells along one axis."""
TAPS.flags.writeable = False
CORRELATION, SIGMA, FULLNESS, GAIN, OFFSET, CONTRAST = range(6)
QUALITIES = 6

_W = 256
"""Cells a block; with REACH more on either side in the vertical sums."""
_V = _W + 2 * REACH
_ONE, _ZERO, _TINY = np.float32(1), np.float32(0), np.float32(1e-12)
_CELL = np.float32(CELL_PX)
_PIXELS = np.float32(CELL_PX * CELL_PX)
_FULL = np.float32(TAPS.sum() ** 2)
_SPREAD = np.float32((TAPS**2).sum() ** 2 / TAPS.sum() ** 2)
"""Variance of a weighted fit, against one with all weights one: sum of squares over sum of the weights."""
_UNKNOWNS = np.float32(5)

# Vertical sums: plane, power of v. Horizontal: vertical line, power of u.
_G2, _G2V, _G2VV, _GL, _GLV, _G, _GV, _GR, _GRV, _L, _R, _LL, _LR, _RR, _N = range(15)
_V_PLANE = np.array([G2, G2, G2, GL, GL, G, G, GR, GR, L, R, LL, LR, RR, -1])
_V_POWER = np.array([0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
_H_LINE = np.array(
    [_G2, _G2, _G2, _G2V, _G2V, _G2VV, _GL, _GL, _GLV, _G, _G, _GV, _GR, _GR, _GRV, _L, _R, _LL, _LR, _RR, _N]
)
_H_POWER = np.array([0, 1, 2, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
for _table in (_V_PLANE, _V_POWER, _H_LINE, _H_POWER):
    _table.flags.writeable = False


@kernel
def gate(sums: Floats32, weight: Floats32, spans: Ints32) -> None:
    """Multiply the sums of each cell, (10, h, w), by its weight, (h, w); zero what lies outside the spans."""
    for j in range(spans.shape[0]):
        first, last = spans[j, 0], spans[j, 1]
        for plane in range(9):
            row = sums[plane, j]
            for i in range(first):
                row[i] = _ZERO
            for i in range(first, last):
                row[i] *= weight[j, i]
            for i in range(last, row.shape[0]):
                row[i] = _ZERO
        for i in range(first):
            weight[j, i] = _ZERO
        for i in range(last, weight.shape[1]):
            weight[j, i] = _ZERO


@kernel
def solve_windows(
    sums: Floats32, weight: Floats32, spans: Ints32, taps: Floats32, step: Floats32, quality: Floats32
) -> None:
    """Fill `step`, (3, h, w): corrections of d (px), dd/dx, dd/dy; and `quality`, (6, h, w), inside the spans.

    Quality: correlation, standard uncertainty of d in pixels, share of the window that counted, gain, offset, variance.
    """
    rows, columns = weight.shape
    upright = np.zeros(15 * _V, np.float32)
    window = np.zeros(21 * _W, np.float32)
    factors = np.zeros(5, np.float32)
    for j in range(rows):
        for first in range(spans[j, 0], spans[j, 1], _W):
            count = min(_W, spans[j, 1] - first)
            # Only the first and last block of a row reach beyond it; what is not there counts nothing.
            low, high = max(REACH - first, 0), min(count + 2 * REACH, columns - first + REACH)
            for line in range(15):
                plane, power = _V_PLANE[line], _V_POWER[line]
                for q in range(5):
                    is_inside = 0 <= j + q - REACH < rows
                    factors[q] = taps[q] * (_CELL * np.float32(q - REACH)) ** power if is_inside else _ZERO
                target = upright[line * _V : (line + 1) * _V]
                for n in range(low):
                    target[n] = _ZERO
                for n in range(high, count + 2 * REACH):
                    target[n] = _ZERO
                source = weight if plane < 0 else sums[plane]
                _down(source, j, first - REACH + low, factors, target[low:], high - low)
            for output in range(21):
                for p in range(5):
                    factors[p] = taps[p] * (_CELL * np.float32(p - REACH)) ** _H_POWER[output]
                _along(upright[_H_LINE[output] * _V :], factors, window[output * _W :], count)
            _solve(window, count, first, step[0, j], step[1, j], step[2, j], quality[:, j])


@kernel
def _down(source: Floats32, j: int, first: int, factors: Floats32, target: Floats32, count: int) -> None:
    last = source.shape[0] - 1
    a, b, c = source[max(j - 2, 0)], source[max(j - 1, 0)], source[j]
    d, e = source[min(j + 1, last)], source[min(j + 2, last)]
    f0, f1, f2, f3, f4 = factors[0], factors[1], factors[2], factors[3], factors[4]
    for n in range(count):
        m = first + n
        target[n] = f0 * a[m] + f1 * b[m] + f2 * c[m] + f3 * d[m] + f4 * e[m]


@kernel
def _along(source: Floats32, factors: Floats32, target: Floats32, count: int) -> None:
    f0, f1, f2, f3, f4 = factors[0], factors[1], factors[2], factors[3], factors[4]
    for n in range(count):
        target[n] = f0 * source[n] + f1 * source[n + 1] + f2 * source[n + 2] + f3 * source[n + 3] + f4 * source[n + 4]


@kernel
def _solve(
    w: Floats32, count: int, first: int, out_d: Floats32, out_x: Floats32, out_y: Floats32, quality: Floats32
) -> None:
    q_correlation, q_sigma, q_full = quality[0], quality[1], quality[2]
    q_gain, q_offset, q_contrast = quality[3], quality[4], quality[5]
    for n in range(count):
        g00, g01, g02 = w[n], w[n + _W], w[n + 3 * _W]
        g11, g12, g22 = w[n + 2 * _W], w[n + 4 * _W], w[n + 5 * _W]
        l0, l1, l2 = w[n + 6 * _W], w[n + 7 * _W], w[n + 8 * _W]
        s0, s1, s2 = w[n + 9 * _W], w[n + 10 * _W], w[n + 11 * _W]
        r0, r1, r2 = w[n + 12 * _W], w[n + 13 * _W], w[n + 14 * _W]
        sl, sr, sll, slr, srr = w[n + 15 * _W], w[n + 16 * _W], w[n + 17 * _W], w[n + 18 * _W], w[n + 19 * _W]
        pixels = _PIXELS * w[n + 20 * _W]
        share = _ONE / max(pixels, _ONE)
        # Offset out, then gain: what is left of each product is orthogonal to both.
        cll = max(sll - sl * sl * share, _TINY)
        back = _ONE / cll
        l0, l1, l2 = l0 - s0 * sl * share, l1 - s1 * sl * share, l2 - s2 * sl * share
        clr = slr - sl * sr * share
        crr = max(srr - sr * sr * share, _TINY)
        h0 = r0 - s0 * sr * share - l0 * clr * back
        h1 = r1 - s1 * sr * share - l1 * clr * back
        h2 = r2 - s2 * sr * share - l2 * clr * back
        a00 = g00 - s0 * s0 * share - l0 * l0 * back
        a01 = g01 - s0 * s1 * share - l0 * l1 * back
        a02 = g02 - s0 * s2 * share - l0 * l2 * back
        a11 = g11 - s1 * s1 * share - l1 * l1 * back
        a12 = g12 - s1 * s2 * share - l1 * l2 * back
        a22 = g22 - s2 * s2 * share - l2 * l2 * back
        c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
        determinant = a00 * c00 + a01 * c01 + a02 * c02
        is_good = determinant > np.float32(1e-6) * a00 * a11 * a22 and pixels > _ONE
        inverse = _ONE / determinant if is_good else _ZERO
        c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
        e0 = (c00 * h0 + c01 * h1 + c02 * h2) * inverse
        e1 = (c01 * h0 + c11 * h1 + c12 * h2) * inverse
        e2 = (c02 * h0 + c12 * h1 + c22 * h2) * inverse
        rest = max(crr - clr * clr * back - e0 * h0 - e1 * h1 - e2 * h2, _ZERO)
        noise = rest / max(pixels - _UNKNOWNS, _ONE)
        i = first + n
        out_d[i], out_x[i], out_y[i] = e0, e1, e2
        q_correlation[i] = np.sqrt(max(_ONE - rest / crr, _ZERO)) if clr > _ZERO else _ZERO
        q_sigma[i] = np.sqrt(noise * c00 * inverse * _SPREAD) if is_good else np.float32(np.inf)
        q_full[i] = w[n + 20 * _W] / _FULL
        gain = (clr - e0 * l0 - e1 * l1 - e2 * l2) * back
        q_gain[i] = gain
        q_offset[i] = (sr - e0 * s0 - e1 * s1 - e2 * s2 - gain * sl) * share
        q_contrast[i] = crr * share
