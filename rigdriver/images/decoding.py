"""Decoding image files that anybody may have written: the size is read from the header before anything is decoded.

In: a path of a PNG, TIFF, JPEG or BMP. Out: its samples as OpenCV decodes them, or nothing where it is no such image.
A header can announce more pixels than the memory holds, in a file of a hundred bytes.
Not here: what the samples mean, and which files are looked at (see folder.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.errors import UsageError

MOST_FILE_BYTES = 512 << 20
"""Largest image file."""
MOST_DECODED_BYTES = 400 << 20
"""Largest image when decoded: 151 Mpx of 16 bit, the largest area sensor that is sold, take 302 MB."""
_TIFF_WORDS = {1: "B", 3: "H", 4: "I"}
"""Types of TIFF 6.0 that sizes and depths have: BYTE, SHORT, LONG."""
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that hold a frame's size (ITU-T T.81, table B.1)."""


def decode(path: Path, how: int = cv2.IMREAD_UNCHANGED) -> npt.NDArray[np.generic] | None:
    """Return the samples of an image file; None where it is no image.

    Raises:
        UsageError: its header announces more than may be decoded.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_FILE_BYTES + 1)
    except OSError:
        return None
    size = _size(raw) if len(raw) <= MOST_FILE_BYTES else None
    if size is None:
        return None
    width, height, sample_bytes = size
    if width * height * sample_bytes > MOST_DECODED_BYTES:
        raise UsageError(
            device=str(path),
            seen=f"its header announces {width} x {height} pixels",
            expected=f"an image of at most {MOST_DECODED_BYTES >> 20} MB",
            remedy="remove it, or make it smaller",
        )
    try:
        return cv2.imdecode(np.frombuffer(raw, np.uint8), how)
    except (cv2.error, MemoryError):
        return None


def _size(raw: bytes) -> tuple[int, int, int] | None:
    """Return width, height and bytes per pixel of the header; None where it is no header of a known kind."""
    try:
        if raw.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png_size(raw)
        if raw.startswith(b"BM"):
            return _bmp_size(raw)
        if raw.startswith(b"\xff\xd8"):
            return next(_jpeg_sizes(raw), None)
        if raw[:4] in (b"II*\0", b"MM\0*"):
            return _tiff_size(raw)
    except struct.error:
        return None
    return None


def _png_size(raw: bytes) -> tuple[int, int, int] | None:
    width, height, depth, colour = struct.unpack_from(">IIBB", raw, 16)
    place, kind = 8, b""
    # The decoder makes room for a chunk before it reads it, so a chunk must end within the file.
    while place < len(raw) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", raw, place)
        place += 12 + length
    if place > len(raw):
        return None
    return width, height, (2 if depth == 16 else 1) * {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}.get(colour, 4)


def _bmp_size(raw: bytes) -> tuple[int, int, int]:
    if struct.unpack_from("<I", raw, 14)[0] == 12:  # OS/2, with shorter sides
        width, height = struct.unpack_from("<HH", raw, 18)
    else:
        width, height = map(abs, struct.unpack_from("<ii", raw, 18))
    return width, height, 4


def _jpeg_sizes(raw: bytes) -> Iterator[tuple[int, int, int]]:
    place = 2
    while True:
        while raw[place : place + 1] == b"\xff" and raw[place + 1 : place + 2] == b"\xff":
            place += 1  # fill bytes
        head, marker, length = struct.unpack_from(">BBH", raw, place)
        if head != 0xFF:
            return
        if marker in _JPEG_FRAMES:
            height, width, channels = struct.unpack_from(">HHB", raw, place + 5)
            yield width, height, max(3, channels)
        place += 2 + max(length, 2)


def _tiff_size(raw: bytes) -> tuple[int, int, int] | None:
    """Read the first directory (TIFF 6.0, section 2), whose image is the one that is decoded."""
    order = "<" if raw.startswith(b"II") else ">"
    place = struct.unpack_from(f"{order}I", raw, 4)[0]
    found: dict[int, int] = {}
    for entry in range(struct.unpack_from(f"{order}H", raw, place)[0]):
        at = place + 2 + 12 * entry
        tag, kind, count = struct.unpack_from(f"{order}HHI", raw, at)
        if kind in _TIFF_WORDS:
            word = _TIFF_WORDS[kind]
            where = at + 8
            if count * struct.calcsize(word) > 4:
                where = struct.unpack_from(f"{order}I", raw, where)[0]
            found.setdefault(tag, struct.unpack_from(f"{order}{word}", raw, where)[0])
    # 256, 257: sides of the image; 322, 323: of its tiles; 258: bits per sample; 277: samples per pixel.
    if 256 not in found or 257 not in found:
        return None
    width, height = max(found[256], found.get(322, 0)), max(found[257], found.get(323, 0))
    channels = found.get(277, 1)
    return width, height, max(1, found.get(258, 8) // 8) * (channels if channels == 1 else max(4, channels))
