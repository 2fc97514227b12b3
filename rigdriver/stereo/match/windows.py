"""Windowed least squares: from sums per cell to a correction of disparity, slopes, gain and offset for every window.

In: the ten sums per cell of `products`. Out: corrections of the disparity planes and the quality of each window. A
window spans 2 * REACH + 1 cells per side with separable weights, so it is built from sums, not pixels.

The model is adaptive least squares correlation (Gruen 1985), linearised once per step:
    right(x - d) - slope * (e0 + e1 u + e2 v) = gain * left + offset
with slope g, corrections e0 (px), e1 and e2 (px per px), and u, v the distance of a cell's middle from the window's.
Gain and offset are eliminated first (variable projection, Golub and Pereyra 1973), so that three unknowns are left.
Not here: images (see products.py) and what becomes of a correction (see step.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rigdriver.arrays import Floats32, Ints32, make_read_only
from rigdriver.stereo.cells import CELL_PX, CONTRAST, CORRELATION, FULLNESS, GAIN, OFFSET, SIGMA
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.products import BLOCK, SUM, SUMS

REACH = 2
"""Number of cells by which a window reaches beyond its own cell on each side."""
TAPS = np.array([0.3, 0.78, 1.0, 0.78, 0.3], np.float32)
"""Weights of a window's cells along one axis."""
make_read_only(TAPS)


class WindowSums(NamedTuple):
    """Numbers of a window's sums: a cell's sum, weighted, times 1 or the powers of u and v that the name ends in."""

    g2: int
    g2_u: int
    g2_uu: int
    g2_v: int
    g2_uv: int
    g2_vv: int
    g_left: int
    g_left_u: int
    g_left_v: int
    g: int
    g_u: int
    g_v: int
    g_right: int
    g_right_u: int
    g_right_v: int
    left: int
    right: int
    left2: int
    left_right: int
    right2: int
    counted: int


WINDOW = WindowSums(*range(21))
WINDOWS = len(WINDOW)
FIRST_ORDER = (SUM.g_left, SUM.g, SUM.g_right)
"""Sums of a cell that a window needs times 1, u and v; three numbers each, in this order."""
ZERO_ORDER = SUM.left
"""First of the sums that a window needs times 1 only."""


class _LineSums(NamedTuple):
    """Numbers of the vertical sums: a cell's sum, weighted down the window, times the power of v that the name ends in.

    Sums of the same product stand together, and `_along` then adds the powers of u.
    """

    g2: int
    g2_v: int
    g2_vv: int
    g_left: int
    g_left_v: int
    g: int
    g_v: int
    g_right: int
    g_right_v: int
    left: int
    right: int
    left2: int
    left_right: int
    right2: int
    counted: int


_LINE = _LineSums(*range(15))
_LINES = len(_LINE)
_W = BLOCK
_V = _W + 2 * REACH
"""Length of a line of vertical sums: it reaches beyond its block on either side."""
_ONE, _TWO, _FOUR, _ZERO, _TINY = np.float32(1), np.float32(2), np.float32(4), np.float32(0), np.float32(1e-12)
_CELL = np.float32(CELL_PX)
_PIXELS = np.float32(CELL_PX * CELL_PX)
_FULL = np.float32(TAPS.sum() ** 2)
_SPREAD = np.float32((TAPS**2).sum() ** 2 / TAPS.sum() ** 2)
"""Variance of a weighted fit over that of one with all weights one: sum of squares over sum of the weights."""
_UNKNOWNS = np.float32(5)
_SINGULAR = np.float32(1e-6)
"""Determinant, as a share of the diagonal's product, below which a window determines no plane."""


@kernel
def solve_rows(
    sums: Floats32, spans: Ints32, taps: Floats32, rows: tuple[int, int], step: Floats32, quality: Floats32
) -> None:
    """Fill rows of `step`, (3, h, w): corrections of d (px), dd/dx, dd/dy; and of `quality`, (6, h, w), in the spans.

    The sums, (h, 10, w), must stand REACH rows beyond. `taps` are symmetric.
    """
    upright, window = np.zeros(_LINES * _V, np.float32), np.zeros(WINDOWS * _W, np.float32)
    nothing = np.zeros((SUMS, sums.shape[2]), np.float32)
    height, columns = sums.shape[0], sums.shape[2]
    outer, inner = taps[0], taps[1]
    for j in range(rows[0], rows[1]):
        # The five rows of the window; beyond the field they are zero.
        a, b, c = sums[j - 2] if j >= 2 else nothing, sums[j - 1] if j >= 1 else nothing, sums[j]
        d, e = sums[j + 1] if j + 1 < height else nothing, sums[j + 2] if j + 2 < height else nothing
        for first in range(spans[j, 0], spans[j, 1], _W):
            count = min(_W, spans[j, 1] - first)
            # Only the first and last block of a row reach beyond it; what is not there counts nothing.
            low, high = max(REACH - first, 0), min(count + 2 * REACH, columns - first + REACH)
            if high - low < count + 2 * REACH:
                upright[:] = _ZERO
            part = slice(first - REACH + low, first - REACH + high)
            # Down the window first, then along it: separable weights need 5 + 5 products instead of 25.
            _down(SUM.g2, _LINE.g2, 3, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(SUM.g_left, _LINE.g_left, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(SUM.g, _LINE.g, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            _down(SUM.g_right, _LINE.g_right, 2, a, b, c, d, e, part, outer, inner, upright[low:])
            for n in range(ZERO_ORDER, SUMS):
                _down(n, _LINE.left + n - ZERO_ORDER, 1, a, b, c, d, e, part, outer, inner, upright[low:])
            _along(upright[_LINE.g2 * _V :], 3, outer, inner, count, window, WINDOW.g2)
            _along(upright[_LINE.g2_v * _V :], 2, outer, inner, count, window, WINDOW.g2_v)
            _along(upright[_LINE.g2_vv * _V :], 1, outer, inner, count, window, WINDOW.g2_vv)
            for n in range(len(FIRST_ORDER)):
                _along(upright[(_LINE.g_left + 2 * n) * _V :], 2, outer, inner, count, window, WINDOW.g_left + 3 * n)
                _along(
                    upright[(_LINE.g_left_v + 2 * n) * _V :], 1, outer, inner, count, window, WINDOW.g_left_v + 3 * n
                )
            for n in range(SUMS - ZERO_ORDER):
                _along(upright[(_LINE.left + n) * _V :], 1, outer, inner, count, window, WINDOW.left + n)
            cells = slice(first, first + count)
            solve_block(window, count, step[0, j, cells], step[1, j, cells], step[2, j, cells], quality[:, j, cells])


@kernel
def _down(  # noqa: PLR0913, PLR0917
    plane: int, line: int, powers: int, a: Floats32, b: Floats32, c: Floats32, d: Floats32, e: Floats32, part: slice,
    outer: np.float32, inner: np.float32, upright: Floats32,
) -> None:  # fmt: skip
    """Sum five rows of a plane, weighted by the taps, and by the taps times v and v^2 where `powers` is 2 and 3.

    v is -2, -1, 0, 1, 2 cells: rows at equal distance are added where the power is even, subtracted where it is odd.
    """
    pa, pb, pc, pd, pe = a[plane, part], b[plane, part], c[plane, part], d[plane, part], e[plane, part]
    # Rows at +v and -v in one bracket: the power decides whether they add or cancel.
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
    """Sum five neighbours of a line in the same way, with powers of u instead of v."""
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
    """Solve windows side by side; `w`: (21 * BLOCK,), the sums in the order of `WindowSums`.

    The names: a_ij = sum g^2 (1, u, v)(1, u, v)^T, l_i = sum g left (1, u, v), s_i = sum g (1, u, v), r_i = sum g right
    (1, u, v); sl, sr, sll, slr, srr are sums of left, right and their products.
    """
    q_correlation, q_sigma, q_full = quality[CORRELATION], quality[SIGMA], quality[FULLNESS]
    q_gain, q_offset, q_contrast = quality[GAIN], quality[OFFSET], quality[CONTRAST]
    for n in range(count):
        g00, g01, g02 = w[n + WINDOW.g2 * _W], w[n + WINDOW.g2_u * _W], w[n + WINDOW.g2_v * _W]
        g11, g12, g22 = w[n + WINDOW.g2_uu * _W], w[n + WINDOW.g2_uv * _W], w[n + WINDOW.g2_vv * _W]
        l0, l1, l2 = w[n + WINDOW.g_left * _W], w[n + WINDOW.g_left_u * _W], w[n + WINDOW.g_left_v * _W]
        s0, s1, s2 = w[n + WINDOW.g * _W], w[n + WINDOW.g_u * _W], w[n + WINDOW.g_v * _W]
        r0, r1, r2 = w[n + WINDOW.g_right * _W], w[n + WINDOW.g_right_u * _W], w[n + WINDOW.g_right_v * _W]
        sl, sr = w[n + WINDOW.left * _W], w[n + WINDOW.right * _W]
        sll, slr, srr = w[n + WINDOW.left2 * _W], w[n + WINDOW.left_right * _W], w[n + WINDOW.right2 * _W]
        # The count of cells, weighted, times their pixels: the number of pixels that the sums stand for.
        pixels = _PIXELS * w[n + WINDOW.counted * _W]
        share = _ONE / max(pixels, _ONE)
        # Offset out (each sum less its means), then gain (less its projection on left): what is left of each product
        # is orthogonal to both.
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
        # A_ij = sum g^2 u_i u_j and h_i = sum g right u_i, each less what offset and gain explain.
        # Normal equations A e = h, solved by Cramer's rule: c_ij are the cofactors of A.
        c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
        determinant = a00 * c00 + a01 * c01 + a02 * c02
        is_good = determinant > _SINGULAR * a00 * a11 * a22 and pixels > _ONE
        inverse = _ONE / determinant if is_good else _ZERO
        c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
        e0 = (c00 * h0 + c01 * h1 + c02 * h2) * inverse
        e1 = (c01 * h0 + c11 * h1 + c12 * h2) * inverse
        e2 = (c02 * h0 + c12 * h1 + c22 * h2) * inverse
        # Sum of squared residuals; over the degrees of freedom it is the noise, and that times A^-1 the covariance.
        rest = max(crr - clr * clr * back - e0 * h0 - e1 * h1 - e2 * h2, _ZERO)
        noise = rest / max(pixels - _UNKNOWNS, _ONE)
        out_d[n], out_x[n], out_y[n] = e0, e1, e2
        # Share of the right image's variance that the whole model explains, as a correlation.
        q_correlation[n] = np.sqrt(max(_ONE - rest / crr, _ZERO)) if clr > _ZERO else _ZERO
        # c00 / det is the variance of e0 for unit noise and unit weights; _SPREAD corrects for the taps.
        q_sigma[n] = np.sqrt(noise * c00 * inverse * _SPREAD) if is_good else np.float32(np.inf)
        q_full[n] = w[n + WINDOW.counted * _W] / _FULL
        # Back-substitution of the two that were eliminated.
        gain = (clr - e0 * l0 - e1 * l1 - e2 * l2) * back
        q_gain[n] = gain
        q_offset[n] = (sr - e0 * s0 - e1 * s1 - e2 * s2 - gain * sl) * share
        q_contrast[n] = crr * share
