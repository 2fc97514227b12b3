"""Two pods, one surface: where both saw it, each is drawn towards the other by weight.

In: two surfaces in one world. Out: the same with their disparities moved, and what was found between them. The weight
is cos^2 of the obliqueness over sigma^2, times a ramp that falls to zero at the border of a pod's cells, so no step is
left where one of them ends. A point through which the other pod sees is rejected when it is the weaker witness.
This file refuses to know images; it moves no pod as a whole (that would hide a bad calibration).
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.stereo.geometry.surface import Surface, normal_at, numbers_of
from rigdriver.stereo.kernel import kernel

Array = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

RAMP_CELLS = 8.0
"""Distance from the border at which a cell has its full weight."""
GATE_MM = 0.5
"""Surfaces farther apart than this are not drawn together."""
SEARCH_MM = 8.0
"""Surfaces nearer than this, and facing alike, are told as a step between the pods."""


@dataclass(frozen=True, slots=True, eq=False)
class Seam:
    """What was found between two pods."""

    step_mm: float
    spread_mm: float
    met_cells: int
    """Cells of the first pod that face a surface of the second one nearby."""
    overlap_cells: int
    """Cells of both that were drawn together."""
    total_cells: int


def fuse(first: Surface, second: Surface, pool: Executor) -> tuple[Surface, Surface, Seam]:
    """Draw two surfaces together, each on a thread of the pool."""
    weights = list(pool.map(pod_weights, (first, second)))
    drawn = pool.map(_drawn, (first, second), (second, first), weights, weights[::-1])
    (one, there), (two, here) = drawn
    # Both pods see the same gap with opposite signs; the first one's are told.
    between = there[np.isfinite(there)]
    overlap = sum(int((np.abs(d) <= GATE_MM).sum()) for d in (there, here))
    step = float(np.median(between)) if len(between) else float("nan")
    spread = 1.4826 * float(np.median(np.abs(between - step))) if len(between) else float("nan")
    total = int(first.keep.sum()) + int(second.keep.sum())
    return one, two, Seam(step, spread, len(between), overlap, total)


def _drawn(a: Surface, b: Surface, a_weight: Floats32, b_weight: Floats32) -> tuple[Surface, Floats32]:
    field, keep, sigma = a.field.copy(), a.keep.copy(), a.sigma_mm.copy()
    distance = np.full(a.keep.shape, np.nan, np.float32)
    _draw(
        a.field, a.keep, a_weight, numbers_of(a.pair), a.pair.R_pair_world, a.pair.centre_mm, b.field, b.keep, b_weight,
        b.sigma_mm, numbers_of(b.pair), b.pair.R_pair_world, b.pair.centre_mm, field, keep, sigma, distance,
    )  # fmt: skip
    return replace(a, field=field, keep=keep, sigma_mm=sigma), distance


def pod_weights(surface: Surface) -> Floats32:
    """Return how much each cell, (h, w), counts against another pod's."""
    inside = cv2.distanceTransform(np.pad(surface.keep, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    ramp = np.clip((inside - 0.5) / RAMP_CELLS, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = ramp * surface.facing**2 / np.maximum(surface.sigma_mm, 1e-4) ** 2
    return np.asarray(np.where(surface.keep > 0, weight, 0), np.float32)


def find_worse(a: Surface, b: Surface, a_weight: Floats32, b_weight: Floats32) -> Bytes:
    """Return (h, w) uint8 of `a`: 1 where `b` measured the same place and is the better witness."""
    worse = np.zeros(a.keep.shape, np.uint8)
    _compare(
        a.field, a.keep, a_weight, numbers_of(a.pair), a.pair.R_pair_world, a.pair.centre_mm,
        b.field, b.keep, b_weight, numbers_of(b.pair), b.pair.R_pair_world, b.pair.centre_mm, worse,
    )  # fmt: skip
    return worse


@kernel
def _compare(  # noqa: PLR0913, PLR0917
    a_field: Floats32, a_keep: Bytes, a_weight: Floats32, a: Array, Ra: Array, ca: Array,
    b_field: Floats32, b_keep: Bytes, b_weight: Floats32, b: Array, Rb: Array, cb: Array, worse: Bytes,
) -> None:  # fmt: skip
    T = Rb @ Ra.T
    t = Rb @ (ca - cb)
    for j in range(a_keep.shape[0]):
        for i in range(a_keep.shape[1]):
            if not a_keep[j, i]:
                continue
            z = a[1] / (a_field[0, j, i] + a[4])
            px, py = (4.0 * i + 1.5 - a[2]) / a[0] * z, (4.0 * j + 1.5 - a[3]) / a[0] * z
            qx = T[0, 0] * px + T[0, 1] * py + T[0, 2] * z + t[0]
            qy = T[1, 0] * px + T[1, 1] * py + T[1, 2] * z + t[1]
            qz = T[2, 0] * px + T[2, 1] * py + T[2, 2] * z + t[2]
            if qz <= 1.0:
                continue
            u, v = b[0] * qx / qz + b[2], b[0] * qy / qz + b[3]
            total, there, weight, _s, _a, _b = _look(b_field, b_keep, b_weight, b_weight, u, v)
            if total > 0.99 and weight > a_weight[j, i] and abs(b[1] / (there + b[4]) - qz) < GATE_MM:
                worse[j, i] = 1


@kernel
def _draw(  # noqa: PLR0913, PLR0917
    a_field: Floats32, a_keep: Bytes, a_weight: Floats32, a: Array, Ra: Array, ca: Array,
    b_field: Floats32, b_keep: Bytes, b_weight: Floats32, b_sigma: Floats32, b: Array, Rb: Array, cb: Array,
    field: Floats32, keep: Bytes, sigma: Floats32, distance: Floats32,
) -> None:  # fmt: skip
    T = Rb @ Ra.T
    t = Rb @ (ca - cb)
    for j in range(a_keep.shape[0]):
        for i in range(a_keep.shape[1]):
            if not a_keep[j, i]:
                continue
            x, y, d = 4.0 * i + 1.5, 4.0 * j + 1.5, float(a_field[0, j, i])
            z = a[1] / (d + a[4])
            px, py = (x - a[2]) / a[0] * z, (y - a[3]) / a[0] * z
            qz = T[2, 0] * px + T[2, 1] * py + T[2, 2] * z + t[2]
            if qz <= 1.0:
                continue
            qx = T[0, 0] * px + T[0, 1] * py + T[0, 2] * z + t[0]
            qy = T[1, 0] * px + T[1, 1] * py + T[1, 2] * z + t[1]
            u, v = b[0] * qx / qz + b[2], b[0] * qy / qz + b[3]
            if not (0.0 <= u < 4.0 * b_keep.shape[1] and 0.0 <= v < 4.0 * b_keep.shape[0]):
                continue
            w, there, wsum, ssum, sx, sy = _look(b_field, b_keep, b_weight, b_sigma, u, v)
            if w <= 0.0:
                continue
            _z, nx, ny, nz, along = normal_at(a, x, y, d, float(a_field[1, j, i]), float(a_field[2, j, i]))
            zb, mx, my, mz, b_along = normal_at(b, u, v, there, sx, sy)
            # The other surface along its own ray, seen as a distance along its normal.
            gap = (qz - zb) * b_along
            turned = mx * (T[0, 0] * nx + T[0, 1] * ny + T[0, 2] * nz)
            turned += my * (T[1, 0] * nx + T[1, 1] * ny + T[1, 2] * nz)
            turned += mz * (T[2, 0] * nx + T[2, 1] * ny + T[2, 2] * nz)
            if turned >= 0.7 and abs(gap) < SEARCH_MM:
                distance[j, i] = -gap
            if abs(gap) > GATE_MM or turned < 0.7:
                # The other pod looks through this point at something behind it.
                if gap < -GATE_MM and wsum > a_weight[j, i]:
                    keep[j, i] = 0
                continue
            share = wsum / max(wsum + a_weight[j, i], 1e-12)
            # `gap` above 0: this point lies behind the other surface, so it comes nearer along its own ray.
            nearer = share * gap / along
            field[0, j, i] = a[1] / (z - nearer) - a[4]
            own = (1.0 - share) * sigma[j, i]
            sigma[j, i] = np.sqrt(own * own + share * share * ssum * ssum)


@kernel
def _look(
    field: Floats32, keep: Bytes, weight: Floats32, sigma: Floats32, u: float, v: float
) -> tuple[float, float, float, float, float, float]:
    """Blend the four cells about a pixel: total share, disparity, weight, sigma, slopes."""
    gx, gy = (u - 1.5) / 4.0, (v - 1.5) / 4.0
    i0, j0 = int(np.floor(gx)), int(np.floor(gy))
    total = d = w = s = a = b = 0.0
    for j in range(j0, j0 + 2):
        for i in range(i0, i0 + 2):
            if j < 0 or i < 0 or j >= keep.shape[0] or i >= keep.shape[1] or not keep[j, i]:
                continue
            share = (1.0 - abs(gx - i)) * (1.0 - abs(gy - j))
            total += share
            d += share * (field[0, j, i] + (u - 4.0 * i - 1.5) * field[1, j, i] + (v - 4.0 * j - 1.5) * field[2, j, i])
            # Missing corners count as weight zero, so the ramp has no step where cells end.
            w += share * weight[j, i]
            s += share * sigma[j, i]
            a += share * field[1, j, i]
            b += share * field[2, j, i]
    if total < 0.2:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    return total, d / total, w, s / total, a / total, b / total
