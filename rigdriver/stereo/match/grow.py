"""Growing a field of planes outwards, cell by cell: what the coarse start missed, and grazing surface.

In: a field that stands on some cells, with the sums of `products` of these. Out: the same on more cells. A round takes
the cells beside those of the round before, continues their neighbours' planes, and corrects them by least squares of
windows that only reach over cells which stand; what does not fit falls again. So a field reaches rims where the
surface turns away too fast for the windows of a coarser level, and only the cells at the front are paid for.
This file refuses to know pyramids and where images come from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.cells import CELL_PX, CORRELATION, FULLNESS, QUALITIES, Limits
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.field import LEAST_SPREAD
from rigdriver.stereo.match.products import BLOCK, COUNT, SUMS, sum_cells
from rigdriver.stereo.match.step import STEEPER
from rigdriver.stereo.match.windows import REACH, WINDOWS, solve_block

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

MOST_TRIES = 3
"""Rounds in which a cell may fail: each time it has more neighbours to start from."""
LONGEST_LAST_PX = 0.6
"""A plane whose last correction is longer has not settled."""
FARTHEST_PX = np.float32(2)
"""Cells whose disparity lies farther from a cell's plane are on another surface."""
_STEPS = 2
_QUEUED = 128
_ZERO = np.float32(0)
_LEAST_NEIGHBOURS = 2


@kernel
def grow_field(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, has: Bytes, quality: Floats32, sums: Floats32, taps: Floats32,
    dark: float, limits: Limits, doubt: float, rounds: int, places: Ints32, maps: Bytes,
) -> int:  # fmt: skip
    """Let the field grow by at most `rounds` cells; return how many cells were added.

    Cells whose correlation is below `doubt` fall first: what grows from a wrong plane is wrong, and a wrong plane that
    stands keeps the right one out. `places`: (2, h * w, 2) int32, room for the front; `maps`: (3, h + 2, w + 2),
    overwritten, with a border of zeros.
    """
    front, grown = places[0], places[1]
    stands, around, tries = maps[0], maps[1], maps[2]
    _look_who_stands(has, quality[CORRELATION], np.float32(doubt), sums, stands)
    added, count = 0, _find_front(stands, around, tries, front)
    for _ in range(rounds):
        if count == 0:
            break
        for n in range(count):
            _continue_plane(field, stands, front[n, 0], front[n, 1])
        for step in range(_STEPS):
            count = _take_step(left, right, field, quality, sums, taps, dark, limits, front, count, step, tries)
        for n in range(count):
            j, i = front[n, 0], front[n, 1]
            has[j, i] = 1
            grown[n, 0], grown[n, 1] = j, i
        added += count
        count = _next_front(field, stands, around, tries, grown, count, front)
    return added


@kernel
def _look_who_stands(has: Bytes, correlation: Floats32, doubt: np.float32, sums: Floats32, stands: Bytes) -> None:
    rows, columns = has.shape
    for j in range(rows):
        counts, have, stand, alike = sums[j, COUNT], has[j], stands[j + 1, 1:], correlation[j]
        for i in range(columns):
            stand[i] = have[i] & np.uint8(counts[i] > _ZERO) & np.uint8(alike[i] >= doubt)
            have[i] = stand[i]
        for i in range(columns):
            if not stand[i] and sums[j, 0, i] > _ZERO:
                sums[j, :, i] = _ZERO  # it lost its plane in the last step, and must not speak in windows


@kernel
def _find_front(stands: Bytes, around: Bytes, tries: Bytes, front: Ints32) -> int:
    """Count the neighbours of each cell that stand; list those cells that may be tried."""
    rows, columns = stands.shape[0] - 2, stands.shape[1] - 2
    tries[:] = 0
    column = np.zeros(columns + 2, np.uint8)
    count = 0
    for j in range(1, rows + 1):
        a, b, c, total = stands[j - 1], stands[j], stands[j + 1], around[j, 1:]
        for i in range(columns + 2):
            column[i] = a[i] + b[i] + c[i]
        for i in range(columns):
            total[i] = column[i] + column[i + 1] + column[i + 2] - b[i + 1]
        for i in range(REACH, columns - REACH):  # no window reaches over the border
            if total[i] >= _LEAST_NEIGHBOURS and not b[i + 1]:
                tries[j, i + 1] = _QUEUED
                front[count, 0], front[count, 1] = j - 1, i
                count += 1
    return count


@kernel
def _next_front(
    field: Floats32, stands: Bytes, around: Bytes, tries: Bytes, grown: Ints32, many: int, front: Ints32
) -> int:
    for n in range(many):
        j, i = grown[n, 0] + 1, grown[n, 1] + 1
        stands[j, i] = 1
        for q in range(j - 1, j + 2):
            for p in range(i - 1, i + 2):
                around[q, p] += np.uint8(1)
    for n in range(many):
        _fit_slopes(field, stands, grown[n, 0], grown[n, 1])
    count = 0
    for n in range(many):
        j, i = grown[n, 0] + 1, grown[n, 1] + 1
        for q in range(max(j - 1, 1), min(j + 2, stands.shape[0] - 1)):
            for p in range(max(i - 1, 1 + REACH), min(i + 2, stands.shape[1] - 1 - REACH)):
                if not stands[q, p] and tries[q, p] < MOST_TRIES and around[q, p] >= _LEAST_NEIGHBOURS:
                    tries[q, p] |= np.uint8(_QUEUED)
                    front[count, 0], front[count, 1] = q - 1, p - 1
                    count += 1
    return count


@kernel
def _continue_plane(field: Floats32, stands: Bytes, j: int, i: int) -> None:
    """Give a cell the mean of what the planes beside it say of it."""
    d = a = b = n = _ZERO
    for q in range(-1, 2):
        for p in range(-1, 2):
            if stands[j + 1 + q, i + 1 + p]:
                y, x = j + q, i + p
                n += np.float32(1)
                d += (
                    field[0, y, x] - np.float32(CELL_PX * p) * field[1, y, x] - np.float32(CELL_PX * q) * field[2, y, x]
                )
                a += field[1, y, x]
                b += field[2, y, x]
    field[0, j, i], field[1, j, i], field[2, j, i] = d / n, a / n, b / n


@kernel
def _fit_slopes(field: Floats32, stands: Bytes, j: int, i: int) -> None:
    """Fit a cell's slopes to the disparities about it: what goes on from here goes on from them."""
    s = su = sv = suu = suv = svv = sd = sud = svd = _ZERO
    for q in range(-1, 2):
        for p in range(-1, 2):
            if stands[j + 1 + q, i + 1 + p]:
                u, v = np.float32(CELL_PX * p), np.float32(CELL_PX * q)
                away = field[0, j + q, i + p] - field[0, j, i]
                if abs(away - u * field[1, j, i] - v * field[2, j, i]) > FARTHEST_PX:
                    continue
                s, su, sv, sd = s + np.float32(1), su + u, sv + v, sd + away
                suu, suv, svv, sud, svd = suu + u * u, suv + u * v, svv + v * v, sud + u * away, svd + v * away
    cuu, cuv, cvv = suu - su * su / s, suv - su * sv / s, svv - sv * sv / s
    cud, cvd = sud - su * sd / s, svd - sv * sd / s
    determinant = cuu * cvv - cuv * cuv
    if determinant > LEAST_SPREAD * suu * svv:
        field[1, j, i] = (cvv * cud - cuv * cvd) / determinant
        field[2, j, i] = (cuu * cvd - cuv * cud) / determinant


@kernel
def _take_step(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, sums: Floats32, taps: Floats32, dark: float,
    limits: Limits, front: Ints32, count: int, step: int, tries: Bytes,
) -> int:  # fmt: skip
    """Correct the cells of the front; keep those that may stand, in order, and return how many they are."""
    window, found = np.zeros(WINDOWS * BLOCK, np.float32), np.zeros((3, BLOCK), np.float32)
    told = np.zeros((QUALITIES, BLOCK), np.float32)
    reach = limits.reach_px if step + 1 < _STEPS else LONGEST_LAST_PX
    sum_cells(left, right, field, front, count, dark, sums)
    kept = 0
    for start in range(0, count, BLOCK):
        many = min(BLOCK, count - start)
        for n in range(many):
            _look_around(sums, taps, front[start + n, 0], front[start + n, 1], n, window)
        solve_block(window, many, found[0], found[1], found[2], told)
        for n in range(many):
            j, i = front[start + n, 0], front[start + n, 1]
            fits = abs(found[0, n]) <= reach and told[CORRELATION, n] >= limits.correlation
            fits = fits and told[FULLNESS, n] >= limits.fullness
            if not (fits and sums[j, COUNT, i] > _ZERO):
                tries[j + 1, i + 1] = (tries[j + 1, i + 1] & np.uint8(_QUEUED - 1)) + np.uint8(1)
                sums[j, :, i] = _ZERO
                continue
            field[0, j, i] += found[0, n]
            for k in range(1, 3):
                slope = field[k, j, i] + min(max(found[k, n], np.float32(-STEEPER)), np.float32(STEEPER))
                field[k, j, i] = min(max(slope, np.float32(-limits.steepest)), np.float32(limits.steepest))
            for k in range(QUALITIES):
                quality[k, j, i] = told[k, n]
            front[kept, 0], front[kept, 1] = j, i
            kept += 1
    return kept


@kernel
def _look_around(sums: Floats32, taps: Floats32, j: int, i: int, n: int, window: Floats32) -> None:
    """Fill the sums of one window, place `n` of a block, in the order that `solve_block` wants."""
    rows = sums.shape[0]
    target = window[n:]
    for k in range(WINDOWS):
        target[k * BLOCK] = _ZERO
    for q in range(max(j - REACH, 0), min(j + REACH + 1, rows)):
        v, w = np.float32(CELL_PX * (q - j)), taps[q - j + REACH]
        line = sums[q, :, i - REACH :]
        s0 = s1 = s2 = _ZERO
        for p in range(2 * REACH + 1):
            u = np.float32(CELL_PX * (p - REACH))
            value = taps[p] * line[0, p]
            s0 += value
            s1 += value * u
            s2 += value * u * u
        target[0] += w * s0
        target[BLOCK] += w * s1
        target[2 * BLOCK] += w * s2
        target[3 * BLOCK] += w * v * s0
        target[4 * BLOCK] += w * v * s1
        target[5 * BLOCK] += w * v * v * s0
        for k in range(1, 4):
            s0 = s1 = _ZERO
            for p in range(2 * REACH + 1):
                value = taps[p] * line[k, p]
                s0 += value
                s1 += value * np.float32(CELL_PX * (p - REACH))
            target[(3 * k + 3) * BLOCK] += w * s0
            target[(3 * k + 4) * BLOCK] += w * s1
            target[(3 * k + 5) * BLOCK] += w * v * s0
        for k in range(4, SUMS):
            s0 = _ZERO
            for p in range(2 * REACH + 1):
                s0 += taps[p] * line[k, p]
            target[(11 + k) * BLOCK] += w * s0
