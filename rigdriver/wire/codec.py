"""Messages to bytes and bytes to messages: the layout is drawn once, here.

    byte 0      1        2         3      4              5..8      9..10    ..n       last
    +---------+--------+---------+------+--------------+---------+--------+---------+----------+
    | type    | length | address | port | payload type | seconds | ticks  | payload | checksum |
    | 1 read  | bytes  |         | 0xFF | 0x10: has    | u32     | u16 of | little- | sum of   |
    | 2 write | that   |         |      | time stamp   |         | 32 us  | endian  | all bytes|
    | 3 event | follow |         |      |              |  (only with time | |         | before,  |
    | +8 error|        |         |      |              |   stamp)         | |         | mod 256  |
    +---------+--------+---------+------+--------------+---------+--------+---------+----------+

In: bytes in any chunks. Out: frozen `Message` values, and a `Corrupt` note where bytes had to be skipped. The sum
alone lets one corrupted message in 256 pass, so the decoder takes only headers that the register table knows. Not here:
ports, time, and which reply belongs to which request (see session.py).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from rigdriver.errors import BadReply, UsageError
from rigdriver.wire.layout import Access, PayloadType, Register

PORT = 0xFF
ERROR = 0x08
HAS_STAMP = 0x10
HEADER_BYTES = 5
STAMP = struct.Struct("<IH")
MAX_LENGTH = 254
"""Largest length byte; 255 announces a longer message in newer Harp versions, and the box sends none."""


class MessageType(IntEnum):
    """What a message does."""

    READ = 1
    WRITE = 2
    EVENT = 3


@dataclass(frozen=True, slots=True)
class Stamp:
    """Device time in a header, in steps of 32 us: too coarse for edges, whose ticks travel in the payload."""

    seconds: int
    ticks_32us: int


@dataclass(frozen=True, slots=True)
class Message:
    """One Harp message."""

    type: MessageType
    address: int
    payload_type: PayloadType
    payload: bytes = b""
    is_error: bool = False
    stamp: Stamp | None = None


class Fault(Enum):
    """Why bytes were skipped. The first five name the byte that no message of the box has at its place."""

    TYPE = "message type"
    LENGTH = "length"
    ADDRESS = "address"
    PORT = "port"
    PAYLOAD_TYPE = "payload type"
    CHECKSUM = "checksum"
    UNFINISHED = "unfinished message"


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Bytes that are no message begin here; more may follow before the next message."""

    fault: Fault
    head: bytes
    """Bytes of the header up to the rejected one, for the log."""


@dataclass(frozen=True, slots=True)
class DecoderCounters:
    """What a decoder has seen since it was made."""

    messages: int = 0
    bytes_skipped: int = 0
    checksum_errors: int = 0
    header_errors: int = 0
    unfinished: int = 0


def encode(message: Message) -> bytes:
    """Return the message's bytes.

    Raises:
        UsageError: the payload is too long, or is no whole number of elements.
    """
    stamp = b"" if message.stamp is None else STAMP.pack(message.stamp.seconds, message.stamp.ticks_32us)
    length = 4 + len(stamp) + len(message.payload)
    if length > MAX_LENGTH or len(message.payload) % message.payload_type.element_bytes:
        raise UsageError(
            device=f"message to register {message.address}",
            seen=f"cannot carry {len(message.payload)} bytes of {message.payload_type.name}",
            expected=f"whole elements and at most {MAX_LENGTH - 4 - len(stamp)} bytes",
        )
    kind = message.type | (ERROR if message.is_error else 0)
    payload_type = message.payload_type | (HAS_STAMP if stamp else 0)
    body = bytes((kind, length, message.address, PORT, payload_type)) + stamp + message.payload
    return body + bytes((sum(body) & 0xFF,))


def decode(data: bytes) -> Message:
    """Return the message that `data` is, whether the register table knows it or not.

    Raises:
        BadReply: the bytes are not exactly one sound message.
    """
    if len(data) < HEADER_BYTES + 1 or len(data) != data[1] + 2:
        raise BadReply(
            device=f"message of {len(data)} bytes", seen=f"{data[:8].hex(' ')}; its length byte says otherwise"
        )
    if sum(data[:-1]) & 0xFF != data[-1]:
        raise BadReply(
            device=f"message {data[:8].hex(' ')}",
            seen=f"checksum {data[-1]:#04x}",
            expected=f"{sum(data[:-1]) & 0xFF:#04x}",
        )
    kind, _, address, port, type_byte = data[:HEADER_BYTES]
    has_stamp = bool(type_byte & HAS_STAMP)
    start = HEADER_BYTES + (STAMP.size if has_stamp else 0)
    try:
        if port != PORT:
            raise ValueError(f"port {port:#04x} is not 0xff")
        payload_type = PayloadType(type_byte & ~HAS_STAMP)
        message_type = MessageType(kind & ~ERROR)
    except ValueError as exc:
        raise BadReply(device=f"message {data[:8].hex(' ')}", seen=str(exc), expected="a Harp message") from exc
    if len(data) <= start or (len(data) - 1 - start) % payload_type.element_bytes:
        raise BadReply(
            device=f"message {data[:8].hex(' ')}", seen=f"{len(data)} bytes hold no whole {payload_type.name} payload"
        )
    stamp = Stamp(*STAMP.unpack_from(data, HEADER_BYTES)) if has_stamp else None
    return Message(message_type, address, payload_type, data[start:-1], bool(kind & ERROR), stamp)


def headers_from_box(registers: Iterable[Register[Any]]) -> frozenset[bytes]:
    """Return every header that a sound message from the box can have: replies and events, always time-stamped.

    An error reply may answer with another payload type than the register's, with or without the payload that was sent.
    """
    return frozenset(_headers(registers))


def _headers(registers: Iterable[Register[Any]]) -> Iterator[bytes]:
    # The box stamps all that it sends (PROTOCOL 1.2), so a header without a time stamp is damage.
    bare = 4 + STAMP.size
    for register in registers:
        full = bare + register.payload_bytes
        own = register.payload_type | HAS_STAMP
        kinds = [MessageType.READ]
        kinds += [MessageType.WRITE] if Access.WRITE in register.access else []
        kinds += [MessageType.EVENT] if Access.EVENT in register.access else []
        for kind in kinds:
            yield bytes((kind, full, register.address, PORT, own))
        for kind in (MessageType.READ, MessageType.WRITE):
            # An error reply repeats the payload type of the request, which may be what was wrong with it; its
            # payload is empty or has the register's size (PROTOCOL 2.3).
            for length in (bare, full):
                for payload_type in PayloadType:
                    if (length - bare) % payload_type.element_bytes == 0:
                        yield bytes((kind | ERROR, length, register.address, PORT, payload_type | HAS_STAMP))


class Decoder:
    """Finds messages in a stream of bytes.

    A header is refused at its first impossible byte, and after a bad checksum the search goes on at the very next
    byte, so a corrupt length never swallows the messages behind it for longer than the bytes it claims.
    """

    def __init__(self, headers: frozenset[bytes]) -> None:
        # Prefixes, not whole headers: a header is rejected at its first impossible byte, before its last one has
        # come (PROTOCOL 1.4).
        self._prefixes = frozenset(header[:n] for header in headers for n in range(1, HEADER_BYTES + 1))
        self._buffer = bytearray()
        self._is_skipping = False
        self._counts = dict.fromkeys(DecoderCounters.__dataclass_fields__, 0)

    @property
    def counters(self) -> DecoderCounters:
        """What has been seen so far."""
        return DecoderCounters(**self._counts)

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Message | Corrupt]:
        """Take more bytes; return what they complete."""
        self._buffer += data
        found: list[Message | Corrupt] = []
        while self._buffer:
            head_bytes, fault = self._header_fault()
            if fault is None:
                # The length byte counts what follows it, so type and length itself come on top (PROTOCOL 1.1).
                end = self._buffer[1] + 2 if len(self._buffer) > 1 else HEADER_BYTES + 1
                if len(self._buffer) < max(end, HEADER_BYTES + 1):
                    break
                raw = bytes(self._buffer[:end])
                if sum(raw[:-1]) & 0xFF == raw[-1]:
                    found.append(self._accept(raw))
                    continue
                head_bytes, fault = HEADER_BYTES, Fault.CHECKSUM
            self._skip(fault, head_bytes, found)
        return found

    def expire(self) -> list[Message | Corrupt]:
        """Give up the unfinished message (its bytes stopped coming) and look for messages inside it."""
        found: list[Message | Corrupt] = []
        if self._buffer:
            self._skip(Fault.UNFINISHED, HEADER_BYTES, found)
            found += self.feed(b"")
        return found

    def clear(self) -> None:
        """Forget bytes that wait: the port was flushed."""
        self._buffer.clear()
        self._is_skipping = False

    def _header_fault(self) -> tuple[int, Fault | None]:
        for n in range(1, min(len(self._buffer), HEADER_BYTES) + 1):
            if bytes(self._buffer[:n]) not in self._prefixes:
                return n, tuple(Fault)[n - 1]
        return 0, None

    def _accept(self, data: bytes) -> Message:
        del self._buffer[: len(data)]
        self._is_skipping = False
        self._counts["messages"] += 1
        return decode(data)

    def _skip(self, fault: Fault, head_bytes: int, found: list[Message | Corrupt]) -> None:
        if fault is Fault.CHECKSUM:
            self._counts["checksum_errors"] += 1
        elif fault is Fault.UNFINISHED:
            self._counts["unfinished"] += 1
        # A stretch of garbage is one fault, however many tries it takes to find the message behind it.
        if not self._is_skipping:
            self._counts["header_errors"] += fault not in (Fault.CHECKSUM, Fault.UNFINISHED)
            found.append(Corrupt(fault, bytes(self._buffer[:head_bytes])))
        self._is_skipping = True
        self._counts["bytes_skipped"] += 1
        # One byte only: the length may be what is damaged, and then a sound message begins inside the bytes that it
        # claims (PROTOCOL 1.3).
        del self._buffer[0]
