"""What the camera process reports, delivered as camera events to one sink.

In: messages of the camera process, one by one, and shared-memory slots. Out: frames (without a copy), losses and ends
of cameras, handed to the sink while there is one, and each camera's counters. A sink that raises gets no more events;
its error is raised by the next call that asks for it. Not here: requests and their answers (see cameras.py), and how
the messages arrive (see process.py).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rigdriver.devices.camera_link.messages import BeatNote, CameraLostNote, FrameNote, Kind, LossNote
from rigdriver.devices.camera_link.requests import SlotSegments
from rigdriver.devices.camera_link.slots import SlotReader
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, CameraStatistics, FrameLost
from rigdriver.errors import CameraProcessLost, DeviceError
from rigdriver.frames import Frame, GapReason
from rigdriver.images.pixel_formats import BY_CODE
from rigdriver.signal_safe import SafeEvent

_logger = logging.getLogger(__name__)
_NO_CHUNKS: Mapping[str, int | float] = MappingProxyType({})
LAST_FRAMES_S = 1.0
"""Longest time for which a stop waits until the sink has taken the last frames, in s."""

CameraSink = Callable[[CameraEvent], None]


class _Counts:
    """Counters of one camera; written by the thread "cameras" only."""

    __slots__ = ("copied", "delivered", "incomplete", "no_slot", "underrun")

    def __init__(self) -> None:
        self.delivered = self.incomplete = self.no_slot = self.underrun = self.copied = 0


class CameraDelivery:
    """The way of all events of the cameras, from the camera process to the sink."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: cameras in the order of the camera process."""
        self._names = names
        self._sink: CameraSink | None = None
        self._sink_error: BaseException | None = None
        self._has_stopped = SafeEvent()
        self._slots: dict[int, SlotReader] = {}
        self._counts = [_Counts() for _ in names]

    # ---- the thread of a start, a stop or an end ----

    def map_slots(self, made: SlotSegments, fds: Sequence[int], most_held: int) -> None:
        """Map the memory in which frames will come. The descriptors are closed, whatever happens."""
        try:
            for segment, fd in zip(made.segments, fds, strict=True):
                self._slots[segment.camera] = SlotReader(fd, segment.slot_bytes, segment.slots, most_held)
        finally:
            # The mapping holds the memory by itself; descriptors would pile up from start to start.
            for fd in fds:
                os.close(fd)

    def begin(self, sink: CameraSink) -> None:
        """From now on hand every event to the sink, on the thread "cameras"."""
        self._has_stopped.clear()
        self._sink = sink

    def await_last(self) -> None:
        """Wait until the sink has taken the frames that were on their way when the cameras stopped."""
        if not self._has_stopped.wait(LAST_FRAMES_S):
            _logger.warning("cameras: the sink has not taken the last frames within %g s", LAST_FRAMES_S)

    def end(self) -> None:
        """Hand no event on any more."""
        self._sink = None

    def forget_slots(self) -> None:
        """Let go of the memory; arrays that live on keep their own mapping."""
        self._slots.clear()

    def raise_sink_error(self) -> None:
        """Raise DeviceError, once, when the sink has raised."""
        error, self._sink_error = self._sink_error, None
        if error is not None:
            raise DeviceError(device="cameras", seen=f"the handler of their events failed: {error!r}") from error

    def statistics(self) -> Mapping[str, CameraStatistics]:
        """Return the counters of every camera."""
        return {
            name: CameraStatistics(c.delivered, c.incomplete, c.no_slot, c.underrun, c.copied)
            for name, c in zip(self._names, self._counts, strict=True)
        }

    # ---- the thread "cameras" ----

    def take(self, kind: Kind, body: bytes) -> None:
        """Take one message. Those that are about the camera process itself are ignored."""
        match kind:
            case Kind.FRAME:
                self._take_frame(FrameNote.decode(body))
            case Kind.LOST:
                self._take_loss(LossNote.decode(body))
            case Kind.CAMERA_LOST:
                lost = CameraLostNote.decode(body)
                self._deliver(CameraLost(self._names[lost.camera], lost.error))
            case Kind.BEAT:
                # Beats come while cameras are opened one by one, so there may be fewer counts than cameras.
                for counts, underrun in zip(self._counts, BeatNote.decode(body).underrun, strict=False):
                    counts.underrun = underrun
            case Kind.STOPPED:
                self._has_stopped.set()

    def take_process_lost(self, error: CameraProcessLost) -> None:
        """Take the end of the camera process: it is the end of every camera."""
        for name in self._names:
            self._deliver(CameraLost(name, error))
        self._has_stopped.set()

    def _take_frame(self, note: FrameNote) -> None:
        slots = self._slots[note.camera]
        if self._sink is None:
            # Nobody is there to hold it, and a slot that is not given back is lost to its camera.
            slots.give_back(note.slot)
            return
        pixel_format = BY_CODE[note.pixel_format_code]
        copied, counts = slots.copied, self._counts[note.camera]
        pixels = slots.pixels(note.slot, pixel_format.shape(note.width_px, note.height_px), pixel_format.dtype)
        counts.copied += slots.copied - copied
        counts.delivered += 1
        self._deliver(
            Frame(
                camera=self._names[note.camera],
                frame_id=note.frame_id,
                t_camera_ns=note.t_camera_ns,
                t_host_ns=note.t_host_ns,
                pixel_format=pixel_format.name,
                pixels=pixels,
                chunks=MappingProxyType(dict(note.chunks)) if note.chunks else _NO_CHUNKS,
            )
        )

    def _take_loss(self, lost: LossNote) -> None:
        counts = self._counts[lost.camera]
        if lost.reason is GapReason.NO_SLOT:
            counts.no_slot += lost.count
        else:
            counts.incomplete += lost.count
        name = self._names[lost.camera]
        self._deliver(FrameLost(name, lost.frame_id, lost.reason, lost.count, lost.t_host_ns))

    def _deliver(self, event: CameraEvent) -> None:
        sink = self._sink
        if sink is None:
            return
        try:
            sink(event)
        except Exception as exc:  # re-raised by the next call of the consumer (stop, start)
            _logger.exception("cameras: the sink failed; no more events are delivered")
            self._sink_error = exc
            self._sink = None
