"""The coarse start: a dense, rough disparity at an eighth of the resolution.

In: two rectified 8-bit images and the range of disparities. Out: disparity at an eighth of the size in pixels of that
size, NaN where nothing was found, and the pyramid that later levels use. The method is OpenCV's semi-global matching
(Hirschmüller 2008). Speckle is finer than a coarse pixel, but its mean over one still varies by some per cent, which is
far above the noise; so the cheapest level holds enough detail. Not here: planes and cells (see field.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rigdriver.arrays import Bytes, Floats32

LEVELS = 3
"""Number of halvings from full resolution to the coarse one."""
BLOCK_PX = 1
"""Side of the block that is compared. A coarse pixel is the mean of 64 raw ones already: sharper edges are worth more
than less noise."""
P_SMALL, P_LARGE = 4, 24
"""Penalties P1 and P2: for a change of disparity between neighbours by one pixel, and by more."""
SPECKLE_PX = 40
"""Size of coarse islands, in px, below which they are noise."""
_MULTIPLE = 16
"""Unit of OpenCV: it searches a multiple of 16 disparities and returns them in sixteenths of a pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """One image at full, half, quarter and eighth resolution; each pixel is the mean of four of the one below."""

    levels: tuple[Floats32, ...]


def make_pyramid(image: Floats32) -> Pyramid:
    """Halve an image three times."""
    levels = [image]
    for _ in range(LEVELS):
        height, width = levels[-1].shape
        levels.append(np.asarray(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)))
    return Pyramid(tuple(levels))


def match_coarse(left: Floats32, right: Floats32, disparities_px: tuple[float, float]) -> Floats32:
    """Return the disparity, (H, W) float32, pixels of these images, NaN where unmatched.

    `left`, `right`: (H, W), values 0 to 255. `disparities_px`: least and largest, in pixels of these images.
    """
    # Both ends of the range included, rounded up to what OpenCV accepts.
    low = int(np.floor(disparities_px[0]))
    count = -(-(int(np.ceil(disparities_px[1])) - low + 1) // _MULTIPLE) * _MULTIPLE
    matcher = cv2.StereoSGBM.create(
        minDisparity=low, numDisparities=count, blockSize=BLOCK_PX, P1=P_SMALL, P2=P_LARGE,
        disp12MaxDiff=1, preFilterCap=31, uniquenessRatio=5, speckleWindowSize=SPECKLE_PX, speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    # OpenCV blanks what it cannot compare over the whole range: a margin is added for it to blank.
    before, after = max(low + count, 0), max(-low, 0)
    padded = [
        cv2.copyMakeBorder(image, 0, 0, before, after, cv2.BORDER_REPLICATE) for image in (_grey(left), _grey(right))
    ]
    raw = matcher.compute(padded[0], padded[1])[:, before : before + left.shape[1]]
    found = raw.astype(np.float32) * np.float32(1 / _MULTIPLE)
    # OpenCV marks a pixel without a match by one disparity below the least.
    found[raw < _MULTIPLE * low] = np.nan
    return np.asarray(found, np.float32)


def _grey(image: Floats32) -> Bytes:
    return np.asarray(cv2.convertScaleAbs(image), np.uint8)
