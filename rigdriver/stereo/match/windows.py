"""Windowed least squares: from sums a cell to a correction of disparity, slopes, gain and offset for every window.

In: the ten sums a cell of `products`. Out: corrections of the disparity planes and the quality of
each window. A window spans 2 * REACH + 1 cells a side with separable weights, so it is built from sums, not pixels.
The model: right(x - d) - slope * (e0 + e1 u + e2 v) = gain * left + offset, with u and v counted in whole cells.
This file refuses to know images and pyramids.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.cells import CELL_PX, CONTRAST, CORRELATION, FULLNESS, GAIN, OFFSET, SIGMA
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.products import BLOCK, G2, GL, GR, SUMS, G, L

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]

REACH = 2
TAPS = np.array([0.3, 0.78, 1.0, 0.78, 0.3], np.float32)
"""Weights of a window's cells along one axis."""
TAPS.flags.writeable = False
WINDOWS = 21
"""Sums that `solve_block` needs of a window."""

_W = BLOCK
_V = _W + 2 * REACH
"""Vertical sums reach beyond their block on either side."""
_ONE, _TWO, _FOUR, _ZERO, _TINY = np.float32(1), np.float32(2), np.float32(4), np.float32(0), np.float32(1e-12)
_CELL = np.float32(CELL_PX)
_PIXELS = np.float32(CELL_PX * CELL_PX)
_FULL = np.float32(TAPS.sum() ** 2)
_SPREAD = np.float32((TAPS**2).sum() ** 2 / TAPS.sum() ** 2)
"""Variance of a weighted fit, against one with all weights one: sum of squares over sum of the weights."""
_UNKNOWNS = np.float32(5)

# Vertical sums, a line of `upright` each: plane and power of v. Horizontal ones in `window`: line and power of u.
_G2, _G2V, _G2VV, _GL, _GLV, _G, _GV, _GR, _GRV, _L, _R, _LL, _LR, _RR, _N = range(15)


@kernel
def solve_rows(
    sums: Floats32, spans: Ints32, taps: Floats32, rows: tuple[int, int], step: Floats32, quality: Floats32
) -> None:
    """Fill rows of `step`, (3, h, w): corrections of d (px), dd/dx, dd/dy; and of `quality`, (6, h, w), in the spans.

    The sums, (h, 10, w), must stand REACH rows beyond. `taps` are symmetric.
    """
    upright, window = np.zeros(15 * _V, np.float32), np.zeros(WINDOWS * _W, np.float32)
    nothing = np.zeros((SUMS, sums.shape[2]), np.float32)
    height, columns = sums.shape[0], sums.shape[2]
    outer, inner = taps[0], taps[1]
    for j in range(rows[0], rows[1]):
        a, b, c = sums[j - 2] if j >= 2 else nothing, sums[j - 1] if j >= 1 else nothing, sums[j]
        d, e = sums[j + 1] if j + 1 < height else nothing, sums[j + 2] if j + 2 < height else nothing
        for first in range(spans[j, 0], spans[j, 1], _W):
            count = min(_W, spans[j, 1] - first)
            # Only the first and last block of a row reach beyond it; what is not there counts nothing.
            low, high = max(REACH - first, 0), min(count + 2 * REACH, columns - first + REACH)
            if high - low < count + 2 * REACH:
                upright[:] = _ZERO
            part = slice(first - REACH + low, first - REACH + high)
            _down(G2, _G2, 3, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(GL, _GL, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(G, _G, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(GR, _GR, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            for n in range(L, SUMS):
                _down(n, _L + n - L, 1, a, b, c, d, e, part, outer, inner, upright[low:])
            _along(upright[_G2 * _V :], 3, outer, inner, count, window, 0)
            _along(upright[_G2V * _V :], 2, outer, inner, count, window, 3)
            _along(upright[_G2VV * _V :], 1, outer, inner, count, window, 5)
            for n in range(3):
                _along(upright[(_GL + 2 * n) * _V :], 2, outer, inner, count, window, 6 + 3 * n)
                _along(upright[(_GLV + 2 * n) * _V :], 1, outer, inner, count, window, 8 + 3 * n)
            for n in range(6):
                _along(upright[(_L + n) * _V :], 1, outer, inner, count, window, 15 + n)
            cells = slice(first, first + count)
            solve_block(window, count, step[0, j, cells], step[1, j, cells], step[2, j, cells], quality[:, j, cells])


@kernel
def _down(  # noqa: PLR0913, PLR0917
    plane: int, line: int, powers: int, a: Floats32, b: Floats32, c: Floats32, d: Floats32, e: Floats32, part: slice,
    outer: np.float32, inner: np.float32, upright: Floats32,
) -> None:  # fmt: skip
    """Sum five rows of a plane, weighted by the taps, and by the taps and powers of v up to 2."""
    pa, pb, pc, pd, pe = a[plane, part], b[plane, part], c[plane, part], d[plane, part], e[plane, part]
    even = upright[line * _V :]
    for n in range(pa.shape[0]):
        even[n] = pc[n] + inner * (pb[n] + pd[n]) + outer * (pa[n] + pe[n])
    if powers > 1:
        odd, one, two = upright[(line + 1) * _V :], _CELL * inner, _TWO * _CELL * outer
        for n in range(pa.shape[0]):
            odd[n] = one * (pd[n] - pb[n]) + two * (pe[n] - pa[n])
    if powers > 2:
        square, one, two = upright[(line + 2) * _V :], _CELL * _CELL * inner, _FOUR * _CELL * _CELL * outer
        for n in range(pa.shape[0]):
            square[n] = one * (pb[n] + pd[n]) + two * (pa[n] + pe[n])


@kernel
def _along(
    line: Floats32, powers: int, outer: np.float32, inner: np.float32, count: int, window: Floats32, output: int
) -> None:
    """Sum five neighbours of a line in the same way, with powers of u."""
    even = window[output * _W :]
    for n in range(count):
        even[n] = line[n + 2] + inner * (line[n + 1] + line[n + 3]) + outer * (line[n] + line[n + 4])
    if powers > 1:
        odd, one, two = window[(output + 1) * _W :], _CELL * inner, _TWO * _CELL * outer
        for n in range(count):
            odd[n] = one * (line[n + 3] - line[n + 1]) + two * (line[n + 4] - line[n])
    if powers > 2:
        square, one, two = window[(output + 2) * _W :], _CELL * _CELL * inner, _FOUR * _CELL * _CELL * outer
        for n in range(count):
            square[n] = one * (line[n + 1] + line[n + 3]) + two * (line[n] + line[n + 4])


@kernel
def solve_block(w: Floats32, count: int, out_d: Floats32, out_x: Floats32, out_y: Floats32, quality: Floats32) -> None:
    """Solve windows side by side; `w`: (21 * BLOCK,), sum after sum.

    Sums: g^2 times 1, u, u^2, v, uv, v^2; g * left, g and g * right times 1, u, v; left, right, left^2, left * right,
    right^2 and the count.
    """
    q_correlation, q_sigma, q_full = quality[CORRELATION], quality[SIGMA], quality[FULLNESS]
    q_gain, q_offset, q_contrast = quality[GAIN], quality[OFFSET], quality[CONTRAST]
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
        out_d[n], out_x[n], out_y[n] = e0, e1, e2
        q_correlation[n] = np.sqrt(max(_ONE - rest / crr, _ZERO)) if clr > _ZERO else _ZERO
        q_sigma[n] = np.sqrt(noise * c00 * inverse * _SPREAD) if is_good else np.float32(np.inf)
        q_full[n] = w[n + 20 * _W] / _FULL
        gain = (clr - e0 * l0 - e1 * l1 - e2 * l2) * back
        q_gain[n] = gain
        q_offset[n] = (sr - e0 * s0 - e1 * s1 - e2 * s2 - gain * sl) * share
        q_contrast[n] = crr * share
