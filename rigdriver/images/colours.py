"""Raw images as colours to look at and to take texture from: demosaiced, 8 bits per colour.

In: an image with its pixel format. Out: (H, W, 3) uint8, red, green, blue; full scale of the format becomes 255.
Not here: brightness and balance (see contact_sheet.py).
"""

from __future__ import annotations

from types import MappingProxyType

import cv2
import numpy as np

from rigdriver.arrays import Bytes, Pixels
from rigdriver.frames import Frame
from rigdriver.images.pixel_formats import named
from rigdriver.images.raw_image import RawImage

# OpenCV's four-letter codes name the first two rows, as PFNC does. Its older two-letter codes name the second row: its
# BayerBG2RGB is an RGGB sensor.
_DEMOSAIC = MappingProxyType(
    {
        "RG": cv2.COLOR_BayerRGGB2RGB,
        "GR": cv2.COLOR_BayerGRBG2RGB,
        "GB": cv2.COLOR_BayerGBRG2RGB,
        "BG": cv2.COLOR_BayerBGGR2RGB,
    }
)


def to_8_bit(pixels: Pixels, bits: int) -> Bytes:
    """Return digital numbers of so many bits as uint8: their upper eight bits."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(np.minimum(pixels >> (bits - 8), 255), np.uint8)


def to_rgb(image: Frame | RawImage) -> Bytes:
    """Return (H, W, 3) uint8, red green blue, of a mosaic, a grey or a colour image.

    Raises:
        UsageError: its pixel format is not known.
    """
    pixel_format = named(image.pixel_format)
    pixels = to_8_bit(image.pixels, pixel_format.bits)
    if pixels.ndim == 3:
        return pixels[:, :, 2::-1] if pixel_format.name.startswith("BGR") else pixels[:, :, :3]
    code = _DEMOSAIC.get(pixel_format.bayer_order, cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)
