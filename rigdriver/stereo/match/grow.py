"""Growing of a field outwards, cell by cell, over surface that the coarse start missed and where it is seen obliquely.

In: a field that stands on some cells, with the sums of `products` of these. Out: the same on more cells. A round takes
the cells beside those of the round before, continues their neighbours' planes, and corrects them by least squares of
windows that reach only over cells which stand; a cell that does not fit falls again. So a field reaches rims where the
surface turns away too fast for the windows of a coarser level, and only the cells of the front cost time.
Not here: pyramids (see cell_matcher.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints32
from rigdriver.stereo.cells import CELL_PX, CORRELATION, FULLNESS, QUALITIES, Limits
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.match.field import LEAST_SPREAD
from rigdriver.stereo.match.products import BLOCK, SUM, SUMS, sum_cells
from rigdriver.stereo.match.step import STEEPER
from rigdriver.stereo.match.windows import FIRST_ORDER, REACH, WINDOW, WINDOWS, ZERO_ORDER, solve_block

MOST_TRIES = 3
"""Number of rounds in which a cell may fail: each time it has more neighbours to start from."""
LONGEST_LAST_PX = 0.6
"""Longest last correction of a plane that has settled, in px."""
FARTHEST_PX = np.float32(2)
"""Largest distance, in px, of a cell's disparity from a neighbour's plane; beyond, it is on another surface."""
_STEPS = 2
_QUEUED = 128
"""Bit of `tries` that marks a cell of the present front; the bits below count its failures."""
_ZERO = np.float32(0)
_LEAST_NEIGHBOURS = 2


@kernel
def grow_field(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, has: Bytes, quality: Floats32, sums: Floats32, taps: Floats32,
    dark: float, limits: Limits, least_correlation: float, rounds: int, places: Ints32, maps: Bytes,
) -> int:  # fmt: skip
    """Let the field grow by at most `rounds` cells; return how many cells were added.

    Cells whose correlation is below `least_correlation` fall first: what grows from a wrong plane is wrong, and a wrong
    plane that stands keeps the right one out. `places`: (2, h * w, 2) int32, room for the front; `maps`: (3, h + 2,
    w + 2), overwritten, with a border of zeros.
    """
    front, grown = places[0], places[1]
    stands, around, tries = maps[0], maps[1], maps[2]
    _drop_doubtful(has, quality[CORRELATION], np.float32(least_correlation), sums, stands)
    # One round per ring of cells: planes first, then two corrections, then those that fit stand.
    added, count = 0, _find_front(stands, around, tries, front)
    for _ in range(rounds):
        if count == 0:
            break
        for n in range(count):
            _continue_plane(field, stands, front[n, 0], front[n, 1])
        for step in range(_STEPS):
            count = _correct_front(left, right, field, quality, sums, taps, dark, limits, front, count, step, tries)
        for n in range(count):
            j, i = front[n, 0], front[n, 1]
            has[j, i] = 1
            grown[n, 0], grown[n, 1] = j, i
        added += count
        count = _next_front(field, stands, around, tries, grown, count, front)
    return added


@kernel
def _drop_doubtful(has: Bytes, correlation: Floats32, least: np.float32, sums: Floats32, stands: Bytes) -> None:
    """Find the cells that stand: with a plane, counted in the last step, and correlated well enough."""
    rows, columns = has.shape
    for j in range(rows):
        counts, have, stand, alike = sums[j, SUM.counted], has[j], stands[j + 1, 1:], correlation[j]
        for i in range(columns):
            stand[i] = have[i] & np.uint8(counts[i] > _ZERO) & np.uint8(alike[i] >= least)
            have[i] = stand[i]
        for i in range(columns):
            if not stand[i] and sums[j, SUM.g2, i] > _ZERO:
                sums[j, :, i] = _ZERO  # it lost its plane in the last step, so no window may count it


@kernel
def _find_front(stands: Bytes, around: Bytes, tries: Bytes, front: Ints32) -> int:
    """Count the neighbours of each cell that stand; list those cells that may be tried."""
    rows, columns = stands.shape[0] - 2, stands.shape[1] - 2
    tries[:] = 0
    column = np.zeros(columns + 2, np.uint8)
    count = 0
    for j in range(1, rows + 1):
        a, b, c, total = stands[j - 1], stands[j], stands[j + 1], around[j, 1:]
        # Sum of 3 x 3, separable, less the cell itself.
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
    """Let the cells of `grown` stand; list the cells beside them that may be tried next, and count these."""
    for n in range(many):
        j, i = grown[n, 0] + 1, grown[n, 1] + 1
        stands[j, i] = 1
        for q in range(j - 1, j + 2):
            for p in range(i - 1, i + 2):
                around[q, p] += np.uint8(1)
    # Only after all of them stand: slopes are fitted to neighbours of the same ring, too.
    for n in range(many):
        _fit_slopes(field, stands, grown[n, 0], grown[n, 1])
    count = 0
    for n in range(many):
        j, i = grown[n, 0] + 1, grown[n, 1] + 1
        for q in range(max(j - 1, 1), min(j + 2, stands.shape[0] - 1)):
            for p in range(max(i - 1, 1 + REACH), min(i + 2, stands.shape[1] - 1 - REACH)):
                # A queued cell is above MOST_TRIES by its bit, so none is listed twice.
                if not stands[q, p] and tries[q, p] < MOST_TRIES and around[q, p] >= _LEAST_NEIGHBOURS:
                    tries[q, p] |= np.uint8(_QUEUED)
                    front[count, 0], front[count, 1] = q - 1, p - 1
                    count += 1
    return count


@kernel
def _continue_plane(field: Floats32, stands: Bytes, j: int, i: int) -> None:
    """Give a cell the mean of where the planes beside it lead, and their mean slopes."""
    d = a = b = n = _ZERO
    for q in range(-1, 2):
        for p in range(-1, 2):
            if stands[j + 1 + q, i + 1 + p]:
                y, x = j + q, i + p
                n += np.float32(1)
                # The neighbour's plane at this cell's middle: d - a u - b v with (u, v) from here to there.
                d += (
                    field[0, y, x] - np.float32(CELL_PX * p) * field[1, y, x] - np.float32(CELL_PX * q) * field[2, y, x]
                )
                a += field[1, y, x]
                b += field[2, y, x]
    field[0, j, i], field[1, j, i], field[2, j, i] = d / n, a / n, b / n


@kernel
def _fit_slopes(field: Floats32, stands: Bytes, j: int, i: int) -> None:
    """Fit a cell's slopes to the disparities about it: planes that continue this one start from them."""
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
    # Central moments, then the two normal equations by Cramer's rule, as in field.py.
    cuu, cuv, cvv = suu - su * su / s, suv - su * sv / s, svv - sv * sv / s
    cud, cvd = sud - su * sd / s, svd - sv * sd / s
    determinant = cuu * cvv - cuv * cuv
    if determinant > LEAST_SPREAD * suu * svv:
        field[1, j, i] = (cvv * cud - cuv * cvd) / determinant
        field[2, j, i] = (cuu * cvd - cuv * cud) / determinant


@kernel
def _correct_front(  # noqa: PLR0913, PLR0917
    left: Floats32, right: Floats32, field: Floats32, quality: Floats32, sums: Floats32, taps: Floats32, dark: float,
    limits: Limits, front: Ints32, count: int, step: int, tries: Bytes,
) -> int:  # fmt: skip
    """Correct the cells of the front; keep those that may stand, in order, and return their number."""
    window, found = np.zeros(WINDOWS * BLOCK, np.float32), np.zeros((3, BLOCK), np.float32)
    judged = np.zeros((QUALITIES, BLOCK), np.float32)
    # The last correction must be short: a plane that still moves has not found its place.
    reach = limits.reach_px if step + 1 < _STEPS else LONGEST_LAST_PX
    sum_cells(left, right, field, front, count, dark, sums)
    kept = 0
    for start in range(0, count, BLOCK):
        many = min(BLOCK, count - start)
        for n in range(many):
            _sum_window(sums, taps, front[start + n, 0], front[start + n, 1], n, window)
        solve_block(window, many, found[0], found[1], found[2], judged)
        for n in range(many):
            j, i = front[start + n, 0], front[start + n, 1]
            fits = abs(found[0, n]) <= reach and judged[CORRELATION, n] >= limits.correlation
            fits = fits and judged[FULLNESS, n] >= limits.fullness
            # A cell that fails leaves the front, and its sums leave the windows of its neighbours.
            if not (fits and sums[j, SUM.counted, i] > _ZERO):
                tries[j + 1, i + 1] = (tries[j + 1, i + 1] & np.uint8(_QUEUED - 1)) + np.uint8(1)
                sums[j, :, i] = _ZERO
                continue
            # As in step.py: the slope may change by STEEPER at most, and must stay within the limit.
            field[0, j, i] += found[0, n]
            for k in range(1, 3):
                slope = field[k, j, i] + min(max(found[k, n], np.float32(-STEEPER)), np.float32(STEEPER))
                field[k, j, i] = min(max(slope, np.float32(-limits.steepest)), np.float32(limits.steepest))
            for k in range(QUALITIES):
                quality[k, j, i] = judged[k, n]
            front[kept, 0], front[kept, 1] = j, i
            kept += 1
    return kept


@kernel
def _sum_window(sums: Floats32, taps: Floats32, j: int, i: int, n: int, window: Floats32) -> None:
    """Fill the sums of the window about cell (j, i) as number `n` of a block, in the order of `WindowSums`.

    As `windows.solve_rows` does for whole rows: along the window first here, with u and v in pixels.
    """
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
            value = taps[p] * line[SUM.g2, p]
            s0 += value
            s1 += value * u
            s2 += value * u * u
        target[WINDOW.g2 * BLOCK] += w * s0
        target[WINDOW.g2_u * BLOCK] += w * s1
        target[WINDOW.g2_uu * BLOCK] += w * s2
        target[WINDOW.g2_v * BLOCK] += w * v * s0
        target[WINDOW.g2_uv * BLOCK] += w * v * s1
        target[WINDOW.g2_vv * BLOCK] += w * v * v * s0
        for k in range(len(FIRST_ORDER)):
            s0 = s1 = _ZERO
            for p in range(2 * REACH + 1):
                value = taps[p] * line[FIRST_ORDER[k], p]
                s0 += value
                s1 += value * np.float32(CELL_PX * (p - REACH))
            target[(WINDOW.g_left + 3 * k) * BLOCK] += w * s0
            target[(WINDOW.g_left_u + 3 * k) * BLOCK] += w * s1
            target[(WINDOW.g_left_v + 3 * k) * BLOCK] += w * v * s0
        for k in range(SUMS - ZERO_ORDER):
            s0 = _ZERO
            for p in range(2 * REACH + 1):
                s0 += taps[p] * line[ZERO_ORDER + k, p]
            target[(WINDOW.left + k) * BLOCK] += w * s0
