"""PFNC pixel formats: what the digital numbers of an image mean, and how the bytes of a buffer become an array of them.

In: a PFNC name or code, and the rows as the camera sent them. Out: bits, full scale and Bayer order; digital numbers,
uint8 or uint16, without row padding; the packed formats of 10 and 12 bits are unpacked. Names and codes are those of
the GenICam Pixel Format Naming Convention 2.x (EMVA). Nobody else in this package says what full scale is, or how many
bytes an image takes.
Not here: GenTL (see devices/camera_process); demosaicing (see colours.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Bytes
from rigdriver.errors import UsageError

Words = npt.NDArray[np.uint16]
_BLOCK_BYTES = 192 * 1024
"""Size of the blocks that are unpacked at a time, in bytes; they stay in a core's own cache, whole images would not."""


class Packing(Enum):
    """How the pixels of one row lie in its bytes."""

    BYTES = "one byte a channel"
    WORDS = "two bytes a channel, little endian"
    LSB_10 = "four pixels in five bytes, least significant bit first (10p)"
    LSB_12 = "two pixels in three bytes, least significant bit first (12p)"
    GROUP_10 = "two pixels in three bytes, GigE Vision (10Packed)"
    GROUP_12 = "two pixels in three bytes, GigE Vision (12Packed)"


_GROUPS = MappingProxyType(
    {Packing.LSB_10: (4, 5), Packing.LSB_12: (2, 3), Packing.GROUP_10: (2, 3), Packing.GROUP_12: (2, 3)}
)
"""Pixels and bytes of one group, by packing."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One PFNC format that this driver can read."""

    name: str
    code: int
    packing: Packing
    channels: int = 1

    @property
    def bits(self) -> int:
        """Bits of one sample; PFNC writes them after the components' names: Mono12, BayerRG10p, RGB8."""
        return int("".join(filter(str.isdigit, self.name)))

    @property
    def full_scale(self) -> int:
        """Largest digital number that a sample can have."""
        return (1 << self.bits) - 1

    @property
    def bayer_order(self) -> str:
        """Colours of the first two pixels of the first row: RG, GR, GB or BG; empty when this is no Bayer format."""
        return self.name[5:7] if self.name.startswith("Bayer") else ""

    @property
    def is_packed(self) -> bool:
        """Whether pixels must be unpacked; they never lie in a buffer as an array shows them."""
        return self.packing in _GROUPS

    @property
    def bytes_a_sample(self) -> int:
        """Bytes that one channel of one pixel takes after unpacking."""
        return 1 if self.packing is Packing.BYTES else 2

    @property
    def dtype(self) -> type[np.uint8 | np.uint16]:
        """Type of the unpacked samples."""
        return np.uint8 if self.packing is Packing.BYTES else np.uint16

    def shape(self, width_px: int, height_px: int) -> tuple[int, ...]:
        """Return the shape of the unpacked array: (H, W) or (H, W, C)."""
        return (height_px, width_px) if self.channels == 1 else (height_px, width_px, self.channels)

    def sent_bytes(self, width_px: int, height_px: int, padding_bytes: int = 0) -> int:
        """Return the bytes of an image as the camera sends it; the last row's padding, which may lack, is left out.

        PFNC packs an image without padding as one stream: a row may end within a byte, and only the last byte of the
        image is filled up. A padded row begins at a byte of its own.
        """
        pixels, size = _GROUPS.get(self.packing, (1, self.channels * self.bytes_a_sample))
        if padding_bytes == 0:
            return -(-width_px * height_px * size // pixels)
        row = -(-width_px * size // pixels)
        return max(0, (row + padding_bytes) * height_px - padding_bytes)

    def row_bytes(self, width_px: int) -> int:
        """Return the bytes of one row that begins at a byte of its own, without padding."""
        return self.sent_bytes(width_px, 1)

    def image_bytes(self, width_px: int, height_px: int) -> int:
        """Return the bytes of an unpacked image."""
        return width_px * height_px * self.channels * self.bytes_a_sample


def _formats() -> list[PixelFormat]:
    # A PFNC code holds 0x01 for one component or 0x02 for colour, the bits that a pixel occupies, and a running number.
    mono = {
        "Mono8": (0x01080001, Packing.BYTES),
        "Mono10": (0x01100003, Packing.WORDS),
        "Mono12": (0x01100005, Packing.WORDS),
        "Mono14": (0x01100025, Packing.WORDS),
        "Mono16": (0x01100007, Packing.WORDS),
        "Mono10p": (0x010A0046, Packing.LSB_10),
        "Mono12p": (0x010C0047, Packing.LSB_12),
        "Mono10Packed": (0x010C0004, Packing.GROUP_10),
        "Mono12Packed": (0x010C0006, Packing.GROUP_12),
    }
    bayer = {
        "8": ((0x01080008, 0x01080009, 0x0108000A, 0x0108000B), Packing.BYTES),
        "10": ((0x0110000C, 0x0110000D, 0x0110000E, 0x0110000F), Packing.WORDS),
        "12": ((0x01100010, 0x01100011, 0x01100012, 0x01100013), Packing.WORDS),
        "16": ((0x0110002E, 0x0110002F, 0x01100030, 0x01100031), Packing.WORDS),
        # PFNC numbers the p formats by alphabet (BG, GB, GR, RG), the others in the order GR, RG, GB, BG, which stands
        # here.
        "10p": ((0x010A0056, 0x010A0058, 0x010A0054, 0x010A0052), Packing.LSB_10),
        "12p": ((0x010C0057, 0x010C0059, 0x010C0055, 0x010C0053), Packing.LSB_12),
        "10Packed": ((0x010C0026, 0x010C0027, 0x010C0028, 0x010C0029), Packing.GROUP_10),
        "12Packed": ((0x010C002A, 0x010C002B, 0x010C002C, 0x010C002D), Packing.GROUP_12),
    }
    colour = {
        "RGB8": (0x02180014, Packing.BYTES, 3),
        "BGR8": (0x02180015, Packing.BYTES, 3),
        "RGBa8": (0x02200016, Packing.BYTES, 4),
        "BGRa8": (0x02200017, Packing.BYTES, 4),
        "RGB10": (0x02300018, Packing.WORDS, 3),
        "RGB12": (0x0230001A, Packing.WORDS, 3),
        "RGB16": (0x02300033, Packing.WORDS, 3),
    }
    formats = [PixelFormat(name, code, packing) for name, (code, packing) in mono.items()]
    for depth, (codes, packing) in bayer.items():
        formats += [
            PixelFormat(f"Bayer{t}{depth}", c, packing) for t, c in zip(("GR", "RG", "GB", "BG"), codes, strict=True)
        ]
    return formats + [PixelFormat(name, code, packing, n) for name, (code, packing, n) in colour.items()]


BY_CODE: Mapping[int, PixelFormat] = MappingProxyType({f.code: f for f in _formats()})
BY_NAME: Mapping[str, PixelFormat] = MappingProxyType({f.name: f for f in BY_CODE.values()})


def named(name: str) -> PixelFormat:
    """Return the format of that PFNC name.

    Raises:
        UsageError: this driver reads no such format.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        raise UsageError(
            device=f"pixel format {name}", seen="is not known", expected=f"one of {', '.join(sorted(BY_NAME))}"
        ) from None


def full_scale(name: str) -> int:
    """Return the largest digital number that a sample of that pixel format can have.

    Raises:
        UsageError: this driver reads no such format.
    """
    return named(name).full_scale


def copy_pixels(
    data: Bytes, pixel_format: PixelFormat, width_px: int, height_px: int, padding_bytes: int, out: Bytes
) -> None:
    """Copy an image out of a buffer: padding removed, packed samples unpacked.

    `data`: (N,) uint8, the image as sent, N >= pixel_format.sent_bytes.
    `out`: (pixel_format.image_bytes,) uint8, where the samples go.
    """
    row = pixel_format.row_bytes(width_px)
    data = data[: pixel_format.sent_bytes(width_px, height_px, padding_bytes)]
    if pixel_format.packing in _GROUPS:
        _unpack(data, pixel_format.packing, width_px, height_px, row, padding_bytes, out.view(np.uint16))
    elif padding_bytes == 0:
        np.copyto(out, data)
    else:
        np.copyto(out.reshape(height_px, row), _rows(data, height_px, row, padding_bytes))


def _rows(data: Bytes, height_px: int, row: int, padding_bytes: int) -> Bytes:
    """View the rows of an image without their padding: (H, row) uint8."""
    return np.lib.stride_tricks.as_strided(
        data,
        (height_px, row),
        (row + padding_bytes, 1),
        writeable=False,
    )


def _unpack(
    data: Bytes,
    packing: Packing,
    width_px: int,
    height_px: int,
    row: int,
    padding_bytes: int,
    out: Words,
) -> None:
    pixels = _GROUPS[packing][0]
    if padding_bytes == 0 or width_px % pixels:
        # PFNC packs an unpadded image as one stream, so a group may go over the end of a row; a padded row with a
        # group that is not full starts at its own byte.
        if padding_bytes == 0:
            _unpack_stream(data, packing, out)
            return
        for y, line in enumerate(_rows(data, height_px, row, padding_bytes)):
            _unpack_stream(line, packing, out[y * width_px : (y + 1) * width_px])
        return
    step = max(1, _BLOCK_BYTES // row)
    rows = _rows(data, height_px, row, padding_bytes)
    for y in range(0, height_px, step):
        # Groups fill these rows, so that rows without their padding join into one stream.
        block = np.ascontiguousarray(rows[y : y + step]).reshape(-1)
        _unpack_groups(block, packing, out[y * width_px : (y + step) * width_px])


def _unpack_stream(data: Bytes, packing: Packing, out: Words) -> None:
    pixels, size = _GROUPS[packing]
    whole = len(out) // pixels
    step = _BLOCK_BYTES // size
    for g in range(0, whole, step):
        end = min(g + step, whole)
        _unpack_groups(data[g * size : end * size], packing, out[g * pixels : end * pixels])
    if rest := len(out) - whole * pixels:
        last = np.zeros(size, np.uint8)
        tail = data[whole * size :][:size]
        last[: len(tail)] = tail
        group = np.empty(pixels, np.uint16)
        _unpack_groups(last, packing, group)
        out[whole * pixels :] = group[:rest]


def _unpack_groups(data: Bytes, packing: Packing, out: Words) -> None:
    """Unpack whole groups: `data` (n * bytes,) -> `out` (n * pixels,)."""
    pixels, size = _GROUPS[packing]
    # 10p and 12p fill bytes from the least significant bit (PFNC). The 10Packed and 12Packed of GigE Vision hold the
    # upper eight bits of both pixels in the outer bytes, and their lower bits in the middle one.
    b = data.reshape(-1, size).astype(np.uint16).T
    o = out.reshape(-1, pixels)
    if packing is Packing.LSB_12:
        o[:, 0] = b[0] | (b[1] & 0x0F) << 8
        o[:, 1] = b[1] >> 4 | b[2] << 4
    elif packing is Packing.LSB_10:
        o[:, 0] = b[0] | (b[1] & 0x03) << 8
        o[:, 1] = b[1] >> 2 | (b[2] & 0x0F) << 6
        o[:, 2] = b[2] >> 4 | (b[3] & 0x3F) << 4
        o[:, 3] = b[3] >> 6 | b[4] << 2
    elif packing is Packing.GROUP_12:
        o[:, 0] = b[0] << 4 | b[1] & 0x0F
        o[:, 1] = b[2] << 4 | b[1] >> 4
    else:
        o[:, 0] = b[0] << 2 | b[1] & 0x03
        o[:, 1] = b[2] << 2 | (b[1] >> 4) & 0x03
