"""Projection and distortion against OpenCV, which the scene itself does not use for them.

In: the scene's cameras, points in front of them and behind. Out: pixels and rays within a millionth of a pixel of
OpenCV's.
"""

import cv2
import numpy as np
import pytest

from rigdriver_sim.scene.optics import Lens, inverse, look_at, rotation, transform

BROWN = (-0.12, 0.24, 4e-4, -3e-4, 0.15)
RATIONAL = (-0.12, 0.24, 4e-4, -3e-4, 0.15, 0.02, -0.05, 0.03)


def lens(distortion: tuple[float, ...]) -> Lens:
    return Lens(6144.0, 6139.5, 1031.25, 752.5, distortion)


def points_in_the_field(count: int) -> np.ndarray:
    draw = np.random.default_rng(3)
    return np.stack([draw.uniform(-160, 160, count), draw.uniform(-120, 120, count), draw.uniform(780, 1020, count)], 1)


@pytest.mark.parametrize("distortion", [(0.0,) * 5, BROWN, RATIONAL])
def test_projection_agrees_with_opencv_to_a_millionth_of_a_pixel(distortion: tuple[float, ...]) -> None:
    points = points_in_the_field(2000)
    ours = lens(distortion).project(points)
    theirs, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens(distortion).matrix, np.array(distortion))
    assert np.abs(ours - theirs.reshape(-1, 2)).max() < 1e-6


@pytest.mark.parametrize("distortion", [BROWN, RATIONAL])
def test_slopes_undo_projection(distortion: tuple[float, ...]) -> None:
    points = points_in_the_field(2000)
    slopes = lens(distortion).slopes(lens(distortion).project(points))
    assert np.abs(slopes - points[:, :2] / points[:, 2:]).max() < 1e-11


def test_a_point_behind_the_camera_has_no_pixel() -> None:
    assert np.isnan(lens(BROWN).project(np.array([[1.0, 2.0, -5.0]]))).all()


def test_rotation_agrees_with_opencv() -> None:
    for vector in np.random.default_rng(5).normal(0, 1, (20, 3)):
        assert np.abs(rotation(vector) - cv2.Rodrigues(vector)[0]).max() < 1e-12


def test_a_camera_sees_its_target_in_front_of_it_and_up_as_up() -> None:
    T_cam_world = look_at([-600.0, 100.0, 600.0], [0.0, 10.0, 0.0])
    seen = transform(T_cam_world, np.array([[0.0, 10.0, 0.0], [0.0, 60.0, 0.0]]))
    assert np.abs(seen[0, :2]).max() < 1e-9
    assert seen[0, 2] > 800
    assert seen[1, 1] < -40
    assert np.abs(T_cam_world @ inverse(T_cam_world) - np.eye(4)).max() < 1e-12
