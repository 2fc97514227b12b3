"""Dense points of one pod's planes: so many that every place of the surface is near one.

In: planes of cells in the world, and which four of them lie on one surface. Out: points, normals, sigma and quality. A
patch lies between the middles of four such cells, and its points blend their planes. Nothing is laid beyond the middle
of a surface's last cells: windows there hold what lies behind, too (such points double the error's 99th percentile).
Points of alternate rows are shifted by half a step: the farthest place from any point then lies 0.625 steps away
(circumradius of the triangle 1, 1), instead of 0.707.
This file refuses to know images and other pods.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.geometry.surface import normal_at
from rigdriver.stereo.kernel import kernel

Array = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

MOST_POINTS = 12
"""Along one edge of a patch."""


@kernel
def plan_points(
    field: Floats32, patches: Bytes, n: Array, step_mm: float, across: Bytes, down: Bytes, first: npt.NDArray[np.int64]
) -> int:
    """Decide how many points each patch gets along its two edges, so that none is farther than `step_mm` apart.

    Fills `across` and `down`, (h, w), and `first`, (h,): the number of the first point of each row. Returns the total.
    """
    total = 0
    focal, wide, cx, cy, offset = n[0], n[1], n[2], n[3], n[4]
    for j in range(patches.shape[0]):
        first[j] = total
        for i in range(patches.shape[1]):
            if not patches[j, i]:
                continue
            z = wide / (field[0, j, i] + offset)
            u, v = (4.0 * i + 3.5 - cx) / focal, (4.0 * j + 3.5 - cy) / focal
            # How the point moves with the pixel: sideways by z / f, and along the ray as the disparity falls.
            side, deeper = z / focal, -z * z / wide
            x, y = deeper * field[1, j, i], deeper * field[2, j, i]
            along_x = np.sqrt((side + u * x) ** 2 + (v * x) ** 2 + x * x)
            along_y = np.sqrt((u * y) ** 2 + (side + v * y) ** 2 + y * y)
            across[j, i] = min(max(int(np.ceil(4.0 * along_x / step_mm)), 1), MOST_POINTS)
            down[j, i] = min(max(int(np.ceil(4.0 * along_y / step_mm)), 1), MOST_POINTS)
            total += int(across[j, i]) * int(down[j, i])
    return total


@kernel
def fill_points(  # noqa: PLR0913, PLR0917
    field: Floats32, patches: Bytes, sigma: Floats32, correlation: Floats32, n: Array, R: Array, centre: Array,
    across: Bytes, down: Bytes, first: npt.NDArray[np.int64],
    points: Floats32, normals: Floats32, sigmas: Floats32, qualities: Floats32,
) -> None:  # fmt: skip
    """Fill what `plan_points` planned, in the world: `across` x `down` points on each patch."""
    focal, wide, cx, cy, offset = n[0], n[1], n[2], n[3], n[4]
    # Local numbers: the compiler cannot know that no point is written over the matrix.
    r00, r01, r02, r10, r11, r12 = R[0, 0], R[0, 1], R[0, 2], R[1, 0], R[1, 1], R[1, 2]
    r20, r21, r22, c0, c1, c2 = R[2, 0], R[2, 1], R[2, 2], centre[0], centre[1], centre[2]
    for j in range(patches.shape[0] - 1):
        k = first[j]
        for i in range(patches.shape[1] - 1):
            if not patches[j, i]:
                continue
            d00, d01, d10, d11 = field[0, j, i], field[0, j, i + 1], field[0, j + 1, i], field[0, j + 1, i + 1]
            a00, a01, a10, a11 = field[1, j, i], field[1, j, i + 1], field[1, j + 1, i], field[1, j + 1, i + 1]
            b00, b01, b10, b11 = field[2, j, i], field[2, j, i + 1], field[2, j + 1, i], field[2, j + 1, i + 1]
            x0, y0 = 4.0 * i + 1.5, 4.0 * j + 1.5
            a, b = 0.25 * (a00 + a01 + a10 + a11), 0.25 * (b00 + b01 + b10 + b11)
            s = 0.25 * (sigma[j, i] + sigma[j, i + 1] + sigma[j + 1, i] + sigma[j + 1, i + 1])
            c = 0.25 * (correlation[j, i] + correlation[j, i + 1] + correlation[j + 1, i] + correlation[j + 1, i + 1])
            _z, nx, ny, nz, _along = normal_at(n, x0 + 2.0, y0 + 2.0, d00 + 2.0 * (a + b), a, b)
            wx, wy, wz = (
                r00 * nx + r10 * ny + r20 * nz, r01 * nx + r11 * ny + r21 * nz, r02 * nx + r12 * ny + r22 * nz,
            )  # fmt: skip
            step_x, step_y = 1.0 / across[j, i], 1.0 / down[j, i]
            for row in range(down[j, i]):
                v = (row + 0.5) * step_y
                # Each edge of the patch blends two planes; between the edges the same again.
                left, right = _blend(d00, b00, d10, b10, v), _blend(d01, b01, d11, b11, v)
                lean_left, lean_right = (1.0 - v) * a00 + v * a10, (1.0 - v) * a01 + v * a11
                py = (y0 + 4.0 * v - cy) / focal
                shift = 0.25 if row & 1 else 0.75
                for column in range(across[j, i]):
                    u = (column + shift) * step_x
                    z = wide / (_blend(left, lean_left, right, lean_right, u) + offset)
                    px = (x0 + 4.0 * u - cx) / focal
                    points[k, 0] = (r00 * px + r10 * py + r20) * z + c0
                    points[k, 1] = (r01 * px + r11 * py + r21) * z + c1
                    points[k, 2] = (r02 * px + r12 * py + r22) * z + c2
                    normals[k, 0], normals[k, 1], normals[k, 2] = wx, wy, wz
                    sigmas[k], qualities[k] = s, c
                    k += 1


@kernel
def _blend(d0: float, slope0: float, d1: float, slope1: float, t: float) -> float:
    """Between two cells: the line of each, weighted by nearness."""
    return (1.0 - t) * (d0 + 4.0 * t * slope0) + t * (d1 - 4.0 * (1.0 - t) * slope1)
