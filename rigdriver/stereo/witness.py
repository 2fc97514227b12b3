"""Speckle matches as evidence on the calibration: they show when a camera has been bumped.

In: the images of one pulse. Out: observations for `HealthMonitor.look`: for each pod, image points of the same speckle
in both cameras, one per block of cells (a turn across the baseline shifts rows); between two pods, places of one
surface that both measured (a turn along the baseline shifts depth). Not here: the judgement (see calibration/), and
cameras that belong to no pair (see texture_witness.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.health.evidence import Observation, PairMatches, SurfaceSteps
from rigdriver.frames import FrameSet
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import WorkingVolume
from rigdriver.stereo.match.rows import BLOCK_CELLS, block_shifts
from rigdriver.stereo.pod_surface import PodSurface, pod_matchers, raw_px
from rigdriver.stereo.reconstruct import StereoSettings

STRIDE_CELLS = 5
"""Distance of the cells that are compared between pods: neighbouring ones share pixels and errors."""
LARGEST_STEP_MM = 3.0
"""Largest distance of two measurements of one surface by two pods, in mm."""


class SpeckleWitness:
    """Matches the pods' images for evidence. Keep one for a sequence; use it on one thread."""

    def __init__(
        self, calibration: RigCalibration, volume: WorkingVolume | None = None, settings: StereoSettings | None = None
    ) -> None:
        """Raises CalibrationMismatch when the calibration holds no usable pair."""
        self._matchers = pod_matchers(calibration, volume, settings)

    def observe(self, frame_set: FrameSet) -> list[Observation]:
        """Return the observations of one frame set; none of pods whose images are missing or blank."""
        return self.observe_images(frame_set.frames)

    def observe_images(self, images: Mapping[str, AnyImage]) -> list[Observation]:
        """As `observe`, for grey images by camera."""
        seen = [surface for matcher in self._matchers if (surface := matcher.match(images)) is not None]
        found: list[Observation] = [_row_matches(one) for one in seen]
        for a, b in pairwise(seen):
            found += [_steps(a, b), _steps(b, a)]
        return found


def _row_matches(seen: PodSurface) -> PairMatches:
    """Return one match per block: its kept cell that is nearest to the middle, with the block's row shift."""
    matches = seen.matches
    shifts = block_shifts(seen.images.left, seen.images.right, matches.field, matches.quality, seen.keep)
    x, y, shift = [], [], []
    for bj, bi in np.argwhere(np.isfinite(shifts)):
        rows, columns = np.nonzero(
            seen.keep[bj * BLOCK_CELLS : (bj + 1) * BLOCK_CELLS, bi * BLOCK_CELLS : (bi + 1) * BLOCK_CELLS]
        )
        # The cell nearest to the middle of the block's kept cells, which the shift was measured over.
        best = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        x.append((bi * BLOCK_CELLS + columns[best]) * CELL_PX + MIDDLE_PX)
        y.append((bj * BLOCK_CELLS + rows[best]) * CELL_PX + MIDDLE_PX)
        shift.append(shifts[bj, bi])
    left = np.array([x, y], dtype=np.float64).T.reshape(-1, 2)
    d = seen.disparities_px(left)
    right = left + np.column_stack([-d, np.array(shift, dtype=np.float64)])
    pair = seen.pair
    return PairMatches(pair.left.name, pair.right.name, raw_px(pair, 0, left), raw_px(pair, 1, right))


def _steps(a: PodSurface, b: PodSurface) -> SurfaceSteps:
    """Return places of pod a's surface that pod b measured, too."""
    cells = np.argwhere(a.keep[::STRIDE_CELLS, ::STRIDE_CELLS]) * STRIDE_CELLS
    at_a: Array = cells[:, ::-1].astype(np.float64) * CELL_PX + MIDDLE_PX
    points, normals = a.points_mm(at_a), a.normals(at_a)
    # Places of a's points as pixels of b, and which cell of b holds each.
    local = (points - b.pair.centre_mm) @ b.pair.R_pair_world.T
    at_b = b.pair.focal_px * local[:, :2] / local[:, 2:] + [b.pair.left_cx_px, b.pair.cy_px]
    cell = np.floor(at_b / CELL_PX).astype(np.int64)
    inside = (cell >= 0).all(axis=1) & (cell[:, 0] < b.keep.shape[1]) & (cell[:, 1] < b.keep.shape[0])
    inside[inside] = b.keep[cell[inside, 1], cell[inside, 0]].astype(bool)
    at_a, at_b, points, normals = at_a[inside], at_b[inside], points[inside], normals[inside]
    # Behind a rim b sees another surface: only places where the two agree roughly are one surface.
    near = np.linalg.norm(b.points_mm(at_b) - points, axis=1) < LARGEST_STEP_MM
    at_a, at_b, normals = at_a[near], at_b[near], normals[near]
    return SurfaceSteps(
        (a.pair.left.name, a.pair.right.name), (b.pair.left.name, b.pair.right.name),
        a.both_raw_px(at_a), b.both_raw_px(at_b), normals,
    )  # fmt: skip
