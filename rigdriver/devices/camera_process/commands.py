"""How the camera process obeys each request of its parent.

In: requests. Out: replies and descriptors, or a RigError; failures of several cameras come together. Not here: sockets
(see loop.py), and how a frame is read (see stream.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rigdriver.devices.camera_link.messages import EndingNote, Kind, encode
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    CloseCameras,
    DescribeFeatures,
    DeviceList,
    ExecuteFeature,
    FeatureRead,
    FeatureRequest,
    FeatureTree,
    FeatureWritten,
    ListDevices,
    OpenCameras,
    OpenedCamera,
    OpenedCameras,
    PrepareSlots,
    ReadFeature,
    ReadSettings,
    RequestDone,
    SettingsRead,
    SettingsWritten,
    SlotSegment,
    SlotSegments,
    StartCameras,
    StopCameras,
    WantedCamera,
    WriteFeature,
    WriteSettings,
)
from rigdriver.devices.camera_process import matching
from rigdriver.devices.camera_process.binding import Producers
from rigdriver.devices.camera_process.discovery import Search
from rigdriver.devices.camera_process.feature_plan import split_key
from rigdriver.devices.camera_process.feature_walk import WordyNodes, described
from rigdriver.devices.camera_process.feature_write import FeatureWrite
from rigdriver.devices.camera_process.features import set_up
from rigdriver.devices.camera_process.matching import Sought
from rigdriver.devices.camera_process.one_feature import Nodes, read_one, write_and_report, write_one
from rigdriver.devices.camera_process.saved_features import settable_features, write_settings
from rigdriver.devices.camera_process.stream import EventOutbox, Stream
from rigdriver.errors import RigError, gather
from rigdriver.timebase import WALL_TIME, Timebase

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What goes back."""

    reply: CameraReply
    fds: list[int] = field(default_factory=list)
    sent: Sequence[Callable[[], None]] = ()
    """Callback for the moment when the descriptors have been sent."""


class Commands:
    """The camera process's state, and what each request does to it."""

    def __init__(self, outbox: EventOutbox, timebase: Timebase = WALL_TIME) -> None:
        self.streams: list[Stream] = []
        self._nodes: list[WordyNodes] = []
        self._outbox, self._timebase = outbox, timebase
        self._producers: Producers | None = None

    def serve(self, request: CameraRequest) -> CommandAnswer:
        """Obey a request.

        Raises:
            RigError: it failed; the cameras are as they were, as far as they allow.
        """
        match request:
            case ListDevices():
                producers = self._load(request, Search(request.search_s, lambda _: False))
                return CommandAnswer(DeviceList(producers.devices, producers.interfaces))
            case OpenCameras():
                return CommandAnswer(self._open(request))
            case PrepareSlots():
                return self._prepare(request)
            case StartCameras():
                self._start()
            case StopCameras():
                self._stop()
            case CloseCameras():
                self.close()
            case _:
                return CommandAnswer(self._serve_features(request))
        return CommandAnswer(RequestDone())

    def _serve_features(self, request: FeatureRequest) -> CameraReply:
        """Obey a request about features of one camera."""
        match request:
            case ReadFeature():
                return FeatureRead(read_one(*self._named(request, value=False)))
            case WriteFeature():
                return FeatureWritten(write_and_report(*self._named(request, request.value)))
            case ExecuteFeature():
                write_one(*self._named(request, value=True))
            case DescribeFeatures():
                return FeatureTree(described(self._nodes[request.camera]))
            case ReadSettings():
                return SettingsRead(settable_features(*self._labelled(request.camera)))
            case WriteSettings():
                return SettingsWritten(write_settings(*self._labelled(request.camera), request.settings))
        return RequestDone()

    def close(self) -> None:
        """Stop and close everything, whatever fails on the way. Twice is harmless."""
        for index, stream in enumerate(self.streams):
            self._turn_to(index)
            for act in (stream.stop, stream.close):
                try:
                    act()
                except RigError as exc:
                    _logger.warning("%s", exc)
        self.streams = []
        self._nodes = []
        if self._producers is not None:
            self._producers.close()
            self._producers = None

    def _load(self, request: ListDevices | OpenCameras, search: Search) -> Producers:
        if self._producers is None:
            self._producers = Producers([Path(p) for p in request.producers], search)
        return self._producers

    def _open(self, request: OpenCameras) -> OpenedCameras:
        sought = [Sought(c.name, c.serial, c.interface or "") for c in request.cameras]
        search = Search(
            request.search_s,
            lambda devices: bool(sought) and all(matching.is_listed(s, devices) for s in sought),
            tuple(request.interfaces),
        )
        producers = self._load(request, search)
        failures: list[RigError] = []
        opened: list[OpenedCamera] = []
        for camera, wanted in zip(sought, request.cameras, strict=True):
            try:
                opened.append(self._open_one(producers, camera, wanted, request))
            except ExceptionGroup as group:
                failures.extend(e for e in group.exceptions if isinstance(e, RigError))
            except RigError as exc:
                failures.append(exc)
        if failures:
            self.close()
            raise gather("opening cameras", failures)
        return OpenedCameras(tuple(opened))

    def _open_one(
        self, producers: Producers, sought: Sought, wanted: WantedCamera, request: OpenCameras
    ) -> OpenedCamera:
        device = matching.find(sought, producers.devices, request.producers, producers.interfaces)
        label = sought.label_of(device)
        settings = wanted.settings
        for key in settings.demands:
            split_key(key)  # what is no name is refused before the camera is touched
        camera = producers.open(device, label, request.buffers)
        stream = Stream(len(self.streams), label, camera, self._outbox, request.buffers, self._timebase)
        # Before its features are written: when one is refused, this camera is closed with the others.
        self.streams.append(stream)
        self._nodes.append(camera.nodes)
        outcome = set_up(label, camera.nodes, settings)
        if outcome.refusals:
            raise ExceptionGroup(label, list(outcome.refusals))
        camera.chunk_names = _chunk_names(settings.demands)
        stream.check_format()
        return OpenedCamera(device, tuple(outcome.reports), tuple(outcome.notes))

    def _prepare(self, request: PrepareSlots) -> CommandAnswer:
        made = self._all("preparing cameras", lambda stream: stream.prepare(request.slots))
        new = [(index, slots) for index, slots in enumerate(made) if slots is not None]
        return CommandAnswer(
            SlotSegments(tuple(SlotSegment(i, s.slot_bytes, s.slots) for i, s in new)),
            [s.fd for _, s in new],
            [s.close for _, s in new],
        )

    def _start(self) -> None:
        try:
            self._all("starting cameras", lambda stream: stream.start())
        except RigError:
            self._stop()
            raise

    def _stop(self) -> None:
        try:
            self._all("stopping cameras", self._stop_one)
        finally:
            # Behind the last frame in the same stream, so that the parent knows that none follows.
            self._outbox.put(encode(Kind.STOPPED, {}))

    def _stop_one(self, stream: Stream) -> None:
        self._turn_to(self.streams.index(stream))
        stream.stop()

    def _turn_to(self, camera: int) -> None:
        self._outbox.put(EndingNote(camera).encode())

    def _all(self, what: str, act: Callable[[Stream], _T]) -> list[_T]:
        """Do the same to every camera, and tell all failures together."""
        results: list[_T] = []
        failures: list[RigError] = []
        for stream in self.streams:
            try:
                results.append(act(stream))
            except RigError as exc:
                failures.append(exc)
        if failures:
            raise gather(what, failures)
        return results

    def _named(
        self, request: ReadFeature | WriteFeature | ExecuteFeature, value: FeatureValue
    ) -> tuple[str, Nodes, FeatureWrite]:
        name, selector = split_key(request.feature)
        write = FeatureWrite(request.feature, name, value, selector)
        return (*self._labelled(request.camera), write)

    def _labelled(self, camera: int) -> tuple[str, WordyNodes]:
        return self.streams[camera].label, self._nodes[camera]


def _chunk_names(features: Mapping[str, FeatureValue]) -> tuple[str, ...]:
    """Return the chunks that the features switch on; reading them costs time, so others are left alone."""
    if features.get("ChunkModeActive") is not True:
        return ()
    names = []
    for key, value in features.items():
        name, selector = split_key(key)
        if name == "ChunkEnable" and selector is not None and value is True:
            names.append(selector[1])
    return tuple(names)
