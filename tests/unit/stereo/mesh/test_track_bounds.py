"""A point whose ray runs along the surface is lost rather than found a metre away, and each one carries its quality."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rigdriver.calibration.project import project, to_rays
from rigdriver.stereo.mesh.track import LEAST_FACING, MOST_BEYOND_MM, ROUND_TRIP_PX, track


@pytest.fixture
def camera(head):
    return next(c for c in head.calibration if c.role == "texture")


@pytest.fixture
def image(camera):
    noise = np.random.default_rng(3).normal(128.0, 60.0, camera.size_px[::-1])
    grey = np.clip(cv2.GaussianBlur(noise, (0, 0), 2.0) * 4 - 384, 0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def _plate(camera, turn_deg):
    """A plane across the line of sight, measured each mm, whose vertices' normals lean by so much."""
    across, down, ahead = camera.T_cam_world[:3, :3]
    grid = np.stack(np.meshgrid(np.arange(-20.0, 21.0), np.arange(-20.0, 21.0)), -1).reshape(-1, 2)
    surface = camera.centre_mm + 900 * ahead + grid[:, :1] * across + grid[:, 1:] * down
    turn = np.radians(turn_deg)
    return surface, np.tile(-np.cos(turn) * ahead + np.sin(turn) * across, (len(surface), 1))


@pytest.mark.parametrize("turn_deg", [0.0, 45.0, 75.0, 85.0, 89.0, 89.9])
def test_a_hit_on_a_plane_seen_from_its_side_is_bounded(camera, image, turn_deg):
    surface, normals = _plate(camera, turn_deg)
    # Points between the vertices and beside the rim: their rays pass the vertices, and meet planes further on.
    at = project(camera, surface) + np.array([2.4, 0.3])
    rays = np.column_stack([to_rays(camera, at), np.full(len(at), 1.0)]) @ camera.T_cam_world[:3, :3]
    points = camera.centre_mm + 900 * rays
    found = track(points, camera, image, image, surface, normals)
    assert np.nanmax(np.linalg.norm(found.moved_mm, axis=1), initial=0.0) < 2 * MOST_BEYOND_MM
    # Noisy normals of a steep surface must not carry a point away: at 78.5 degrees nothing is left.
    assert np.isfinite(found.moved_mm).any() == (np.cos(np.radians(turn_deg)) > LEAST_FACING)


def test_quality_falls_with_the_way_beyond_the_measured_surface(camera, image):
    surface, normals = _plate(camera, 0.0)
    rim = surface[surface @ camera.T_cam_world[0, :3] >= np.max(surface @ camera.T_cam_world[0, :3]) - 0.5]
    beside = rim + 1.2 * camera.T_cam_world[0, :3]
    found = track(np.concatenate([surface, beside]), camera, image, image, surface, normals)
    inside, outside = found.quality[: len(surface)], found.quality[len(surface) :]
    assert np.nanmedian(inside) > 0.9
    assert np.isfinite(outside).any()
    assert np.nanmedian(outside) == pytest.approx(1 - 1.2 / MOST_BEYOND_MM, abs=0.1)
    lost = ~np.isfinite(found.moved_mm[:, 0])
    assert np.isnan(found.quality[lost]).all()
    assert np.all(found.miss_px[~lost] < ROUND_TRIP_PX)
