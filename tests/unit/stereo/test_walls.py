"""A lit wall behind the face counts for nothing, and a subject outside the working volume is reported as such.

In: the simulated face with a wall put behind it. The wall is drawn here, from the cameras' calibration alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rigdriver.calibration.project import to_rays
from rigdriver.config import VolumeConfig
from rigdriver.stereo.geometry.rectify import WorkingVolume, working_volume
from rigdriver.stereo.reasons import ReasonKind
from rigdriver.stereo.reconstruct import CellReconstructor, reconstruct

MEDIAN_UM = 40.0
"""As without a wall (test_reconstruct.py)."""
LEAST_SHARE = 0.9
"""Least share of the points without a wall: the face's rim is darker than the wall."""
FLY_MM = 1.0


def _grey(head):
    return {name: image for name, image in head.images.items() if not name.endswith("colour")}


def _with_wall(images, calibration, wall):
    """Show `wall`, a function of camera and image, where a camera sees no face."""
    made = {}
    for name, image in images.items():
        lit = (cv2.GaussianBlur(image, (0, 0), 3) > 14).astype(np.uint8)
        face = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((9, 9)))
        made[name] = np.where(face > 0, image, np.clip(wall(calibration[name]), 0, 255)).astype(np.uint8)
    return made


def _speckled(calibration, distance_mm, seed):
    """A plane with speckle, that far behind the middle of the volume and across the mean line of sight."""
    rng = np.random.default_rng(seed)
    cameras = [c for c in calibration if c.role == "geometry"]
    axis = np.mean([c.T_cam_world[2, :3] for c in cameras], axis=0)
    axis /= np.linalg.norm(axis)
    middle = np.array(working_volume(calibration).centre_mm) + distance_mm * axis
    across = np.cross(axis, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    up = np.cross(across, axis)
    dots = rng.integers(0, 2, (1200, 1200)).astype(np.float32)
    pattern = cv2.resize(dots, (3600, 3600), interpolation=cv2.INTER_CUBIC)

    def wall(camera):
        places = np.stack(np.meshgrid(*(np.arange(n) for n in camera.size_px)), -1).reshape(-1, 2).astype(float)
        rays = np.column_stack([to_rays(camera, places), np.ones(len(places))]) @ camera.T_cam_world[:3, :3]
        length = ((middle - camera.centre_mm) @ axis) / (rays @ axis)
        at = camera.centre_mm + length[:, None] * rays - middle
        shape = camera.size_px[::-1]
        # Three pixels of the pattern are a dot, 4 mm wide.
        u, v = (1800 + 0.75 * (at @ d).reshape(shape).astype(np.float32) for d in (across, up))
        return 20 + 60 * cv2.remap(pattern, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    return wall


def _plain(seed):
    """Room light on a wall: brighter than the gaps of the face's speckle, and without detail."""
    rng = np.random.default_rng(seed)
    return lambda camera: rng.normal(60.0, 1.5, camera.size_px[::-1])


WALLS = {
    "near": lambda calibration: _speckled(calibration, 300.0, 3),
    "far": lambda calibration: _speckled(calibration, 900.0, 5),
    "plain": lambda _: _plain(7),
}


@pytest.mark.parametrize("name", WALLS)
def test_a_lit_wall_behind_the_face_does_not_count(head, name):
    images = _grey(head)
    alone = reconstruct(images, head.calibration)
    cloud = reconstruct(_with_wall(images, head.calibration, WALLS[name](head.calibration)), head.calibration)
    assert not cloud.is_empty, cloud.reason
    assert set(cloud.pod_names) == {"left", "right"}
    assert len(cloud) > LEAST_SHARE * len(alone)
    errors = np.abs(head.errors_um(cloud))
    assert np.median(errors) < MEDIAN_UM
    # What the wall looks like by chance must not become points in the air.
    assert np.mean(errors > 1e3 * FLY_MM) < 0.005


def test_cameras_that_were_swapped_before_a_lit_wall_are_refused(head):
    images = _with_wall(_grey(head), head.calibration, WALLS["near"](head.calibration))
    swapped = {**images, "left_upper": images["left_lower"], "left_lower": images["left_upper"]}
    cloud = reconstruct(swapped, head.calibration)
    assert "left" not in cloud.pod_names
    assert [r.kind for r in cloud.figures.warnings if r.device == "pod left"] == [ReasonKind.FEW_MATCHES]


def test_a_wall_without_a_face_is_reported_at_its_distance(head):
    blank = {name: np.zeros_like(image) for name, image in _grey(head).items()}
    cloud = reconstruct(_with_wall(blank, head.calibration, WALLS["near"](head.calibration)), head.calibration)
    assert cloud.is_empty
    assert {reason.kind for reason in cloud.reasons} == {ReasonKind.OUTSIDE_VOLUME}


@pytest.mark.parametrize("ahead_mm", [-350.0, 300.0])
def test_a_face_outside_the_volume_is_reported_at_its_distance(head, ahead_mm):
    """The volume is moved here; to the cameras that is a face too near or too far."""
    usual = working_volume(head.calibration)
    centres = np.mean([c.centre_mm for c in head.calibration if c.role == "geometry"], axis=0)
    line = np.array(usual.centre_mm) - centres
    x, y, z = np.array(usual.centre_mm) + ahead_mm * line / np.linalg.norm(line)
    with CellReconstructor(head.calibration, WorkingVolume((x, y, z), usual.radius_mm, usual.half_depth_mm)) as made:
        cloud = made.reconstruct(_grey(head))
        assert cloud.is_empty
        for reason, pair in zip(cloud.reasons, made.pairs, strict=True):
            assert reason.kind is ReasonKind.OUTSIDE_VOLUME, str(reason)
            there = pair.R_pair_world @ (np.array(usual.centre_mm) - pair.centre_mm)
            assert reason.seen == pytest.approx(there[2], abs=usual.half_depth_mm)
            assert f"{reason.seen:.0f} mm before" in str(reason)
            assert "--volume" in str(reason)


def _middle_of_views(calibration):
    """The point nearest to all lines of sight, by least squares over their lengths too, and its mean distance."""
    cameras = [c for c in calibration if c.role == "geometry"]
    rows, places = np.zeros((3 * len(cameras), 3 + len(cameras))), np.zeros(3 * len(cameras))
    for n, camera in enumerate(cameras):
        rows[3 * n : 3 * n + 3, :3], rows[3 * n : 3 * n + 3, 3 + n] = np.eye(3), -camera.T_cam_world[2, :3]
        places[3 * n : 3 * n + 3] = camera.centre_mm
    middle = np.linalg.lstsq(rows, places, rcond=None)[0][:3]
    return middle, np.mean([np.linalg.norm(camera.centre_mm - middle) for camera in cameras])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (VolumeConfig(), None),
        (VolumeConfig(radius_mm=90.0), (None, 90.0, 63.0)),
        (VolumeConfig(centre_mm=(1.0, 2.0, -30.0), radius_mm=80.0, half_depth_mm=20.0), ((1, 2, -30), 80.0, 20.0)),
    ],
)
def test_what_a_named_volume_leaves_out_is_the_default(head, given, expected):
    usual, made = working_volume(head.calibration), working_volume(head.calibration, given)
    middle, distance_mm = _middle_of_views(head.calibration)
    assert usual.centre_mm == pytest.approx(tuple(middle), abs=1e-6)
    assert usual.radius_mm == pytest.approx(0.16 * distance_mm)
    assert usual.half_depth_mm == pytest.approx(0.7 * 0.16 * distance_mm)
    if expected is None:
        assert made == usual
    else:
        centre, radius_mm, half_depth_mm = expected
        assert made.centre_mm == (centre or usual.centre_mm)
        assert (made.radius_mm, made.half_depth_mm) == pytest.approx((radius_mm, half_depth_mm))
