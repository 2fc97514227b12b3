"""Speckle matches as evidence on the calibration: they show when a camera has been bumped.

In: the images of one pulse. Out: observations for `HealthMonitor.look`: for each pod, image points of the same speckle
in both cameras, one per block of cells (a turn across the baseline shifts rows); between two pods, places of one
surface that both measured (a turn along the baseline shifts depth). Not here: the judgement (see calibration/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.health.evidence import Observation, PairMatches, SurfaceSteps
from rigdriver.calibration.project import distort, to_pixels
from rigdriver.frames import FrameSet
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume, find_pairs, make_pair, working_volume
from rigdriver.stereo.images import PairImages
from rigdriver.stereo.match.cell_matcher import CellMatcher
from rigdriver.stereo.match.rows import BLOCK_CELLS, block_shifts
from rigdriver.stereo.match.screen import screen
from rigdriver.stereo.reconstruct import StereoSettings

STRIDE_CELLS = 5
"""Distance of the cells that are compared between pods: neighbouring ones share pixels and errors."""
LARGEST_STEP_MM = 3.0
"""Largest distance of two measurements of one surface by two pods, in mm."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Planes of one pod."""

    pair: PairGeometry
    field: Floats32
    keep: Bytes
    shifts: Floats32


class SpeckleWitness:
    """Matches the pods' images for evidence. Keep one for a sequence; use it on one thread."""

    def __init__(
        self, calibration: RigCalibration, volume: WorkingVolume | None = None, settings: StereoSettings | None = None
    ) -> None:
        """Raises CalibrationMismatch when the calibration holds no usable pair."""
        self._settings = settings or StereoSettings()
        chosen = volume or working_volume(calibration)
        pairs = [make_pair(calibration, pod, names, chosen) for pod, names in find_pairs(calibration).items()]
        self._tools = [(pair, PairImages(pair), CellMatcher(pair.size_px, self._settings.match)) for pair in pairs]

    def observe(self, frame_set: FrameSet) -> list[Observation]:
        """Return the observations of one frame set; none of pods whose images are missing or blank."""
        return self.observe_images(frame_set.frames)

    def observe_images(self, images: Mapping[str, AnyImage]) -> list[Observation]:
        """As `observe`, for grey images by camera."""
        seen = [pod for n in range(len(self._tools)) if (pod := self._look(n, images)) is not None]
        found: list[Observation] = [_row_matches(one) for one in seen]
        for a, b in pairwise(seen):
            found += [_steps(a, b), _steps(b, a)]
        return found

    def _look(self, n: int, images: Mapping[str, AnyImage]) -> _Seen | None:
        pair, rectifier, matcher = self._tools[n]
        if pair.left.name not in images or pair.right.name not in images:
            return None
        both = rectifier.rectify(images[pair.left.name], images[pair.right.name])
        if both.problem:
            return None
        matches = matcher.match(both.left, both.right, pair.disparities_px, both.dark)
        keep = screen(matches, self._settings.screen)
        shifts = block_shifts(both.left, both.right, matches.field, matches.quality, keep)
        return _Seen(pair, matches.field, keep, shifts)


def _row_matches(seen: _Seen) -> PairMatches:
    """Return one match per block: its kept cell that is nearest to the middle, with the block's row shift."""
    x, y, shift = [], [], []
    for bj, bi in np.argwhere(np.isfinite(seen.shifts)):
        rows, columns = np.nonzero(
            seen.keep[bj * BLOCK_CELLS : (bj + 1) * BLOCK_CELLS, bi * BLOCK_CELLS : (bi + 1) * BLOCK_CELLS]
        )
        # The cell nearest to the middle of the block's kept cells, which the shift was measured over.
        best = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        x.append((bi * BLOCK_CELLS + columns[best]) * CELL_PX + MIDDLE_PX)
        y.append((bj * BLOCK_CELLS + rows[best]) * CELL_PX + MIDDLE_PX)
        shift.append(seen.shifts[bj, bi])
    left = np.array([x, y], dtype=np.float64).T.reshape(-1, 2)
    d = _disparity(seen, left)
    right = left + np.column_stack([-d, np.array(shift, dtype=np.float64)])
    return PairMatches(seen.pair.left.name, seen.pair.right.name, _raw(seen.pair, 0, left), _raw(seen.pair, 1, right))


def _steps(a: _Seen, b: _Seen) -> SurfaceSteps:
    """Return places of pod a's surface that pod b measured, too."""
    cells = np.argwhere(a.keep[::STRIDE_CELLS, ::STRIDE_CELLS]) * STRIDE_CELLS
    at_a: Array = cells[:, ::-1].astype(np.float64) * CELL_PX + MIDDLE_PX
    points, normals = _points(a, at_a), _normals(a, at_a)
    # Places of a's points as pixels of b, and which cell of b holds each.
    local = (points - b.pair.centre_mm) @ b.pair.R_pair_world.T
    at_b = b.pair.focal_px * local[:, :2] / local[:, 2:] + [b.pair.left_cx_px, b.pair.cy_px]
    cell = np.floor(at_b / CELL_PX).astype(np.int64)
    inside = (cell >= 0).all(axis=1) & (cell[:, 0] < b.keep.shape[1]) & (cell[:, 1] < b.keep.shape[0])
    inside[inside] = b.keep[cell[inside, 1], cell[inside, 0]].astype(bool)
    at_a, at_b, points, normals = at_a[inside], at_b[inside], points[inside], normals[inside]
    # Behind a rim b sees another surface: only places where the two agree roughly are one surface.
    near = np.linalg.norm(_points(b, at_b) - points, axis=1) < LARGEST_STEP_MM
    at_a, at_b, normals = at_a[near], at_b[near], normals[near]
    return SurfaceSteps(
        (a.pair.left.name, a.pair.right.name), (b.pair.left.name, b.pair.right.name),
        _both_raw(a, at_a), _both_raw(b, at_b), normals,
    )  # fmt: skip


def _disparity(seen: _Seen, left_px: Array) -> Array:
    """Return the disparity, (N,), of a cell's plane at rectified places of the left image: d + a u + b v."""
    # Nearest cell, then its plane: no blending, so that errors of two cells do not mix.
    i, j = np.floor(left_px / CELL_PX).astype(np.int64).T
    plane = seen.field[:, j, i].astype(np.float64)
    away = left_px - (np.column_stack([i, j]) * CELL_PX + MIDDLE_PX)
    return np.asarray(plane[0] + plane[1] * away[:, 0] + plane[2] * away[:, 1])


def _points(seen: _Seen, left_px: Array, d: Array | None = None) -> Array:
    """Return world points, (N, 3) mm: z = b f / D along the pixel's ray."""
    pair = seen.pair
    disparity = (_disparity(seen, left_px) if d is None else d) + pair.depth_offset_px
    z = pair.baseline_mm * pair.focal_px / disparity
    slopes = (left_px - [pair.left_cx_px, pair.cy_px]) / pair.focal_px
    return np.asarray(np.column_stack([slopes * z[:, None], z]) @ pair.R_pair_world + pair.centre_mm)


def _normals(seen: _Seen, left_px: Array) -> Array:
    """Return unit normals, (N, 3), of the cells' planes in the world, from two steps of one pixel on the plane."""
    d = _disparity(seen, left_px)
    i, j = np.floor(left_px / CELL_PX).astype(np.int64).T
    slopes = seen.field[1:, j, i].astype(np.float64)
    middle = _points(seen, left_px, d)
    across, down = (
        _points(seen, left_px + step, d + slope) - middle for step, slope in zip(np.eye(2), slopes, strict=True)
    )
    normal = np.cross(across, down)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _both_raw(seen: _Seen, left_px: Array) -> Array:
    right_px = left_px - np.column_stack([_disparity(seen, left_px), np.zeros(len(left_px))])
    return np.stack([_raw(seen.pair, 0, left_px), _raw(seen.pair, 1, right_px)])


def _raw(pair: PairGeometry, side: int, rectified_px: Array) -> Array:
    """Return places, (N, 2), in the raw image of the left (0) or right (1) camera."""
    camera, cx = ((pair.left, pair.left_cx_px), (pair.right, pair.right_cx_px))[side]
    slopes = (rectified_px - [cx, pair.cy_px]) / pair.focal_px
    rays = np.column_stack([slopes, np.ones(len(slopes))]) @ (camera.T_cam_world[:3, :3] @ pair.R_pair_world.T).T
    return np.asarray(to_pixels(distort(rays[:, :2] / rays[:, 2:], camera.distortion), camera.K))
