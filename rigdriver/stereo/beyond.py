"""What is lit but lies before or behind the working volume: a wall, a chair, a hand.

In: a pair's rectified left image, its right camera's raw image, and which cells were measured. Out: the cells of the
left image that match the right one at a disparity outside the volume's range, and how far away they are. The search is
the coarse one, at an eighth of the resolution, over a range of depths many times the volume's; a match counts when the
two images correlate about it. It runs only where a surface was doubted, so its time does not count.
Not here: what is done with the answer (see trust.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Array, Floats32, Mask, Pixels
from rigdriver.calibration.project import distort, to_pixels
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.match.coarse import LEVELS, match_coarse

SCALE = 2**LEVELS
NEAREST, FARTHEST = 0.75, 4.0
"""Depths between which surfaces are looked for, as multiples of the volume's: what is nearer hides the volume, and what
is farther is hardly lit."""
WINDOW_PX = 7
"""Side of the window, in coarse pixels, in which both images must correlate."""
LEAST_CORRELATION = 0.7
"""Least correlation of a match. An estimate: 49 independent pixels of noise correlate by 0.14 (one sigma)."""
SLACK_PX = 1.0
"""Distance from the volume's range, in coarse pixels, from which a match lies outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """Surface outside the working volume."""

    outside: Mask
    """(h, w) bool, per cell of the left image."""
    depth_mm: float
    """Median depth of these cells from the left camera; NaN without any."""


def look_beyond(pair: PairGeometry, left: Floats32, right_raw: Pixels) -> Beyond:
    """Find the surface outside the volume. `left`: (H, W) rectified; `right_raw`: as the camera gave it."""
    size = (pair.size_px[0] // SCALE, pair.size_px[1] // SCALE)
    coarse = np.asarray(cv2.resize(left, size, interpolation=cv2.INTER_AREA), np.float32)
    middle = 0.5 * sum(pair.disparities_px) + pair.depth_offset_px
    least, most = middle / FARTHEST / SCALE, middle / NEAREST / SCALE
    # Both images on one canvas, on which a disparity is that of parallel cameras.
    margin = int(np.ceil(most)) + 1
    wide = np.pad(coarse, ((0, 0), (margin, 0)))
    right = _wide_right(pair, right_raw, wide.shape, margin)
    right *= np.float32(np.percentile(coarse, 98) / max(float(np.percentile(right, 98)), 1e-6))
    found = match_coarse(wide, right, (least, most))
    found[_correlation(wide, right, found) < LEAST_CORRELATION] = np.nan
    found = found[:, margin:]
    low, high = ((d + pair.depth_offset_px) / SCALE for d in pair.disparities_px)
    is_outside = (found < low - SLACK_PX) | (found > high + SLACK_PX)
    typical = float(np.median(found[is_outside])) if is_outside.any() else float("nan")
    depth = pair.baseline_mm * pair.focal_px / (SCALE * typical)
    per = SCALE // CELL_PX
    return Beyond(np.kron(is_outside, np.ones((per, per), bool)), depth)


def _wide_right(pair: PairGeometry, raw: Pixels, shape: tuple[int, ...], margin: int) -> Floats32:
    """Rectify the right image at an eighth of the resolution, over all that the canvas holds; zero where unseen."""
    camera = pair.right
    small = cv2.resize(raw, (raw.shape[1] // SCALE, raw.shape[0] // SCALE), interpolation=cv2.INTER_AREA)
    # Middle of a coarse pixel, in full pixels from the principal point.
    half = 0.5 * (SCALE - 1)
    x = ((np.arange(shape[1]) - margin) * SCALE + half - pair.left_cx_px) / pair.focal_px
    y = (np.arange(shape[0]) * SCALE + half - pair.cy_px) / pair.focal_px
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=-1)
    rays: Array = grid @ (camera.T_cam_world[:3, :3] @ pair.R_pair_world.T).T
    places = to_pixels(distort(rays[..., :2] / rays[..., 2:], camera.distortion), camera.K)
    at = ((places - half) / SCALE).astype(np.float32)
    seen = cv2.remap(small, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(seen, np.float32)


def _correlation(left: Floats32, right: Floats32, disparity: Floats32) -> Floats32:
    """Return the correlation of the images about each pixel, (H, W); 0 where there is no disparity."""
    places = np.indices(left.shape, np.float32)
    rows, columns = np.asarray(places[0]), np.asarray(places[1])
    known = np.isfinite(disparity)
    # Where nothing was found the window is read somewhere, and the result is dropped.
    there = cv2.remap(right, np.asarray(columns - np.nan_to_num(disparity), np.float32), rows, cv2.INTER_LINEAR)

    def mean(image: Floats32) -> Floats32:
        return np.asarray(cv2.blur(image, (WINDOW_PX, WINDOW_PX)), np.float32)

    seen = np.asarray(there, np.float32)
    a, b = left - mean(left), seen - mean(seen)
    product = mean(a * b) / np.sqrt(np.maximum(mean(a * a) * mean(b * b), 1e-9))
    return np.where(known, product, 0.0).astype(np.float32)
