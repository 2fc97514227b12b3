"""The ball bar: matt spheres of certified size and spacing.

In: a `SceneSpec` and a time. Out: a `SpheresStill`. Body frame: x along the bar, origin in its middle, mm. Lies: the
bar itself is not there, so are shadows from ball to ball; no gloss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver_sim.scene.hits import Floats32, Hits, empty_hits
from rigdriver_sim.scene.kernel import kernel
from rigdriver_sim.scene.optics import Floats, inverse, transform, undistort
from rigdriver_sim.scene.pods import CameraModel
from rigdriver_sim.scene.rest import pose_number, rest_pose
from rigdriver_sim.scene.spec import SceneSpec

SPHERE_ALBEDO = 0.62


class BallBar:
    """A ball bar that rests in one pose after the other."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec

    def still(self, t_s: float) -> SpheresStill:
        """Return the ball bar at a time."""
        bar, spec = self._spec.ball_bar, self._spec
        number = pose_number(t_s, bar.dwell_s, bar.poses)
        pose = rest_pose("ball_bar", spec.seed, number, 0.0, 0.5)
        along = (np.arange(bar.spheres) - (bar.spheres - 1) / 2) * bar.spacing_mm
        centres = np.stack([along, np.zeros(bar.spheres), np.zeros(bar.spheres)], axis=1)
        return SpheresStill(centres, bar.diameter_mm / 2, pose)


@dataclass(frozen=True, slots=True)
class SpheresStill:
    """Spheres at one moment."""

    centres_body_mm: Floats
    radius_mm: float
    T_world_body: Floats

    @property
    def centres_mm(self) -> Floats:
        """Centres in the world, (N, 3) mm."""
        return transform(self.T_world_body, self.centres_body_mm)

    def hits(self, camera: CameraModel) -> Hits:
        """Return what the camera's rays meet."""
        found = empty_hits(camera)
        centres = transform(camera.T_cam_world, self.centres_mm)
        turn = np.ascontiguousarray(camera.T_cam_world[:3, :3])
        _meet(centres, self.radius_mm, camera.lens.packed, turn, found.depth_mm, found.normal, found.material)
        found.albedo[:] = np.where(np.isfinite(found.depth_mm), np.float32(SPHERE_ALBEDO), np.float32(0))
        return found

    def shadow_depth(self, T_lamp_world: Floats, focal_px: float, size: int) -> Floats32 | None:  # noqa: ARG002
        """Return None: the dark side of a sphere needs no shadow buffer."""
        return None

    def signed_distance_mm(self, points_world_mm: Floats) -> Floats:
        """Return the distance of world points, (N, 3) mm, to the nearest sphere, (N,) mm; above 0 outside."""
        local = transform(inverse(self.T_world_body), points_world_mm)
        away = np.sqrt(((local[:, None, :] - self.centres_body_mm) ** 2).sum(axis=2)) - self.radius_mm
        nearest: Floats = np.take_along_axis(away, np.abs(away).argmin(axis=1)[:, None], axis=1)[:, 0]
        return nearest


@kernel
def _meet(
    centres: Floats,
    radius: float,
    lens: Floats,
    R_cam_world: Floats,
    depth: Floats,
    normal: Floats32,
    material: Floats32,
) -> None:
    height, width = depth.shape
    for row in range(height):
        for column in range(width):
            x, y = undistort(lens, float(column), float(row))
            v2 = x * x + y * y + 1.0
            best = np.inf
            for n in range(centres.shape[0]):
                cx, cy, cz = centres[n, 0], centres[n, 1], centres[n, 2]
                along = (x * cx + y * cy + cz) / v2
                # From the closest point of the ray: no difference of large squares.
                dx, dy, dz = along * x - cx, along * y - cy, along - cz
                inside = radius * radius - (dx * dx + dy * dy + dz * dz)
                if inside < 0.0:
                    continue
                t = along - np.sqrt(inside / v2)
                if 0.0 < t < best:
                    best = t
                    nx, ny, nz = (t * x - cx) / radius, (t * y - cy) / radius, (t - cz) / radius
                    depth[row, column] = t
                    material[row, column, 0] = n
                    for k in range(3):
                        normal[row, column, k] = (
                            R_cam_world[0, k] * nx + R_cam_world[1, k] * ny + R_cam_world[2, k] * nz
                        )
