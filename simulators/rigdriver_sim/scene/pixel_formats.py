"""Pixel formats by their PFNC names: bits a pixel and how they lie in memory.

In: pixel values, (H, W). Out: bytes as a camera sends them. Mono10, Mono12 and BayerRG12 stand in 16 bits each, low
byte first; Mono12p is PFNC's little-endian packing, Mono12Packed GigE Vision's older one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How one pixel is sent."""

    name: str
    bits: int
    is_packed: bool = False
    is_bayer: bool = False

    @property
    def full_scale(self) -> int:
        """Largest pixel value."""
        return (1 << self.bits) - 1

    def image_bytes(self, width: int, height: int) -> int:
        """Return the size of an image."""
        if self.is_packed:
            return (width * height * 3 + 1) // 2
        return width * height * (1 if self.bits == 8 else 2)


PIXEL_FORMATS = {
    f.name: f
    for f in (
        PixelFormat("Mono8", 8),
        PixelFormat("Mono10", 10),
        PixelFormat("Mono12", 12),
        PixelFormat("Mono12Packed", 12, is_packed=True),
        PixelFormat("Mono12p", 12, is_packed=True),
        PixelFormat("BayerRG8", 8, is_bayer=True),
        PixelFormat("BayerRG12", 12, is_bayer=True),
    )
}


def pack(pixels: npt.NDArray[np.uint16], name: str) -> npt.NDArray[np.uint8]:
    """Return the bytes, (N,) uint8, of pixel values, (H, W), in a pixel format."""
    pixel_format = PIXEL_FORMATS[name]
    if pixel_format.bits == 8:
        return pixels.astype(np.uint8).ravel()
    if not pixel_format.is_packed:
        return pixels.astype("<u2").ravel().view(np.uint8)
    flat = pixels.astype(np.uint16).ravel()
    even, odd = flat[0::2], flat[1::2]
    odd = np.append(odd, np.uint16(0)) if len(even) > len(odd) else odd
    if name == "Mono12p":  # b0 = p0[7:0], b1 = p1[3:0] p0[11:8], b2 = p1[11:4]
        triples = np.stack([even & 0xFF, (even >> 8) | ((odd & 0x0F) << 4), odd >> 4], axis=1)
    else:  # b0 = p0[11:4], b1 = p1[3:0] p0[3:0], b2 = p1[11:4]
        triples = np.stack([even >> 4, (even & 0x0F) | ((odd & 0x0F) << 4), odd >> 4], axis=1)
    packed: npt.NDArray[np.uint8] = triples.astype(np.uint8).ravel()[: pixel_format.image_bytes(flat.size, 1)]
    return packed
