"""Projection, distortion and triangulation beside OpenCV's.

In: lenses and points over the whole image. Out: pixels, rays and points that agree with OpenCV's, and NaN where no
answer is right.
"""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rigdriver.calibration.calibration import CameraCalibration
from rigdriver.calibration.project import (
    distort,
    distort_jacobian,
    inverse,
    project,
    rotation_matrix,
    rotation_vector,
    to_rays,
    transform,
    triangulate,
    undistort,
)

LENSES = {
    "narrow": (6144.0, np.array([-0.12, 0.3, 1e-3, -5e-4, 0.1])),
    "wide": (535.0, np.array([-0.28, 0.1, 1e-3, -5e-4, -0.02])),
    "rational": (1200.0, np.array([0.3, -0.2, 1e-3, 5e-4, 0.05, 0.5, -0.1, 0.02])),
}


def _camera(name: str) -> CameraCalibration:
    focal, distortion = LENSES[name]
    K = np.array([[focal, 0, 1010.0], [0, focal * 1.001, 760.0], [0, 0, 1.0]])
    T = transform(rotation_matrix([0.1, -0.4, 0.2]), np.array([10.0, -20.0, 900.0]))
    return CameraCalibration("c", "SN", (2048, 1536), K, distortion.copy(), T)


def _points(count: int = 400, reach: float = 120.0) -> np.ndarray:
    return np.random.default_rng(1).uniform(-reach, reach, (count, 3))


@pytest.mark.parametrize("lens", LENSES)
def test_projection_agrees_with_opencv_to_a_millionth_of_a_pixel(lens: str) -> None:
    camera, points = _camera(lens), _points()
    T = camera.T_cam_world
    theirs = cv2.projectPoints(
        points.reshape(-1, 1, 3),
        cv2.Rodrigues(T[:3, :3].copy())[0],
        T[:3, 3].copy(),
        camera.K.copy(),
        camera.distortion.copy(),
    )[0].reshape(-1, 2)
    assert np.abs(project(camera, points) - theirs).max() < 1e-6


@pytest.mark.parametrize("lens", LENSES)
def test_undistortion_undoes_distortion_over_the_whole_image(lens: str) -> None:
    camera = _camera(lens)
    x, y = np.meshgrid(np.linspace(-0.45, 0.45, 31), np.linspace(-0.4, 0.4, 31))
    rays = np.column_stack([x.ravel(), y.ravel()]) * min(1.0, 2400 / camera.K[0, 0])
    back = undistort(distort(rays, camera.distortion), camera.distortion)
    assert np.abs(back - rays).max() * camera.K[0, 0] < 1e-9


def test_undistorted_points_agree_with_opencv() -> None:
    camera = _camera("wide")
    pixels = np.random.default_rng(2).uniform([700, 500], [1300, 1000], (200, 2))
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    theirs = cv2.undistortImagePoints(pixels.reshape(-1, 1, 2), camera.K.copy(), camera.distortion.copy(), None, stop)
    ours = to_rays(camera, pixels) * np.diag(camera.K)[:2] + camera.K[:2, 2]
    assert np.abs(ours - theirs.reshape(-1, 2)).max() < 1e-6


def test_a_ray_that_no_lens_could_bend_so_far_is_nan() -> None:
    assert np.isnan(undistort(np.array([[3.0, 0.0]]), np.array([-0.28, 0.0, 0, 0, 0]))).all()


@pytest.mark.parametrize("lens", LENSES)
def test_derivatives_of_the_distortion_agree_with_differences(lens: str) -> None:
    distortion = np.zeros(8)
    distortion[: len(LENSES[lens][1])] = LENSES[lens][1]
    rays = np.random.default_rng(3).uniform(-0.3, 0.3, (50, 2))
    _, by_ray, by_coefficient = distort_jacobian(rays, distortion)
    for axis in range(2):
        step = 1e-6 * np.eye(2)[axis]
        slope = (distort(rays + step, distortion) - distort(rays - step, distortion)) / 2e-6
        assert np.abs(by_ray[:, :, axis] - slope).max() < 1e-8
    for k in range(8):
        change = 1e-6 * np.eye(8)[k]
        slope = (distort(rays, distortion + change) - distort(rays, distortion - change)) / 2e-6
        assert np.abs(by_coefficient[:, :, k] - slope).max() < 1e-8


def test_triangulation_returns_the_points_that_were_projected(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(4)
    points = truth.face_volume()[:300]
    images = np.stack([camera.project(points) for camera in rig.cameras])
    images[0, :50] = np.nan
    found, miss = triangulate(rig.cameras, images)
    assert np.abs(found - points).max() < 1e-7
    assert miss.max() < 1e-6


def test_a_point_that_one_camera_alone_sees_is_nan(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(4)
    points = truth.face_volume()[:5]
    images = np.stack([camera.project(points) for camera in rig.cameras[:2]])
    images[1, 2] = np.nan
    found, _ = triangulate(rig.cameras[:2], images)
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 2.5, np.pi - 1e-6])
def test_rotation_vectors_survive_the_way_to_a_matrix_and_back(angle: float) -> None:
    vector = angle * np.array([0.48, -0.6, 0.64])
    assert np.abs(rotation_matrix(vector) - cv2.Rodrigues(vector)[0]).max() < 1e-9
    assert np.abs(rotation_vector(rotation_matrix(vector)) - vector).max() < 1e-5


def test_a_transform_times_its_inverse_is_one() -> None:
    T = transform(rotation_matrix([0.3, 0.2, -1.0]), np.array([1.0, 2.0, 3.0]))
    assert np.abs(T @ inverse(T) - np.eye(4)).max() < 1e-14
