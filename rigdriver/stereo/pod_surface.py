"""One pod's view of one pulse, matched: its disparity planes, and where a place of its left image lies elsewhere.

In: the raw images of a pod's two cameras. Out: a `PodSurface`, or None where nothing can be matched. Its methods take
rectified places of the left image and return disparities, points and normals in the world, and places in the raw
images. Not here: what the matches say about the calibration (see witness.py and texture_witness.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Bytes
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.project import distort, to_pixels
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume, find_pairs, make_pair, working_volume
from rigdriver.stereo.images import PairImages, RectifiedPair
from rigdriver.stereo.match.cell_matcher import CellMatcher, Matches
from rigdriver.stereo.match.screen import screen
from rigdriver.stereo.reconstruct import StereoSettings


@dataclass(frozen=True, slots=True, eq=False)
class PodSurface:
    """Planes of one pod; valid until its matcher takes the next images. Places are (N, 2) pixels, x and y."""

    pair: PairGeometry
    images: RectifiedPair
    matches: Matches
    keep: Bytes
    """1 where a cell's plane holds, (h, w)."""

    def disparities_px(self, left_px: Array) -> Array:
        """Return the disparity, (N,), of a cell's plane at rectified places of the left image: d + a u + b v."""
        # Nearest cell, then its plane: no blending, so that errors of two cells do not mix.
        i, j = np.floor(left_px / CELL_PX).astype(np.int64).T
        plane = self.matches.field[:, j, i].astype(np.float64)
        away = left_px - (np.column_stack([i, j]) * CELL_PX + MIDDLE_PX)
        return np.asarray(plane[0] + plane[1] * away[:, 0] + plane[2] * away[:, 1])

    def points_mm(self, left_px: Array, d: Array | None = None) -> Array:
        """Return world points, (N, 3): z = b f / D along the pixel's ray."""
        pair = self.pair
        disparity = (self.disparities_px(left_px) if d is None else d) + pair.depth_offset_px
        z = pair.baseline_mm * pair.focal_px / disparity
        slopes = (left_px - [pair.left_cx_px, pair.cy_px]) / pair.focal_px
        return np.asarray(np.column_stack([slopes * z[:, None], z]) @ pair.R_pair_world + pair.centre_mm)

    def normals(self, left_px: Array) -> Array:
        """Return unit normals, (N, 3), of the cells' planes in the world, from two steps of one pixel on the plane."""
        d = self.disparities_px(left_px)
        i, j = np.floor(left_px / CELL_PX).astype(np.int64).T
        slopes = self.matches.field[1:, j, i].astype(np.float64)
        middle = self.points_mm(left_px, d)
        across, down = (
            self.points_mm(left_px + step, d + slope) - middle for step, slope in zip(np.eye(2), slopes, strict=True)
        )
        normal = np.cross(across, down)
        return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))

    def both_raw_px(self, left_px: Array) -> Array:
        """Return the same places in both raw images, (2, N, 2)."""
        right_px = left_px - np.column_stack([self.disparities_px(left_px), np.zeros(len(left_px))])
        return np.stack([raw_px(self.pair, 0, left_px), raw_px(self.pair, 1, right_px)])


def raw_px(pair: PairGeometry, side: int, rectified_px: Array) -> Array:
    """Return places, (N, 2), in the raw image of the left (0) or right (1) camera."""
    camera, cx = ((pair.left, pair.left_cx_px), (pair.right, pair.right_cx_px))[side]
    slopes = (rectified_px - [cx, pair.cy_px]) / pair.focal_px
    rays = np.column_stack([slopes, np.ones(len(slopes))]) @ (camera.T_cam_world[:3, :3] @ pair.R_pair_world.T).T
    return np.asarray(to_pixels(distort(rays[:, :2] / rays[:, 2:], camera.distortion), camera.K))


class PodMatcher:
    """Matches the images of one pod. Keep one for a sequence; use it on one thread."""

    def __init__(self, pair: PairGeometry, settings: StereoSettings) -> None:
        self.pair = pair
        self._settings = settings
        self._rectifier = PairImages(pair)
        self._matcher = CellMatcher(pair.size_px, settings.match)

    def match(self, images: Mapping[str, AnyImage]) -> PodSurface | None:
        """Return what both cameras show; None where an image is missing or blank."""
        pair = self.pair
        if pair.left.name not in images or pair.right.name not in images:
            return None
        both = self._rectifier.rectify(images[pair.left.name], images[pair.right.name])
        if both.problem:
            return None
        matches = self._matcher.match(both.left, both.right, pair.disparities_px, both.dark)
        return PodSurface(pair, both, matches, screen(matches, self._settings.screen))


def pod_matchers(
    calibration: RigCalibration, volume: WorkingVolume | None = None, settings: StereoSettings | None = None
) -> list[PodMatcher]:
    """Return a matcher for each pod; without a volume, for all that both cameras see.

    Raises:
        CalibrationMismatch: the calibration holds no usable pair.
    """
    chosen = volume or working_volume(calibration)
    pairs = [make_pair(calibration, pod, names, chosen) for pod, names in find_pairs(calibration).items()]
    return [PodMatcher(pair, settings or StereoSettings()) for pair in pairs]
