"""Images without loss in fewer bytes: JPEG XL, for recordings that are kept.

In: pixels, 8 or 16 bits per sample; or bytes of unknown origin and what they must hold. Out: the other of the two, bit
for bit. Not here: why this codec (see DECISIONS.md and tools/bench_codecs.py).
"""

from __future__ import annotations

import imagecodecs
import numpy as np

from rigdriver.arrays import Pixels

EFFORT = 1
"""Effort of the encoder: higher ones are slower by more than they save on images with noise."""


def encode_lossless(pixels: Pixels) -> bytes:
    """Return the image as JPEG XL."""
    return bytes(imagecodecs.jpegxl_encode(np.ascontiguousarray(pixels), lossless=True, effort=EFFORT, numthreads=1))


def decode_lossless(raw: bytes, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Pixels:
    """Return the image, which must have that shape and type; more memory is never taken.

    Raises:
        ValueError: it is no such image.
    """
    pixels: Pixels = np.empty(shape, dtype)
    try:
        imagecodecs.jpegxl_decode(raw, out=pixels, numthreads=1)
    except (RuntimeError, TypeError, ValueError) as exc:
        raise ValueError(f"no JPEG XL image of {shape} and {dtype}") from exc
    return pixels
