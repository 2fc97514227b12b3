"""Points of the skin through a whole sequence, as vectors.

In: the textured mesh and the colour images of one frame set after another. Out: where each point of the first mesh has
gone, and how far from where it began; NaN once it is lost. Points stand `STEP_MM` apart; each is followed by the
colour camera that sees it most squarely. Errors of each step add up: the drift grows with the root of the number of
steps. A lost point is not searched for again, as another one might be found. Not here: one step (see track.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rigdriver.arrays import Array, Bytes
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.images.colours import to_rgb
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.mesh.ply import write_rows
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.track import track

STEP_MM = 2.0
"""Distance of the points that are followed, in mm."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPoints:
    """Places of the points in one frame set; one row per point of the first frame set."""

    points_mm: Array
    """(N, 3) float64; NaN where the point is lost."""
    moved_mm: Array
    """(N, 3) float64: displacement since the first frame set."""
    quality: Array
    """(N,) float64, 1 to 0: the worst step so far (see `Tracks.quality`); NaN where the point is lost."""

    @property
    def kept_share(self) -> float:
        """Share of the points that are still followed."""
        return float(np.isfinite(self.points_mm[:, 0]).mean()) if len(self.points_mm) else 0.0


class PointSequence:
    """Follows points from one frame set to the next."""

    def __init__(self, calibration: RigCalibration, mosaic: str = "BayerRG8") -> None:
        """`mosaic`: pixel format of 8-bit arrays that bring none; frames say their own."""
        self._cameras = [camera for camera in calibration if camera.role == "texture"]
        self._mosaic = mosaic
        self._before: dict[str, Bytes] = {}
        self._start: Array | None = None
        self._now = np.zeros((0, 3))
        self._quality = np.zeros(0)
        self._camera_of = np.zeros(0, np.int64)

    def follow(self, mesh: SurfaceMesh, images: Mapping[str, AnyImage]) -> TrackedPoints | None:
        """Follow the points into one frame set. None when no colour camera has had an image yet."""
        seen = {
            c.name: to_rgb(with_format(images[c.name], self._mosaic, f"camera {c.name}"))
            for c in self._cameras
            if c.name in images
        }
        if self._start is None:
            if not seen:
                return None
            self._begin(mesh, list(seen))
        else:
            self._step(mesh, seen)
        self._before = seen
        assert self._start is not None
        return TrackedPoints(self._now.copy(), self._now - self._start, self._quality.copy())

    def _begin(self, mesh: SurfaceMesh, names: list[str]) -> None:
        # One vertex per cube of STEP_MM.
        cells = np.floor(mesh.vertices_mm / STEP_MM).astype(np.int64)
        chosen = np.sort(np.unique(cells, axis=0, return_index=True)[1])
        points, normals = mesh.vertices_mm[chosen], mesh.normals[chosen].astype(np.float64)
        squarely = np.full((len(self._cameras), len(points)), -1.0)
        for n, camera in enumerate(self._cameras):
            if camera.name in names:
                towards = camera.centre_mm - points
                squarely[n] = (towards * normals).sum(axis=1) / np.linalg.norm(towards, axis=1)
        # Each point keeps its camera: changing it would add the step between two colour images to its track.
        self._camera_of = np.argmax(squarely, axis=0)
        self._start, self._now, self._quality = points, points.copy(), np.ones(len(points))

    def _step(self, mesh: SurfaceMesh, seen: Mapping[str, Bytes]) -> None:
        # Points of a camera without an image now or before are lost.
        went, worst = np.full_like(self._now, np.nan), np.full(len(self._now), np.nan)
        normals = mesh.normals.astype(np.float64)
        for n, camera in enumerate(self._cameras):
            mine = (self._camera_of == n) & np.isfinite(self._now[:, 0])
            if not mine.any() or camera.name not in seen or camera.name not in self._before:
                continue
            tracks = track(
                self._now[mine], camera, self._before[camera.name], seen[camera.name], mesh.vertices_mm, normals
            )
            went[mine] = self._now[mine] + tracks.moved_mm
            worst[mine] = np.minimum(self._quality[mine], tracks.quality)
        self._now, self._quality = went, worst


def write_tracks(tracked: TrackedPoints, path: Path) -> None:
    """Write the points that are still followed as binary PLY: place, vector since the first one, quality, number."""
    kept = np.flatnonzero(np.isfinite(tracked.points_mm[:, 0]))
    kinds = [(name, "<f4") for name in ("x", "y", "z", "dx_mm", "dy_mm", "dz_mm", "quality")] + [("number", "<i4")]
    rows = np.empty(len(kept), np.dtype(kinds))
    for k in range(3):
        rows["xyz"[k]] = tracked.points_mm[kept, k]
        rows[("dx_mm", "dy_mm", "dz_mm")[k]] = tracked.moved_mm[kept, k]
    rows["quality"], rows["number"] = tracked.quality[kept], kept
    comment = (
        "millimetres; d: moved since the first frame set; quality: 1 good, 0 at the limit, of the worst step so far"
    )
    write_rows(rows, [comment], path)
