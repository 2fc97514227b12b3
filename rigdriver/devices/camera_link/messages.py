"""The messages between the camera process and its parent.

Two stream sockets. `commands`: the parent asks, the child answers, JSON both ways; descriptors of shared memory ride
on the answer to `prepare`. `events`: child to parent only; frames as a fixed struct, the rest as JSON.

    [length u32][kind u8][body: length bytes]          little endian
    body of REQUEST and REPLY: [number u32][JSON]      a reply carries the number of its request

In: bytes or values. Out: values or bytes. Not here: sockets (see devices/camera_process/loop.py), cameras, and the
values of requests and replies (see requests.py).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rigdriver import errors
from rigdriver.errors import BadReply, DevicesFailed, RigError
from rigdriver.frames import GapReason
from rigdriver.json_values import JsonObject

MAX_BODY_BYTES = 4 * 1024 * 1024
_HEAD = struct.Struct("<IB")
_NUMBER = struct.Struct("<I")
# Frames come many times per second from every camera, so they alone have a fixed struct.
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
    ENDING = 8
    """The child turns to a camera to stop or close it: if it never says more, that camera hangs."""
    AWAITED = 9
    """The child waits for a camera's answer, as long as its producer lets it wait; or that wait is over."""


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
        # Which chunks there are differs from camera to camera, so they have no place in the fixed part.
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


@dataclass(frozen=True, slots=True)
class LossNote:
    """Frames of one camera that were lost for one reason."""

    camera: int
    reason: GapReason
    count: int
    frame_id: int | None
    """Frame id of the newest one, where it is known."""
    t_host_ns: int

    def encode(self) -> bytes:
        """Return the message."""
        table: JsonObject = {
            "camera": self.camera,
            "reason": self.reason.name,
            "count": self.count,
            "frame_id": self.frame_id,
            "t_host_ns": self.t_host_ns,
        }
        return encode(Kind.LOST, table)

    @classmethod
    def decode(cls, body: bytes) -> LossNote:
        """Read the body of a LOST message."""
        table: Any = decode_json(body)
        return cls(table["camera"], GapReason[table["reason"]], table["count"], table["frame_id"], table["t_host_ns"])


@dataclass(frozen=True, slots=True)
class CameraLostNote:
    """A camera that has failed and sends no more."""

    camera: int
    error: RigError

    def encode(self) -> bytes:
        """Return the message."""
        return encode(Kind.CAMERA_LOST, {"camera": self.camera, "error": error_to_json(self.error)})

    @classmethod
    def decode(cls, body: bytes) -> CameraLostNote:
        """Read the body of a CAMERA_LOST message."""
        table: Any = decode_json(body)
        return cls(table["camera"], error_from_json(table["error"]))


@dataclass(frozen=True, slots=True)
class BeatNote:
    """A sign that the loop of the camera process turns."""

    underrun: Sequence[int]
    """Number of frames that the producer dropped, by camera."""

    def encode(self) -> bytes:
        """Return the message."""
        return encode(Kind.BEAT, {"underrun": list(self.underrun)})

    @classmethod
    def decode(cls, body: bytes) -> BeatNote:
        """Read the body of a BEAT message."""
        table: Any = decode_json(body)
        return cls(tuple(table["underrun"]))


@dataclass(frozen=True, slots=True)
class EndingNote:
    """A camera that is about to be stopped or closed."""

    camera: int

    def encode(self) -> bytes:
        """Return the message."""
        return encode(Kind.ENDING, {"camera": self.camera})

    @classmethod
    def decode(cls, body: bytes) -> EndingNote:
        """Read the body of an ENDING message."""
        table: Any = decode_json(body)
        return cls(table["camera"])


@dataclass(frozen=True, slots=True)
class AwaitedNote:
    """The camera for whose answer the child begins to wait."""

    camera: int | None
    """None: the child waits no more."""

    def encode(self) -> bytes:
        """Return the message."""
        return encode(Kind.AWAITED, {"camera": self.camera})

    @classmethod
    def decode(cls, body: bytes) -> AwaitedNote:
        """Read the body of an AWAITED message."""
        table: Any = decode_json(body)
        return cls(table["camera"])


def encode(kind: Kind, body: JsonObject) -> bytes:
    """Return a JSON message."""
    raw = json.dumps(body, separators=(",", ":")).encode()
    return _HEAD.pack(len(raw), kind) + raw


def encode_numbered(kind: Kind, number: int, body: JsonObject) -> bytes:
    """Return a JSON message with a number before it, which distinguishes its reply from late ones."""
    raw = _NUMBER.pack(number) + json.dumps(body, separators=(",", ":")).encode()
    return _HEAD.pack(len(raw), kind) + raw


def split_number(body: bytes) -> tuple[int, bytes]:
    """Return the number of a REQUEST or REPLY, and the JSON behind it.

    Raises:
        BadReply: the body is too short for a number.
    """
    if len(body) < _NUMBER.size:
        raise BadReply(device="message of the camera process", seen=f"{len(body)} bytes", expected="a number")
    return _NUMBER.unpack_from(body)[0], body[_NUMBER.size :]


def decode_json(body: bytes) -> JsonObject:
    """Read a JSON body."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise BadReply(device="message of the camera process", seen=type(value).__name__, expected="an object")
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
            # A length read out of step would make the reader wait for bytes that never come.
            if length > MAX_BODY_BYTES or kind not in Kind.__members__.values():
                raise BadReply(
                    device="message of the camera process",
                    seen=f"{length} bytes of kind {kind}; the stream is out of step",
                    expected=f"at most {MAX_BODY_BYTES} bytes of a kind up to {max(Kind)}",
                )
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield Kind(kind), body


_PARTS = ("device", "seen", "expected", "remedy")
"""Values that an error carries beside its sentence."""


def error_to_json(error: RigError) -> JsonObject:
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
        return errors.DeviceError(device="camera process", seen=f"unreadable error {value!r}")
    inner = value.get("errors")
    if isinstance(inner, list):
        return DevicesFailed(str(value.get("message")), [error_from_json(e) for e in inner])
    # The name comes from another process: only a class of our own tree may be made from it.
    kind = getattr(errors, str(value.get("type")), errors.DeviceError)
    if not (isinstance(kind, type) and issubclass(kind, RigError)):
        kind = errors.DeviceError
    return kind(str(value.get("message")), **{part: str(value.get(part, "")) for part in _PARTS})
