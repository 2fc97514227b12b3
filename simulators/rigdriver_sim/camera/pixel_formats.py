"""The pixel formats that simulated cameras speak: PFNC names and numbers, and how pixels become bytes.

In: an array of one number per pixel. Out: the bytes of the format. What a painter fills is uint8 for 8-bit formats and
uint16 for all others; packed formats are packed here, after painting. Numbers: GenICam Pixel Format Values list. An
image without padding is one stream of pixels: a row of a packed format may end within a byte, where the next one goes
on; a padded row starts at a byte of its own. Not here: where pixels come from (see bench/painter.py).
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
    """Empty: one or two whole bytes per pixel; `packed`: two pixels in three bytes as GigE Vision has them, 10 bits,
    too; `p`: the bits of all pixels one after the other, lowest first, without gaps."""

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """What a painter fills."""
        return np.uint8 if self.bits == 8 else np.uint16

    @property
    def max_dn(self) -> int:
        return (1 << self.bits) - 1

    @property
    def bits_on_link(self) -> int:
        """Bits that one pixel takes on the link."""
        if self.packing == "packed":
            return 12
        return self.bits if self.packing else 8 * np.dtype(self.dtype).itemsize

    def image_bytes(self, width: int, height: int) -> int:
        """Return the bytes of an image without padding."""
        # PFNC: a packed image is one stream of bits; rows are not rounded up to whole bytes.
        return (width * height * self.bits_on_link + 7) // 8

    def x_padding(self, width: int, row_align: int) -> int:
        """Return how many bytes follow each row so that rows are multiples of `row_align` bytes; 1: none."""
        return -self.image_bytes(width, 1) % row_align

    def padded_bytes(self, width: int, height: int, row_align: int) -> int:
        """Return the bytes of an image whose rows are padded; `row_align` 1: one stream."""
        if row_align == 1:
            return self.image_bytes(width, height)
        return (self.image_bytes(width, 1) + self.x_padding(width, row_align)) * height

    def encode(self, pixels: npt.NDArray[np.uint8 | np.uint16], row_align: int = 1) -> npt.NDArray[np.uint8]:
        """Return the bytes of an image: (H, W) in, (N,) uint8 out."""
        if row_align == 1:
            return self._pack(pixels.reshape(-1))
        rows = np.zeros((pixels.shape[0], self.padded_bytes(pixels.shape[1], 1, row_align)), np.uint8)
        for row, line in zip(rows, pixels, strict=True):
            packed = self._pack(line)
            row[: len(packed)] = packed
        return rows.reshape(-1)

    def _pack(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.uint8]:
        if not self.packing:
            return np.ascontiguousarray(pixels).view(np.uint8)
        # Four pixels fill whole bytes in every packing: 5 in 10p, 6 in 12p and in GigE Vision's.
        group = 4
        whole = np.zeros((len(pixels) + group - 1) // group * group, np.uint16)
        whole[: len(pixels)] = pixels
        out = _pack_gev(whole, self.bits) if self.packing == "packed" else _pack_lsb_first(whole, self.bits)
        return out.reshape(-1)[: self.image_bytes(len(pixels), 1)]


def _pack_gev(pixels: npt.NDArray[np.uint16], bits: int) -> npt.NDArray[np.uint8]:
    """Pack as GigE Vision does: the eight high bits of both outside, the low ones of both in the middle."""
    first, second = pixels[0::2], pixels[1::2]
    low = bits - 8
    mask = (1 << low) - 1
    out = np.empty((len(first), 3), np.uint8)
    out[:, 0] = first >> low
    out[:, 1] = (first & mask) | (second & mask) << 4
    out[:, 2] = second >> low
    return out


def _pack_lsb_first(pixels: npt.NDArray[np.uint16], bits: int) -> npt.NDArray[np.uint8]:
    """Pack as PFNC's `p` formats: four pixels become one number of 4 * bits bits, lowest first."""
    four = pixels.reshape(-1, 4).astype(np.uint64)
    word = four[:, 0] | four[:, 1] << bits | four[:, 2] << 2 * bits | four[:, 3] << 3 * bits
    return word.astype("<u8").view(np.uint8).reshape(-1, 8)[:, : bits // 2]


# PFNC: the second byte of a code is the bits that a pixel takes (of 10 bits: 0A as p, 0C as Packed, 10 unpacked).
_FORMATS = (
    PixelFormat("Mono8", 0x01080001, 8),
    PixelFormat("Mono10", 0x01100003, 10),
    PixelFormat("Mono12", 0x01100005, 12),
    PixelFormat("Mono14", 0x01100025, 14),
    PixelFormat("Mono16", 0x01100007, 16),
    PixelFormat("Mono10Packed", 0x010C0004, 10, "packed"),
    PixelFormat("Mono12Packed", 0x010C0006, 12, "packed"),
    PixelFormat("Mono10p", 0x010A0046, 10, "p"),
    PixelFormat("Mono12p", 0x010C0047, 12, "p"),
    PixelFormat("BayerRG8", 0x01080009, 8),
    PixelFormat("BayerRG10", 0x0110000D, 10),
    PixelFormat("BayerRG12", 0x01100011, 12),
    PixelFormat("BayerRG16", 0x0110002F, 16),
    PixelFormat("BayerRG10Packed", 0x010C0027, 10, "packed"),
    PixelFormat("BayerRG12Packed", 0x010C002B, 12, "packed"),
    PixelFormat("BayerRG10p", 0x010A0058, 10, "p"),
    PixelFormat("BayerRG12p", 0x010C0059, 12, "p"),
)
PIXEL_FORMATS: Mapping[str, PixelFormat] = MappingProxyType({known.name: known for known in _FORMATS})
