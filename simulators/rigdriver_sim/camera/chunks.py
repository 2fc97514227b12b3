"""Chunk data: what a camera tells about a frame, inside the frame's own buffer.

In: the values of one frame. Out: the bytes that follow the image, and where each chunk lies. Layout of one chunk (as
USB3 Vision has it, little endian): data, then id (4), then length (4); the list is read from its end.
Not here: where the values come from (see model.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

IMAGE_CHUNK_ID = 0x1000
CHUNK_IDS: Mapping[str, int] = MappingProxyType(
    {"Timestamp": 0x1001, "FrameID": 0x1002, "ExposureTime": 0x1003, "CounterValue": 0x1004, "LineStatusAll": 0x1005}
)
CHUNK_BYTES = 8
TRAILER_BYTES = 8
MOST_BYTES = (len(CHUNK_IDS) + 1) * (CHUNK_BYTES + TRAILER_BYTES)


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """One chunk, and where its data lie in the buffer."""

    chunk_id: int
    offset: int
    length: int


def trailing_bytes(names: Iterable[str]) -> int:
    """Return how many bytes follow the image when these chunks are on; the image's own trailer is one of them."""
    return TRAILER_BYTES + sum(CHUNK_BYTES + TRAILER_BYTES for _ in names)


def build_chunks(image_bytes: int, values: Mapping[str, int | float]) -> tuple[bytes, tuple[PlacedChunk, ...]]:
    """Return what follows an image of that many bytes, and the list of all chunks, the image first."""
    # In chunk mode the image itself is a chunk, the first one; its trailer stands between it and the others.
    tail = bytearray(struct.pack("<II", IMAGE_CHUNK_ID, image_bytes))
    placed = [PlacedChunk(IMAGE_CHUNK_ID, 0, image_bytes)]
    for name, value in values.items():
        placed.append(PlacedChunk(CHUNK_IDS[name], image_bytes + len(tail), CHUNK_BYTES))
        tail += struct.pack("<d" if isinstance(value, float) else "<Q", value)
        tail += struct.pack("<II", CHUNK_IDS[name], CHUNK_BYTES)
    return bytes(tail), tuple(placed)
