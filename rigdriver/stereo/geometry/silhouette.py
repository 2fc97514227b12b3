"""Which cells of a pair's left image can show a surface in the working volume.

In: a pair's geometry and a working volume, and later which cells were measured. Out: flags per cell. A cell can show
such a surface when its ray meets the volume's ball, and when a measured surface is near enough to go on there: a wall
fills the rest of the image, and often only one camera sees a given place of it. Not here: what the cells hold (see
../images.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from rigdriver.arrays import Bytes, Mask
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume

REACH_SHARE = 0.2
"""Distance from measured cells within which the same surface may go on unmeasured, as a share of the volume's radius:
28 mm of 140, which is more than brows, nostrils and lips take up."""


class Silhouette:
    """The working volume as the left camera of a pair sees it."""

    def __init__(self, pair: PairGeometry, volume: WorkingVolume) -> None:
        self.sees = sees_volume(pair, volume)
        """(h, w) bool, per cell: whether its ray meets the volume."""
        depth_mm = float((pair.R_pair_world @ (np.array(volume.centre_mm) - pair.centre_mm))[2])
        self._reach_cells = REACH_SHARE * volume.radius_mm / depth_mm * pair.focal_px / CELL_PX

    def subject(self, keep: Bytes) -> Mask:
        """Return (h, w) bool: the cells that are measured, or near measured ones and in sight of the volume."""
        away = cv2.distanceTransform((keep == 0).astype(np.uint8), cv2.DIST_L2, 3)
        return np.asarray((keep > 0) | (self.sees & (away <= self._reach_cells)), bool)


def sees_volume(pair: PairGeometry, volume: WorkingVolume) -> Mask:
    """Return (h, w) bool: whether the ray of a cell's middle meets the volume's ball."""
    columns, rows = (size // CELL_PX for size in pair.size_px)
    x = (np.arange(columns) * CELL_PX + MIDDLE_PX - pair.left_cx_px) / pair.focal_px
    y = (np.arange(rows) * CELL_PX + MIDDLE_PX - pair.cy_px) / pair.focal_px
    rays = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    middle = pair.R_pair_world @ (np.array(volume.centre_mm) - pair.centre_mm)
    # Distance of the ball's middle from the ray.
    away = np.linalg.norm(np.cross(rays, middle), axis=-1)
    return np.asarray(away <= volume.radius_mm, bool)
