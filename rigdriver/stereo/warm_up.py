"""Images for a reconstructor that is to be warmed up: they lead it through all of its steps before the first frame set.

In: the geometry of a pair. Out: speckle that no check takes for a blank or an overexposed image, and a rectified pair
that shows a plane. Nobody measured either. Not here: the steps themselves (see reconstruct.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from rigdriver.arrays import Array, make_read_only
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.geometry.rectify import PairGeometry
from rigdriver.stereo.images import RectifiedPair

SPECKLE_PX = 2.0
"""Standard deviation of the blur that makes speckle of noise: coarse enough not to be noise to the check for blank
images."""
SEED = 1
LOW, HIGH = 20.0, 220.0
"""Grey values, of 255, between which most of the speckle lies."""
BITS = {"Mono8": (8, np.uint8), "Mono12": (12, np.uint16)}
"""To the compiler images of one byte and of two are different types; all formats of two bytes are one."""


def speckle_images(size_px: tuple[int, int]) -> list[RawImage]:
    """Return one image of each type that cameras send; its pixels are read-only, as those of frames are.

    `size_px`: width and height.
    """
    speckle = _speckle(size_px)
    images = []
    for pixel_format, (bits, dtype) in BITS.items():
        pixels = (speckle * (2 ** (bits - 8))).astype(dtype)
        make_read_only(pixels)  # to the compiler that is another type, too
        images.append(RawImage(pixels, pixel_format))
    return images


def plane_pair(pair: PairGeometry) -> RectifiedPair:
    """Return what both rectified images show of a speckled plane in the middle of the pair's volume."""
    width, height = pair.size_px
    shift = round(0.5 * sum(pair.disparities_px))
    wide = _speckle((width + abs(shift), height)).astype(np.float32)
    left, right = wide[:, max(-shift, 0) :][:, :width], wide[:, max(shift, 0) :][:, :width]
    return RectifiedPair(np.ascontiguousarray(left), np.ascontiguousarray(right), 0.5 * LOW)


def _speckle(size_px: tuple[int, int]) -> Array:
    noise = np.random.default_rng(SEED).standard_normal(size_px[::-1])
    blurred = cv2.GaussianBlur(noise, (0, 0), SPECKLE_PX)
    middle, half = 0.5 * (LOW + HIGH), 0.5 * (HIGH - LOW)
    return np.asarray(np.clip(middle + 0.5 * half * blurred / blurred.std(), 1.0, 250.0), np.float64)
