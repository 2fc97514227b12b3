"""Dense points of one pod's planes: every place of the surface is near one of them.

In: planes of cells in the world, and which four of them lie on one surface. Out: points, normals, sigma and quality. A
patch lies between the middles of four such cells, and its points blend their planes. No point lies beyond the middle of
a surface's last cells: windows there also hold what lies behind (such points double the error's 99th percentile).
Points of alternate rows are shifted by half a step: the farthest place from any point then lies 0.625 steps away
(circumradius of the triangle 1, 1), instead of 0.707. Not here: images, and other pods (see fuse.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Bytes, Floats32, Ints64
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.pair_numbers import PairNumbers, PairPose
from rigdriver.stereo.geometry.surface import normal_at
from rigdriver.stereo.kernel import kernel

MOST_POINTS = 12
"""Largest number of points along one edge of a patch."""
_SIDE = float(CELL_PX)
_HALF = 0.5 * CELL_PX


@kernel
def plan_points(
    field: Floats32, patches: Bytes, n: PairNumbers, step_mm: float, across: Bytes, down: Bytes, first: Ints64
) -> int:
    """Decide how many points each patch gets along its two edges, so that none is farther than `step_mm` apart.

    Fills `across` and `down`, (h, w), and `first`, (h,): the number of the first point of each row. Returns the total.
    """
    total = 0
    for j in range(patches.shape[0]):
        first[j] = total
        for i in range(patches.shape[1]):
            if not patches[j, i]:
                continue
            z = n.bf / (field[0, j, i] + n.depth_offset_px)
            u = (_SIDE * i + MIDDLE_PX + _HALF - n.cx_px) / n.focal_px
            v = (_SIDE * j + MIDDLE_PX + _HALF - n.cy_px) / n.focal_px
            # How the point (u, v, 1) z moves with the pixel: sideways by z / f, and along its ray by
            # dz/dD = -z^2 / (b f) times the slope of the disparity.
            side, deeper = z / n.focal_px, -z * z / n.bf
            x, y = deeper * field[1, j, i], deeper * field[2, j, i]
            along_x = np.sqrt((side + u * x) ** 2 + (v * x) ** 2 + x * x)
            along_y = np.sqrt((u * y) ** 2 + (side + v * y) ** 2 + y * y)
            across[j, i] = min(max(int(np.ceil(_SIDE * along_x / step_mm)), 1), MOST_POINTS)
            down[j, i] = min(max(int(np.ceil(_SIDE * along_y / step_mm)), 1), MOST_POINTS)
            total += int(across[j, i]) * int(down[j, i])
    return total


@kernel
def fill_points(  # noqa: PLR0913, PLR0917
    field: Floats32, patches: Bytes, sigma: Floats32, correlation: Floats32, n: PairNumbers, pose: PairPose,
    across: Bytes, down: Bytes, first: Ints64,
    points: Floats32, normals: Floats32, sigmas: Floats32, qualities: Floats32,
) -> None:  # fmt: skip
    """Fill what `plan_points` planned, in the world: `across` x `down` points on each patch."""
    # Local numbers: the compiler cannot know that no point is written over the matrix.
    R, c = pose.R_pair_world, pose.centre_mm
    r00, r01, r02, r10, r11, r12 = R[0, 0], R[0, 1], R[0, 2], R[1, 0], R[1, 1], R[1, 2]
    r20, r21, r22, c0, c1, c2 = R[2, 0], R[2, 1], R[2, 2], c[0], c[1], c[2]
    for j in range(patches.shape[0] - 1):
        k = first[j]
        for i in range(patches.shape[1] - 1):
            if not patches[j, i]:
                continue
            d00, d01, d10, d11 = field[0, j, i], field[0, j, i + 1], field[0, j + 1, i], field[0, j + 1, i + 1]
            a00, a01, a10, a11 = field[1, j, i], field[1, j, i + 1], field[1, j + 1, i], field[1, j + 1, i + 1]
            b00, b01, b10, b11 = field[2, j, i], field[2, j, i + 1], field[2, j + 1, i], field[2, j + 1, i + 1]
            x0, y0 = _SIDE * i + MIDDLE_PX, _SIDE * j + MIDDLE_PX
            # One normal, sigma and correlation per patch: those of its middle.
            a, b = 0.25 * (a00 + a01 + a10 + a11), 0.25 * (b00 + b01 + b10 + b11)
            s = 0.25 * (sigma[j, i] + sigma[j, i + 1] + sigma[j + 1, i] + sigma[j + 1, i + 1])
            c_mean = 0.25 * (
                correlation[j, i] + correlation[j, i + 1] + correlation[j + 1, i] + correlation[j + 1, i + 1]
            )
            _z, nx, ny, nz, _along = normal_at(n, x0 + _HALF, y0 + _HALF, d00 + _HALF * (a + b), a, b)
            wx, wy, wz = (
                r00 * nx + r10 * ny + r20 * nz, r01 * nx + r11 * ny + r21 * nz, r02 * nx + r12 * ny + r22 * nz,
            )  # fmt: skip
            step_x, step_y = 1.0 / across[j, i], 1.0 / down[j, i]
            for row in range(down[j, i]):
                v = (row + 0.5) * step_y
                # Each edge of the patch blends two planes; between the edges the same again.
                left, right = _blend(d00, b00, d10, b10, v), _blend(d01, b01, d11, b11, v)
                lean_left, lean_right = (1.0 - v) * a00 + v * a10, (1.0 - v) * a01 + v * a11
                py = (y0 + _SIDE * v - n.cy_px) / n.focal_px
                shift = 0.25 if row & 1 else 0.75
                for column in range(across[j, i]):
                    u = (column + shift) * step_x
                    z = n.bf / (_blend(left, lean_left, right, lean_right, u) + n.depth_offset_px)
                    px = (x0 + _SIDE * u - n.cx_px) / n.focal_px
                    points[k, 0] = (r00 * px + r10 * py + r20) * z + c0
                    points[k, 1] = (r01 * px + r11 * py + r21) * z + c1
                    points[k, 2] = (r02 * px + r12 * py + r22) * z + c2
                    normals[k, 0], normals[k, 1], normals[k, 2] = wx, wy, wz
                    sigmas[k], qualities[k] = s, c_mean
                    k += 1


@kernel
def _blend(d0: float, slope0: float, d1: float, slope1: float, t: float) -> float:
    """Return a value between two cells: the line of each, weighted by nearness."""
    return (1.0 - t) * (d0 + _SIDE * t * slope0) + t * (d1 - _SIDE * (1.0 - t) * slope1)
