"""Tracking of points: where each point of the skin in one frame set is in the next one.

In: the points, the colour images of both frame sets, the next surface and a calibration. Out: displacement vectors in
millimetres. Optical flow (dense inverse search, Kroeger et al. 2016) moves the point's pixel in the colour image; the
ray of the new pixel meets the next surface, which gives the depth. Speckle cannot be used: it moves with the lamp, not
with the skin. Not here: sequences longer than two (see sequence.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Bytes, Floats32
from rigdriver.calibration.calibration import CameraCalibration
from rigdriver.calibration.project import project, to_rays

ROUND_TRIP_PX = 0.7
"""Largest distance between a point and where the flow there and back takes it, in px; beyond, it is lost."""
LEAST_VERTICES = 10
"""Least number of vertices of a surface on which a point is looked for."""

LEAST_FACING = 0.2
"""Least cosine between a ray and the normal of the surface that it meets: 12 degrees to the surface, below which little
of it is measured."""
MOST_BEYOND_MM = 5.0
"""Largest distance, in mm, of a place from the nearest measured vertex. Skin bends away from its tangent plane by
d^2 / 2R: at 5 mm, and with a radius of 20 mm (a nose, a chin), by 0.6 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Displacements; arrays have one row per point that was asked for."""

    moved_mm: Array
    """(N, 3) float64: displacement; NaN where the point was lost."""
    miss_px: Array
    """(N,) float64: distance by which the flow there and back misses."""
    beyond_mm: Array
    """(N,) float64: distance of the place found from the nearest measured vertex, along the plane there; NaN where the
    point was lost."""

    @property
    def quality(self) -> Array:
        """(N,) float64, 1 to 0: what is left of both limits, ROUND_TRIP_PX and MOST_BEYOND_MM; NaN where lost."""
        return np.asarray((1 - self.miss_px / ROUND_TRIP_PX) * (1 - self.beyond_mm / MOST_BEYOND_MM))


def track(
    points_mm: Array, camera: CameraCalibration, before: Bytes, after: Bytes, surface_mm: Array, normals: Array
) -> Tracks:
    """Follow world points, (N, 3), from one colour image to the next.

    `before`, `after`: (H, W, 3) uint8 of one colour camera. `surface_mm`, `normals`: (M, 3), the surface of the second
    frame set.
    """
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (before, after)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    still = np.zeros((*grey[0].shape, 2), np.float32)
    # Forwards and backwards: where the skin is hidden in one image, the two do not agree.
    there = np.asarray(flow.calc(grey[0], grey[1], still.copy()), np.float32)
    back = np.asarray(flow.calc(grey[1], grey[0], still.copy()), np.float32)
    start = project(camera, points_mm)
    end: Array = start + _sample(there, start)
    miss = np.linalg.norm(_sample(back, end) + end - start, axis=1)
    found, beyond = _lift(end, camera, surface_mm, normals)
    is_lost = ~(miss < ROUND_TRIP_PX)
    found[is_lost], beyond[is_lost] = np.nan, np.nan
    return Tracks(found - points_mm, miss, beyond)


def _sample(flow: Floats32, places_px: Array) -> Array:
    x = np.nan_to_num(places_px[:, 0], nan=-1e4).astype(np.float32)
    y = np.nan_to_num(places_px[:, 1], nan=-1e4).astype(np.float32)
    # remap takes at most 32767 rows and columns, so long lists are folded.
    rows = -(-len(x) // 8192)
    folded = [np.resize(v, (rows, 8192)) for v in (x, y)]
    found = cv2.remap(
        flow, folded[0], folded[1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(np.nan, np.nan),
    )  # fmt: skip
    return np.asarray(found.reshape(-1, 2)[: len(x)], np.float64)


def _lift(places_px: Array, camera: CameraCalibration, surface_mm: Array, normals: Array) -> tuple[Array, Array]:
    """Return where the rays of pixels meet a surface, (N, 3) mm, and how far from its nearest vertex, (N,) mm.

    NaN where no vertex is within about three steps in the image, or the plane there is met far from it.
    """
    eye = camera.centre_mm
    # The back of a surface is hidden, though its vertices project into the image.
    facing = np.einsum("ij,ij->i", normals, eye - surface_mm) > 0
    surface_mm, normals = surface_mm[facing], normals[facing]
    seen = project(camera, surface_mm)
    good = np.isfinite(seen).all(axis=1)
    seen, surface_mm, normals = seen[good], surface_mm[good], normals[good]
    found, beyond = np.full((len(places_px), 3), np.nan), np.full(len(places_px), np.nan)
    wanted = np.flatnonzero(np.isfinite(places_px).all(axis=1))
    if not len(wanted) or len(seen) < LEAST_VERTICES:
        return found, beyond
    tree = cKDTree(seen)
    # Median distance of neighbouring vertices in the image, from a sample of 500.
    step = float(np.median(tree.query(seen[:: max(len(seen) // 500, 1)], k=2)[0][:, 1]))
    gap, near = tree.query(places_px[wanted], distance_upper_bound=3 * step + 1.0)
    wanted, near = wanted[np.isfinite(gap)], near[np.isfinite(gap)]
    rays = np.column_stack([to_rays(camera, places_px[wanted]), np.ones(len(wanted))]) @ camera.T_cam_world[:3, :3]
    normal = normals[near]
    # The ray eye + length * ray meets the plane of the nearest vertex.
    along = np.einsum("ij,ij->i", normal, rays)
    length = np.einsum("ij,ij->i", normal, surface_mm[near] - eye) / along
    # Seen along the plane, a ray meets it anywhere, however near to the vertex it passes.
    squarely = -along / np.linalg.norm(rays, axis=1) >= LEAST_FACING
    hit = eye + length[:, None] * rays
    away = np.linalg.norm(hit - surface_mm[near], axis=1)
    good = squarely & (away <= MOST_BEYOND_MM)
    found[wanted[good]], beyond[wanted[good]] = hit[good], away[good]
    return found, beyond
