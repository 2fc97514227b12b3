"""Lenses and poses: from a point in space to a pixel, and back.

In: camera points in mm, or pixels. Out: pixels, or ray slopes. Brown's model with 5 parameters or the rational one with
8, parameters in OpenCV's order (k1 k2 p1 p2 k3 k4 k5 k6), pixel centres at whole numbers. The inverse is Newton's.
Written without looking at the driver's projection: the two check each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.kernel import kernel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lens:
    """Intrinsics of one camera."""

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...]
    """k1 k2 p1 p2 k3 [k4 k5 k6]."""
    corner_falloff: float = 0.12
    """Share of the light that is missing at the corners, beyond nothing at the centre."""
    psf_px: float = 0.5
    """Standard deviation of the blur by diffraction, pixel area and slight defocus."""

    @property
    def packed(self) -> Floats:
        """fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6, (12,) float64."""
        tail = (*self.distortion, *(0.0,) * (8 - len(self.distortion)))
        return np.array([self.fx_px, self.fy_px, self.cx_px, self.cy_px, *tail])

    @property
    def matrix(self) -> Floats:
        """Camera matrix, (3, 3) float64, pixels."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]])

    def project(self, points_camera_mm: Floats) -> Floats:
        """Return the pixels, (N, 2) float64, of camera points, (N, 3) mm; NaN behind the camera."""
        points = np.ascontiguousarray(points_camera_mm, dtype=np.float64).reshape(-1, 3)
        pixels = np.empty((len(points), 2))
        project_points(self.packed, points, pixels)
        return pixels

    def slopes(self, pixels: Floats) -> Floats:
        """Return x/z and y/z, (N, 2) float64, of the rays through pixels, (N, 2)."""
        wanted = np.ascontiguousarray(pixels, dtype=np.float64).reshape(-1, 2)
        slopes = np.empty_like(wanted)
        unproject_pixels(self.packed, wanted, slopes)
        return slopes


@kernel
def distort(lens: Floats, x: float, y: float) -> tuple[float, float]:
    """Return the pixel of a ray with slopes x and y."""
    r2 = x * x + y * y
    radial = (1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))) / (
        1.0 + r2 * (lens[9] + r2 * (lens[10] + r2 * lens[11]))
    )
    xd = x * radial + 2.0 * lens[6] * x * y + lens[7] * (r2 + 2.0 * x * x)
    yd = y * radial + lens[6] * (r2 + 2.0 * y * y) + 2.0 * lens[7] * x * y
    return lens[0] * xd + lens[2], lens[1] * yd + lens[3]


@kernel
def undistort(lens: Floats, u: float, v: float) -> tuple[float, float]:
    """Return the slopes of the ray through pixel u, v: Newton with the analytic Jacobian, to 1e-13."""
    goal_x = (u - lens[2]) / lens[0]
    goal_y = (v - lens[3]) / lens[1]
    x, y = goal_x, goal_y
    for _ in range(12):
        r2 = x * x + y * y
        top = 1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))
        low = 1.0 + r2 * (lens[9] + r2 * (lens[10] + r2 * lens[11]))
        d_top = lens[4] + r2 * (2.0 * lens[5] + 3.0 * r2 * lens[8])
        d_low = lens[9] + r2 * (2.0 * lens[10] + 3.0 * r2 * lens[11])
        radial = top / low
        slope = (d_top * low - top * d_low) / (low * low)
        error_x = x * radial + 2.0 * lens[6] * x * y + lens[7] * (r2 + 2.0 * x * x) - goal_x
        error_y = y * radial + lens[6] * (r2 + 2.0 * y * y) + 2.0 * lens[7] * x * y - goal_y
        # The Jacobian of the distorted slopes, with d(r2)/dx = 2 x: it is symmetric, so three numbers are enough.
        xx = radial + 2.0 * x * x * slope + 2.0 * lens[6] * y + 6.0 * lens[7] * x
        xy = 2.0 * x * y * slope + 2.0 * lens[6] * x + 2.0 * lens[7] * y
        yy = radial + 2.0 * y * y * slope + 6.0 * lens[6] * y + 2.0 * lens[7] * x
        det = xx * yy - xy * xy
        step_x = (yy * error_x - xy * error_y) / det
        step_y = (xx * error_y - xy * error_x) / det
        x -= step_x
        y -= step_y
        if abs(step_x) + abs(step_y) < 1e-13:
            break
    return x, y


@kernel
def project_points(lens: Floats, points: Floats, pixels: Floats) -> None:
    """Fill `pixels`, (N, 2), with the projections of camera points, (N, 3) mm."""
    for i in range(points.shape[0]):
        if points[i, 2] <= 0.0:
            pixels[i, 0] = np.nan
            pixels[i, 1] = np.nan
        else:
            u, v = distort(lens, points[i, 0] / points[i, 2], points[i, 1] / points[i, 2])
            pixels[i, 0] = u
            pixels[i, 1] = v


@kernel
def unproject_pixels(lens: Floats, pixels: Floats, slopes: Floats) -> None:
    """Fill `slopes`, (N, 2), with the ray slopes of `pixels`, (N, 2)."""
    for i in range(pixels.shape[0]):
        x, y = undistort(lens, pixels[i, 0], pixels[i, 1])
        slopes[i, 0] = x
        slopes[i, 1] = y


def transform(T_b_a: Floats, points_a_mm: Floats) -> Floats:
    """Return points, (N, 3) mm, of frame a in frame b."""
    moved: Floats = points_a_mm @ T_b_a[:3, :3].T + T_b_a[:3, 3]
    return moved


def inverse(T_b_a: Floats) -> Floats:
    """Return T_a_b of a rigid transform, (4, 4)."""
    # A rigid T = (R, t) has the inverse (R^T, -R^T t), free of the rounding of a general inverse.
    T_a_b = np.eye(4)
    T_a_b[:3, :3] = T_b_a[:3, :3].T
    T_a_b[:3, 3] = -T_b_a[:3, :3].T @ T_b_a[:3, 3]
    return T_a_b


def rotation(axis_angle_rad: npt.ArrayLike) -> Floats:
    """Return the rotation matrix, (3, 3), of an axis-angle vector, (3,) rad (Rodrigues)."""
    vector = np.asarray(axis_angle_rad, dtype=np.float64)
    angle = float(np.sqrt(vector @ vector))
    if angle == 0.0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned


def rigid(rotation_matrix: Floats, shift_mm: npt.ArrayLike) -> Floats:
    """Return the (4, 4) transform that turns, then shifts."""
    T = np.eye(4)
    T[:3, :3] = rotation_matrix
    T[:3, 3] = np.asarray(shift_mm, dtype=np.float64)
    return T


def look_at(position_mm: npt.ArrayLike, target_mm: npt.ArrayLike, roll_rad: float = 0.0) -> Floats:
    """Return T_cam_world, (4, 4), of a camera that stands upright at `position_mm` and looks at `target_mm`."""
    position = np.asarray(position_mm, dtype=np.float64)
    forward = np.asarray(target_mm, dtype=np.float64) - position
    forward /= np.sqrt(forward @ forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.sqrt(right @ right)
    upright = np.stack([right, np.cross(forward, right), forward])
    turned = rotation([0.0, 0.0, -roll_rad]) @ upright
    return rigid(turned, -turned @ position)
