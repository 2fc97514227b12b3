"""Fields of disparity planes: one plane (d, dd/dx, dd/dy) a cell, from a rough disparity or from a coarser field.

In: disparities or planes of one pyramid level. Out: planes of the next finer one, and which cells have any. Planes of
cells without one are continued from their neighbours, so that a field can grow back over what the coarse start missed;
the next least squares decides whether it was right to.
This file refuses to know images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.kernel import kernel

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

STEEPEST = 2.5
"""Largest slope, pixels a pixel, that a surface seen by both cameras may have."""


@kernel
def fit_planes(  # noqa: C901
    disparity: Floats32, field: Floats32, has: Bytes
) -> None:
    """Fill `field`, (3, h, w), of cells of 2 x 2 pixels in `disparity`, (2 h, 2 w), NaN where unknown.

    Each plane is fitted to the 6 x 6 pixels about its cell that agree with the middle; `has` says where it stands. The
    planes are in pixels of the next finer level: d doubles, slopes stay.
    """
    rows, columns = disparity.shape
    near = np.empty(16, np.float32)
    for j in range(has.shape[0]):
        for i in range(has.shape[1]):
            has[j, i] = 0
            # The median of the middle pixels, by insertion: most cells have sixteen.
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
            if count < 4:
                continue
            middle = near[count // 2]
            n = sx = sy = sd = sxx = sxy = syy = sxd = syd = 0.0
            for y in range(max(2 * j - 2, 0), min(2 * j + 4, rows)):
                for x in range(max(2 * i - 2, 0), min(2 * i + 4, columns)):
                    d = disparity[y, x] - middle
                    if not abs(d) < 1.6:
                        continue
                    u, v = x - 2.0 * i - 0.5, y - 2.0 * j - 0.5
                    n += 1.0
                    sx, sy, sd = sx + u, sy + v, sd + d
                    sxx, sxy, syy = sxx + u * u, sxy + u * v, syy + v * v
                    sxd, syd = sxd + u * d, syd + v * d
            if n < 8.0:
                continue
            axx, axy, ayy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
            bx, by = sxd - sx * sd / n, syd - sy * sd / n
            determinant = axx * ayy - axy * axy
            if determinant < 0.05 * axx * ayy or determinant <= 0.0:
                continue
            a, b = (ayy * bx - axy * by) / determinant, (axx * by - axy * bx) / determinant
            if abs(a) > STEEPEST or abs(b) > STEEPEST:
                continue
            field[0, j, i] = 2.0 * (middle + (sd - a * sx - b * sy) / n)
            field[1, j, i] = a
            field[2, j, i] = b
            has[j, i] = 1


@kernel
def grow(field: Floats32, has: Bytes, grown: Bytes, cell_px: int) -> None:
    """Continue planes into the cells beside them; `grown`, (h, w), becomes the new `has`."""
    rows, columns = has.shape
    for j in range(rows):
        for i in range(columns):
            grown[j, i] = has[j, i]
        if has[max(j - 1, 0) : min(j + 2, rows)].max() == 0:
            continue
        for i in range(columns):
            if has[j, i]:
                continue
            beside = has[j, max(i - 1, 0)] + has[j, min(i + 1, columns - 1)]
            if not (beside or has[max(j - 1, 0), i] or has[min(j + 1, rows - 1), i]):
                continue
            d = a = b = n = 0.0
            for q in range(max(j - 1, 0), min(j + 2, rows)):
                for p in range(max(i - 1, 0), min(i + 2, columns)):
                    if has[q, p]:
                        n += 1.0
                        d += field[0, q, p] + cell_px * ((i - p) * field[1, q, p] + (j - q) * field[2, q, p])
                        a += field[1, q, p]
                        b += field[2, q, p]
            if n >= 2.0:
                field[0, j, i], field[1, j, i], field[2, j, i] = d / n, a / n, b / n
                grown[j, i] = 1


@kernel
def refine(parent: Floats32, parent_has: Bytes, child: Floats32, child_has: Bytes) -> None:
    """Fill the planes of twice as many cells a side: blended from the four nearest parents that agree."""
    rows, columns = parent_has.shape
    for j in range(child_has.shape[0]):
        for i in range(child_has.shape[1]):
            q, p = min(j >> 1, rows - 1), min(i >> 1, columns - 1)
            child_has[j, i] = parent_has[q, p]
            if not parent_has[q, p]:
                continue
            u, v = 2 * (i & 1) - 1, 2 * (j & 1) - 1
            nearest = parent[0, q, p] + u * parent[1, q, p] + v * parent[2, q, p]
            d, a, b, n = 0.0, 0.0, 0.0, 0.0
            for dq in range(2):
                for dp in range(2):
                    y, x = q + v * dq, p + u * dp
                    if y < 0 or x < 0 or y >= rows or x >= columns or not parent_has[y, x]:
                        continue
                    here = parent[0, y, x] + (u - 4 * u * dp) * parent[1, y, x] + (v - 4 * v * dq) * parent[2, y, x]
                    if abs(here - nearest) > 0.5:
                        continue
                    w = (3.0 - 2.0 * dq) * (3.0 - 2.0 * dp)
                    n += w
                    d += w * here
                    a += w * parent[1, y, x]
                    b += w * parent[2, y, x]
            child[0, j, i] = 2.0 * d / n
            child[1, j, i] = a / n
            child[2, j, i] = b / n


@kernel
def find_spans(has: Bytes, spans: Ints32) -> None:
    """Fill `spans`, (h, 2), with the first and behind the last cell of each row that has a plane."""
    for j in range(has.shape[0]):
        first, last = has.shape[1], 0
        for i in range(has.shape[1]):
            if has[j, i]:
                first = min(first, i)
                last = i + 1
        spans[j, 0], spans[j, 1] = min(first, last), last


@kernel
def weigh(
    sums: Floats32, quality: Floats32, has: Bytes, spans: Ints32, dark: float, worst: float, weight: Floats32
) -> None:
    """Fill `weight`, (h, w): 1 where a cell counts; `worst` is the largest rest, as a share of the window's contrast.

    `quality` holds gain and offset of the windows of the step before; a `worst` of 0 means that there was none.
    """
    for j in range(has.shape[0]):
        for i in range(spans[j, 0], spans[j, 1]):
            weight[j, i] = 0.0
            if not has[j, i] or sums[9, j, i] < dark:
                continue
            if worst > 0.0:
                a, b = quality[3, j, i], quality[4, j, i]
                left, right, ll, lr, rr = sums[4, j, i], sums[5, j, i], sums[6, j, i], sums[7, j, i], sums[8, j, i]
                rest = rr + a * a * ll + 16.0 * b * b - 2.0 * a * lr - 2.0 * b * right + 2.0 * a * b * left
                if rest > worst * 16.0 * quality[5, j, i] + 16.0 * 8.0:
                    continue
            weight[j, i] = 1.0


@kernel
def correct(
    field: Floats32,
    step: Floats32,
    quality: Floats32,
    has: Bytes,
    spans: Ints32,
    reach: float,
    least: float,
    full: float,
) -> None:
    """Add the steps to the planes; cells whose step is too long or whose window is too poor lose theirs."""
    for j in range(has.shape[0]):
        for i in range(spans[j, 0], spans[j, 1]):
            if not has[j, i]:
                continue
            e = step[0, j, i]
            if not abs(e) <= reach or not quality[0, j, i] >= least or not quality[2, j, i] >= full:
                has[j, i] = 0
                continue
            field[0, j, i] += e
            for k in range(1, 3):
                slope = field[k, j, i] + min(max(step[k, j, i], -0.3), 0.3)
                field[k, j, i] = min(max(slope, -STEEPEST), STEEPEST)


@kernel
def settle(field: Floats32, has: Bytes, spans: Ints32, taps: Floats32, reach: int, settled: Floats32) -> None:
    """Fill `settled`, (3, h, w), with each cell's mean of what its neighbours' planes say of it.

    A correction can only change what its window is wide enough to see; roughness from cell to cell would stay for
    ever. Neighbours that disagree by more than a pixel stand on another surface and do not count.
    """
    rows, columns = has.shape
    middle = taps.shape[0] // 2
    for j in range(rows):
        for i in range(spans[j, 0], spans[j, 1]):
            if not has[j, i]:
                continue
            own = field[0, j, i]
            d = a = b = n = np.float32(0)
            for q in range(max(j - reach, 0), min(j + reach + 1, rows)):
                for p in range(max(i - reach, 0), min(i + reach + 1, columns)):
                    if not has[q, p]:
                        continue
                    u, v = np.float32(4 * (i - p)), np.float32(4 * (j - q))
                    here = field[0, q, p] + u * field[1, q, p] + v * field[2, q, p]
                    if abs(here - own) > np.float32(1):
                        continue
                    w = taps[middle + q - j] * taps[middle + p - i]
                    n += w
                    d += w * here
                    a += w * field[1, q, p]
                    b += w * field[2, q, p]
            settled[0, j, i], settled[1, j, i], settled[2, j, i] = d / n, a / n, b / n
