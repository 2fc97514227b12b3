"""From disparity planes to a surface in the world: points, normals, uncertainty.

In: a pair's geometry, the planes of its cells and which of them are kept. Out: a `Surface`, its kept cells as points,
and which four cells lie on one surface. The formulas are those of parallel-camera stereo (Szeliski, Computer
Vision, 2nd ed., 12.1): z = b f / D with D the disparity plus the depth offset. A plane of disparity
D0 + a u + b v is a plane in space with the normal (a, b, (D - a x - b y) / f), x and y counted from the principal
point. Not here: images (see match/) and other pods (see mesh/fuse.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32
from rigdriver.stereo.cells import CELL_PX, CORRELATION, MIDDLE_PX, SIGMA
from rigdriver.stereo.geometry.pair_numbers import PairNumbers, numbers_of
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.kernel import exact_kernel, kernel

SIGMA_FACTOR = 2.4
"""Factor on the windows' own sigma for what smoothing, resampling and the repeated correction add; found on simulated
faces (tools/bench_stereo.py)."""
LEAST_FACING = 0.02
"""Least cosine between a cell's normal and its ray."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One pod's cells in the world."""

    pair: PairGeometry
    field: Floats32
    """(3, h, w) planes; `fuse` moves the disparities."""
    keep: Bytes
    """(h, w): 1 where the cell is kept."""
    noise_mm: Floats32
    """(h, w), standard uncertainty along the normal from noise."""
    detail_mm: Floats32
    """(h, w), the same from detail that smoothing took."""
    correlation: Floats32
    """(h, w)."""
    facing: Floats32
    """(h, w): cosine between the normal and the direction to the pod; 0 where not kept."""

    @property
    def sigma_mm(self) -> Floats32:
        """Standard uncertainty along the normal, (h, w)."""
        joined = np.empty_like(self.noise_mm)
        _join(self.noise_mm.ravel(), self.detail_mm.ravel(), joined.ravel())
        return joined


@exact_kernel
def _join(noise: Floats32, detail: Floats32, joined: Floats32) -> None:
    """Fill the roots of sums of squares, as `numpy.hypot` does in seven times the time."""
    for n in range(joined.shape[0]):
        x, y = np.float64(noise[n]), np.float64(detail[n])
        joined[n] = np.float32(np.sqrt(x * x + y * y))


def make_surface(pair: PairGeometry, field: Floats32, quality: Floats32, keep: Bytes, lost_px: Floats32) -> Surface:
    """Give cells their uncertainty and obliqueness. The arrays are copied, so the matcher may go on."""
    noise, detail, facing = (np.zeros(keep.shape, np.float32) for _ in range(3))
    _describe(field, noise_px(quality), lost_px, keep, numbers_of(pair), noise, detail, facing)
    return Surface(pair, field.copy(), keep, noise, detail, quality[CORRELATION].copy(), facing)


def noise_px(quality: Floats32) -> Array:
    """Return the standard uncertainty of the disparities from noise, (h, w) float64, in pixels."""
    return np.asarray(SIGMA_FACTOR * quality[SIGMA].astype(np.float64))


def flat_surface(pair: PairGeometry) -> Surface:
    """Return a plane across the middle of the pair's volume, a few cells wide, that nobody measured."""
    shape = (8, 8)
    field = np.zeros((3, *shape), np.float32)
    field[0] = 0.5 * sum(pair.disparities_px)
    sigma, ones = np.full(shape, 0.01, np.float32), np.ones(shape, np.float32)
    return Surface(pair, field, np.ones(shape, np.uint8), sigma, np.zeros_like(sigma), ones, ones.copy())


@kernel
def normal_at(
    n: PairNumbers, x: float, y: float, d: float, a: float, b: float
) -> tuple[float, float, float, float, float]:
    """Return depth, outward unit normal (towards the cameras) and its cosine to the ray through a rectified pixel."""
    D = d + n.depth_offset_px
    z = n.bf / D
    u, v = x - n.cx_px, y - n.cy_px
    # The plane's normal (a, b, (D - a u - b v) / f), turned towards the cameras.
    nx, ny, nz = -a, -b, -(D - a * u - b * v) / n.focal_px
    size = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * size, ny * size, nz * size
    rx, ry = u / n.focal_px, v / n.focal_px
    along = -(nx * rx + ny * ry + nz)
    return z, nx, ny, nz, along


@kernel
def _describe(
    field: Floats32, noise_px: Array, lost_px: Floats32, keep: Bytes, n: PairNumbers,
    noise: Floats32, detail: Floats32, facing: Floats32,
) -> None:  # fmt: skip
    for j in range(keep.shape[0]):
        for i in range(keep.shape[1]):
            if not keep[j, i]:
                continue
            d = float(field[0, j, i])
            z, _nx, _ny, _nz, along = normal_at(
                n, CELL_PX * i + MIDDLE_PX, CELL_PX * j + MIDDLE_PX, d, float(field[1, j, i]), float(field[2, j, i])
            )
            # Seen along the surface itself, a disparity says nothing of depth.
            if along <= LEAST_FACING:
                keep[j, i] = 0
                continue
            # dz = z^2 / (b f) dD along the ray, and its share along the normal.
            noise[j, i] = noise_px[j, i] * z * z / n.bf * along
            if noise[j, i] > n.most_sigma_mm:
                keep[j, i] = 0
                continue
            detail[j, i] = lost_px[j, i] * z * z / n.bf * along
            facing[j, i] = along


def cell_points(surface: Surface) -> tuple[Array, Array]:
    """Return world points and outward normals, both (N, 3) float64, of the kept cells in the grid's order."""
    j, i = np.nonzero(surface.keep)
    d, a, b = (surface.field[k][j, i].astype(np.float64) for k in range(3))
    pair = surface.pair
    u, v = CELL_PX * i + MIDDLE_PX - pair.left_cx_px, CELL_PX * j + MIDDLE_PX - pair.cy_px
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
    one, two, side = np.float32(1), np.float32(2), np.float32(CELL_PX)
    patches[rows - 1] = 0
    for j in range(rows - 1):
        d, a, b, e = field[0, j], field[1, j], field[2, j], field[0, j + 1]
        k, m, out = keep[j], keep[j + 1], patches[j]
        out[columns - 1] = 0
        total = 0
        for i in range(columns - 1):
            # Both diagonals: where the plane of one corner leads, against the disparity of the corner opposite.
            reach = one + two * (abs(a[i]) + abs(b[i]))
            across = abs(d[i] - e[i + 1] + side * (a[i] + b[i]))
            along = abs(d[i + 1] - e[i] - side * (a[i + 1] - b[i + 1]))
            good = k[i] & k[i + 1] & m[i] & m[i + 1] & np.uint8(across < reach) & np.uint8(along < reach)
            out[i] = good
            total += good
        count += total
    return count
