"""One frame into one slot of the ring: header, painted pixels, chunks.

In: the slot's memory, the exposure, what the camera tells about the frame, a painter. Out: a slot that is ready to be
published. The painter paints straight into the slot, unless the format packs its pixels.
Not here: when a frame is due (see model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver_sim.camera.chunks import build_chunks
from rigdriver_sim.camera.pixel_formats import PixelFormat
from rigdriver_sim.camera.spec import Exposure, Painter
from rigdriver_sim.feed import layout


@dataclass(frozen=True, slots=True)
class DueFrame:
    """What the camera tells about a frame that is on its way."""

    frame_id: int
    stamp: int
    """Time stamp in ticks of the camera."""
    chunks: Mapping[str, int | float]
    is_chunked: bool
    is_incomplete: bool


def write_frame(
    slot: layout.Slot,
    data: npt.NDArray[np.uint8],
    exposure: Exposure,
    pixel_format: PixelFormat,
    frame: DueFrame,
    painter: Painter,
    row_align: int = 1,
) -> None:
    """Fill the slot; rows are padded to multiples of `row_align` bytes."""
    image_bytes = pixel_format.padded_bytes(exposure.width, exposure.height, row_align)
    _paint(data[:image_bytes], exposure, pixel_format, painter, row_align)
    tail, placed = build_chunks(image_bytes, frame.chunks) if frame.is_chunked else (b"", ())
    data[image_bytes : image_bytes + len(tail)] = np.frombuffer(tail, np.uint8)
    slot.frame_id = frame.frame_id
    slot.stamp = frame.stamp
    slot.pixel_format = pixel_format.pfnc
    slot.width, slot.height = exposure.width, exposure.height
    slot.x_padding = pixel_format.x_padding(exposure.width, row_align)
    slot.x_offset, slot.y_offset = exposure.offset_x, exposure.offset_y
    slot.image_bytes = image_bytes
    slot.data_bytes = image_bytes + len(tail)
    slot.is_incomplete = int(frame.is_incomplete)
    if frame.is_incomplete:
        # The chunks stand behind the image, so they are missing too when its lower half is.
        slot.filled_bytes, slot.delivered_height, slot.chunk_count = image_bytes // 2, exposure.height // 2, 0
        return
    slot.filled_bytes, slot.delivered_height, slot.chunk_count = slot.data_bytes, exposure.height, len(placed)
    for number, chunk in enumerate(placed):
        slot.chunks[number] = layout.Chunk(chunk.chunk_id, chunk.offset, chunk.length)


def _paint(
    image: npt.NDArray[np.uint8],
    exposure: Exposure,
    pixel_format: PixelFormat,
    painter: Painter,
    row_align: int,
) -> None:
    shape = (exposure.height, exposure.width)
    padding = pixel_format.x_padding(exposure.width, row_align)
    # A painter fills rows of whole pixels; packed or padded rows do not lie like that, so it paints beside the slot.
    if pixel_format.packing or padding:
        pixels = np.empty(shape, pixel_format.dtype)
        painter(exposure, pixels)
        image[:] = pixel_format.encode(pixels, row_align)
        return
    painter(exposure, image.view(pixel_format.dtype).reshape(shape))
