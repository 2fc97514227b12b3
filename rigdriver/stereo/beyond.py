"""What lies before or behind the working volume: a wall, a chair, a face that is too near.

In: one pod's raw images, calibration and working volume. Out: how many cells match outside the volume, and at what
depth. The same matching runs with the volume moved along the line of sight, step by step; images that do not belong
together match nowhere. It runs only where a pod was refused, so its time does not count.
Not here: what is done with the answer (see trust.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.images.raw_image import AnyImage
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume, make_pair
from rigdriver.stereo.images import PairImages
from rigdriver.stereo.match.cell_matcher import CellMatcher, MatchSettings
from rigdriver.stereo.match.screen import ScreenSettings, screen

DISTANCES = (1.0, 0.78, 1.28, 0.61, 1.64, 2.1)
"""Distances at which surfaces are looked for, as multiples of the volume's own: farther ones are hardly lit, and nearer
ones are seen by one camera alone."""
HALF_DEPTH_SHARE = 0.13
"""Half depth of each search, as a share of its distance: one begins where the next one ends."""

RADIUS_SHARE = 0.45
"""Radius of each search, as a share of its distance: all of the image."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """Surface outside the working volume."""

    cells: int
    """Number of cells that match there, in the search that finds most."""
    depth_mm: float
    """Median of their depths from the left camera; NaN without any."""


class BeyondSearch:
    """Searches one pod's images outside the working volume."""

    def __init__(
        self, calibration: RigCalibration, pair: PairGeometry, volume: WorkingVolume, match: MatchSettings,
        select: ScreenSettings,
    ) -> None:  # fmt: skip
        self._calibration, self._pair, self._volume = calibration, pair, volume
        self._match, self._screen = match, select

    def look(self, left: AnyImage, right: AnyImage) -> Beyond:
        """Return what matches outside the volume."""
        near, far = self._pair.depths_mm
        found = [self._depths(factor, left, right) for factor in DISTANCES]
        most = max((depths[(depths < near) | (depths > far)] for depths in found), key=len)
        return Beyond(len(most), float(np.median(most)) if len(most) else float("nan"))

    def _depths(self, factor: float, left: AnyImage, right: AnyImage) -> Array:
        """Return the depths of the cells that match about a multiple of the volume's distance."""
        own, moved = self._pair, self._moved(factor)
        try:
            pair = make_pair(self._calibration, own.pod, (own.left.name, own.right.name), moved)
        except CalibrationMismatch:  # the cameras have no common view there
            return np.zeros(0)
        images = PairImages(pair).rectify(left, right)
        if images.problem:
            return np.zeros(0)
        matches = CellMatcher(pair.size_px, self._match).match(
            images.left, images.right, pair.disparities_px, images.dark
        )
        kept = matches.field[0][screen(matches, self._screen) > 0].astype(np.float64)
        return np.asarray(pair.baseline_mm * pair.focal_px / (kept + pair.depth_offset_px))

    def _moved(self, factor: float) -> WorkingVolume:
        eye = 0.5 * (self._pair.left.centre_mm + self._pair.right.centre_mm)
        x, y, z = eye + factor * (np.array(self._volume.centre_mm) - eye)
        distance = factor * float(np.linalg.norm(np.array(self._volume.centre_mm) - eye))
        return WorkingVolume((x, y, z), RADIUS_SHARE * distance, HALF_DEPTH_SHARE * distance)
