"""Pixels with their pixel format, for images that are no camera's frame: of files, drawn ones, and other programs'.

In: an array, and the PFNC name of what its numbers mean. Out: a `RawImage`. A `Frame` says the same of itself, so
consumers take either. An array alone is taken where its type leaves no doubt: 8 bits have one full scale, 16 have four.
Not here: reading files (see folder.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.errors import UsageError
from rigdriver.frames import Frame


@dataclass(frozen=True, slots=True, eq=False)
class RawImage:
    """One image, not demosaiced.

    `pixels`: (H, W) or (H, W, C), uint8 or uint16, digital numbers as `pixel_format` (PFNC) says.
    """

    pixels: Pixels
    pixel_format: str


AnyImage = Frame | RawImage | Pixels


def pixels_of(image: AnyImage) -> Pixels:
    """Return the array of an image."""
    return image.pixels if isinstance(image, Frame | RawImage) else image


def with_format(image: AnyImage, assumed: str, what: str) -> Frame | RawImage:
    """Return the image with its pixel format; `assumed` is that of an 8-bit array (H, W) that brings none.

    Raises:
        UsageError: an array of 16 bits; its numbers may be of 10, 12, 14 or 16 bits. `what` names it.
    """
    if isinstance(image, Frame | RawImage):
        return image
    if image.dtype != np.uint8:
        raise UsageError(
            device=what,
            seen=f"{image.dtype} pixels without a pixel format, which may be of 10, 12, 14 or 16 bits",
            remedy='hand them over as RawImage(pixels, "Mono12")',
        )
    return RawImage(image, assumed if image.ndim == 2 else "RGB8" if image.shape[2] == 3 else "RGBa8")
