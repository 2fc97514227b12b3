"""Fields of disparity planes: one plane (d, dd/dx, dd/dy) per cell, from a rough disparity or from a coarser field.

In: disparities or planes of one pyramid level. Out: planes of the next finer one, and which cells have any. Finer
cells are blended from those of the level above, evened out among neighbours that agree before a correction, and given
back what the correction's windows smoothed. Each fit is the least-squares plane through weighted points (u, v, d); its
sums stand in `Moments`. Not here: images (see products.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints32
from rigdriver.stereo.cells import CELL_PX, Planes
from rigdriver.stereo.kernel import kernel

STEEPEST = 2.5
"""Largest slope, pixels per pixel, that a start from rough disparities may have."""
ALIKE_PX = 1.6
"""Largest distance, in px, of a rough disparity from its cell's median; beyond, it belongs to another surface."""
LEAST_MIDDLE_PIXELS = 4
"""Least number of known pixels, of the 4 x 4 about a cell, that a median is taken of."""
LEAST_PIXELS = 8.0
"""Least number of pixels, of the 6 x 6 about a cell, that a plane is fitted to."""
LEAST_ROUGH_SPREAD = 0.05
"""Least determinant of their moments, as a share of the diagonal's product: below, they determine no plane."""
PARENTS_PX = 0.5
"""Largest disagreement of parents that are blended, in pixels of their level."""
NEIGHBOURS_PX = np.float32(1)
"""Largest disagreement, in px, of a neighbour's plane with a cell; beyond, it stands on another surface."""
SHARE = np.float32(0.8)
"""Factor by which the weight of a neighbour falls per row and per column of its distance from the cell."""
LEAST_SPREAD = np.float32(0.2)
"""Least determinant of the moments of cells about a cell, as a share of the diagonal's product."""
MOST_BENT_PX = np.float32(0.5)
"""Largest part of a correction that can be smoothing, in px."""
TAKEN_BACK = np.float32(0.8)
"""Share that is given back of what the fit found to be smoothed away. All of it would be 1.06 (a cell's own pixels are
spread, too) and cost noise: on simulated spheres and faces 0.8 leaves the sizes true to some 10 um, and the median
error as it is (tools/bench_stereo.py)."""
_MOST_NEAR = 16
_MOMENTS = 9


class Moments(NamedTuple):
    """Weighted sums over the points (u, v, d) that a plane is fitted to; one number per cell of a row."""

    s: Floats32
    su: Floats32
    sv: Floats32
    suu: Floats32
    suv: Floats32
    svv: Floats32
    sd: Floats32
    sud: Floats32
    svd: Floats32


@kernel
def moments_of(sums: Floats32) -> Moments:
    """Name the first nine rows of `sums`, (9 or more, n)."""
    return Moments(sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8])


@kernel
def fit_planes(  # noqa: C901
    disparity: Floats32, field: Floats32, has: Bytes
) -> None:
    """Fill `field`, (3, h, w), of cells of 2 x 2 pixels in `disparity`, (2 h, 2 w), NaN where unknown.

    Each plane is fitted to those of the 6 x 6 pixels about its cell that agree with the median of its 4 x 4; `has` says
    where a plane stands. Pixels of the coarse level are twice as large: d doubles, slopes stay.
    """
    rows, columns = disparity.shape
    near = np.empty(_MOST_NEAR, np.float32)
    for j in range(has.shape[0]):
        for i in range(has.shape[1]):
            has[j, i] = 0
            # The median of the middle pixels, sorted by insertion: most cells have sixteen.
            count = 0
            for y in range(max(2 * j - 1, 0), min(2 * j + 3, rows)):
                for x in range(max(2 * i - 1, 0), min(2 * i + 3, columns)):
                    value = disparity[y, x]
                    if value == value:
                        k = count
                        while k > 0 and near[k - 1] > value:
                            near[k] = near[k - 1]
                            k -= 1
                        near[k] = value
                        count += 1
            # Outliers of the rough matching are rare within a cell, so a median of few pixels is enough.
            if count < LEAST_MIDDLE_PIXELS:
                continue
            middle = near[count // 2]
            n = sx = sy = sd = sxx = sxy = syy = sxd = syd = 0.0
            for y in range(max(2 * j - 2, 0), min(2 * j + 4, rows)):
                for x in range(max(2 * i - 2, 0), min(2 * i + 4, columns)):
                    d = disparity[y, x] - middle
                    if not abs(d) < ALIKE_PX:
                        continue
                    # Place of the pixel from the middle of the cell's 2 x 2.
                    u, v = x - 2.0 * i - 0.5, y - 2.0 * j - 0.5
                    n += 1.0
                    sx, sy, sd = sx + u, sy + v, sd + d
                    sxx, sxy, syy = sxx + u * u, sxy + u * v, syy + v * v
                    sxd, syd = sxd + u * d, syd + v * d
            if n < LEAST_PIXELS:
                continue
            # Least squares with the mean taken off: A (a, b)^T = (bx, by)^T.
            axx, axy, ayy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
            bx, by = sxd - sx * sd / n, syd - sy * sd / n
            determinant = axx * ayy - axy * axy
            if determinant < LEAST_ROUGH_SPREAD * axx * ayy or determinant <= 0.0:
                continue
            a, b = (ayy * bx - axy * by) / determinant, (axx * by - axy * bx) / determinant
            if abs(a) > STEEPEST or abs(b) > STEEPEST:
                continue
            # Value of the plane at the cell's middle, in pixels of the finer level.
            field[0, j, i] = 2.0 * (middle + (sd - a * sx - b * sy) / n)
            field[1, j, i] = a
            field[2, j, i] = b
            has[j, i] = 1


@kernel
def refine(parent: Floats32, parent_has: Bytes, child: Floats32, child_has: Bytes) -> None:
    """Fill the planes of twice as many cells per side: blended from the four nearest parents that agree."""
    rows, columns = parent_has.shape
    for j in range(child_has.shape[0]):
        for i in range(child_has.shape[1]):
            q, p = min(j >> 1, rows - 1), min(i >> 1, columns - 1)
            child_has[j, i] = parent_has[q, p]
            if not parent_has[q, p]:
                continue
            # In which quarter of its parent the child lies: -1 or 1 along each axis.
            u, v = 2 * (i & 1) - 1, 2 * (j & 1) - 1
            nearest = parent[0, q, p] + u * parent[1, q, p] + v * parent[2, q, p]
            d, a, b, n = 0.0, 0.0, 0.0, 0.0
            for dq in range(2):
                for dp in range(2):
                    y, x = q + v * dq, p + u * dp
                    if y < 0 or x < 0 or y >= rows or x >= columns or not parent_has[y, x]:
                        continue
                    # A child's middle lies one pixel from its parent's, and three beyond from the next one's.
                    here = (
                        parent[0, y, x]
                        + (u - CELL_PX * u * dp) * parent[1, y, x]
                        + (v - CELL_PX * v * dq) * parent[2, y, x]
                    )
                    # A parent on another surface must not pull the child halfway there.
                    if abs(here - nearest) > PARENTS_PX:
                        continue
                    # Bilinear weights, 3/4 and 1/4 along each axis.
                    w = (3.0 - 2.0 * dq) * (3.0 - 2.0 * dp)
                    n += w
                    d += w * here
                    a += w * parent[1, y, x]
                    b += w * parent[2, y, x]
            # Disparities double with the resolution; slopes, pixels per pixel, do not.
            child[0, j, i] = 2.0 * d / n
            child[1, j, i] = a / n
            child[2, j, i] = b / n


@kernel
def find_spans(has: Bytes, spans: Ints32) -> None:
    """Fill `spans`, (h, 2): the first cell of each row that has a plane, and the one behind its last."""
    for j in range(has.shape[0]):
        first, last = has.shape[1], 0
        for i in range(has.shape[1]):
            if has[j, i]:
                first = min(first, i)
                last = i + 1
        spans[j, 0], spans[j, 1] = min(first, last), last


@kernel
def settle(field: Floats32, has: Bytes, spans: Ints32, settled: Floats32) -> None:
    """Fill `settled`, (3, h, w): disparities evened out among neighbours, slopes fitted to their disparities.

    A correction changes only what its window can resolve, so it never removes roughness from cell to cell. If a slope
    is wrong by the same amount in all cells, one correction removes only a twentieth of the error: the part that the
    pixels within one cell show. Neighbours that stand on another surface do not count.
    """
    rows, columns = has.shape
    kept = np.zeros((_MOMENTS + 1, columns), np.float32)
    for j in range(rows):
        first, last = spans[j, 0], spans[j, 1]
        if last <= first:
            continue
        settled[:, j, first:last] = field[:, j, first:last]
        # The outermost columns of the image stay as they are: they have no neighbour on one side, and hold hardly any
        # surface.
        first, last = max(first, 1), min(last, columns - 1)
        if last <= first:
            continue
        sums = kept[:, first:last]
        sums[:] = np.float32(0)
        # The nine cells about each, a row of the image at a time: long runs fill the vector lanes.
        own = field[0, j, first:last]
        for q in range(max(j - 1, 0), min(j + 2, rows)):
            for p in range(-1, 2):
                part = slice(first + p, last + p)
                _add_neighbour(
                    own, Planes(field[0, q, part], field[1, q, part], field[2, q, part]), has[q, part],
                    np.float32(CELL_PX * p), np.float32(CELL_PX * (q - j)), SHARE ** np.float32(abs(p) + abs(j - q)),
                    moments_of(sums), sums[_MOMENTS],
                )  # fmt: skip
        _even_out(moments_of(sums), sums[_MOMENTS], has[j, first:last], settled[:, j, first:last])


@kernel
def _add_neighbour(
    own: Floats32,
    beside: Planes,
    has: Bytes,
    u: np.float32,
    v: np.float32,
    share: np.float32,
    m: Moments,
    led: Floats32,
) -> None:
    """Add the neighbours at (u, v): their disparity to the moments, and where their plane leads to `led`."""
    d, a, b = beside.d, beside.a, beside.b
    s, su, sv, suu, suv, svv, sd, sud, svd = m
    for n in range(own.shape[0]):
        away = d[n] - own[n]
        leads = away - u * a[n] - v * b[n]
        w = share * np.float32(has[n] & np.uint8(abs(leads) <= NEIGHBOURS_PX))
        s[n] += w
        su[n] += w * u
        sv[n] += w * v
        suu[n] += w * u * u
        suv[n] += w * u * v
        svv[n] += w * v * v
        sd[n] += w * away
        sud[n] += w * u * away
        svd[n] += w * v * away
        led[n] += w * leads


@kernel
def _even_out(m: Moments, led: Floats32, has: Bytes, settled: Floats32) -> None:
    """Take the mean of where the neighbours lead as d, and the slopes of the plane through their disparities."""
    s, su, sv, suu, suv, svv, sd, sud, svd = m
    d, a, b = settled[0], settled[1], settled[2]
    for n in range(has.shape[0]):
        share = np.float32(1) / max(s[n], np.float32(1e-6))
        # Central moments, then the two normal equations by Cramer's rule.
        cuu, cuv, cvv = suu[n] - su[n] * su[n] * share, suv[n] - su[n] * sv[n] * share, svv[n] - sv[n] * sv[n] * share
        cud, cvd = sud[n] - su[n] * sd[n] * share, svd[n] - sv[n] * sd[n] * share
        determinant = cuu * cvv - cuv * cuv
        # Neighbours on one line only determine no slope across it: it stays as it was.
        is_good = has[n] & np.uint8(determinant > LEAST_SPREAD * suu[n] * svv[n])
        if is_good:
            a[n] = (cvv * cud - cuv * cvd) / determinant
            b[n] = (cuu * cvd - cuv * cud) / determinant
        if has[n]:
            d[n] += led[n] * share


@kernel
def sharpen(field: Floats32, step: Floats32, has: Bytes, spans: Ints32, taps: Floats32) -> None:
    """Give back, in the disparities of `field`, what the windows of the last step smoothed away.

    Least squares over a window find the plane that fits what was missing, not its value in the middle. The same fit to
    the corrections e, `step`, shows by how much these fall short, to first order: the better correction is
    e + (e - fit of e) (Van Cittert's deconvolution, one iteration). It replaces a second step at a tenth of its cost.
    Cells with hardly a neighbour stay as they are.
    """
    rows, columns = has.shape
    reach = taps.shape[0] // 2
    kept = np.zeros((_MOMENTS, columns), np.float32)
    for j in range(rows):
        first, last = max(spans[j, 0], reach), min(spans[j, 1], columns - reach)
        if last <= first:
            continue
        sums = kept[:, first:last]
        sums[:] = np.float32(0)
        # The window's own weights: what is fitted here must be what the step fitted.
        own = step[0, j, first:last]
        for q in range(max(j - reach, 0), min(j + reach + 1, rows)):
            for p in range(-reach, reach + 1):
                part = slice(first + p, last + p)
                _add_place(
                    own, step[0, q, part], has[q, part],
                    np.float32(CELL_PX * p), np.float32(CELL_PX * (q - j)), taps[reach + p] * taps[reach + q - j],
                    moments_of(sums),
                )  # fmt: skip
        _give_back(moments_of(sums), has[j, first:last], field[0, j, first:last])


@kernel
def _add_place(
    own: Floats32, step: Floats32, has: Bytes, u: np.float32, v: np.float32, share: np.float32, m: Moments
) -> None:
    """Add the corrections of the cells at (u, v), less the cell's own, to the moments."""
    s, su, sv, suu, suv, svv, sd, sud, svd = m
    for n in range(own.shape[0]):
        w = share * np.float32(has[n])
        e = w * (step[n] - own[n]) if has[n] else np.float32(0)
        s[n] += w
        su[n] += w * u
        sv[n] += w * v
        suu[n] += w * u * u
        suv[n] += w * u * v
        svv[n] += w * v * v
        sd[n] += e
        sud[n] += e * u
        svd[n] += e * v


@kernel
def _give_back(m: Moments, has: Bytes, disparity: Floats32) -> None:
    s, su, sv, suu, suv, svv, sd, sud, svd = m
    for n in range(has.shape[0]):
        # Value at (0, 0) of the plane through the corrections: first row of the inverse, by cofactors.
        c00 = suu[n] * svv[n] - suv[n] * suv[n]
        c01 = suv[n] * sv[n] - su[n] * svv[n]
        c02 = su[n] * suv[n] - suu[n] * sv[n]
        determinant = s[n] * c00 + su[n] * c01 + sv[n] * c02
        is_good = has[n] & np.uint8(determinant > LEAST_SPREAD * s[n] * suu[n] * svv[n])
        fit = (c00 * sd[n] + c01 * sud[n] + c02 * svd[n]) / determinant if is_good else np.float32(0)
        # A larger value comes from an edge, not from smoothing.
        disparity[n] -= TAKEN_BACK * min(max(fit, -MOST_BENT_PX), MOST_BENT_PX)
