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

import cv2
import numpy as np
from numpy.polynomial import Polynomial

from rigdriver.arrays import Array, Bytes, Floats32
from rigdriver.stereo.kernel import exact_kernel
from rigdriver.stereo.match.field import TAKEN_BACK
from rigdriver.stereo.match.planes import PlaneWindows, framed, inside, windows_of
from rigdriver.stereo.match.windows import REACH, TAPS

_LANES = 16
"""Number of columns that OpenCV filters at once; columns that are left over at a row's end it may round differently."""
_ZERO, _ONE = np.float32(0), np.float32(1)
_TINY = np.float32(1e-6)
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


def lost_detail(field: Floats32, step: Floats32, settled: Bytes, keep: Bytes, sigma_px: Array) -> Floats32:
    """Return the standard uncertainty of each kept cell's disparity from lost detail, (h, w) float32, in pixels.

    `field` and `step`, (3, h, w): final planes, and the last correction where `settled`, (h, w), is 1. `sigma_px`:
    (h, w) float64, the noise of the disparities.
    """
    lost = np.zeros(keep.shape, np.float32)
    if not keep.any():
        return lost
    rows, columns = _box_of(keep)
    kept = keep[rows, columns]
    stood = settled[rows, columns] & kept
    noise = framed((NOISE_AS_DETAIL * sigma_px[rows, columns] ** 2).astype(np.float32))
    over, about = windows_of(stood), windows_of(kept)
    last = framed(step[0, rows, columns] * stood)
    corrected = _less(last, -TAKEN_BACK, _less(last, _ONE, over.average(last), over), over)
    by_step = _square(corrected, noise, over)
    by_field = _square(framed(field[0, rows, columns] * kept), noise, about)
    # Twice a window's reach: the windows of the level above.
    box = np.ones((4 * REACH + 1, 4 * REACH + 1), np.uint8)
    is_inner = cv2.erode(stood, box, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    square = lost[rows, columns]
    _choose(kept, np.asarray(is_inner, np.uint8), by_step, by_field, square)
    np.sqrt(square, square)
    return lost


def _box_of(keep: Bytes) -> tuple[slice, slice]:
    """Return the rows and columns that hold all kept cells; columns as `_LANES` rounds them in the whole grid."""
    first, top, width, height = cv2.boundingRect(keep)
    left, right = first // _LANES * _LANES, -(-(first + width) // _LANES) * _LANES
    return slice(top, top + height), slice(left, min(right, keep.shape[1]))


def _square(values: Floats32, noise: Floats32, windows: PlaneWindows) -> Floats32:
    """Return the square of D of framed values, less that of noise: its sum over a window, and the weight, (2, h, w)."""
    # (1 - H) (2 - H) = (1 - H) + (1 - H)^2.
    first = _rest(values, windows)
    square = np.empty_like(values)
    _square_less(first.ravel(), _rest(first, windows).ravel(), noise.ravel(), windows.has.ravel(), square.ravel())
    sums = np.empty((2, *inside(values).shape), np.float32)
    for n, summed in enumerate((square, windows.has.astype(np.float32))):
        cv2.sepFilter2D(inside(summed), -1, TAPS, TAPS, sums[n], borderType=cv2.BORDER_CONSTANT)
    return sums


def _rest(values: Floats32, windows: PlaneWindows) -> Floats32:
    """Return 1 - H of framed values: (1 - M) (1 - t M)."""
    rest = _less(values, _ONE, windows.average(values), windows)
    return _less(rest, TAKEN_BACK, windows.average(rest), windows)


def _less(values: Floats32, share: np.float32, taken: Floats32, windows: PlaneWindows) -> Floats32:
    """Return values less a share of others, in cells that there are."""
    left = np.empty_like(values)
    _subtract(values.ravel(), share, taken.ravel(), windows.has.ravel(), left.ravel())
    return left


@exact_kernel
def _subtract(values: Floats32, share: np.float32, taken: Floats32, has: Bytes, left: Floats32) -> None:
    for n in range(left.shape[0]):
        value = values[n] - share * taken[n]
        left[n] = value if has[n] else _ZERO


@exact_kernel
def _square_less(first: Floats32, rest: Floats32, noise: Floats32, has: Bytes, square: Floats32) -> None:
    for n in range(square.shape[0]):
        both = first[n] + rest[n]
        value = both * both - noise[n]
        square[n] = value if has[n] else _ZERO


@exact_kernel
def _choose(kept: Bytes, is_inner: Bytes, by_step: Floats32, by_field: Floats32, found: Floats32) -> None:
    """Fill `found` with the mean square, of the step where that tells, else of the field."""
    for j in range(found.shape[0]):
        is_kept, by_steps, out = kept[j], is_inner[j], found[j]
        a, b, c, d = by_step[0, j], by_step[1, j], by_field[0, j], by_field[1, j]
        for i in range(out.shape[0]):
            first, second = a[i] / max(b[i], _TINY), c[i] / max(d[i], _TINY)
            square = max(first if by_steps[i] else second, _ZERO)
            out[i] = square if is_kept[i] else _ZERO
