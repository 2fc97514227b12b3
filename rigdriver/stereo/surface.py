"""From disparity planes to a surface in the world: points, normals, uncertainty.

In: a pair's geometry, planes of cells and which are kept. Out: `Surface`, one row a cell; and the dense points, blended
from the planes of the four cells about them. Formulas: parallel-camera stereo, z = b f / D; a plane of disparity
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

SIGMA_FACTOR = 2.4
"""What smoothing, resampling and the repeated correction add to the windows' own sigma; found on simulated faces."""

MOST_POINTS = 10
"""Along one edge of a patch."""


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


def cell_points(surface: Surface) -> tuple[Array, Array]:
    """Return world points and outward normals, both (N, 3) float64, of the kept cells in the grid's order."""
    j, i = np.nonzero(surface.keep)
    d, a, b = (surface.field[k][j, i].astype(np.float64) for k in range(3))
    pair = surface.pair
    u, v = 4.0 * i + 1.5 - pair.left_cx_px, 4.0 * j + 1.5 - pair.cy_px
    D = d + pair.depth_offset_px
    z = pair.baseline_mm * pair.focal_px / D
    points = np.stack([u / pair.focal_px * z, v / pair.focal_px * z, z], axis=1)
    normals = -np.stack([a, b, (D - a * u - b * v) / pair.focal_px], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return points @ pair.R_pair_world + pair.centre_mm, normals @ pair.R_pair_world


@kernel
def find_patches(field: Floats32, keep: Bytes, patches: Bytes) -> int:
    """Fill `patches`, (h, w): 1 where the four cells from (j, i) on are kept and lie on one surface; count them."""
    rows, columns = keep.shape
    count = 0
    one, two, four = np.float32(1), np.float32(2), np.float32(4)
    patches[rows - 1] = 0
    for j in range(rows - 1):
        d, a, b, e = field[0, j], field[1, j], field[2, j], field[0, j + 1]
        k, m, out = keep[j], keep[j + 1], patches[j]
        out[columns - 1] = 0
        total = 0
        for i in range(columns - 1):
            reach = one + two * (abs(a[i]) + abs(b[i]))
            across = abs(d[i] - e[i + 1] + four * (a[i] + b[i]))
            along = abs(d[i + 1] - e[i] - four * (a[i + 1] - b[i + 1]))
            good = k[i] & k[i + 1] & m[i] & m[i + 1] & np.uint8(across < reach) & np.uint8(along < reach)
            out[i] = good
            total += good
        count += total
    return count


@kernel
def divide_patches(
    field: Floats32, patches: Bytes, n: Array, point_mm: float, across: Bytes, down: Bytes, first: npt.NDArray[np.int64]
) -> int:
    """Decide how many points each patch gets along its two edges, so that none is farther than `point_mm` apart.

    Fills `across` and `down`, (h, w), and `first`, (h,): the number of the first point of each row. Returns the total.
    """
    total = 0
    for j in range(patches.shape[0]):
        first[j] = total
        for i in range(patches.shape[1]):
            if not patches[j, i]:
                continue
            z = n[1] / (field[0, j, i] + n[4])
            u, v = (4.0 * i + 3.5 - n[2]) / n[0], (4.0 * j + 3.5 - n[3]) / n[0]
            # How the point moves with the pixel: sideways by z / f, and along the ray as the disparity falls.
            side, deeper = z / n[0], -z * z / n[1]
            x, y = deeper * field[1, j, i], deeper * field[2, j, i]
            along_x = np.sqrt((side + u * x) ** 2 + (v * x) ** 2 + x * x)
            along_y = np.sqrt((u * y) ** 2 + (side + v * y) ** 2 + y * y)
            across[j, i] = min(max(int(np.ceil(4.0 * along_x / point_mm)), 1), MOST_POINTS)
            down[j, i] = min(max(int(np.ceil(4.0 * along_y / point_mm)), 1), MOST_POINTS)
            total += int(across[j, i]) * int(down[j, i])
    return total


@kernel
def fill_dense(  # noqa: PLR0913, PLR0917
    field: Floats32, patches: Bytes, sigma: Floats32, correlation: Floats32, n: Array, R: Array, centre: Array,
    across: Bytes, down: Bytes,
    first: npt.NDArray[np.int64], points: Floats32, normals: Floats32, sigmas: Floats32, qualities: Floats32,
) -> None:  # fmt: skip
    """Fill the dense points of one pod, in the world: `across` x `down` on each patch between four cells."""
    for j in range(patches.shape[0] - 1):
        k = first[j]
        for i in range(patches.shape[1] - 1):
            if not patches[j, i]:
                continue
            a = 0.25 * (field[1, j, i] + field[1, j, i + 1] + field[1, j + 1, i] + field[1, j + 1, i + 1])
            b = 0.25 * (field[2, j, i] + field[2, j, i + 1] + field[2, j + 1, i] + field[2, j + 1, i + 1])
            x0, y0 = 4.0 * i + 1.5, 4.0 * j + 1.5
            _z, nx, ny, nz, _along = normal_at(n, x0 + 2.0, y0 + 2.0, float(field[0, j, i] + 2.0 * (a + b)), a, b)
            wx = R[0, 0] * nx + R[1, 0] * ny + R[2, 0] * nz
            wy = R[0, 1] * nx + R[1, 1] * ny + R[2, 1] * nz
            wz = R[0, 2] * nx + R[1, 2] * ny + R[2, 2] * nz
            s = 0.25 * (sigma[j, i] + sigma[j, i + 1] + sigma[j + 1, i] + sigma[j + 1, i + 1])
            q = 0.25 * (correlation[j, i] + correlation[j, i + 1] + correlation[j + 1, i] + correlation[j + 1, i + 1])
            step_x, step_y = 1.0 / across[j, i], 1.0 / down[j, i]
            for row in range(down[j, i]):
                v = (row + 0.5) * step_y
                # Each edge of the patch blends two planes; between the edges the same again.
                left = _blend(field[0, j, i], field[2, j, i], field[0, j + 1, i], field[2, j + 1, i], v)
                right = _blend(
                    field[0, j, i + 1], field[2, j, i + 1], field[0, j + 1, i + 1], field[2, j + 1, i + 1], v
                )
                lean_left = (1 - v) * field[1, j, i] + v * field[1, j + 1, i]
                lean_right = (1 - v) * field[1, j, i + 1] + v * field[1, j + 1, i + 1]
                py = (y0 + 4.0 * v - n[3]) / n[0]
                for column in range(across[j, i]):
                    u = (column + 0.5) * step_x
                    D = _blend(left, lean_left, right, lean_right, u) + n[4]
                    z = n[1] / D
                    px = (x0 + 4.0 * u - n[2]) / n[0]
                    points[k, 0] = (R[0, 0] * px + R[1, 0] * py + R[2, 0]) * z + centre[0]
                    points[k, 1] = (R[0, 1] * px + R[1, 1] * py + R[2, 1]) * z + centre[1]
                    points[k, 2] = (R[0, 2] * px + R[1, 2] * py + R[2, 2]) * z + centre[2]
                    normals[k, 0], normals[k, 1], normals[k, 2] = wx, wy, wz
                    sigmas[k], qualities[k] = s, q
                    k += 1


@kernel
def _blend(d0: float, slope0: float, d1: float, slope1: float, t: float) -> float:
    """Between two cells: the line of each, weighted by nearness."""
    return (1.0 - t) * (d0 + 4.0 * t * slope0) + t * (d1 - 4.0 * (1.0 - t) * slope1)
