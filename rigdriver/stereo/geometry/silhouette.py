"""Which cells of a pair's left image can see into the working volume.

In: a pair's geometry and a working volume. Out: one flag per cell. The rectified images are boxes about the volume, so
that a wall fills their corners though nothing there can be measured. Not here: what the cells hold (see ../images.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Mask
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import PairGeometry, WorkingVolume


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
