"""Ten sums per cell, from which planes are fitted.

They are the sums of left pixel values, of right pixel values, of the right image's gradient, and of all products of two
of these, squares included; the tenth is a count. A fit adds up the sums of the cells in its window.

In: both rectified images and one disparity plane per cell. Out: ten sums per cell (`CellSums`), zero where a cell must
not count. Each pixel is touched once, whatever the windows will be.

The right image is read through a cubic B-spline that is *not* made to interpolate (Unser, Splines: a perfect fit for
signal and image processing, 1999, without the prefilter), and the left one is smoothed alike, by (1 4 1) / 6. Then the
noise in what is read hardly depends on the fraction of a pixel; such dependence draws disparities towards half pixels.

A block of cells is laid out by the pixels' places within a cell, so that neighbouring numbers belong to neighbouring
cells and nothing has to be folded. Loops run over slices from 0 on: an index that might be negative costs the compiler
its vector lanes, and the loop eight times its time. Not here: windows and unknowns (see windows.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints32
from rigdriver.stereo.cells import CELL_PX, CONTRAST, GAIN, MIDDLE_PX, OFFSET, Planes
from rigdriver.stereo.kernel import kernel


class CellSums(NamedTuple):
    """Numbers of a cell's sums. g is the slope of the right image, left and right are pixel values less MID."""

    g2: int
    g_left: int
    g: int
    g_right: int
    left: int
    right: int
    left2: int
    left_right: int
    right2: int
    counted: int
    """Count: 1 where the cell takes part, else 0."""


SUM = CellSums(*range(10))
SUMS = len(SUM)
MID = np.float32(96.0)
"""Value taken off all pixels, so that single precision holds the sums of squares."""
BLOCK = 64
"""Number of cells that are worked on together: what they need fits the fastest memory."""
WEAKEST_REST = np.float32(8.0)
"""Mean squared residual per pixel, in squared grey values; a smaller one counts as noise at any contrast."""
SPLINE_TAPS = 4
"""Number of neighbouring pixels that a cubic B-spline reads."""


class LightFit(NamedTuple):
    """Gain, offset and contrast of cells side by side, as the step before found them."""

    gain: Floats32
    offset: Floats32
    contrast: Floats32


_ONE, _TWO, _THREE, _FOUR, _SIXTH, _HALF = (np.float32(v) for v in (1.0, 2.0, 3.0, 4.0, 1.0 / 6.0, 0.5))
_ZERO = np.float32(0)
_MIDDLE = np.float32(MIDDLE_PX)
_PIXELS = np.float32(CELL_PX * CELL_PX)
_ROW = CELL_PX * BLOCK
_PRODUCTS = SUM.counted
"""Number of sums before the count."""
_BRIGHT = np.float32(1e9)
"""Value above every pixel."""


@kernel
def sum_rows(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, has: Bytes, quality: Floats32, spans: Ints32,
    dark: float, worst: float, rows: tuple[int, int], sums: Floats32,
) -> None:  # fmt: skip
    """Fill the given rows of `sums`, (h, 10, w) float32, for the planes in `field`, (3, h, w): d, dd/dx, dd/dy.

    `left`, `right`: (H, W). `spans`: (h, 2), the first cell of each row and the one behind its last; beyond them all
    sums are zero. A cell does not count either when it has no plane, when one of its pixels is below `dark` in either
    image, when its plane leaves the right image, and, where `worst` is not 0, when its pixels do not fit gain and
    offset of its window. `worst` is the largest squared rest, as a share of the window's variance; `quality`,
    (6, h, w), is that of the step before.
    """
    # Separate small arrays: the compiler must see that they do not overlap.
    grid, starts, part = np.zeros(_ROW, np.float32), np.zeros(_ROW, np.int32), np.zeros(_ROW, np.float32)
    taps, line = np.zeros(SPLINE_TAPS * _ROW, np.float32), np.zeros(_ROW, np.float32)
    value, slope, base = np.zeros(_ROW, np.float32), np.zeros(_ROW, np.float32), np.zeros(_ROW, np.float32)
    out, low, weight = np.zeros(_PRODUCTS * BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    # Columns of a block's pixels, sorted by their place m within a cell and then by cell n.
    for m in range(CELL_PX):
        for n in range(BLOCK):
            grid[m * BLOCK + n] = np.float32(n * CELL_PX + m)
    top = np.float32(right.shape[1] - SPLINE_TAPS)
    for j in range(rows[0], rows[1]):
        # Windows of cells inside the span read beyond it, so stale sums must not stay there.
        first, last = spans[j, 0], spans[j, 1]
        sums[j, :, :first] = _ZERO
        sums[j, :, last:] = _ZERO
        for i in range(first, last, BLOCK):
            count = min(BLOCK, last - i)
            part_of_row = slice(i, i + count)
            planes = Planes(field[0, j, part_of_row], field[1, j, part_of_row], field[2, j, part_of_row])
            out[:] = _ZERO
            low[:] = _BRIGHT
            # Pixel row by pixel row, as the images lie in memory.
            for k in range(CELL_PX):
                y = j * CELL_PX + k
                _place(grid, np.float32(i * CELL_PX), np.float32(k) - _MIDDLE, planes, top, starts, part)
                _gather(right[y], starts, taps)
                _interpolate(taps, part, value, slope)
                _smooth(left[y], i * CELL_PX, count * CELL_PX, line)
                _spread(line, count, base)
                _multiply(base, value, slope, count, out, low)
            light = LightFit(
                quality[GAIN, j, part_of_row], quality[OFFSET, j, part_of_row], quality[CONTRAST, j, part_of_row]
            )
            _weigh(
                out, low, has[j, part_of_row], planes, np.float32(i * CELL_PX), top, light,
                np.float32(dark), np.float32(worst), weight,
            )  # fmt: skip
            _store(out, weight, count, sums[j, :, part_of_row])


@kernel
def sum_cells(
    left: Floats32, right: Floats32, field: Floats32, places: Ints32, many: int, dark: float, sums: Floats32
) -> None:
    """Fill the sums of the first `many` cells of `places`, (n, 2): row and column. As `sum_rows` without `worst`."""
    grid, starts, part = np.zeros(_ROW, np.float32), np.zeros(_ROW, np.int32), np.zeros(_ROW, np.float32)
    taps, value, slope = (
        np.zeros(SPLINE_TAPS * _ROW, np.float32),
        np.zeros(_ROW, np.float32),
        np.zeros(_ROW, np.float32),
    )
    base, plane = np.zeros(_ROW, np.float32), np.zeros((3, BLOCK), np.float32)
    out, low, weight = np.zeros(_PRODUCTS * BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    nothing, has = np.zeros(BLOCK, np.float32), np.ones(BLOCK, np.uint8)
    unlit = LightFit(nothing, nothing, nothing)
    top = np.float32(right.shape[1] - SPLINE_TAPS)
    for begin in range(0, many, BLOCK):
        count = min(BLOCK, many - begin)
        for n in range(count):
            j, i = places[begin + n, 0], places[begin + n, 1]
            # Cells of a list do not lie side by side: their columns go into the planes instead of the grid.
            plane[0, n] = field[0, j, i] - np.float32(i * CELL_PX)
            plane[1, n], plane[2, n] = field[1, j, i], field[2, j, i]
            for m in range(CELL_PX):
                grid[m * BLOCK + n] = np.float32(m)
        out[:] = _ZERO
        low[:] = _BRIGHT
        planes = Planes(plane[0, :count], plane[1, :count], plane[2, :count])
        for k in range(CELL_PX):
            _place(grid, _ZERO, np.float32(k) - _MIDDLE, planes, top, starts, part)
            for n in range(count):
                y = places[begin + n, 0] * CELL_PX + k
                x = places[begin + n, 1] * CELL_PX
                _read_cell(left[y], right[y], x, n, starts, taps, base)
            _interpolate(taps, part, value, slope)
            _multiply(base, value, slope, count, out, low)
        # `_weigh` expects cell n at column n of its block: the planes are moved there.
        for n in range(count):
            plane[0, n] += np.float32(CELL_PX * n)
        _weigh(out, low, has[:count], planes, _ZERO, top, unlit, np.float32(dark), _ZERO, weight)
        for n in range(count):
            j, i = places[begin + n, 0], places[begin + n, 1]
            for p in range(_PRODUCTS):
                sums[j, p, i] = out[p * BLOCK + n] * weight[n]
            sums[j, SUM.counted, i] = weight[n]


@kernel
def _read_cell(left: Floats32, right: Floats32, x: int, n: int, starts: Ints32, taps: Floats32, base: Floats32) -> None:
    """Read one pixel row of cell `n` of a block: the spline's neighbours on the right, the smoothed left."""
    last = np.uint32(left.shape[0] - 1)
    for m in range(CELL_PX):
        o = np.uint32(m * BLOCK + n)
        s, t = np.uint32(starts[o]), np.uint32(SPLINE_TAPS) * o
        a, b, c, d = right[s - np.uint32(1)], right[s], right[s + np.uint32(1)], right[s + np.uint32(2)]
        taps[t], taps[t + np.uint32(1)], taps[t + np.uint32(2)], taps[t + np.uint32(3)] = a, b, c, d
        # Beyond the image's ends the last pixel is repeated.
        at = np.uint32(x + m)
        beside = left[max(at, np.uint32(1)) - np.uint32(1)] + left[min(at + np.uint32(1), last)]
        base[o] = _SIXTH * (beside + _FOUR * left[at]) - MID


@kernel
def _place(
    grid: Floats32, start: np.float32, v: np.float32, planes: Planes, top: np.float32, starts: Ints32, part: Floats32
) -> None:
    """Find where each pixel of one row of the cells falls in the right row: x - (d + a u + b v), whole and rest."""
    d, a, b = planes.d, planes.a, planes.b
    count = d.shape[0]
    for m in range(CELL_PX):
        u = np.float32(m) - _MIDDLE
        x, whole, rest = grid[m * BLOCK :], starts[m * BLOCK :], part[m * BLOCK :]
        for n in range(count):
            # Clamped to places with all neighbours; `_weigh` drops the cells that this changes.
            t = start + x[n] - d[n] - a[n] * u - b[n] * v
            inside = min(max(t, _ONE), top)
            at = np.int32(inside)
            whole[n] = at
            rest[n] = inside - np.float32(at)


@kernel
def _gather(right: Floats32, starts: Ints32, taps: Floats32) -> None:
    """Read the spline's neighbours of each place."""
    # Loading from computed places gains nothing from vector lanes; copying four neighbours at once costs least. The
    # places that a shorter block does not overwrite still lie in the row.
    for x in range(_ROW):
        i = np.uint32(starts[x])
        i = max(i, np.uint32(1))
        a, b, c, d = right[i - np.uint32(1)], right[i], right[i + np.uint32(1)], right[i + np.uint32(2)]
        n = SPLINE_TAPS * x
        taps[n], taps[n + 1], taps[n + 2], taps[n + 3] = a, b, c, d


@kernel
def _interpolate(taps: Floats32, part: Floats32, value: Floats32, slope: Floats32) -> None:
    """Value and slope of the cubic B-spline with coefficients a, b, c, d (Unser 1999), by Horner's rule."""
    # value(f) = (a + 4 b + c) / 6 + f (c - a) / 2 + f^2 ((a + c) / 2 - b) + f^3 ((d - a) / 6 + (b - c) / 2)
    for x in range(_ROW):
        n = SPLINE_TAPS * x
        a, b, c, d, f = taps[n], taps[n + 1], taps[n + 2], taps[n + 3], part[x]
        p1 = _HALF * (c - a)
        p2 = _HALF * (a + c) - b
        p3 = (d - a) * _SIXTH + _HALF * (b - c)
        value[x] = (a + _FOUR * b + c) * _SIXTH + f * (p1 + f * (p2 + f * p3)) - MID
        slope[x] = p1 + f * (_TWO * p2 + f * (_THREE * p3))


@kernel
def _smooth(left: Floats32, start: int, count: int, line: Floats32) -> None:
    """Smooth a row of the left image by (1 4 1) / 6, which is the spline's value at whole pixels; not at its ends."""
    is_low, is_high = start == 0, start + count == left.shape[0]
    begin, end = 1 if is_low else 0, count - 1 if is_high else count
    source, target = left[start + begin - 1 : start + end + 1], line[begin:]
    for x in range(source.shape[0] - 2):
        target[x] = _SIXTH * (source[x] + _FOUR * source[x + 1] + source[x + 2]) - MID
    if is_low:
        line[0] = left[0] - MID
    if is_high:
        line[count - 1] = left[start + count - 1] - MID


@kernel
def _spread(line: Floats32, count: int, base: Floats32) -> None:
    """Sort pixels by their place within their cell, as `CELL_PX` runs of BLOCK numbers."""
    for m in range(CELL_PX):
        target = base[m * BLOCK :]
        for n in range(count):
            target[n] = line[CELL_PX * n + m]


@kernel
def _multiply(base: Floats32, value: Floats32, slope: Floats32, count: int, out: Floats32, low: Floats32) -> None:
    """Add the products of one pixel row to the sums of each cell, and keep its darkest pixel in `low`."""
    for n in range(count):
        s_g2 = s_gl = s_g = s_gr = s_l = s_r = s_ll = s_lr = s_rr = np.float32(0)
        # Sums in registers over the pixels of one row, then one addition to memory for each.
        dark = low[n]
        for m in range(CELL_PX):
            x = m * BLOCK + n
            left, right, g = base[x], value[x], slope[x]
            s_g2 += g * g
            s_gl += g * left
            s_g += g
            s_gr += g * right
            s_l += left
            s_r += right
            s_ll += left * left
            s_lr += left * right
            s_rr += right * right
            dark = min(dark, left, right)
        out[SUM.g2 * BLOCK + n] += s_g2
        out[SUM.g_left * BLOCK + n] += s_gl
        out[SUM.g * BLOCK + n] += s_g
        out[SUM.g_right * BLOCK + n] += s_gr
        out[SUM.left * BLOCK + n] += s_l
        out[SUM.right * BLOCK + n] += s_r
        out[SUM.left2 * BLOCK + n] += s_ll
        out[SUM.left_right * BLOCK + n] += s_lr
        out[SUM.right2 * BLOCK + n] += s_rr
        low[n] = dark


@kernel
def _weigh(  # noqa: PLR0913, PLR0917
    out: Floats32, low: Floats32, has: Bytes, planes: Planes, start: np.float32, top: np.float32, light: LightFit,
    dark: np.float32, worst: np.float32, weight: Floats32,
) -> None:  # fmt: skip
    """Decide which cells count: 1 or 0 in `weight`."""
    d, a, b, gain, offset, contrast = planes.d, planes.a, planes.b, light.gain, light.offset, light.contrast
    is_first = np.uint8(worst <= _ZERO)
    for n in range(has.shape[0]):
        ga, of = gain[n], offset[n]
        left, right = out[SUM.left * BLOCK + n], out[SUM.right * BLOCK + n]
        ll, lr, rr = out[SUM.left2 * BLOCK + n], out[SUM.left_right * BLOCK + n], out[SUM.right2 * BLOCK + n]
        # Sum of (right - gain * left - offset)^2 over the cell, from its sums.
        rest = rr + ga * ga * ll + _PIXELS * of * of - _TWO * ga * lr - _TWO * of * right + _TWO * ga * of * left
        # The limit is a share of the window's variance, but no less than noise; the first step has no window yet.
        fits = np.uint8(rest <= worst * _PIXELS * contrast[n] + _PIXELS * WEAKEST_REST) | is_first
        # The cell's outermost pixels must stay where the spline has all its neighbours.
        reach = _MIDDLE * (abs(a[n]) + abs(b[n]))
        at = start + np.float32(CELL_PX) * np.float32(n) + _MIDDLE - d[n]
        inside = np.uint8(at - _MIDDLE - reach >= _ONE) & np.uint8(at + _MIDDLE + reach <= top)
        weight[n] = np.float32(fits & inside & np.uint8(low[n] >= dark) & has[n])


@kernel
def _store(out: Floats32, weight: Floats32, count: int, row: Floats32) -> None:
    """Write the sums of a block to a row; those of cells that do not count become zero."""
    for plane in range(_PRODUCTS):
        target, source = row[plane], out[plane * BLOCK :]
        for n in range(count):
            target[n] = source[n] * weight[n]
    target = row[SUM.counted]
    for n in range(count):
        target[n] = weight[n]
