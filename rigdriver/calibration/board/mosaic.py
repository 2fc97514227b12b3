"""Bayer images of a black-and-white board: balance the four phases to one even grey image.

In: raw pixels, Bayer or grey or colour. Out: 8-bit grey at full resolution, not interpolated, so corners stay where
they are. A board is neutral, so the four Bayer phases differ by gain and offset alone, and these can be measured in
the image itself; which phase has which colour does not matter.
Not here: where the corners are (see detect.py).
"""

from __future__ import annotations

import cv2
import numpy as np

from rigdriver.arrays import Bytes, Pixels

MOSAIC_RATIO = 1.12
"""Ratio of contrast between phases from which an image file counts as a mosaic."""
SMALLEST_CONTRAST = 8.0
"""Smallest contrast, in digital numbers, from which a mosaic can be recognised."""


def to_grey(pixels: Pixels, pixel_format: str = "") -> Bytes:
    """Return (H, W) uint8 for detection.

    `pixels`: (H, W) or (H, W, 3 or 4), uint8 or uint16. With no `pixel_format` (an image file), a mosaic is
    recognised by its unequal phases. 16-bit images are stretched to their own brightest percentile.
    """
    if pixels.ndim == 3:
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else _mean_of_colours(pixels)
    if pixel_format.startswith("Bayer") or (not pixel_format and is_mosaic(pixels)):
        return flatten_mosaic(pixels)
    return _to_eight_bit(pixels)


def _mean_of_colours(pixels: Pixels) -> Pixels:
    code = cv2.COLOR_BGRA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_BGR2GRAY
    grey = cv2.cvtColor(pixels, code)
    return grey.astype(np.uint16) if grey.dtype == np.uint16 else grey.astype(np.uint8)


def _to_eight_bit(pixels: Pixels) -> Bytes:
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    top = max(float(np.percentile(pixels[::4, ::4], 99.5)), 1.0)
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=250.0 / top), dtype=np.uint8)


def _phase_levels(pixels: Pixels) -> tuple[list[float], list[float]]:
    """Return the dark and the bright level of each phase, on a coarse sample."""
    dark, bright = [], []
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        # Percentiles, because a specular spot or a dead pixel would set the extremes.
        low, high = np.percentile(pixels[y::16, x::16], [5, 96])
        dark.append(float(low))
        bright.append(float(high))
    return dark, bright


def is_mosaic(pixels: Pixels) -> bool:
    """Return whether the phases of a 2x2 cell have unequal gain."""
    if pixels.ndim != 2 or min(pixels.shape) < 64:
        return False
    dark, bright = _phase_levels(pixels)
    contrast = [b - d for d, b in zip(dark, bright, strict=True)]
    return max(contrast) > SMALLEST_CONTRAST and max(contrast) > MOSAIC_RATIO * min(contrast)


def flatten_mosaic(pixels: Pixels) -> Bytes:
    """Give the four phases one dark and one bright level: (H, W) uint8."""
    dark, bright = _phase_levels(pixels)
    to_dark, to_bright = 16.0, 235.0
    flat = np.empty(pixels.shape, np.uint8)
    for index, (y, x) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        gain = (to_bright - to_dark) / max(bright[index] - dark[index], 1.0)
        phase = pixels[y::2, x::2]
        if pixels.dtype == np.uint8:
            table = np.clip((np.arange(256) - dark[index]) * gain + to_dark, 0, 255).round().astype(np.uint8)
            flat[y::2, x::2] = cv2.LUT(phase, table)
        else:
            flat[y::2, x::2] = np.clip((phase - dark[index]) * gain + to_dark, 0, 255)
    return flat
