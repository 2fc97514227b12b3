"""A mark in the top left corner of a painted frame that a test and a person can read.

In: camera number, exposure ordinal, pulse index. Out: four rows of sixteen blocks of 8x8 pixels, one bit a block, most
significant first: sync (8), camera (8), ordinal (20), pulse (20), check (8); below them the same in writing. Both are
as bright as the brightest pixel that they cover: in a dark frame a mark of a fixed brightness would be light that no
lamp gave. Not here: what the rest of the image shows (see painter.py).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

BLOCK_PX = 8
WIDTH_PX, HEIGHT_PX = 16 * BLOCK_PX, 4 * BLOCK_PX

_TEXT_PX = (36, 512)
_SYNC = 0xA5
_WRAP = 1 << 20
_NO_PULSE = _WRAP - 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a frame says of itself. The ordinal wraps at 2**20, the pulse at 2**20 - 1.

    The pulse is None outside the box's pulses; the largest number of its 20 bits says so.
    """

    camera: int
    ordinal: int
    pulse: int | None


def draw(stamp: Stamp, light_dn: int, dtype: np.dtype[Any]) -> npt.NDArray[np.generic]:
    """Return the blocks: (32, 128), dark blocks 0, light ones `light_dn`."""
    # Not modulo _WRAP: the largest number means no pulse, and counting must not reach it.
    pulse = _NO_PULSE if stamp.pulse is None else stamp.pulse % _NO_PULSE
    word = _SYNC << 48 | (stamp.camera & 0xFF) << 40 | stamp.ordinal % _WRAP << 20 | pulse
    word = word << 8 | _check(word)
    bits = np.unpackbits(np.frombuffer(word.to_bytes(8, "big"), np.uint8)).reshape(4, 16)
    blocks = np.where(bits, light_dn, 0).astype(dtype)
    return blocks.repeat(BLOCK_PX, axis=0).repeat(BLOCK_PX, axis=1)


def put(stamp: Stamp, name: str, out: npt.NDArray[Any]) -> None:
    """Draw blocks and writing over an image that has room for them: (H, W) uint8 or uint16."""
    if out.shape[0] < HEIGHT_PX or out.shape[1] < WIDTH_PX:
        return
    height, width = min(_TEXT_PX[0], out.shape[0] - HEIGHT_PX), min(_TEXT_PX[1], out.shape[1])
    # One at least: in an image without any light the mark must still be read.
    light_dn = max(1, int(out[: HEIGHT_PX + height, :width].max()))
    out[:HEIGHT_PX, :WIDTH_PX] = draw(stamp, light_dn, out.dtype)
    if height < _TEXT_PX[0]:
        return
    patch = np.zeros((height, width), np.uint8)
    text = f"{name} {stamp.ordinal} p{'-' if stamp.pulse is None else stamp.pulse}"
    cv2.putText(patch, text, (4, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)
    out[HEIGHT_PX : HEIGHT_PX + height, :width] = patch.astype(np.uint32) * light_dn // 255


def read(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> Stamp | None:
    """Return the stamp of an image, or None when it carries none (too small, cut, or painted by somebody else)."""
    if pixels.ndim != 2 or pixels.shape[0] < HEIGHT_PX or pixels.shape[1] < WIDTH_PX:
        return None
    middles = pixels[BLOCK_PX // 2 : HEIGHT_PX : BLOCK_PX, BLOCK_PX // 2 : WIDTH_PX : BLOCK_PX].astype(np.int64)
    # The sync byte has light and dark blocks, so the brightest block is a light one under any light.
    bits = (2 * middles > middles.max()).astype(np.uint8)
    word = int.from_bytes(np.packbits(bits.reshape(-1)).tobytes(), "big")
    word, check = word >> 8, word & 0xFF
    if word >> 48 != _SYNC or check != _check(word):
        return None
    pulse = word & (_WRAP - 1)
    return Stamp(word >> 40 & 0xFF, word >> 20 & (_WRAP - 1), None if pulse == _NO_PULSE else pulse)


def _check(word: int) -> int:
    return zlib.crc32(word.to_bytes(7, "big")) & 0xFF
