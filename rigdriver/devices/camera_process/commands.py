"""What the parent may ask of the camera process: list, open, prepare, start, stop, get, set, execute, close.

In: a command's name and plain values. Out: plain values and descriptors, or a RigError; failures of several cameras
come together. Not here: sockets (see loop.py), and how a frame is read (see stream.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.devices.camera_link.messages import Kind, encode
from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.camera_process import matching
from rigdriver.devices.camera_process.binding import Producers
from rigdriver.devices.camera_process.discovery import Search
from rigdriver.devices.camera_process.feature_plan import split_key
from rigdriver.devices.camera_process.feature_write import FeatureWrite
from rigdriver.devices.camera_process.features import SetupOutcome, set_up
from rigdriver.devices.camera_process.matching import Sought
from rigdriver.devices.camera_process.one_feature import Nodes, read_one, write_and_report, write_one
from rigdriver.devices.camera_process.stream import EventOutbox, Stream
from rigdriver.errors import RigError, StateError, gather
from rigdriver.timebase import WALL_TIME, Timebase

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

Request = Mapping[str, Any]
_T = TypeVar("_T")
_COMMANDS = ("list", "open", "prepare", "start", "stop", "get", "set", "execute", "close")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What goes back."""

    body: dict[str, object]
    fds: list[int] = field(default_factory=list)
    sent: Sequence[Callable[[], None]] = ()
    """To be called when the descriptors have been sent."""


class Commands:
    """The camera process's state, and one method per command."""

    def __init__(self, outbox: EventOutbox, timebase: Timebase = WALL_TIME) -> None:
        self.streams: list[Stream] = []
        self._nodes: list[Nodes] = []
        self._outbox, self._timebase = outbox, timebase
        self._producers: Producers | None = None

    def serve(self, command: str, request: Request) -> CommandAnswer:
        """Do a command.

        Raises:
            RigError: it failed; the cameras are as they were, as far as they allow.
        """
        act = getattr(self, f"_do_{command}", None)
        if command not in _COMMANDS or act is None:
            raise StateError(f"camera process: unknown command {command!r}")
        answer: CommandAnswer = act(request)
        return answer

    def close(self) -> None:
        """Stop and close everything, whatever fails on the way. Twice is harmless."""
        for stream in self.streams:
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

    def _load(self, request: Request, sought: Sequence[Sought]) -> Producers:
        if self._producers is None:
            search = Search(
                time_s=float(request["search_s"]),
                is_enough=lambda devices: bool(sought) and all(matching.is_listed(s, devices) for s in sought),
                interfaces=request.get("interfaces", ()),
            )
            self._producers = Producers([Path(p) for p in request["producers"]], search)
        return self._producers

    def _do_list(self, request: Request) -> CommandAnswer:
        producers = self._load(request, ())
        return CommandAnswer(
            {
                "devices": [asdict(device) for device in producers.devices],
                "interfaces": [asdict(interface) for interface in producers.interfaces],
            }
        )

    def _do_open(self, request: Request) -> CommandAnswer:
        sought = [Sought(str(c["name"]), str(c["serial"]), str(c.get("interface") or "")) for c in request["cameras"]]
        producers = self._load(request, sought)
        failures: list[RigError] = []
        reports: list[object] = []
        for camera, wanted in zip(sought, request["cameras"], strict=True):
            try:
                reports.append(self._open_one(producers, camera, wanted, request))
            except ExceptionGroup as group:
                failures.extend(e for e in group.exceptions if isinstance(e, RigError))
            except RigError as exc:
                failures.append(exc)
        if failures:
            self.close()
            raise gather("opening cameras", failures)
        return CommandAnswer({"reports": reports})

    def _open_one(self, producers: Producers, sought: Sought, wanted: Request, request: Request) -> dict[str, object]:
        paths = [str(p) for p in request["producers"]]
        device = matching.find(sought, producers.devices, paths, producers.interfaces)
        label = sought.label_of(device)
        settings = CameraSettings.from_json(wanted["settings"])
        for key in settings.demands:
            split_key(key)  # what is no name is refused before the camera is touched
        camera = producers.open(device, label, int(request["buffers"]))
        stream = Stream(len(self.streams), label, camera, self._outbox, int(request["buffers"]), self._timebase)
        self.streams.append(stream)
        self._nodes.append(camera)
        outcome = set_up(label, camera, settings)
        if outcome.refusals:
            raise ExceptionGroup(label, list(outcome.refusals))
        camera.chunk_names = _chunk_names(settings.demands)
        stream.check_format()
        return _report(device, outcome)

    def _do_prepare(self, request: Request) -> CommandAnswer:
        made = self._all("preparing cameras", lambda stream: stream.prepare(int(request["slots"])))
        new = [(index, slots) for index, slots in enumerate(made) if slots is not None]
        return CommandAnswer(
            {"segments": [{"camera": i, "slot_bytes": s.slot_bytes, "slots": s.slots} for i, s in new]},
            [s.fd for _, s in new],
            [s.close for _, s in new],
        )

    def _do_start(self, request: Request) -> CommandAnswer:
        try:
            self._all("starting cameras", lambda stream: stream.start())
        except RigError:
            self._do_stop(request)
            raise
        return CommandAnswer({})

    def _do_stop(self, _request: Request) -> CommandAnswer:
        try:
            self._all("stopping cameras", lambda stream: stream.stop())
        finally:
            self._outbox.put(encode(Kind.STOPPED, {}))
        return CommandAnswer({})

    def _do_get(self, request: Request) -> CommandAnswer:
        label, nodes, write = self._named(request)
        return CommandAnswer({"value": read_one(label, nodes, write)})

    def _do_set(self, request: Request) -> CommandAnswer:
        label, nodes, write = self._named(request)
        return CommandAnswer({"report": asdict(write_and_report(label, nodes, write))})

    def _do_execute(self, request: Request) -> CommandAnswer:
        label, nodes, write = self._named({**request, "value": True})
        write_one(label, nodes, write)
        return CommandAnswer({})

    def _do_close(self, _request: Request) -> CommandAnswer:
        self.close()
        return CommandAnswer({})

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

    def _named(self, request: Request) -> tuple[str, Nodes, FeatureWrite]:
        name, selector = split_key(str(request["feature"]))
        value: FeatureValue = request.get("value", False)
        index = int(request["camera"])
        return (
            self.streams[index].label,
            self._nodes[index],
            FeatureWrite(str(request["feature"]), name, value, selector),
        )


def _report(device: DeviceInfo, outcome: SetupOutcome) -> dict[str, object]:
    return {
        "device": asdict(device),
        "features": [asdict(report) for report in outcome.reports],
        "notes": [note.to_json() for note in outcome.notes],
    }


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
