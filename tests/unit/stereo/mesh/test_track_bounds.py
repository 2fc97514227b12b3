"""A point whose ray runs along the surface is lost rather than found a metre away."""

from __future__ import annotations

import numpy as np

from rigdriver.calibration.project import project
from rigdriver.stereo.mesh.track import _lift


def test_a_hit_on_a_plane_seen_from_its_side_is_bounded(rig_calibration):
    camera = next(iter(rig_calibration))
    to_camera = camera.T_cam_world[:3, :3]
    across, down, ahead = to_camera
    middle = camera.centre_mm + 900 * ahead
    grid = np.stack(np.meshgrid(np.arange(-20.0, 21.0), np.arange(-20.0, 21.0)), -1).reshape(-1, 2)
    surface = middle + grid[:, :1] * across + grid[:, 1:] * down
    for degrees in (0.0, 45.0, 89.0, 89.9):
        turn = np.radians(degrees)
        normal = -np.cos(turn) * ahead + np.sin(turn) * across
        # Vertices as a noisy surface has them: their normals may lean away from the surface as a whole.
        places = project(camera, surface) + np.array([0.8, 0.3])
        found = _lift(places, camera, surface, np.tile(normal, (len(surface), 1)))
        far = np.linalg.norm(found - surface, axis=1)
        assert np.nanmax(far, initial=0.0) < 5.0
        assert np.isfinite(far).any() == (degrees < 78.0)
