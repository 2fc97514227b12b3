"""The rig's cameras, as one thing: open, start, stop, close, read and write features.

In: cameras by name and serial, features, producers. Out: frames, losses and ends of cameras, on one thread "cameras".
All of GenICam happens in another process; frames come without a copy from shared memory. Not here: pulses, and whether
a frame belongs to one (see sync/matcher.py).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar

from rigdriver.config import CameraConfig, FeatureValue, GenicamConfig
from rigdriver.devices.camera_link.descriptions import (
    CameraReport,
    DeviceInfo,
    FeatureReport,
    InterfaceReport,
)
from rigdriver.devices.camera_link.messages import BeatNote, CameraLostNote, EndingNote, FrameNote, Kind, LossNote
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    DeviceList,
    ExecuteFeature,
    FeatureRead,
    FeatureWritten,
    ListDevices,
    OpenCameras,
    OpenedCamera,
    OpenedCameras,
    PrepareSlots,
    ReadFeature,
    RequestDone,
    SlotSegments,
    StartCameras,
    StopCameras,
    WantedCamera,
    WriteFeature,
)
from rigdriver.devices.camera_link.settings import CameraSettings, settings_of
from rigdriver.devices.camera_link.slots import SlotReader
from rigdriver.devices.cameras.camera_features import CameraFeatures, FeatureGuard, RigCamera
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, CameraStatistics, FrameLost
from rigdriver.devices.cameras.process import SOME_PRODUCER, CameraProcess
from rigdriver.ends import CAMERAS_END_S, End, time_left_s
from rigdriver.errors import CameraProcessLost, DeviceError, StateError
from rigdriver.frames import Frame, GapReason
from rigdriver.images.pixel_formats import BY_CODE
from rigdriver.opening import keep, opened
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import open_timebase

_logger = logging.getLogger(__name__)
_NO_CHUNKS: Mapping[str, int | float] = MappingProxyType({})
LAST_FRAMES_S = 1.0
"""Longest time for which a stop waits until the sink has taken the last frames, in s."""
LOCK_S = 0.5
_SEARCH_SHARE = 0.5
"""Share of the time for opening in which the cameras must be found; the rest is for opening them."""
_LOADING_S = 20.0
"""Time for loading and closing producers, beside the search."""
_Reply = TypeVar("_Reply", bound=CameraReply)

CameraSink = Callable[[CameraEvent], None]


class _State(Enum):
    READY = "open"
    STREAMING = "streaming"
    CLOSED = "closed"


class _Counts:
    """Counters of one camera; written by the thread "cameras" only."""

    __slots__ = ("delivered", "incomplete", "no_slot", "underrun")

    def __init__(self) -> None:
        self.delivered = self.incomplete = self.no_slot = self.underrun = 0


class Cameras:
    """All cameras of a rig. A context manager; closing twice is harmless."""

    def __init__(self, genicam: GenicamConfig, names: Sequence[str], page: Path | None = None) -> None:
        """Start the camera process. Use `open`."""
        self._genicam = genicam
        self._timebase = open_timebase(page)
        self._names = tuple(names)
        self._state = _State.READY
        self._lock = threading.Lock()
        self._sink: CameraSink | None = None
        self._sink_error: BaseException | None = None
        self._has_stopped = SafeEvent()
        self._slots: dict[int, SlotReader] = {}
        self._counts = [_Counts() for _ in names]
        self._copied = [0 for _ in names]
        self.guard: FeatureGuard | None = None
        """What is asked before a feature is written from outside; None allows all."""
        self.reports: Mapping[str, CameraReport] = MappingProxyType({})
        """Reports of the cameras: what each one is, and what became of its features."""
        self._end = End("the cameras", self._close, self._timebase)
        keep(self._end.run)
        self._process = CameraProcess(self._on_event, self._on_lost, genicam.command_timeout_s, self._timebase, page)

    @classmethod
    def open(
        cls,
        genicam: GenicamConfig,
        cameras: Sequence[CameraConfig],
        features: Mapping[str, CameraSettings | Mapping[str, FeatureValue]],
        page: Path | None = None,
    ) -> Self:
        """Open all cameras and write their features.

        `features`: settings by camera name; or SFNC feature -> value, which are demands, and all else stays as it is.
        The order does not matter. `page`: where a simulated rig publishes the time (`RigConfig.timebase`).

        Raises:
            ProducerError: a producer is missing or cannot be loaded.
            CameraMissing: no device has a camera's serial.
            CameraError: a camera cannot be opened, or lacks or refuses a feature.
            CameraProcessLost: a producer crashed or hung.
            DevicesFailed: several of these; all failures of all cameras.
        """
        return opened("the cameras", lambda: cls._opened(genicam, cameras, features, page))

    @classmethod
    def _opened(
        cls,
        genicam: GenicamConfig,
        cameras: Sequence[CameraConfig],
        features: Mapping[str, CameraSettings | Mapping[str, FeatureValue]],
        page: Path | None,
    ) -> Self:
        self = cls(genicam, [c.name for c in cameras], page)
        try:
            found = self._ask(
                OpenCameras(
                    producers=[str(p.absolute()) for p in genicam.producers],
                    interfaces=list(genicam.interfaces),
                    search_s=genicam.open_timeout_s * _SEARCH_SHARE,
                    buffers=genicam.buffers,
                    cameras=[
                        WantedCamera(c.name, c.serial, c.interface, settings_of(features.get(c.name, {})))
                        for c in cameras
                    ],
                ),
                OpenedCameras,
                genicam.open_timeout_s,
            )
        except BaseException:
            self.close()
            raise
        both = zip(cameras, found.cameras, strict=True)
        self.reports = MappingProxyType({camera.name: _camera_report(camera, one) for camera, one in both})
        return self

    @property
    def process_pid(self) -> int:
        """Process id of the camera process."""
        return self._process.pid

    @property
    def late_replies(self) -> int:
        """Number of replies of the camera process that came when nobody waited for them any more."""
        return self._process.late_replies

    def start(self, sink: CameraSink) -> None:
        """Start all cameras. `sink` gets every event, on the thread "cameras"; while it works no other event comes.

        Raises:
            CameraError: a camera does not start; none streams then.
            StateError: they stream already, or are closed.
        """
        with self._lock:
            self._expect_ready()
            wanted = PrepareSlots(self._genicam.frame_slots)
            self._map_slots(*self._process.request(wanted, SlotSegments, self._timeout_s))
            self._has_stopped.clear()
            self._sink = sink
            try:
                self._ask(StartCameras(), RequestDone, self._genicam.open_timeout_s)
            except BaseException:
                self._sink = None
                raise
            self._state = _State.STREAMING

    def stop(self, time_s: float | None = None) -> None:
        """Stop all cameras. Frames that were on their way still come; none comes after this returns.

        Harmless when nothing streams. `time_s` of real time: the camera process is killed when it needs longer.

        Raises:
            CameraError: a camera does not stop.
            DeviceError: the sink raised while the cameras streamed; its exception is the cause.
        """
        with self._lock:
            if self._state is not _State.STREAMING:
                return
            self._state = _State.READY
            try:
                if time_s is None:
                    self._ask(StopCameras(), RequestDone, self._genicam.open_timeout_s)
                else:
                    self._process.request(StopCameras(), RequestDone, time_s, is_end=True)
                # The answer came on the socket of commands; the last frames stand before STOPPED on that of events.
                if not self._has_stopped.wait(LAST_FRAMES_S):
                    _logger.warning("cameras: the sink has not taken the last frames within %g s", LAST_FRAMES_S)
            finally:
                self._sink = None
        self._raise_sink_error()

    def close(self) -> None:
        """Stop and close all cameras and end their process. Takes seconds at most, also when a producer hangs."""
        self._end.run()

    def _close(self) -> None:
        has_lock = self._lock.acquire(timeout=LOCK_S)  # a start that hangs on another thread keeps it
        try:
            self._state = _State.CLOSED
            self._sink = None
            if hasattr(self, "_process"):
                self._process.close(time_left_s(CAMERAS_END_S))
            self._slots.clear()  # arrays that live on keep their own mapping
        finally:
            if has_lock:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getitem__(self, camera: str) -> RigCamera:
        """Return one camera with its features. StateError when none has that name."""
        index, report = self._index(camera), self.reports[camera]
        return RigCamera(
            camera, report, CameraFeatures(report, index, self._ask, self._genicam.open_timeout_s, self.guard)
        )

    def get(self, camera: str, feature: str) -> FeatureValue:
        """Return a feature's value. CameraError when the camera has no such feature."""
        return self._ask(ReadFeature(self._index(camera), feature), FeatureRead).value

    def set(self, camera: str, feature: str, value: FeatureValue) -> FeatureReport:
        """Write one feature and return what the camera made of it.

        Raises:
            CameraError: the camera refuses.
            UsageError: the feature is the plan's (`rig.set_exposure` changes the exposure).
        """
        self._check(camera, feature, value)
        return self._ask(WriteFeature(self._index(camera), feature, value), FeatureWritten).report

    def execute(self, camera: str, command: str) -> None:
        """Execute a command feature (`TriggerSoftware`) and wait until it is done. UsageError as in `set`."""
        self._check(camera, command, True)
        self._ask(ExecuteFeature(self._index(camera), command), RequestDone)

    def statistics(self) -> Mapping[str, CameraStatistics]:
        """Return the counters of every camera since opening; also when the cameras are lost or closed."""
        return {
            name: CameraStatistics(c.delivered, c.incomplete, c.no_slot, c.underrun, copied)
            for name, c, copied in zip(self._names, self._counts, self._copied, strict=True)
        }

    # ---- requests ----

    def _check(self, camera: str, feature: str, value: FeatureValue) -> None:
        if self.guard is not None:
            self.guard(camera, {feature: value})

    @property
    def _timeout_s(self) -> float:
        return self._genicam.command_timeout_s

    def _ask(self, request: CameraRequest, expected: type[_Reply], timeout_s: float | None = None) -> _Reply:
        if self._state is _State.CLOSED:
            raise StateError(device="cameras", seen="closed", remedy="open them again")
        return self._process.request(request, expected, timeout_s or self._timeout_s)[0]

    def _expect_ready(self) -> None:
        self._raise_sink_error()
        if self._state is not _State.READY:
            remedy = "stop them first" if self._state is _State.STREAMING else "open them again"
            raise StateError(device="cameras", seen=self._state.value, expected=_State.READY.value, remedy=remedy)

    def _index(self, camera: str) -> int:
        if camera not in self._names:
            raise StateError(device=f"camera {camera}", seen="not opened", expected=f"one of {', '.join(self._names)}")
        return self._names.index(camera)

    def _map_slots(self, made: SlotSegments, fds: Sequence[int]) -> None:
        try:
            for segment, fd in zip(made.segments, fds, strict=True):
                self._slots[segment.camera] = SlotReader(
                    fd, segment.slot_bytes, segment.slots, self._genicam.frame_slots
                )
        finally:
            # The mapping holds the memory by itself; descriptors would pile up from start to start.
            for fd in fds:
                os.close(fd)

    def _raise_sink_error(self) -> None:
        error, self._sink_error = self._sink_error, None
        if error is not None:
            raise DeviceError(device="cameras", seen=f"the handler of their events failed: {error!r}") from error

    # ---- the thread "cameras" ----

    def _on_event(self, kind: Kind, body: bytes) -> None:
        match kind:
            case Kind.FRAME:
                self._on_frame(FrameNote.decode(body))
            case Kind.LOST:
                self._on_frame_lost(LossNote.decode(body))
            case Kind.CAMERA_LOST:
                lost = CameraLostNote.decode(body)
                self._deliver(CameraLost(self._names[lost.camera], lost.error))
            case Kind.BEAT:
                # Beats come while cameras are opened one by one, so there may be fewer counts than cameras.
                for counts, underrun in zip(self._counts, BeatNote.decode(body).underrun, strict=False):
                    counts.underrun = underrun
            case Kind.STOPPED:
                self._process.culprit = SOME_PRODUCER
                self._has_stopped.set()
            case Kind.ENDING:
                self._process.culprit = f"camera {self._names[EndingNote.decode(body).camera]}"

    def _on_frame(self, note: FrameNote) -> None:
        slots = self._slots[note.camera]
        if self._sink is None:
            # Nobody is there to hold it, and a slot that is not given back is lost to its camera.
            slots.give_back(note.slot)
            return
        pixel_format = BY_CODE[note.pixel_format_code]
        copied = slots.copied
        pixels = slots.pixels(note.slot, pixel_format.shape(note.width_px, note.height_px), pixel_format.dtype)
        self._copied[note.camera] += slots.copied - copied
        self._counts[note.camera].delivered += 1
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

    def _on_frame_lost(self, lost: LossNote) -> None:
        counts = self._counts[lost.camera]
        if lost.reason is GapReason.NO_SLOT:
            counts.no_slot += lost.count
        else:
            counts.incomplete += lost.count
        name = self._names[lost.camera]
        self._deliver(FrameLost(name, lost.frame_id, lost.reason, lost.count, lost.t_host_ns))

    def _on_lost(self, error: CameraProcessLost) -> None:
        for name in self._names:
            self._deliver(CameraLost(name, error))
        self._has_stopped.set()

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


@dataclass(frozen=True, slots=True)
class ProducerListing:
    """What producers have."""

    devices: Sequence[DeviceInfo]
    interfaces: Sequence[InterfaceReport]


def list_producers(producers: Sequence[Path], search_s: float) -> ProducerListing:
    """Return what the producers have, found in a process of its own. Their interfaces are asked for `search_s` at most.

    Raises:
        ProducerError: a producer is missing or cannot be loaded; `DevicesFailed` when several are.
        CameraProcessLost: a producer crashed or hung.
    """
    timeout_s = search_s + _LOADING_S
    process = CameraProcess(lambda _kind, _body: None, lambda _error: None, timeout_s)
    try:
        request = ListDevices([str(p.absolute()) for p in producers], search_s)
        found = process.request(request, DeviceList, timeout_s)[0]
    finally:
        End("the camera process", lambda: process.close(time_left_s(CAMERAS_END_S))).run()
    return ProducerListing(found.devices, found.interfaces)


def _camera_report(camera: CameraConfig, opened: OpenedCamera) -> CameraReport:
    device = opened.device
    return CameraReport(
        name=camera.name,
        serial=device.serial or camera.serial,
        vendor=device.vendor,
        model=device.model,
        producer=device.producer,
        features=opened.features,
        notes=opened.notes,
    )
