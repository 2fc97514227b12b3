"""Detail that the windows took and sharpening did not give back: an uncertainty of each disparity, beside noise.

In: the last correction of settled cells, the final field, and the noise of both. Out: its size per cell, in pixels.

With M the fit of a plane over a window, a cell is corrected by H = M + t (1 - M) M of what was missing, so (1 - H) of
it is missing still. The correction shows H of it, and 1 / H = 1 + (1 - H) + ..., so D = (1 - H) (2 - H) of the
correction estimates the rest. That needs whole windows, also at the level above, whose windows are twice as wide: near
borders, and where the field was continued from its neighbours, D of the disparities themselves stands for it.
The noise s of independent windows passes as H s, so the estimate also holds D H s, a known share of the noise. Squares
are averaged over the window before that share is taken off: the estimate holds in size, not cell by cell.
Not here: noise itself (see windows.py) and millimetres (see ../geometry/surface.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import cv2
import numpy as np
from numpy.polynomial import Polynomial

from rigdriver.arrays import Array, Bytes, Floats32, Ints32
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.field import LEAST_SPREAD, TAKEN_BACK
from rigdriver.stereo.match.windows import REACH, TAPS

_SIDE = 2 * REACH + 1
SEEN = Polynomial([0.0, 1.0 + float(TAKEN_BACK), -float(TAKEN_BACK)])
"""The filter H by powers of the window's average M."""
LOST = (1 - SEEN) * (2 - SEEN)
"""What the estimate makes of what H has left, D."""


def energy_of(by_power: Polynomial, of_power: Callable[[int], float]) -> float:
    """Return the sum of a filter's squared weights; `of_power` gives that of M^n and M^m for n + m."""
    terms = [(n, float(c)) for n, c in enumerate(by_power.coef) if c]
    return sum(c * d * of_power(n + m) for n, c in terms for m, d in terms)


def _of_windows(power: int) -> float:
    # Weights of M^n and M^m, multiplied and summed, are the middle weight of M^(n + m): the windows are symmetric, and
    # separable, so the square of that along one axis.
    line = reduce(np.convolve, [TAPS.astype(np.float64) / float(TAPS.sum())] * power)
    return float(line[len(line) // 2] ** 2)


NOISE_AS_DETAIL = energy_of(LOST * SEEN, _of_windows) / energy_of(SEEN, _of_windows)
"""Share of the noise's variance that the estimate shows where nothing was lost."""


class _Windows(NamedTuple):
    """How cells are averaged: whole windows all alike, the others by weights of their own."""

    has: Bytes
    places: Ints32
    """(n, 2): row and column of each cell whose window is not whole."""
    weights: Floats32
    """(n, SIDE^2): share of each cell about it in the value of its plane."""


def lost_detail(field: Floats32, step: Floats32, settled: Bytes, keep: Bytes, sigma_px: Array) -> Floats32:
    """Return the standard uncertainty of each kept cell's disparity from lost detail, (h, w) float32, in pixels.

    `field` and `step`, (3, h, w): final planes, and the last correction where `settled`, (h, w), is 1. `sigma_px`: the
    noise of the disparities.
    """
    stood = settled & keep
    noise = (NOISE_AS_DETAIL * np.where(keep > 0, sigma_px, 0) ** 2).astype(np.float32)
    over, about = _windows_of(stood), _windows_of(keep)
    corrected = step[0] + TAKEN_BACK * (step[0] - _average(step[0], over))
    square = np.where(
        _whole(_whole(stood)) > 0,  # twice: the windows of the level above
        _pooled(_missing(corrected, over) ** 2 - noise, stood),
        _pooled(_missing(field[0], about) ** 2 - noise, keep),
    )
    return np.sqrt(np.where(keep > 0, np.maximum(square, 0), 0)).astype(np.float32)


def _missing(values: Floats32, windows: _Windows) -> Floats32:
    """Return D of values: (1 - H) (2 - H) = (1 - H) + (1 - H)^2."""
    first = _rest(values, windows)
    return first + _rest(first, windows)


def _rest(values: Floats32, windows: _Windows) -> Floats32:
    """Return 1 - H of values: (1 - M) (1 - t M)."""
    rest = values - _average(values, windows)
    return rest - TAKEN_BACK * _average(rest, windows)


def _pooled(values: Floats32, has: Bytes) -> Floats32:
    """Return the mean over the cells of a window that there are."""
    counted = has.astype(np.float32)
    total = cv2.sepFilter2D(values * counted, -1, TAPS, TAPS, borderType=cv2.BORDER_CONSTANT)
    share = cv2.sepFilter2D(counted, -1, TAPS, TAPS, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total / np.maximum(share, 1e-6), np.float32)


def _average(values: Floats32, windows: _Windows) -> Floats32:
    """Return M of values: the value in the middle of the plane through each window; 0 where there is no cell."""
    there = np.where(windows.has > 0, values, np.float32(0))
    shares = TAPS / TAPS.sum()
    found = np.asarray(cv2.sepFilter2D(there, -1, shares, shares, borderType=cv2.BORDER_CONSTANT), np.float32)
    _fill(there, windows.places, windows.weights, found)
    return np.where(windows.has > 0, found, np.float32(0))


def _whole(has: Bytes) -> Bytes:
    """Return where all cells of the window are there, (h, w)."""
    box = np.ones((_SIDE, _SIDE), np.uint8)
    return np.asarray(cv2.erode(has, box, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)


def _windows_of(has: Bytes) -> _Windows:
    places = np.argwhere((has > 0) & (_whole(has) == 0)).astype(np.int32)
    weights = np.zeros((len(places), _SIDE * _SIDE), np.float32)
    _weigh_windows(has, places, TAPS, weights)
    return _Windows(has, places, weights)


@kernel
def _weigh_windows(has: Bytes, places: Ints32, taps: Floats32, weights: Floats32) -> None:
    """Fill the weights with which cells about a place make the value of their plane there (as field.sharpen fits)."""
    rows, columns = has.shape
    reach = taps.shape[0] // 2
    side = taps.shape[0]
    for n in range(places.shape[0]):
        j, i = places[n, 0], places[n, 1]
        s = su = sv = suu = suv = svv = 0.0
        for q in range(max(j - reach, 0), min(j + reach + 1, rows)):
            for p in range(max(i - reach, 0), min(i + reach + 1, columns)):
                w = taps[q - j + reach] * taps[p - i + reach] * has[q, p]
                u, v = float(CELL_PX * (p - i)), float(CELL_PX * (q - j))
                s, su, sv = s + w, su + w * u, sv + w * v
                suu, suv, svv = suu + w * u * u, suv + w * u * v, svv + w * v * v
        # First row of the inverse of the plane's normal equations, by cofactors.
        c00, c01, c02 = suu * svv - suv * suv, suv * sv - su * svv, su * suv - suu * sv
        determinant = s * c00 + su * c01 + sv * c02
        if not determinant > LEAST_SPREAD * s * suu * svv:
            # Hardly a neighbour: the cell stays as it is.
            weights[n, reach * side + reach] = 1.0
            continue
        for q in range(max(j - reach, 0), min(j + reach + 1, rows)):
            for p in range(max(i - reach, 0), min(i + reach + 1, columns)):
                w = taps[q - j + reach] * taps[p - i + reach] * has[q, p]
                at = c00 + c01 * CELL_PX * (p - i) + c02 * CELL_PX * (q - j)
                weights[n, (q - j + reach) * side + p - i + reach] = w * at / determinant


@kernel
def _fill(values: Floats32, places: Ints32, weights: Floats32, found: Floats32) -> None:
    rows, columns = values.shape
    for n in range(places.shape[0]):
        j, i = places[n, 0], places[n, 1]
        total = np.float32(0)
        for q in range(max(j - REACH, 0), min(j + REACH + 1, rows)):
            for p in range(max(i - REACH, 0), min(i + REACH + 1, columns)):
                total += weights[n, (q - j + REACH) * _SIDE + p - i + REACH] * values[q, p]
        found[j, i] = total
