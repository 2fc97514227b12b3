"""A PNG encoder that trades size for speed while it runs.

In: an image, 8 or 16 bit, grey or RGB, and how much time there is. Out: the bytes of a PNG file, always lossless.
Stored PNGs are encoded several times faster than compressed ones and never slower than a disk takes them. Layout: PNG
specification, third edition, sections 5 and 9.
Not here: files (see image_writer.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
"""PNG's colour type by number of channels: grey, RGB, RGB with alpha."""
_NO_FILTER, _SUBTRACT_LEFT = 0, 1
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def encode_png(pixels: Pixels, is_hurried: bool = False, texts: Mapping[str, str] = _NO_TEXTS) -> bytes:
    """Encode (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGB and alpha digital numbers.

    `is_hurried` stores instead of compressing. `texts`: words about the image by keyword (section 11.3.3). Raises
    ValueError for another shape.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in {2, 3} or channels not in _COLOUR_TYPES:
        raise ValueError(f"an image of shape {pixels.shape}: expected (H, W), (H, W, 3) or (H, W, 4)")
    height, width = pixels.shape[:2]
    depth = pixels.dtype.itemsize * 8
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOUR_TYPES[channels], 0, 0, 0)
    # PNG stores samples of 16 bits with the most significant byte first (section 7.1).
    big_endian = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder(">"), copy=False))
    rows = big_endian.view(np.uint8).reshape(height, -1)
    body = _stored(rows) if is_hurried else _compressed(rows, channels * pixels.dtype.itemsize)
    words = [_chunk(b"tEXt", f"{key}\0{text}".encode("latin-1", "replace")) for key, text in texts.items()]
    return b"".join([_SIGNATURE, _chunk(b"IHDR", header), *words, _chunk(b"IDAT", body), _chunk(b"IEND", b"")])


def _stored(rows: npt.NDArray[np.uint8]) -> bytes:
    # Level 0 makes stored blocks: a checksum and a copy are all that it costs.
    return zlib.compress(_lines(rows, _NO_FILTER).data, 0)


def _compressed(rows: npt.NDArray[np.uint8], pixel_bytes: int) -> bytes:
    """Take the difference to the left neighbour, then code by frequency only: matches are rare in noisy images."""
    lines = _lines(rows, _SUBTRACT_LEFT)
    lines[:, 1 + pixel_bytes :] -= rows[:, :-pixel_bytes]
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(lines.data) + packer.flush()


def _lines(rows: npt.NDArray[np.uint8], row_filter: int) -> npt.NDArray[np.uint8]:
    """Put the filter's number before each row."""
    lines = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    lines[:, 0] = row_filter
    lines[:, 1:] = rows
    return lines


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))])
