"""A host controller that several cameras share: their frames queue behind each other.

In: when a frame could begin to be sent, and its bytes. Out: when its last byte arrives, or None when the camera's own
memory is full by then. Frames are carried in the order in which their exposures were planned.
Its lie: a real controller deals out small packets in turn; the last frame of a burst arrives at the same time, the
earlier ones arrive later than here. Not here: what is carried (see frame_writer.py).
"""

from __future__ import annotations


class SharedLink:
    """One link; all its cameras reserve on it."""

    def __init__(self, bytes_per_s: float, camera_buffer_frames: int = 8) -> None:
        self.bytes_per_s = bytes_per_s
        self._buffer_frames = camera_buffer_frames
        self._free_ns = -(2**62)
        self._waiting: dict[str, list[int]] = {}

    def carry(self, camera: str, ready_ns: int, size_bytes: int) -> int | None:
        """Reserve the link; return the time of the last byte, or None when the camera cannot keep the frame so long."""
        # Frames whose last byte has left by then do not fill the camera's memory any more.
        waiting = [done_ns for done_ns in self._waiting.get(camera, ()) if done_ns > ready_ns]
        self._waiting[camera] = waiting
        # A frame that the camera cannot keep never reaches the link, so it takes none of the link's time.
        if len(waiting) >= self._buffer_frames:
            return None
        self._free_ns = max(self._free_ns, ready_ns) + round(1e9 * size_bytes / self.bytes_per_s)
        waiting.append(self._free_ns)
        return self._free_ns
