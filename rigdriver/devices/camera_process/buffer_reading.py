"""What a delivered buffer says about its image, with what stands in for properties that a producer lacks.

In: buffers as the binding gives them, and what the camera said at its start. Out: `Image`, `Incomplete`. The binding's
constants and errors are handed over by binding.py, which alone imports it; what is raised here is translated there.
Not here: streams, and who queues the buffer again (see stream.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rigdriver.devices.camera_process.images import Image, Incomplete

_UNKNOWN = 1 << 63
"""Least number that is unknown: GenTL's numbers are unsigned, and its mark for an unknown one is all ones."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What of the binding is needed here."""

    errors: tuple[type[Exception], ...]
    multi_part: object
    """Payload type of a buffer with several parts."""
    image_part: object
    """Type of a part that is an image."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the camera said at its start."""

    size_px: tuple[int, int] = (0, 0)
    pixel_format_code: int = 0
    tick_ns: float = 0.0
    """Tick of its time stamps, in ns; 0 when it does not report one: they cannot be read then."""
    chunk_tick_ns: float = 1.0
    """Unit of the chunk Timestamp, in ns: 1 (SFNC 2), or the tick of a camera that reports its tick frequency."""


class BufferReader:
    """Reads the buffers of one camera."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._defaults = Defaults()
        self._absent: set[str] = set()

    def begin(self, defaults: Defaults) -> None:
        """Expect buffers of a new run."""
        self._defaults = defaults
        self._absent.clear()

    def incomplete(self, buffer: Any) -> Incomplete:
        """Return what is known of a buffer with bytes missing."""
        return Incomplete(self._optional(buffer, "frame_id"))

    def image(self, buffer: Any, chunks: dict[str, int | float], place: int | None) -> Image:
        """Return the image in a complete buffer; `place`: the announced place that the buffer is, if it is one."""
        raw = buffer.raw_buffer
        part = self._first_image_part(buffer) if buffer.payload_type == self._peer.multi_part else None
        if part is not None:
            width, height, padding = part.width, part.height, part.x_padding
            code, offset, size = part.data_format, part.data_offset, part.data_size
        else:
            default_width, default_height = self._defaults.size_px
            width = self._optional(buffer, "width") or default_width
            # Some producers deliver fewer lines than the region has, others report 0 lines.
            height = self._optional(buffer, "delivered_image_height") or self._optional(buffer, "height")
            height = height or default_height
            padding = self._optional(buffer, "padding_x") or 0
            code = self._optional(buffer, "pixel_format") or self._defaults.pixel_format_code
            offset = self._optional(buffer, "image_offset") or 0
            size = len(raw) - offset
        # The camera's own, in ns since SFNC 2; a buffer's stamp may be the producer's.
        stamp = chunks.get("Timestamp")
        frame_id = self._optional(buffer, "frame_id")
        return Image(
            frame_id=-1 if frame_id is None else frame_id,
            t_camera_ns=self._time_stamp_ns(buffer) if stamp is None else round(stamp * self._defaults.chunk_tick_ns),
            width_px=width,
            height_px=height,
            padding_bytes=padding,
            pixel_format_code=code,
            data=np.frombuffer(raw, np.uint8, size, offset),
            chunks=chunks,
            place=place,
            offset_bytes=offset,
        )

    def _first_image_part(self, buffer: Any) -> Any:
        for part in buffer.parts:
            if part.data_type == self._peer.image_part:
                return part
        return None

    def _optional(self, buffer: Any, name: str) -> int | None:
        """Read a property of the buffer; one that the producer lacks is asked for only once, as the refusal is slow."""
        if name in self._absent:
            return None
        try:
            value: int = getattr(buffer, name)
        except self._peer.errors:
            if buffer.is_complete():
                self._absent.add(name)
            return None
        return value if value < _UNKNOWN else None

    def _time_stamp_ns(self, buffer: Any) -> int | None:
        """Return the buffer's time stamp; None for 0, which producers give when the camera has none."""
        stamp = self._optional(buffer, "timestamp_ns")
        if stamp:
            return stamp
        ticks, tick_ns = self._optional(buffer, "timestamp"), self._defaults.tick_ns
        # A camera without a clock gives 0, and raw ticks of unknown length are no time either.
        return round(ticks * tick_ns) or None if ticks and tick_ns else None
