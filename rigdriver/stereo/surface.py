"""From disparity planes to a surface in the world: points, normals, uncertainty.

In: a pair's geometry, planes of cells and which are kept. Out: `Surface`, one row a cell; and the dense points, four a
cell, blended from the planes of the nearest cells. Formulas: parallel-camera stereo, z = b f / D; a plane of disparity
D0 + a u + b v is a plane in space with the normal (a, b, (D - a x - b y) / f), x and y from the principal point.
This file refuses to know images and other pods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.rectify import PairGeometry

Array = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

SIGMA_FACTOR = 1.55
"""What smoothing, resampling and the repeated correction add to the windows' own sigma; found on simulated faces."""
POINT_PX = 2
"""Distance of dense points in rectified pixels."""


def numbers_of(pair: PairGeometry) -> Array:
    """Pack what the kernels need of a pair: f, b f, left cx, cy, depth offset."""
    return np.array(
        [pair.focal_px, pair.baseline_mm * pair.focal_px, pair.left_cx_px, pair.cy_px, pair.depth_offset_px]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One pod's cells in the world; rows of arrays belong to cells, in the grid's order."""

    pair: PairGeometry
    field: Floats32
    """(3, h, w) planes; `fuse` moves the disparities."""
    keep: Bytes
    """(h, w)."""
    sigma_mm: Floats32
    """(h, w) along the normal."""
    correlation: Floats32
    """(h, w)."""
    facing: Floats32
    """(h, w): cosine between the normal and the direction to the pod; 0 where not kept."""


def make_surface(pair: PairGeometry, field: Floats32, quality: Floats32, keep: Bytes) -> Surface:
    """Give cells their uncertainty and obliqueness. Copies, so the matcher may go on."""
    sigma, facing = np.zeros(keep.shape, np.float32), np.zeros(keep.shape, np.float32)
    _describe(field, quality, keep, numbers_of(pair), SIGMA_FACTOR, sigma, facing)
    return Surface(pair, field.copy(), keep, sigma, quality[0].copy(), facing)


@kernel
def normal_at(n: Array, x: float, y: float, d: float, a: float, b: float) -> tuple[float, float, float, float, float]:
    """Depth, outward unit normal (towards the cameras) and its cosine to the ray through a rectified pixel."""
    D = d + n[4]
    z = n[1] / D
    u, v = x - n[2], y - n[3]
    nx, ny, nz = -a, -b, -(D - a * u - b * v) / n[0]
    size = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * size, ny * size, nz * size
    rx, ry = u / n[0], v / n[0]
    along = -(nx * rx + ny * ry + nz)
    return z, nx, ny, nz, along


@kernel
def _describe(
    field: Floats32, quality: Floats32, keep: Bytes, n: Array, factor: float, sigma: Floats32, facing: Floats32
) -> None:
    for j in range(keep.shape[0]):
        for i in range(keep.shape[1]):
            if not keep[j, i]:
                continue
            d = float(field[0, j, i])
            z, _nx, _ny, _nz, along = normal_at(
                n, 4.0 * i + 1.5, 4.0 * j + 1.5, d, float(field[1, j, i]), float(field[2, j, i])
            )
            if along <= 0.02:
                keep[j, i] = 0
                continue
            sigma[j, i] = factor * quality[1, j, i] * z * z / n[1] * along
            facing[j, i] = along


@kernel
def count_dense(keep: Bytes, first: npt.NDArray[np.int64]) -> int:
    """Fill `first`, (h,), with the number of the first dense point of each row of cells; returns their total."""
    total = 0
    for j in range(keep.shape[0]):
        first[j] = total
        for i in range(keep.shape[1]):
            total += 4 * keep[j, i]
    return total


@kernel
def fill_dense(  # noqa: PLR0913, PLR0917
    field: Floats32, keep: Bytes, sigma: Floats32, correlation: Floats32, n: Array, R: Array, centre: Array,
    first: npt.NDArray[np.int64], points: Floats32, normals: Floats32, sigmas: Floats32, qualities: Floats32,
) -> None:  # fmt: skip
    """Fill the dense points of one pod: four a kept cell, in the world."""
    rows, columns = keep.shape
    for j in range(rows):
        k = first[j]
        for i in range(columns):
            if not keep[j, i]:
                continue
            for corner in range(4):
                u, v = 2 * (corner & 1) - 1, (corner & 2) - 1
                d, a, b, w = 0.0, 0.0, 0.0, 0.0
                for dq in range(2):
                    for dp in range(2):
                        y, x = j + v * dq, i + u * dp
                        if y < 0 or x < 0 or y >= rows or x >= columns or not keep[y, x]:
                            continue
                        share = (3.0 - 2.0 * dq) * (3.0 - 2.0 * dp)
                        pu, pv = u - 4.0 * u * dp, v - 4.0 * v * dq
                        here = field[0, y, x] + pu * field[1, y, x] + pv * field[2, y, x]
                        if dp + dq > 0 and abs(here - field[0, j, i]) > 1.0 + abs(field[1, j, i]) + abs(field[2, j, i]):
                            continue
                        d, a, b, w = d + share * here, a + share * field[1, y, x], b + share * field[2, y, x], w + share
                d, a, b = d / w, a / w, b / w
                x_px, y_px = 4.0 * i + 1.5 + u, 4.0 * j + 1.5 + v
                z, nx, ny, nz, _along = normal_at(n, x_px, y_px, d, a, b)
                px, py = (x_px - n[2]) / n[0] * z, (y_px - n[3]) / n[0] * z
                for c in range(3):
                    points[k, c] = R[0, c] * px + R[1, c] * py + R[2, c] * z + centre[c]
                    normals[k, c] = R[0, c] * nx + R[1, c] * ny + R[2, c] * nz
                sigmas[k] = sigma[j, i]
                qualities[k] = correlation[j, i]
                k += 1
