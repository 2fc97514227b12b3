"""A pod's two raw images become two rectified ones, or a reason why they cannot.

In: raw images of a pair. Out: a `RectifiedPair` and the value below which a pixel counts as dark. What is dark, blank
or saturated is judged in the images' own digital numbers: by background, noise and contrast, and by the full scale of
the pixel format. No limit is a share of the full scale, so two more bits, or one hot pixel, change nothing else. Dim
images are amplified, since the matching compares grey values that use most of 255. Blank and saturated images are
rejected here, each with its reason. Not here: what is matched (see match/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32, Ints64, Mask, Pixels
from rigdriver.images.pixel_formats import full_scale
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.rectify import EDGE_PX, PairGeometry
from rigdriver.stereo.geometry.resample import NODE_PX, lit_spans, resample
from rigdriver.stereo.reasons import Reason, ReasonKind

SHRINK = 8
DARK_SIGMAS = 4.0
"""Distance of a lit pixel from the background, in standard deviations of the noise: 3 in 100,000 dark pixels pass."""
DARK_SHARE = 0.03
"""Least distance of a lit pixel from the background, as a share of the contrast: stray light in shadows."""
BLANK_SIGMAS = 6.0
"""Contrast between the brightest and the darkest parts, in standard deviations of a pixel's noise; below, an image
counts as blank."""
MOST_SATURATED = 0.25
"""Share of lit pixels at full scale; above, the speckle is gone."""
FULL_SHARE = 250 / 255
"""Share of full scale from which the mean of SHRINK x SHRINK pixels counts as saturated."""
BRIGHT = 128.0
"""Grey value, of 255, to which the bright parts of a dimmer image are amplified; brighter ones stay as they are."""
GAP_SHARE, GAP_SIGMAS = 0.05, 1.645
"""Share of the darkest pixels, and the standard deviations by which these lie below the mean of an even block (normal
distribution)."""
NOISE_BLOCKS = 256
"""Number of blocks of the background in which the noise is measured."""


@dataclass(frozen=True, slots=True, eq=False)
class RectifiedPair:
    """Both images, (H, W) float32, 0 to 255, each amplified by itself.

    They are overwritten by the next pair of the same `PairImages`.
    """

    left: Floats32
    right: Floats32
    dark: float
    """Value below which a pixel is background or shadow."""
    problem: Reason | None = None
    """Reason why nothing can be measured; None when it can."""

    def lit_cells(self) -> Mask:
        """Return which cells of the left image are lit, (h, w); one pixel near its middle stands for each cell."""
        middle = slice(int(MIDDLE_PX), None, CELL_PX)
        return np.asarray(self.left[middle, middle] > self.dark, bool)


class PairImages:
    """Rectifies the images of one pair; keeps its arrays. One thread at a time."""

    def __init__(self, pair: PairGeometry) -> None:
        width, height = pair.size_px
        self._pair = pair
        self._out = tuple(np.zeros((height, width), np.float32) for _ in range(2))
        self._spans = tuple(np.zeros((height // NODE_PX, 2), np.int32) for _ in range(2))

    def rectify(self, left: AnyImage, right: AnyImage) -> RectifiedPair:
        """Return the pair, rectified where it is lit.

        Raises:
            UsageError: an image of 16 bits without a pixel format, or of an unknown one.
        """
        darks = []
        for side, (given, camera) in enumerate(((left, self._pair.left), (right, self._pair.right))):
            image = with_format(given, "Mono8", f"camera {camera.name}")
            full = full_scale(image.pixel_format)
            turned = self._pair.turn(image.pixels, side)
            small = _shrink(turned)
            light = _light(turned, small)
            if problem := _problem(light, small, full, f"camera {camera.name}"):
                return RectifiedPair(self._out[0], self._out[1], 0.0, problem)
            scale = max(255.0 / full, BRIGHT / max(light.high, 1.0))
            dark = scale * light.dark
            lit_spans(_as_bytes(small, scale), SHRINK, self._pair.nodes[side], dark, self._spans[side])
            resample(turned, self._pair.nodes[side], self._spans[side], float(EDGE_PX), scale, self._out[side])
            darks.append(dark)
        return RectifiedPair(self._out[0], self._out[1], max(darks))


class _Light(NamedTuple):
    """Light in one image, in its digital numbers."""

    low: float
    """Level of the background; where there is none, of the gaps of the speckle in the darkest parts."""
    high: float
    """Level of the brightest parts: the 98th percentile."""
    noise: float
    """Standard deviation of a pixel in the darkest parts, at least one digital number."""

    @property
    def dark(self) -> float:
        """Value below which a pixel is background or shadow."""
        return self.low + max(DARK_SIGMAS * self.noise, DARK_SHARE * (self.high - self.low))


def _light(image: Pixels, small: Pixels) -> _Light:
    # Percentiles by counting: sorting would cost more than the resampling.
    below = np.cumsum(np.bincount(small.ravel()))
    some, high = (float(v) for v in np.searchsorted(below, [share * small.size for share in (0.05, 0.98)]))
    blocks = _blocks(image, np.flatnonzero(small <= some), small.shape[1])
    noise = _noise(blocks)
    # The mean of a speckled block lies far above the gaps of its speckle, and these are lit, too: a wall that fills the
    # image has no darker parts. A plain wall may even be brighter than the gaps of what stands before it.
    low = min(
        float(np.median(_gaps(blocks, noise))),
        float(np.quantile(_gaps(_blocks(image, np.arange(small.size), small.shape[1]), noise), GAP_SHARE)),
    )
    return _Light(low, high, max(noise, 1.0))


def _gaps(blocks: Array, noise: float) -> Array:
    """Return the level of the darkest parts of each block; of a block without speckle, its own level."""
    return np.asarray(np.quantile(blocks, GAP_SHARE, axis=(1, 2)) + GAP_SIGMAS * noise, np.float64)


def _blocks(image: Pixels, places: Ints64, columns: int) -> Array:
    """Return some of the blocks, (n, SHRINK, SHRINK)."""
    some = places[:: -(-len(places) // NOISE_BLOCKS)]
    inside = np.arange(SHRINK)
    rows = (some // columns * SHRINK)[:, None, None] + inside[:, None]
    return np.asarray(image[rows, (some % columns * SHRINK)[:, None, None] + inside], np.float64)


def _noise(blocks: Array) -> float:
    """Return the standard deviation of a pixel in blocks, (n, SHRINK, SHRINK).

    Fourth differences, 1 -4 6 -4 1, have sqrt(70) times the noise of a pixel, and next to nothing of a pattern that is
    as coarse as speckle: there may be no background, and then the darkest parts hold speckle, too.
    """
    squares = (np.diff(blocks, n=4, axis=2) ** 2).mean(axis=(1, 2))
    return float(np.sqrt(np.median(squares) / 70.0))


def _problem(light: _Light, small: Pixels, full: int, device: str) -> Reason | None:
    contrast, least = light.high - light.low, BLANK_SIGMAS * light.noise
    if contrast < least:
        return Reason(ReasonKind.BLANK, device, seen=contrast, expected=least)
    saturated = float(np.mean(small >= FULL_SHARE * full)) / max(float(np.mean(small > light.dark)), 1e-9)
    if saturated > MOST_SATURATED:
        return Reason(ReasonKind.SATURATED, device, seen=100 * saturated, expected=100 * MOST_SATURATED)
    return None


def _shrink(image: Pixels) -> Pixels:
    height, width = image.shape
    return cast(Pixels, cv2.resize(image, (width // SHRINK, height // SHRINK), interpolation=cv2.INTER_AREA))


def _as_bytes(small: Pixels, scale: float) -> Bytes:
    if small.dtype == np.uint8 and scale == 1.0:
        return cast("Bytes", small)
    return np.asarray(cv2.convertScaleAbs(small, alpha=scale), np.uint8)
