"""The messages between the camera process and its parent.

Two stream sockets. `commands`: the parent asks, the child answers, JSON both ways; descriptors of shared memory ride
on the answer to `prepare`. `events`: child to parent only; frames as a fixed struct, the rest as JSON.

    [length u32][kind u8][body: length bytes]          little endian

In: bytes or values. Out: values or bytes. Not here: sockets (see devices/camera_process/loop.py), cameras, and what a
command means (see devices/camera_process/commands.py).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from rigdriver import errors
from rigdriver.errors import BadReply, DevicesFailed, RigError

MAX_BODY_BYTES = 4 * 1024 * 1024
_HEAD = struct.Struct("<IB")
_FRAME = struct.Struct("<HHqqqIII")
_NO_STAMP = -(1 << 63)
"""Number that stands for a time stamp which the camera does not give."""


class Kind(IntEnum):
    """What a message is."""

    REQUEST = 1
    REPLY = 2
    FRAME = 3
    LOST = 4
    CAMERA_LOST = 5
    BEAT = 6
    STOPPED = 7


_KINDS = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class FrameNote:
    """A filled slot."""

    camera: int
    """Index in the order of opening."""
    slot: int
    frame_id: int
    t_camera_ns: int | None
    t_host_ns: int
    width_px: int
    height_px: int
    pixel_format_code: int
    chunks: Mapping[str, int | float]

    def encode(self) -> bytes:
        """Return the message."""
        tail = json.dumps(dict(self.chunks)).encode() if self.chunks else b""
        fixed = _FRAME.pack(
            self.camera, self.slot, self.frame_id,
            _NO_STAMP if self.t_camera_ns is None else self.t_camera_ns, self.t_host_ns,
            self.width_px, self.height_px, self.pixel_format_code,
        )  # fmt: skip
        return _HEAD.pack(len(fixed) + len(tail), Kind.FRAME) + fixed + tail

    @classmethod
    def decode(cls, body: bytes) -> FrameNote:
        """Read the body of a FRAME message."""
        camera, slot, frame_id, t_camera_ns, t_host_ns, width_px, height_px, code = _FRAME.unpack_from(body)
        tail = body[_FRAME.size :]
        chunks = json.loads(tail) if tail else {}
        stamp = None if t_camera_ns == _NO_STAMP else t_camera_ns
        return cls(camera, slot, frame_id, stamp, t_host_ns, width_px, height_px, code, chunks)


def encode(kind: Kind, body: Mapping[str, object]) -> bytes:
    """Return a JSON message."""
    raw = json.dumps(body, separators=(",", ":")).encode()
    return _HEAD.pack(len(raw), kind) + raw


def decode_json(body: bytes) -> dict[str, object]:
    """Read a JSON body."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise BadReply(f"message of the camera process: expected an object, seen {type(value).__name__}")
    return value


class MessageReader:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Take bytes as they come, yield each whole message.

        Raises:
            BadReply: a message is longer than any can be, or of an unknown kind.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer)
            if length > MAX_BODY_BYTES or kind not in Kind.__members__.values():
                raise BadReply(
                    f"message of the camera process: {length} bytes of kind {kind}; the stream is out of step"
                )
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield Kind(kind), body


_PARTS = ("device", "seen", "expected", "remedy")
"""Values that an error carries beside its sentence."""


def error_to_json(error: RigError) -> dict[str, object]:
    """Return an error as plain values."""
    if isinstance(error, DevicesFailed):
        return {
            "type": "DevicesFailed",
            "message": error.what,
            "errors": [error_to_json(e) for e in error.errors],
        }
    return {"type": type(error).__name__, "message": str(error), **{part: getattr(error, part) for part in _PARTS}}


def error_from_json(value: object) -> RigError:
    """Return the error that `error_to_json` wrote; an unknown type is a DeviceError."""
    if not isinstance(value, dict):
        return errors.DeviceError(f"camera process: unreadable error {value!r}")
    inner = value.get("errors")
    if isinstance(inner, list):
        return DevicesFailed(str(value.get("message")), [error_from_json(e) for e in inner])
    kind = getattr(errors, str(value.get("type")), errors.DeviceError)
    if not (isinstance(kind, type) and issubclass(kind, RigError)):
        kind = errors.DeviceError
    return kind(str(value.get("message")), **{part: str(value.get(part, "")) for part in _PARTS})
