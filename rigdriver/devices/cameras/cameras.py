"""The rig's cameras, as one thing: open, start, stop, close, read and write features.

In: cameras by name and serial, features, producers. Out: frames, losses and ends of cameras, on one thread "cameras".
All of GenICam happens in another process. Not here: how frames come to the sink (see delivery.py), what producers have
(see listing.py), and whether a frame belongs to a pulse (see sync/matcher.py).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar

from rigdriver.config import CameraConfig, FeatureValue, GenicamConfig
from rigdriver.devices.camera_link.descriptions import CameraReport, FeatureReport
from rigdriver.devices.camera_link.messages import AwaitedNote, EndingNote, Kind
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    ExecuteFeature,
    FeatureRead,
    FeatureWritten,
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
from rigdriver.devices.cameras.camera_features import CameraFeatures, FeatureGuard, RigCamera
from rigdriver.devices.cameras.delivery import CameraDelivery, CameraSink
from rigdriver.devices.cameras.events import CameraStatistics
from rigdriver.devices.cameras.process import SOME_PRODUCER, CameraProcess
from rigdriver.ends import CAMERAS_END_S, End, time_left_s
from rigdriver.errors import StateError
from rigdriver.opening import keep, opened
from rigdriver.timebase import open_timebase

LOCK_S = 0.5
_SEARCH_SHARE = 0.5
"""Share of the time for opening in which the cameras must be found; the rest is for opening them."""
_Reply = TypeVar("_Reply", bound=CameraReply)


class _State(Enum):
    READY = "open"
    STREAMING = "streaming"
    CLOSED = "closed"


class Cameras:
    """All cameras of a rig. A context manager; closing twice is harmless."""

    def __init__(self, genicam: GenicamConfig, names: Sequence[str], page: Path | None = None) -> None:
        """Start the camera process. Use `open`."""
        self._genicam = genicam
        self._timebase = open_timebase(page)
        self._names = tuple(names)
        self._state = _State.READY
        self._lock = threading.Lock()
        self._delivery = CameraDelivery(self._names)
        self.guard: FeatureGuard | None = None
        """Function that is asked before a feature is written from outside; None allows all."""
        self.reports: Mapping[str, CameraReport] = MappingProxyType({})
        """Reports of the cameras: what each one is, and what became of its features."""
        # The process is kept by itself while it starts, so what `_close` needs is there when it may be called.
        self._process = CameraProcess(
            self._take, self._delivery.take_process_lost, genicam.command_timeout_s, self._timebase, page
        )
        self._end = End("the cameras", self._close, self._timebase)
        keep(self._end.run)

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
        found = self._ask(
            OpenCameras(
                producers=[str(p.absolute()) for p in genicam.producers],
                interfaces=list(genicam.interfaces),
                search_s=genicam.open_timeout_s * _SEARCH_SHARE,
                buffers=genicam.buffers,
                cameras=[
                    WantedCamera(c.name, c.serial, c.interface, settings_of(features.get(c.name, {}))) for c in cameras
                ],
            ),
            OpenedCameras,
            genicam.open_timeout_s,
        )
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

    @property
    def unheard_s(self) -> float:
        """Time for which the camera process has said nothing, in s; meanwhile the frames that come lie unread."""
        return self._process.unheard_s

    @property
    def awaited(self) -> str | None:
        """Name of the camera for whose answer the camera process waits; meanwhile no other camera can deliver."""
        return self._process.awaited

    def start(self, sink: CameraSink) -> None:
        """Start all cameras. `sink` gets every event, on the thread "cameras"; while it works no other event comes.

        Raises:
            CameraError: a camera does not start; none streams then.
            StateError: they stream already, or are closed.
        """
        with self._lock:
            self._expect_ready()
            wanted = PrepareSlots(self._genicam.frame_slots)
            made, fds = self._process.request(wanted, SlotSegments, self._timeout_s)
            self._delivery.map_slots(made, fds, self._genicam.frame_slots)
            self._delivery.begin(sink)
            try:
                self._ask(StartCameras(), RequestDone, self._genicam.open_timeout_s)
            except BaseException:
                self._delivery.end()
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
                self._delivery.await_last()
            finally:
                self._delivery.end()
        self._delivery.raise_sink_error()

    def close(self) -> None:
        """Stop and close all cameras and end their process. Takes seconds at most, also when a producer hangs."""
        self._end.run()

    def _close(self) -> None:
        has_lock = self._lock.acquire(timeout=LOCK_S)  # a start that hangs on another thread keeps it
        try:
            self._state = _State.CLOSED
            self._delivery.end()
            self._process.close(time_left_s(CAMERAS_END_S))
            self._delivery.forget_slots()
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
        return self._delivery.statistics()

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
        self._delivery.raise_sink_error()
        if self._state is not _State.READY:
            remedy = "stop them first" if self._state is _State.STREAMING else "open them again"
            raise StateError(device="cameras", seen=self._state.value, expected=_State.READY.value, remedy=remedy)

    def _index(self, camera: str) -> int:
        if camera not in self._names:
            raise StateError(device=f"camera {camera}", seen="not opened", expected=f"one of {', '.join(self._names)}")
        return self._names.index(camera)

    # ---- the thread "cameras" ----

    def _take(self, kind: Kind, body: bytes) -> None:
        if kind is Kind.ENDING:
            self._process.culprit = f"camera {self._names[EndingNote.decode(body).camera]}"
        elif kind is Kind.AWAITED:
            awaited = AwaitedNote.decode(body).camera
            self._process.awaited = None if awaited is None else self._names[awaited]
        elif kind is Kind.STOPPED:
            self._process.culprit = SOME_PRODUCER
        self._delivery.take(kind, body)


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
