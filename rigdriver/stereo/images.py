"""A pod's two raw images become two rectified ones, or a reason why they cannot.

In: raw images of a pair. Out: a `RectifiedPair` in 8-bit units, by the full scale of the images' pixel formats, and the
value below which a pixel counts as dark. Blank and saturated images are rejected here, each with its reason. Not here:
what is matched (see match/).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Pixels
from rigdriver.images.pixel_formats import full_scale
from rigdriver.images.raw_image import AnyImage, with_format
from rigdriver.stereo.geometry.rectify import EDGE_PX, PairGeometry
from rigdriver.stereo.geometry.resample import NODE_PX, lit_spans, resample
from rigdriver.stereo.reasons import Reason, ReasonKind

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]

SHRINK = 8
LEAST_CONTRAST = 6.0
"""8-bit units between the darkest and the brightest parts; below, an image counts as blank."""
MOST_SATURATED = 0.25
"""Share of lit pixels at full scale; above, the speckle is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class RectifiedPair:
    """Both images, (H, W) float32, 0 to 255; overwritten by the next pair of the same `PairImages`."""

    left: Floats32
    right: Floats32
    dark: float
    """Value below which a pixel is background or shadow."""
    problem: Reason | None = None
    """Reason why nothing can be measured; None when it can."""


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
            scale = 255.0 / full_scale(image.pixel_format)
            turned = self._pair.turn(image.pixels, side)
            small = _shrink(turned, scale)
            low, high = _levels(small)
            if high - low < LEAST_CONTRAST:
                return self._none(
                    Reason(ReasonKind.BLANK, f"camera {camera.name}", seen=high - low, expected=LEAST_CONTRAST)
                )
            # 250 and not 255: each of these values is the mean of SHRINK x SHRINK pixels.
            saturated = float(np.mean(small >= 250)) / max(float(np.mean(small > low + 4)), 1e-9)
            if saturated > MOST_SATURATED:
                return self._none(Reason(
                    ReasonKind.SATURATED, f"camera {camera.name}", seen=100 * saturated, expected=100 * MOST_SATURATED
                ))  # fmt: skip
            dark = low + max(4.0, 0.03 * (high - low))
            lit_spans(small, SHRINK, self._pair.nodes[side], dark, self._spans[side])
            resample(turned, self._pair.nodes[side], self._spans[side], float(EDGE_PX), scale, self._out[side])
            darks.append(dark)
        return RectifiedPair(self._out[0], self._out[1], max(darks))

    def _none(self, problem: Reason) -> RectifiedPair:
        return RectifiedPair(self._out[0], self._out[1], 0.0, problem)


def _shrink(image: Pixels, scale: float) -> npt.NDArray[np.uint8]:
    height, width = image.shape
    small = cv2.resize(image, (width // SHRINK, height // SHRINK), interpolation=cv2.INTER_AREA)
    return np.asarray(small if image.dtype == np.uint8 else cv2.convertScaleAbs(small, alpha=scale), np.uint8)


def _levels(small: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Second and 98th percentile, by counting: sorting would cost more than the resampling."""
    below = np.cumsum(np.bincount(small.ravel(), minlength=256))
    low, high = np.searchsorted(below, [0.02 * small.size, 0.98 * small.size])
    return float(low), float(high)
