"""What one fetched buffer holds, as plain values.

In: nothing. Out: `Image` or `Incomplete`, which the binding makes and the stream consumes. Not here: GenTL (see
binding.py), so that a stream can be tested without a producer.
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.arrays import Bytes


@dataclass(frozen=True, slots=True)
class Image:
    """The image in the buffer that was fetched last; `data` is valid until `give_back`."""

    frame_id: int
    """Frame id of GenTL; -1 when the producer gives none."""
    t_camera_ns: int | None
    """Time stamp of the camera; None when it gives none, or one of no known unit."""
    width_px: int
    height_px: int
    padding_bytes: int
    pixel_format_code: int
    data: Bytes
    """(N,) uint8, from the first pixel on."""
    chunks: dict[str, int | float]
    place: int | None = None
    """Number of the announced place that it lies in; None: in memory of the binding's own."""
    offset_bytes: int = 0
    """Distance from the start of that place to the first pixel, in bytes."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A buffer arrived with bytes missing."""

    frame_id: int | None
