"""Sums of products, a cell: all that the least squares of any window needs to know of the pixels.

In: both rectified images and a field of disparity planes, one a cell of 4 x 4 pixels. Out: ten planes of sums (`G2` ...
`DARK`). Each pixel is touched once, whatever the windows will be. The right image is read through a cubic B-spline
that is *not* made to interpolate, the left one is smoothed alike (1 4 1): then the noise in what is read hardly depends
on the fraction of a pixel, and it is such dependence that draws disparities towards half pixels.
This file refuses to know windows and unknowns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.kernel import kernel

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]

CELL_PX = 4
"""Side of a cell in pixels of its pyramid level."""
G2, GL, G, GR, L, R, LL, LR, RR, DARK = range(10)
"""Planes: g is the right image's slope, L and R are left and right values, DARK the cell's darkest of both."""
PLANES = 10
MID = np.float32(96.0)
"""Taken off all values so that single precision holds the sums of squares."""

_ONE, _TWO, _THREE, _FOUR, _SIXTH, _HALF = (np.float32(v) for v in (1.0, 2.0, 3.0, 4.0, 1.0 / 6.0, 0.5))
_MIDDLE = np.float32((CELL_PX - 1) / 2)
_FAR = np.float32(1e7)
_CELLS = 64
_B = _CELLS * CELL_PX
_R, _G, _OFF, _OUT, _SIZE = 4 * _B, 8 * _B, 12 * _B, 16 * _B, 26 * _B


@kernel
def sum_products(left: Floats32, right: Floats32, field: Floats32, spans: Ints32, sums: Floats32) -> None:
    """Fill `sums`, (10, h, w) float32, for the disparity planes in `field`, (3, h, w): d, dd/dx, dd/dy.

    `left`: (H, W). `spans`: (h, 2) int32, first and last cell to do in each row of cells. A cell whose plane leaves the
    right image gets DARK below -1e5.
    """
    # Short loops over separate small arrays: the only form in which the compiler fills the vector lanes.
    place, slope, part = np.zeros(_B, np.float32), np.zeros(_B, np.float32), np.zeros(_B, np.float32)
    starts = np.zeros(_B, np.int32)
    taps = np.zeros(4 * _B, np.float32)
    buffer = np.zeros(_SIZE, np.float32)
    top = np.float32(right.shape[1] - 4)
    for j in range(spans.shape[0]):
        for first in range(spans[j, 0], spans[j, 1], _CELLS):
            count = min(_CELLS, spans[j, 1] - first)
            pixels = count * CELL_PX
            _place(field[0, j], field[1, j], field[2, j], first, count, place, slope)
            for k in range(CELL_PX):
                v = np.float32(k) - _MIDDLE
                row = j * CELL_PX + k
                _split(place, slope, v, top, pixels, starts, part, buffer[_OFF + k * _B :])
                _gather(right[row], starts, pixels, taps)
                _interpolate(taps, part, pixels, buffer[_R + k * _B :], buffer[_G + k * _B :])
                _smooth(left[row], first * CELL_PX, pixels, buffer[k * _B :])
            _multiply(buffer, pixels)
            _fold(buffer, first, count, sums[:, j])


@kernel
def _place(
    d: Floats32, along: Floats32, across: Floats32, first: int, count: int, place: Floats32, slope: Floats32
) -> None:
    """Where in the right row each pixel of a row of cells falls, for the middle of the cell, and how that leans."""
    for n in range(count):
        for k in range(CELL_PX):
            x = n * CELL_PX + k
            at = np.float32((first + n) * CELL_PX + k)
            place[x] = at - d[first + n] - along[first + n] * (np.float32(k) - _MIDDLE)
            slope[x] = across[first + n]


@kernel
def _split(
    place: Floats32, slope: Floats32, v: np.float32, top: np.float32, pixels: int,
    starts: Ints32, part: Floats32, off: Floats32,
) -> None:  # fmt: skip
    for x in range(pixels):
        t = place[x] - slope[x] * v
        inside = min(max(t, _ONE), top)
        i = np.int32(inside)
        starts[x] = i
        part[x] = inside - np.float32(i)
        off[x] = abs(inside - t)


@kernel
def _gather(right: Floats32, starts: Ints32, pixels: int, taps: Floats32) -> None:
    # Loads at computed places fill no lanes; one move of four neighbours is the cheapest there is.
    for x in range(pixels):
        i = np.uint32(starts[x])
        a, b, c, d = right[i - np.uint32(1)], right[i], right[i + np.uint32(1)], right[i + np.uint32(2)]
        n = 4 * x
        taps[n], taps[n + 1], taps[n + 2], taps[n + 3] = a, b, c, d


@kernel
def _interpolate(taps: Floats32, part: Floats32, pixels: int, value: Floats32, slope: Floats32) -> None:
    # Cubic B-spline as a polynomial: value and slope by Horner's rule.
    for x in range(pixels):
        n = 4 * x
        a, b, c, d, f = taps[n], taps[n + 1], taps[n + 2], taps[n + 3], part[x]
        p1 = _HALF * (c - a)
        p2 = _HALF * (a + c) - b
        p3 = (d - a) * _SIXTH + _HALF * (b - c)
        value[x] = (a + _FOUR * b + c) * _SIXTH + f * (p1 + f * (p2 + f * p3)) - MID
        slope[x] = p1 + f * (_TWO * p2 + f * (_THREE * p3))


@kernel
def _smooth(left: Floats32, first: int, pixels: int, value: Floats32) -> None:
    low, high = first == 0, first + pixels == left.shape[0]
    for x in range(1 if low else 0, pixels - 1 if high else pixels):
        n = first + x
        value[x] = _SIXTH * (left[n - 1] + _FOUR * left[n] + left[n + 1]) - MID
    if low:
        value[0] = left[0] - MID
    if high:
        value[pixels - 1] = left[first + pixels - 1] - MID


@kernel
def _multiply(buffer: Floats32, pixels: int) -> None:
    # One array with constant offsets: ten outputs could never be told apart at run time.
    for x in range(pixels):
        s_g2 = s_gl = s_g = s_gr = s_l = s_r = s_ll = s_lr = s_rr = off = np.float32(0)
        dark = np.float32(1e9)
        for k in range(CELL_PX):
            value, right, g = buffer[x + k * _B], buffer[x + _R + k * _B], buffer[x + _G + k * _B]
            s_g2 += g * g
            s_gl += g * value
            s_g += g
            s_gr += g * right
            s_l += value
            s_r += right
            s_ll += value * value
            s_lr += value * right
            s_rr += right * right
            dark = min(dark, value, right)
            off += buffer[x + _OFF + k * _B]
        buffer[x + _OUT] = s_g2
        buffer[x + _OUT + _B] = s_gl
        buffer[x + _OUT + 2 * _B] = s_g
        buffer[x + _OUT + 3 * _B] = s_gr
        buffer[x + _OUT + 4 * _B] = s_l
        buffer[x + _OUT + 5 * _B] = s_r
        buffer[x + _OUT + 6 * _B] = s_ll
        buffer[x + _OUT + 7 * _B] = s_lr
        buffer[x + _OUT + 8 * _B] = s_rr
        buffer[x + _OUT + 9 * _B] = dark - _FAR * off


@kernel
def _fold(buffer: Floats32, first: int, count: int, sums: Floats32) -> None:
    for plane in range(PLANES - 1):
        target = sums[plane]
        for n in range(count):
            x = _OUT + plane * _B + n * CELL_PX
            target[first + n] = (buffer[x] + buffer[x + 1]) + (buffer[x + 2] + buffer[x + 3])
    target = sums[PLANES - 1]
    for n in range(count):
        x = _OUT + (PLANES - 1) * _B + n * CELL_PX
        target[first + n] = min(buffer[x], buffer[x + 1], buffer[x + 2], buffer[x + 3])
