"""Lamps: what each sends to each pixel, and how much of it an exposure collects.

In: hits, lamps, shadow buffers, times. Out: irradiance maps in electrons for one nominal flash, and microseconds of
overlap between a flash and an exposure. A pattern is a slide of random grains, a cubic B-spline, thrown from the
projector's own pose; so it is band-limited and falls on a moving surface as light does.
Lies: lamps are points; shadow edges are resolved to 0.3 mm; what skin scatters becomes even light; nothing is
reflected twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.hits import Floats32, Hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.noise import generator
from rigdriver_sim.scene.optics import Floats, undistort
from rigdriver_sim.scene.pods import CameraModel, LampModel
from rigdriver_sim.scene.spec import LightSpec

SLIDE_COUNT = 2048
SKIN_ALBEDO = 0.62
"""What `LightSpec.peak` calls bright skin."""


def overlap_us(start_ns: int, end_ns: int, exposure_start_ns: int, exposure_end_ns: int) -> float:
    """Return how long a flash shines into an exposure, in microseconds."""
    return max(0, min(end_ns, exposure_end_ns) - max(start_ns, exposure_start_ns)) / 1000


def row_overlap_us(
    start_ns: int, end_ns: int, exposure_start_ns: int, exposure_end_ns: int, row_time_us: float, rows: int
) -> Floats:
    """Return the same for each row of a rolling shutter, (rows,) float64: row r opens r * row_time_us later."""
    later = 1000.0 * row_time_us * np.arange(rows)
    ends = np.minimum(end_ns, exposure_end_ns + later)
    starts = np.maximum(start_ns, exposure_start_ns + later)
    shares: Floats = np.maximum(0.0, ends - starts) / 1000
    return shares


@lru_cache(maxsize=4)
def slide(seed: int, lamp: str) -> npt.NDArray[np.int8]:
    """Return the grains of a projector's slide, (SLIDE_COUNT, SLIDE_COUNT) int8; it repeats beyond."""
    grains = generator("slide", seed, lamp).integers(-127, 128, (SLIDE_COUNT, SLIDE_COUNT), dtype=np.int8)
    grains.flags.writeable = False
    return grains


@kernel
def slide_value(grains: npt.NDArray[np.int8], u: float, v: float) -> float:
    """Return the transmission of the slide at grain coordinates, -1 to 1 around its mean."""
    fu, fv = np.floor(u), np.floor(v)
    s, t = u - fu, v - fv
    i, j = int(fu) - 1, int(fv) - 1
    s1, t1 = 1.0 - s, 1.0 - t
    # Weights of the uniform cubic B-spline: (1 - s)^3, 4 - 6 s^2 + 3 s^3, its mirror image, and s^3, over 6.
    w0, w3 = s1 * s1 * s1 / 6.0, s * s * s / 6.0
    w1, w2 = (4.0 - 3.0 * s * s * (2.0 - s)) / 6.0, (4.0 - 3.0 * s1 * s1 * (2.0 - s1)) / 6.0
    value = 0.0
    for k in range(4):
        row = grains[(j + k) & 2047]
        along = w0 * row[i & 2047] + w1 * row[(i + 1) & 2047] + w2 * row[(i + 2) & 2047] + w3 * row[(i + 3) & 2047]
        if k == 0:
            weight = t1 * t1 * t1 / 6.0
        elif k == 1:
            weight = (4.0 - 3.0 * t * t * (2.0 - t)) / 6.0
        elif k == 2:
            weight = (4.0 - 3.0 * t1 * t1 * (2.0 - t1)) / 6.0
        else:
            weight = t * t * t / 6.0
        value += weight * along
    value *= 3.2 / 127.0
    # A smooth squash to -1..1: clipping would put edges into a slide that is band-limited.
    return float(value / np.sqrt(1.0 + value * value))


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a lamp sees first: depth, (S, S) float32 mm, with the optical axis in the middle."""

    depth_mm: Floats32
    focal_px: float


NO_SHADOW = Shadow(np.full((1, 1), np.inf, np.float32), 1.0)


def lamp_map(
    hits: Hits, camera: CameraModel, lamp: LampModel, shadow: Shadow, light: LightSpec, full_e: float, seed: int
) -> Floats32:
    """Return the electrons that one nominal flash would bring from a white surface, (H, W) float32, unblurred."""
    out = np.zeros((camera.height, camera.width), np.float32)
    grains = slide(seed, lamp.name) if lamp.is_pattern else np.zeros((1, 1), np.int8)
    contrast = np.zeros(out.shape)
    if lamp.is_pattern:
        contrast[:] = light.speckle_contrast * (1 - np.asarray(hits.scatter, np.float64))
    half2 = (camera.width / 2) ** 2 + (camera.height / 2) ** 2
    lens = camera.lens
    numbers = np.array(
        [
            shadow.focal_px,
            lamp.distance_mm / lamp.grain_mm,
            full_e * lamp.power * lamp.distance_mm**2,
            lens.cx_px,
            lens.cy_px,
            lens.corner_falloff / half2,
        ]
    )
    _shade(
        hits.depth_mm,
        hits.normal,
        lens.packed,
        camera.T_cam_world,
        lamp.T_lamp_world,
        shadow.depth_mm,
        grains,
        contrast,
        numbers,
        out,
    )
    return out


def ambient_map(hits: Hits, full_e: float) -> Floats32:
    """Return the electrons of room light, even from all sides but darker from below, as `lamp_map` does."""
    sky = 0.7 + 0.3 * hits.normal[..., 1]
    even: Floats32 = (full_e * sky * np.isfinite(hits.depth_mm)).astype(np.float32)
    return even


@kernel
def _shade(  # noqa: PLR0913, PLR0917
    depth: Floats,
    normal: Floats32,
    lens: Floats,
    T_cam_world: Floats,
    T_lamp_world: Floats,
    shadow: Floats32,
    grains: npt.NDArray[np.int8],
    contrast: Floats,
    numbers: Floats,
    out: Floats32,
) -> None:
    T, L = T_cam_world, T_lamp_world
    shadow_focal, grains_per_slope, full = numbers[0], numbers[1], numbers[2]
    height, width = depth.shape
    size = shadow.shape[0]
    # The lamp's place in the world: -R^T t of T_lamp_world.
    lx = -(L[0, 0] * L[0, 3] + L[1, 0] * L[1, 3] + L[2, 0] * L[2, 3])
    ly = -(L[0, 1] * L[0, 3] + L[1, 1] * L[1, 3] + L[2, 1] * L[2, 3])
    lz = -(L[0, 2] * L[0, 3] + L[1, 2] * L[1, 3] + L[2, 2] * L[2, 3])
    for row in range(height):
        for column in range(width):
            z = depth[row, column]
            if np.isnan(z):
                continue
            x, y = undistort(lens, float(column), float(row))
            cx, cy, cz = x * z - T[0, 3], y * z - T[1, 3], z - T[2, 3]
            px = T[0, 0] * cx + T[1, 0] * cy + T[2, 0] * cz
            py = T[0, 1] * cx + T[1, 1] * cy + T[2, 1] * cz
            pz = T[0, 2] * cx + T[1, 2] * cy + T[2, 2] * cz
            ex, ey, ez = lx - px, ly - py, lz - pz
            d2 = ex * ex + ey * ey + ez * ez
            d = np.sqrt(d2)
            n = normal[row, column]
            # A point of light on a Lambertian surface: E = I cos / d^2. `full` makes E 1 at the working distance.
            cosine = (n[0] * ex + n[1] * ey + n[2] * ez) / d
            if cosine <= 0.0:
                continue
            u = L[0, 0] * px + L[0, 1] * py + L[0, 2] * pz + L[0, 3]
            v = L[1, 0] * px + L[1, 1] * py + L[1, 2] * pz + L[1, 3]
            w = L[2, 0] * px + L[2, 1] * py + L[2, 2] * pz + L[2, 3]
            u /= w
            v /= w
            lit = 1.0
            if size > 1:
                # A slope must not shadow itself where the buffer resolves it coarsely: the slack grows with its
                # tangent.
                slack = 0.5 + 0.4 * min(8.0, np.sqrt(max(0.0, 1.0 - cosine * cosine)) / cosine)
                lit = _lit_share(
                    shadow, u * shadow_focal + 0.5 * (size - 1), v * shadow_focal + 0.5 * (size - 1), w - slack
                )
                if lit == 0.0:
                    continue
            through = 1.0
            if grains.shape[0] > 1:
                grain = slide_value(grains, u * grains_per_slope, v * grains_per_slope)
                mean = 0.5 * (1.0 + contrast[row, column] * grain)
                through = 0.03 + 0.97 * mean
            # The fall-off towards the corners goes with the square of the distance from the principal point.
            rx, ry = column - numbers[3], row - numbers[4]
            seen = 1.0 - numbers[5] * (rx * rx + ry * ry)
            out[row, column] = full * lit * through * cosine / d2 * seen


@kernel
def _lit_share(shadow: Floats32, u: float, v: float, w: float) -> float:
    """Return how much of a place at depth w the lamp reaches: four neighbours asked, weighted."""
    size = shadow.shape[0]
    if not (0.0 <= u < size - 1.0 and 0.0 <= v < size - 1.0):
        return 1.0
    # Percentage-closer filtering (Reeves, Salesin and Cook 1987): depths are compared first and the answers
    # averaged, because a mean depth lies on no surface.
    i, j = int(u), int(v)
    s, t = u - i, v - j
    lit = 0.0
    if shadow[j, i] > w:
        lit += (1 - s) * (1 - t)
    if shadow[j, i + 1] > w:
        lit += s * (1 - t)
    if shadow[j + 1, i] > w:
        lit += (1 - s) * t
    if shadow[j + 1, i + 1] > w:
        lit += s * t
    return lit
