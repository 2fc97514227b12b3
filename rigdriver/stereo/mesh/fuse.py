"""Fusion of two pods: where both measured the surface, each is drawn towards the other by weight.

In: two surfaces in one world. Out: the same surfaces with their disparities moved, and what was found between them. The
weight is cos^2 of the obliqueness over sigma^2, times a ramp that falls to zero at the border of a pod's cells, so that
no step is left where one of them ends. A point is rejected when the other pod sees through it and has the larger weight
there. No pod is moved as a whole: that would hide a bad calibration. Not here: images, and whether the step between the
pods can be trusted (see ../trust.py).
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.pair_numbers import PairNumbers, PairPose, numbers_of, pose_of
from rigdriver.stereo.geometry.surface import Surface, normal_at
from rigdriver.stereo.kernel import kernel

RAMP_CELLS = 8.0
"""Distance from the border at which a cell has its full weight."""
GATE_MM = 0.5
"""Largest distance of surfaces that are drawn together, in mm."""
SEARCH_MM = 8.0
"""Largest distance, in mm, of surfaces, facing alike, that counts as a step between the pods."""
ALIKE_FACING = 0.7
"""Least cosine between the normals of two surfaces that can be the same one."""
LEAST_SHARE = 0.2
"""Least share of the four cells about a place that must be kept for a value there."""
WHOLE_SHARE = 0.99
"""Share from which on all four cells about a place are kept."""
_SIDE = float(CELL_PX)
_ROBUST = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


class PodCells(NamedTuple):
    """One pod as the compiled loops take it."""

    field: Floats32
    keep: Bytes
    weight: Floats32
    noise_mm: Floats32
    detail_mm: Floats32
    numbers: PairNumbers
    pose: PairPose


@dataclass(frozen=True, slots=True, eq=False)
class Seam:
    """What was found between two pods."""

    step_mm: float
    """Median distance between the two surfaces, signed along the first one's normal."""
    spread_mm: float
    """Robust standard deviation of that distance."""
    met_cells: int
    """Cells of the first pod that face a surface of the second one nearby."""
    overlap_cells: int
    """Cells of both pods that were drawn together."""
    total_cells: int


def fuse(first: Surface, second: Surface, pool: Executor) -> tuple[Surface, Surface, Seam]:
    """Draw two surfaces together, each on a thread of the pool."""
    weights = list(pool.map(pod_weights, (first, second)))
    cells = [_cells_of(surface, weight) for surface, weight in zip((first, second), weights, strict=True)]
    drawn = pool.map(_drawn, (first, second), cells, cells[::-1])
    (one, there), (two, here) = drawn
    # Both pods see the same gap with opposite signs; the first one's are reported.
    between = there[np.isfinite(there)]
    overlap = sum(int((np.abs(d) <= GATE_MM).sum()) for d in (there, here))
    step = float(np.median(between)) if len(between) else float("nan")
    spread = _ROBUST * float(np.median(np.abs(between - step))) if len(between) else float("nan")
    total = int(first.keep.sum()) + int(second.keep.sum())
    return one, two, Seam(step, spread, len(between), overlap, total)


def _cells_of(surface: Surface, weight: Floats32) -> PodCells:
    return PodCells(
        surface.field, surface.keep, weight, surface.noise_mm, surface.detail_mm, numbers_of(surface.pair),
        pose_of(surface.pair),
    )  # fmt: skip


def _drawn(surface: Surface, own: PodCells, other: PodCells) -> tuple[Surface, Floats32]:
    field, keep = surface.field.copy(), surface.keep.copy()
    noise, detail = surface.noise_mm.copy(), surface.detail_mm.copy()
    distance = np.full(surface.keep.shape, np.nan, np.float32)
    _draw(own, other, field, keep, noise, detail, distance)
    return replace(surface, field=field, keep=keep, noise_mm=noise, detail_mm=detail), distance


def pod_weights(surface: Surface) -> Floats32:
    """Return the weight of each cell, (h, w), against another pod's; 0 where not kept."""
    # The frame of zeros makes the image's border a border of cells, too.
    inside = cv2.distanceTransform(np.pad(surface.keep, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    ramp = np.clip((inside - 0.5) / RAMP_CELLS, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = ramp * surface.facing**2 / np.maximum(surface.noise_mm, 1e-4) ** 2
    return np.asarray(np.where(surface.keep > 0, weight, 0), np.float32)


def find_worse(a: Surface, b: Surface, a_weight: Floats32, b_weight: Floats32) -> Bytes:
    """Return (h, w) uint8 of `a`: 1 where `b` measured the same place with the larger weight."""
    worse = np.zeros(a.keep.shape, np.uint8)
    _compare(_cells_of(a, a_weight), _cells_of(b, b_weight), worse)
    return worse


@kernel
def _from_to(a: PairPose, b: PairPose) -> tuple[Array, Array]:
    """Return T and t that take points of pair a to pair b: q = T p + t."""
    return b.R_pair_world @ a.R_pair_world.T, b.R_pair_world @ (a.centre_mm - b.centre_mm)


@kernel
def _compare(a: PodCells, b: PodCells, worse: Bytes) -> None:
    T, t = _from_to(a.pose, b.pose)
    n, m = a.numbers, b.numbers
    for j in range(a.keep.shape[0]):
        for i in range(a.keep.shape[1]):
            if not a.keep[j, i]:
                continue
            # The cell's middle in a's frame (z = b f / D), then in b's frame, then as a pixel of b.
            z = n.bf / (a.field[0, j, i] + n.depth_offset_px)
            px = (_SIDE * i + MIDDLE_PX - n.cx_px) / n.focal_px * z
            py = (_SIDE * j + MIDDLE_PX - n.cy_px) / n.focal_px * z
            qx = T[0, 0] * px + T[0, 1] * py + T[0, 2] * z + t[0]
            qy = T[1, 0] * px + T[1, 1] * py + T[1, 2] * z + t[1]
            qz = T[2, 0] * px + T[2, 1] * py + T[2, 2] * z + t[2]
            if qz <= 1.0:
                continue
            u, v = m.focal_px * qx / qz + m.cx_px, m.focal_px * qy / qz + m.cy_px
            total, there, weight, _s, _t, _a, _b = _read_at(b.field, b.keep, b.weight, b.weight, b.weight, u, v)
            is_heavier = total > WHOLE_SHARE and weight > a.weight[j, i]
            if is_heavier and abs(m.bf / (there + m.depth_offset_px) - qz) < GATE_MM:
                worse[j, i] = 1


@kernel
def _draw(
    a: PodCells, b: PodCells, field: Floats32, keep: Bytes, noise: Floats32, detail: Floats32, distance: Floats32
) -> None:
    """Fill what a's cells are when drawn towards b, and the `distance` between."""
    T, t = _from_to(a.pose, b.pose)
    n, m = a.numbers, b.numbers
    for j in range(a.keep.shape[0]):
        for i in range(a.keep.shape[1]):
            if not a.keep[j, i]:
                continue
            x, y, d = _SIDE * i + MIDDLE_PX, _SIDE * j + MIDDLE_PX, float(a.field[0, j, i])
            z = n.bf / (d + n.depth_offset_px)
            px, py = (x - n.cx_px) / n.focal_px * z, (y - n.cy_px) / n.focal_px * z
            qz = T[2, 0] * px + T[2, 1] * py + T[2, 2] * z + t[2]
            if qz <= 1.0:
                continue
            qx = T[0, 0] * px + T[0, 1] * py + T[0, 2] * z + t[0]
            qy = T[1, 0] * px + T[1, 1] * py + T[1, 2] * z + t[1]
            u, v = m.focal_px * qx / qz + m.cx_px, m.focal_px * qy / qz + m.cy_px
            if not (0.0 <= u < _SIDE * b.keep.shape[1] and 0.0 <= v < _SIDE * b.keep.shape[0]):
                continue
            w, there, wsum, ssum, lost, sx, sy = _read_at(b.field, b.keep, b.weight, b.noise_mm, b.detail_mm, u, v)
            if w <= 0.0:
                continue
            _z, nx, ny, nz, along = normal_at(n, x, y, d, float(a.field[1, j, i]), float(a.field[2, j, i]))
            zb, mx, my, mz, b_along = normal_at(m, u, v, there, sx, sy)
            # The other surface along its own ray, seen as a distance along its normal.
            gap = (qz - zb) * b_along
            turned = mx * (T[0, 0] * nx + T[0, 1] * ny + T[0, 2] * nz)
            turned += my * (T[1, 0] * nx + T[1, 1] * ny + T[1, 2] * nz)
            turned += mz * (T[2, 0] * nx + T[2, 1] * ny + T[2, 2] * nz)
            if turned >= ALIKE_FACING and abs(gap) < SEARCH_MM:
                distance[j, i] = -gap
            if abs(gap) > GATE_MM or turned < ALIKE_FACING:
                # The other pod looks through this point at something behind it.
                if gap < -GATE_MM and wsum > a.weight[j, i]:
                    keep[j, i] = 0
                continue
            share = wsum / max(wsum + a.weight[j, i], 1e-12)
            # `gap` above 0: this point lies behind the other surface, so it comes nearer along its own ray.
            nearer = share * gap / along
            field[0, j, i] = n.bf / (z - nearer) - n.depth_offset_px
            # Variance of a weighted mean of two independent values.
            own = (1.0 - share) * noise[j, i]
            noise[j, i] = np.sqrt(own * own + share * share * ssum * ssum)
            # Both windows take detail of the same surface, so what they take does not average out.
            detail[j, i] = (1.0 - share) * detail[j, i] + share * lost


@kernel
def _read_at(
    field: Floats32, keep: Bytes, weight: Floats32, noise: Floats32, detail: Floats32, u: float, v: float
) -> tuple[float, float, float, float, float, float, float]:
    """Blend the four cells about a pixel: total share, disparity, weight, noise, lost detail, slopes."""
    gx, gy = (u - MIDDLE_PX) / _SIDE, (v - MIDDLE_PX) / _SIDE
    i0, j0 = int(np.floor(gx)), int(np.floor(gy))
    total = d = w = s = t = a = b = 0.0
    for j in range(j0, j0 + 2):
        for i in range(i0, i0 + 2):
            if j < 0 or i < 0 or j >= keep.shape[0] or i >= keep.shape[1] or not keep[j, i]:
                continue
            share = (1.0 - abs(gx - i)) * (1.0 - abs(gy - j))
            total += share
            dx, dy = u - _SIDE * i - MIDDLE_PX, v - _SIDE * j - MIDDLE_PX
            d += share * (field[0, j, i] + dx * field[1, j, i] + dy * field[2, j, i])
            # Missing corners count as weight zero, so the ramp has no step where cells end.
            w += share * weight[j, i]
            s += share * noise[j, i]
            t += share * detail[j, i]
            a += share * field[1, j, i]
            b += share * field[2, j, i]
    if total < LEAST_SHARE:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return total, d / total, w, s / total, t / total, a / total, b / total
