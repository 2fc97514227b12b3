"""The numbers of a pair that compiled loops need, as a named tuple: compiled loops take no dataclass.

In: a `PairGeometry`. Out: `PairNumbers`, or `PairPose` with the pair's place in the world. Not here: how the pair is
laid out (see rectify.py).
"""

from __future__ import annotations

from typing import NamedTuple

from rigdriver.arrays import Array
from rigdriver.stereo.geometry.rectify import PairGeometry

MOST_SIGMA_MM, MOST_SIGMA_PX = 0.04, 0.1
"""Largest standard uncertainty of a cell, in mm and as a disparity; the larger of the two holds. Five times 0.04 mm are
the 0.2 mm that the rig promises; cameras too coarse for that keep what their pixels allow."""


class PairNumbers(NamedTuple):
    """Numbers of one rectified pair: a depth is z = bf / (disparity + depth_offset_px)."""

    focal_px: float
    bf: float
    """Baseline times focal length, mm px."""
    cx_px: float
    """Principal point of the left image; both images have cy_px in common."""
    cy_px: float
    depth_offset_px: float
    most_sigma_mm: float
    """Largest standard uncertainty that a cell may have."""


class PairPose(NamedTuple):
    """Where the pair's frame stands: world points are x_pair @ R_pair_world + centre_mm."""

    R_pair_world: Array
    centre_mm: Array


def numbers_of(pair: PairGeometry) -> PairNumbers:
    """Return the numbers of a pair."""
    most = max(MOST_SIGMA_MM, 1e-3 * MOST_SIGMA_PX * pair.depth_um_per_px)
    return PairNumbers(
        pair.focal_px, pair.baseline_mm * pair.focal_px, pair.left_cx_px, pair.cy_px, pair.depth_offset_px, most
    )


def pose_of(pair: PairGeometry) -> PairPose:
    """Return the pose of a pair."""
    return PairPose(pair.R_pair_world, pair.centre_mm)
