"""The pixel formats that simulated cameras speak: PFNC names and numbers, and how pixels become bytes.

In: an array of one number per pixel. Out: the bytes of the format. What a painter fills is uint8 for 8-bit formats and
uint16 for all others; packed formats are packed here, after painting. Numbers: GenICam Pixel Format Values list. Not
here: where pixels come from (see bench/painter.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One PFNC format."""

    name: str
    pfnc: int
    bits: int
    """Significant bits of a pixel."""
    packing: str = ""
    """Empty: one or two whole bytes a pixel; `packed` (GEV order) or `p` (lsb first): two 12-bit pixels in 3 bytes."""

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """What a painter fills."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def max_dn(self) -> int:
        return (1 << self.bits) - 1

    def image_bytes(self, width: int, height: int) -> int:
        pixels = width * height
        if self.packing:
            # PFNC: a packed image is one stream of bits; rows are not rounded up to whole bytes.
            return (pixels * 3 + 1) // 2
        return pixels * (1 if self.bits == 8 else 2)


PIXEL_FORMATS: Mapping[str, PixelFormat] = MappingProxyType(
    {
        f.name: f
        for f in (
            PixelFormat("Mono8", 0x01080001, 8),
            PixelFormat("Mono10", 0x01100003, 10),
            PixelFormat("Mono12", 0x01100005, 12),
            PixelFormat("Mono12Packed", 0x010C0006, 12, "packed"),
            PixelFormat("Mono12p", 0x010C0047, 12, "p"),
            PixelFormat("BayerRG8", 0x01080009, 8),
            PixelFormat("BayerRG12", 0x01100011, 12),
        )
    }
)


def pack_12(pixels: npt.NDArray[np.uint16], packing: str) -> npt.NDArray[np.uint8]:
    """Return two 12-bit pixels in each three bytes, in the order of `Mono12Packed` or `Mono12p`."""
    pairs = pixels.reshape(-1, 2)
    first, second = pairs[:, 0], pairs[:, 1]
    out = np.empty((len(pairs), 3), np.uint8)
    if packing == "packed":  # GigE Vision: the eight high bits of both outside, the low four of both in the middle
        out[:, 0] = first >> 4
        out[:, 1] = (first & 0xF) | ((second & 0xF) << 4)
        out[:, 2] = second >> 4
    else:  # PFNC: lsb first, no gaps
        out[:, 0] = first & 0xFF
        out[:, 1] = (first >> 8) | ((second & 0xF) << 4)
        out[:, 2] = second >> 4
    return out.reshape(-1)
