"""What the application asks of the camera process, and what comes back: one value per request and per reply.

In: values. Out: the bodies of REQUEST and REPLY messages, JSON that names the value's kind, and values again. A failure
comes back as the error itself. Not here: the framing of messages and events (see messages.py), and what a request does
(see devices/camera_process/commands.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from rigdriver.devices.camera_link.descriptions import (
    DeviceInfo,
    FeatureReport,
    InterfaceOutcome,
    InterfaceReport,
    SetupNote,
    SetupNoteKind,
)
from rigdriver.devices.camera_link.feature_tree import (
    FeatureDescription,
    FeatureKind,
    SettableFeatures,
    SettingsOutcome,
)
from rigdriver.devices.camera_link.messages import Kind, decode_json, encode_numbered, error_from_json, error_to_json
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.errors import BadReply, RigError, StateError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

# ---- requests ----


@dataclass(frozen=True, slots=True)
class ListDevices:
    """Load the producers and list their devices."""

    command: ClassVar[str] = "list"
    producers: Sequence[str]
    """Paths of the .cti files."""
    search_s: float
    """Longest time for the search on all interfaces, in s."""


@dataclass(frozen=True, slots=True)
class WantedCamera:
    """One camera that is to be opened."""

    name: str
    serial: str
    interface: str | None
    """Interface that the camera hangs on; None when it does not matter."""
    settings: CameraSettings


@dataclass(frozen=True, slots=True)
class OpenCameras:
    """Load the producers, open all cameras and write their features."""

    command: ClassVar[str] = "open"
    producers: Sequence[str]
    interfaces: Sequence[str]
    """Interfaces that are asked for cameras; without any, all are asked."""
    search_s: float
    buffers: int
    """Number of buffers per camera."""
    cameras: Sequence[WantedCamera]


@dataclass(frozen=True, slots=True)
class PrepareSlots:
    """Make the shared memory of every camera; the descriptors come with the answer."""

    command: ClassVar[str] = "prepare"
    slots: int
    """Number of slots per camera."""


@dataclass(frozen=True, slots=True)
class StartCameras:
    """Start all cameras, or none."""

    command: ClassVar[str] = "start"


@dataclass(frozen=True, slots=True)
class StopCameras:
    """Stop all cameras."""

    command: ClassVar[str] = "stop"


@dataclass(frozen=True, slots=True)
class ReadFeature:
    """Read one feature."""

    command: ClassVar[str] = "get"
    camera: int
    """Index in the order of opening."""
    feature: str


@dataclass(frozen=True, slots=True)
class WriteFeature:
    """Write one feature."""

    command: ClassVar[str] = "set"
    camera: int
    feature: str
    value: FeatureValue


@dataclass(frozen=True, slots=True)
class ExecuteFeature:
    """Execute a command feature and wait until it is done."""

    command: ClassVar[str] = "execute"
    camera: int
    feature: str


@dataclass(frozen=True, slots=True)
class DescribeFeatures:
    """Describe all features of one camera."""

    command: ClassVar[str] = "describe"
    camera: int


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Read all features of one camera that can be set, also behind selectors."""

    command: ClassVar[str] = "read settings"
    camera: int


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """Write many features of one camera in rounds; a refusal of one is part of the answer."""

    command: ClassVar[str] = "write settings"
    camera: int
    settings: CameraSettings


@dataclass(frozen=True, slots=True)
class CloseCameras:
    """Close all cameras and end the process."""

    command: ClassVar[str] = "close"


FeatureRequest: TypeAlias = (
    ReadFeature | WriteFeature | ExecuteFeature | DescribeFeatures | ReadSettings | WriteSettings
)
CameraRequest: TypeAlias = (
    ListDevices | OpenCameras | PrepareSlots | StartCameras | StopCameras | FeatureRequest | CloseCameras
)

# ---- replies ----


@dataclass(frozen=True, slots=True)
class DeviceList:
    """What the producers list."""

    devices: tuple[DeviceInfo, ...]
    interfaces: tuple[InterfaceReport, ...]


@dataclass(frozen=True, slots=True)
class OpenedCamera:
    """Which device a camera is, and what it made of its features."""

    device: DeviceInfo
    features: tuple[FeatureReport, ...]
    notes: tuple[SetupNote, ...]


@dataclass(frozen=True, slots=True)
class OpenedCameras:
    """All cameras that were asked for, in that order."""

    cameras: tuple[OpenedCamera, ...]


@dataclass(frozen=True, slots=True)
class SlotSegment:
    """New shared memory of one camera."""

    camera: int
    slot_bytes: int
    slots: int


@dataclass(frozen=True, slots=True)
class SlotSegments:
    """All new shared memory, in the order of the descriptors that come along."""

    segments: tuple[SlotSegment, ...]


@dataclass(frozen=True, slots=True)
class FeatureRead:
    """The value of a feature."""

    value: FeatureValue


@dataclass(frozen=True, slots=True)
class FeatureWritten:
    """What the camera made of a written feature."""

    report: FeatureReport


@dataclass(frozen=True, slots=True)
class FeatureTree:
    """All features of one camera, in the order of its categories."""

    features: tuple[FeatureDescription, ...]


@dataclass(frozen=True, slots=True)
class SettingsRead:
    """The values of all features that can be set."""

    settings: SettableFeatures


@dataclass(frozen=True, slots=True)
class SettingsWritten:
    """What the camera made of many features."""

    outcome: SettingsOutcome


@dataclass(frozen=True, slots=True)
class RequestDone:
    """The request was obeyed; there is nothing more to say."""


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """The request could not be obeyed."""

    error: RigError


CameraReply: TypeAlias = (
    DeviceList
    | OpenedCameras
    | SlotSegments
    | FeatureRead
    | FeatureWritten
    | FeatureTree
    | SettingsRead
    | SettingsWritten
    | RequestDone
    | RequestFailed
)

# ---- values to bytes and back ----


def encode_request(request: CameraRequest, number: int) -> bytes:
    """Return the REQUEST message of that number."""
    return encode_numbered(Kind.REQUEST, number, {"command": request.command, **_plain(request)})


def decode_request(body: bytes) -> CameraRequest:
    """Read the body of a REQUEST message, without its number.

    Raises:
        StateError: no such command.
    """
    table: dict[str, Any] = dict(decode_json(body))
    command = table.pop("command", None)
    if command not in _REQUESTS:
        raise StateError(
            device="camera process", seen=f"unknown command {command!r}", expected=f"one of {', '.join(_REQUESTS)}"
        )
    return _REQUESTS[command](table)


def encode_reply(reply: CameraReply, number: int) -> bytes:
    """Return the REPLY message to the request of that number."""
    match reply:
        case RequestFailed():
            table: dict[str, Any] = {"error": error_to_json(reply.error)}
        case SettingsWritten():
            reports = [asdict(report) for report in reply.outcome.reports]
            table = {"reports": reports, "refusals": [error_to_json(error) for error in reply.outcome.refusals]}
        case _:
            table = _plain(reply)
    return encode_numbered(Kind.REPLY, number, {"reply": type(reply).__name__, **table})


def decode_reply(body: bytes) -> CameraReply:
    """Read the body of a REPLY message, without its number.

    Raises:
        BadReply: no such reply.
    """
    table: dict[str, Any] = dict(decode_json(body))
    name = table.pop("reply", None)
    if name not in _REPLIES:
        raise BadReply(
            device="camera process", seen=f"unknown reply {name!r}", expected=f"one of {', '.join(_REPLIES)}"
        )
    return _REPLIES[name](table)


def _plain(value: CameraRequest | CameraReply) -> dict[str, Any]:
    return asdict(value, dict_factory=lambda items: {k: v.value if isinstance(v, Enum) else v for k, v in items})


def _wanted(table: Mapping[str, Any]) -> WantedCamera:
    return WantedCamera(**{**table, "settings": _settings(table["settings"])})


def _settings(table: Mapping[str, Any]) -> CameraSettings:
    trigger = None if table["trigger"] is None else TriggerBy(table["trigger"])
    return CameraSettings(**{**table, "trigger": trigger, "reset": Reset(table["reset"])})


def _described(table: Mapping[str, Any]) -> FeatureDescription:
    lists = {key: tuple(table[key]) for key in ("entries", "selectors", "locked_by")}
    return FeatureDescription(**{**table, **lists, "kind": FeatureKind(table["kind"])})


def _settable(table: Mapping[str, Any]) -> SettableFeatures:
    return SettableFeatures(table["values"], tuple(table["present_only"]), tuple(table["left_out"]))


def _outcome(table: Mapping[str, Any]) -> SettingsOutcome:
    reports = tuple(FeatureReport(**report) for report in table["reports"])
    return SettingsOutcome(reports, tuple(map(error_from_json, table["refusals"])))


def _opened(table: Mapping[str, Any]) -> OpenedCamera:
    notes = (SetupNote(SetupNoteKind(n["kind"]), n["feature"], n["value"], tuple(n["others"])) for n in table["notes"])
    features = tuple(FeatureReport(**f) for f in table["features"])
    return OpenedCamera(DeviceInfo(**table["device"]), features, tuple(notes))


def _interface(table: Mapping[str, Any]) -> InterfaceReport:
    return InterfaceReport(**{**table, "outcome": InterfaceOutcome(table["outcome"])})


_REQUESTS: Mapping[str, Callable[[dict[str, Any]], CameraRequest]] = MappingProxyType({
    ListDevices.command: lambda t: ListDevices(**t),
    OpenCameras.command: lambda t: OpenCameras(**{**t, "cameras": tuple(map(_wanted, t["cameras"]))}),
    PrepareSlots.command: lambda t: PrepareSlots(**t),
    StartCameras.command: lambda t: StartCameras(**t),
    StopCameras.command: lambda t: StopCameras(**t),
    ReadFeature.command: lambda t: ReadFeature(**t),
    WriteFeature.command: lambda t: WriteFeature(**t),
    ExecuteFeature.command: lambda t: ExecuteFeature(**t),
    DescribeFeatures.command: lambda t: DescribeFeatures(**t),
    ReadSettings.command: lambda t: ReadSettings(**t),
    WriteSettings.command: lambda t: WriteSettings(t["camera"], _settings(t["settings"])),
    CloseCameras.command: lambda t: CloseCameras(**t),
})  # fmt: skip
_REPLIES: Mapping[str, Callable[[dict[str, Any]], CameraReply]] = MappingProxyType({
    "DeviceList": lambda t: DeviceList(
        tuple(DeviceInfo(**d) for d in t["devices"]), tuple(map(_interface, t["interfaces"]))
    ),
    "OpenedCameras": lambda t: OpenedCameras(tuple(_opened(c) for c in t["cameras"])),
    "SlotSegments": lambda t: SlotSegments(tuple(SlotSegment(**s) for s in t["segments"])),
    "FeatureRead": lambda t: FeatureRead(**t),
    "FeatureWritten": lambda t: FeatureWritten(FeatureReport(**t["report"])),
    "FeatureTree": lambda t: FeatureTree(tuple(map(_described, t["features"]))),
    "SettingsRead": lambda t: SettingsRead(_settable(t["settings"])),
    "SettingsWritten": lambda t: SettingsWritten(_outcome(t)),
    "RequestDone": lambda t: RequestDone(**t),
    "RequestFailed": lambda t: RequestFailed(error_from_json(t["error"])),
})  # fmt: skip
