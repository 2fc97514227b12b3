"""The camera's geometry: project, distort, undistort, triangulate.

In: points in millimetres or pixels and a camera's numbers. Out: the same points elsewhere, with derivatives where a
solver needs them. The lens model is OpenCV's (pinhole, Brown-Conrady with 5, or rational with 8 coefficients, in the
order k1 k2 p1 p2 k3 k4 k5 k6), so files can be exchanged. Not here: finding the numbers (see
rigdriver.calibration.solve).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Mask

UNDISTORT_STEPS = 20
"""Largest number of Newton steps; four are enough for a lens that a rig would use."""
UNDISTORT_TOLERANCE = 1e-13
"""Largest step, in units of the focal length, that counts as converged."""


class Pinhole(Protocol):
    """Attributes of a camera that projection needs; `CameraCalibration` has them."""

    @property
    def K(self) -> Array: ...
    @property
    def distortion(self) -> Array: ...
    @property
    def T_cam_world(self) -> Array: ...


def pad_distortion(distortion: npt.ArrayLike) -> Array:
    """Return (8,) coefficients; missing ones are zero."""
    padded = np.zeros(8)
    values = np.asarray(distortion, dtype=np.float64).ravel()
    padded[: len(values)] = values
    return padded


def distort(xy: Array, distortion: npt.ArrayLike) -> Array:
    """Bend ideal rays as the lens does.

    `xy`: (..., 2) float64, x/z and y/z in the camera's frame. Returns the same shape.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = _split(distortion)
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    # Brown, Close-Range Camera Calibration, 1971, for the polynomial and the tangential terms p1, p2; the denominator
    # is OpenCV's rational model.
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    two_xy = 2 * x * y
    return np.stack(
        [x * radial + p1 * two_xy + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + p2 * two_xy], axis=-1
    )


def _split(distortion: npt.ArrayLike) -> tuple[Array, ...]:
    """Return the coefficients one by one; a (N, 8) array gives (N,) each, for points of several cameras at once."""
    d = np.asarray(distortion, dtype=np.float64)
    if d.ndim == 1:
        d = pad_distortion(d)
    return tuple(d[..., i] for i in range(8))


def distort_jacobian(xy: Array, distortion: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Bend ideal rays, and return the derivatives by the ray and by each coefficient.

    Returns (N, 2) bent rays, (N, 2, 2) derivative by the ray, (N, 2, 8) derivative by the coefficients.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = _split(distortion)
    x, y = xy[:, 0], xy[:, 1]
    r2 = x * x + y * y
    r4, r6 = r2 * r2, r2 * r2 * r2
    top = 1 + k1 * r2 + k2 * r4 + k3 * r6
    bottom = 1 + k4 * r2 + k5 * r4 + k6 * r6
    radial = top / bottom
    slope = ((k1 + 2 * k2 * r2 + 3 * k3 * r4) - radial * (k4 + 2 * k5 * r2 + 3 * k6 * r4)) / bottom
    two_xy = 2 * x * y
    bent = np.stack(
        [x * radial + p1 * two_xy + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + p2 * two_xy], axis=-1
    )
    by_ray = np.empty((len(x), 2, 2))
    # d (x * radial) / dx = radial + 2 x^2 * d radial / d r^2; the Jacobian of this model is symmetric.
    by_ray[:, 0, 0] = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
    by_ray[:, 0, 1] = two_xy * slope + 2 * p1 * x + 2 * p2 * y
    by_ray[:, 1, 0] = by_ray[:, 0, 1]
    by_ray[:, 1, 1] = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
    along = np.stack([r2, r4, r6], axis=-1) / np.asarray(bottom)[:, None]
    by_coefficient = np.empty((len(x), 2, 8))
    for row, ray in enumerate((x, y)):
        numerator = ray[:, None] * along
        by_coefficient[:, row, [0, 1, 4]] = numerator
        # Quotient rule: d (top / bottom) / d k4 = -radial * r^2 / bottom, and so on with r^4 and r^6.
        by_coefficient[:, row, 5:] = -radial[:, None] * numerator
    by_coefficient[:, 0, 2], by_coefficient[:, 0, 3] = two_xy, r2 + 2 * x * x
    by_coefficient[:, 1, 2], by_coefficient[:, 1, 3] = r2 + 2 * y * y, two_xy
    return bent, by_ray, by_coefficient


def undistort(xy_bent: Array, distortion: npt.ArrayLike) -> Array:
    """Straighten rays that the lens bent: the inverse of `distort`, by Newton steps.

    `xy_bent`: (N, 2) float64. A ray outside the model's invertible field comes back as NaN.
    """
    xy = np.array(xy_bent, dtype=np.float64)
    step = np.zeros_like(xy)
    for _ in range(UNDISTORT_STEPS):
        bent, by_ray, _ = distort_jacobian(xy, distortion)
        miss = xy_bent - bent
        determinant = by_ray[:, 0, 0] * by_ray[:, 1, 1] - by_ray[:, 0, 1] * by_ray[:, 1, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            step[:, 0] = (by_ray[:, 1, 1] * miss[:, 0] - by_ray[:, 0, 1] * miss[:, 1]) / determinant
            step[:, 1] = (by_ray[:, 0, 0] * miss[:, 1] - by_ray[:, 1, 0] * miss[:, 0]) / determinant
        # A step of more than a focal length leaves the field in which the model can be inverted.
        step[~np.isfinite(step) | (np.abs(step) > 1)] = np.nan
        xy += step
        if not np.any(np.abs(step) > UNDISTORT_TOLERANCE):
            break
    xy[~(np.abs(step) < 1e-9).all(axis=-1)] = np.nan
    return xy


def project(camera: Pinhole, points_world_mm: Array) -> Array:
    """Project world points into a camera.

    `points_world_mm`: (N, 3) float64. Returns (N, 2) pixels; points behind the camera come back as NaN.
    """
    T = np.asarray(camera.T_cam_world)
    X = np.asarray(points_world_mm, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]
    z = np.where(X[:, 2] > 0, X[:, 2], np.nan)
    return to_pixels(distort(X[:, :2] / z[:, None], camera.distortion), camera.K)


def to_pixels(xy: Array, K: Array) -> Array:
    """Convert rays (..., 2) to pixels; a skew in K is used."""
    return np.stack([K[0, 0] * xy[..., 0] + K[0, 1] * xy[..., 1] + K[0, 2], K[1, 1] * xy[..., 1] + K[1, 2]], axis=-1)


def to_rays(camera: Pinhole, points_px: Array) -> Array:
    """Return straightened rays (N, 2), x/z and y/z in the camera's frame, of image points (N, 2)."""
    K = camera.K
    points_px = np.asarray(points_px, dtype=np.float64)
    y = (points_px[:, 1] - K[1, 2]) / K[1, 1]
    x = (points_px[:, 0] - K[0, 2] - K[0, 1] * y) / K[0, 0]
    return undistort(np.stack([x, y], axis=-1), camera.distortion)


def triangulate(cameras: Sequence[Pinhole], points_px: Array, steps: int = 2) -> tuple[Array, Array]:
    """Find the world points that explain their images best (least squares in straightened pixels).

    `points_px`: (C, N, 2) float64, NaN where a camera does not see the point. Returns (N, 3) points in millimetres and
    (N,) RMS miss in pixels over the cameras that see it; NaN where fewer than two do.
    """
    rays = np.stack([to_rays(camera, points) for camera, points in zip(cameras, points_px, strict=True)])
    return triangulate_rays(cameras, rays, steps)


def triangulate_rays(cameras: Sequence[Pinhole], rays: Array, steps: int = 2) -> tuple[Array, Array]:
    """Do as `triangulate` does, from straightened rays (C, N, 2)."""
    seen = np.asarray(np.isfinite(rays).all(axis=2))
    points = _nearest_to_rays(cameras, rays, seen)
    focal = np.array([np.sqrt(c.K[0, 0] * c.K[1, 1]) for c in cameras])
    miss = np.zeros(rays.shape[1])
    for step in range(steps + 1):
        # Gauss-Newton on the reprojection error (Hartley and Zisserman, 12.3), in straightened pixels: the lens is
        # undone once per point, and not once per step.
        normal = np.zeros((rays.shape[1], 3, 3))
        right = np.zeros((rays.shape[1], 3))
        miss = np.zeros(rays.shape[1])
        for c, camera in enumerate(cameras):
            R, t = camera.T_cam_world[:3, :3], camera.T_cam_world[:3, 3]
            X = points @ R.T + t
            xy = X[:, :2] / X[:, 2:]
            residual = np.where(seen[c][:, None], (rays[c] - xy) * focal[c], 0.0)
            J = (R[None, :2, :] - xy[:, :, None] * R[None, 2:, :]) * (focal[c] / X[:, 2])[:, None, None]
            J = np.where(seen[c][:, None, None], J, 0.0)
            normal += np.einsum("nij,nik->njk", J, J)
            right += np.einsum("nij,ni->nj", J, residual)
            miss += np.sum(residual**2, axis=1)
        if step < steps:
            points = points + _solve_each(normal, right)
    count = seen.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(miss / count)
    points[count < 2], rms[count < 2] = np.nan, np.nan
    return points, rms


def _nearest_to_rays(cameras: Sequence[Pinhole], rays: Array, seen: Mask) -> Array:
    """Return the points nearest to all rays in space: the start of the refinement."""
    normal = np.zeros((rays.shape[1], 3, 3))
    right = np.zeros((rays.shape[1], 3))
    for c, camera in enumerate(cameras):
        R, t = camera.T_cam_world[:3, :3], camera.T_cam_world[:3, 3]
        direction = np.column_stack([rays[c], np.ones(rays.shape[1])]) @ R
        # Point of least squared distance to lines with unit direction d through c: sum (I - d d^T) (p - c) = 0.
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        across = np.eye(3) - direction[:, :, None] * direction[:, None, :]
        across = np.where(seen[c][:, None, None], across, 0.0)
        normal += across
        right += across @ (-R.T @ t)
    return _solve_each(normal, right)


def _solve_each(normal: Array, right: Array) -> Array:
    """Solve (N, 3, 3) systems; singular ones (fewer than two rays) give NaN."""
    with np.errstate(invalid="ignore"):
        # Relative to the trace, so that the test means the same for unit weights and for weights in pixels.
        well = np.abs(np.linalg.det(normal)) > 1e-12 * np.trace(normal, axis1=1, axis2=2) ** 3
    result = np.full(right.shape, np.nan)
    if well.any():
        result[well] = np.linalg.solve(normal[well], right[well][:, :, None])[:, :, 0]
    return result


def rotation_matrix(rotation_vector: npt.ArrayLike) -> Array:
    """Return the rotation (3, 3) of a rotation vector (3,), radians, by Rodrigues' formula."""
    w = np.asarray(rotation_vector, dtype=np.float64)
    angle = float(np.linalg.norm(w))
    cross = np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0]])
    # Below that angle 1 - cos(a) has no digit left; the series needs no term beyond its second one.
    if angle < 1e-8:
        return np.asarray(np.eye(3) + cross + 0.5 * cross @ cross)
    return np.asarray(np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross)


def rotation_vector(R: Array) -> Array:
    """Return the rotation vector (3,), radians, of a rotation (3, 3)."""
    cosine = np.clip((np.trace(R) - 1) / 2, -1.0, 1.0)
    angle = float(np.arccos(cosine))
    skew = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    if angle < 1e-6:
        return np.asarray(0.5 * skew)
    if np.pi - angle < 1e-4:  # near half a turn the skew part vanishes; the axis stands in R + I
        axis = (R + np.eye(3))[:, int(np.argmax(np.diag(R)))]
        axis = axis / np.linalg.norm(axis)
        return np.asarray(angle * axis * (1.0 if skew @ axis >= 0 else -1.0))
    return np.asarray(angle / (2 * np.sin(angle)) * skew)


def transform(R: Array, t: Array) -> Array:
    """Return (4, 4) of a rotation and a translation."""
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, t
    return T


def inverse(T: Array) -> Array:
    """Return the inverse of a rigid (4, 4)."""
    return transform(T[:3, :3].T, -T[:3, :3].T @ T[:3, 3])
