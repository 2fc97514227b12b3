"""Which reply belongs to which request.

In: requests to send, and received bytes. Out: bytes to write, and `Reply`, `Event`, `Fed`, `Stray` or `Corrupt` values.
At most one request is outstanding, beside the watchdog's feeds, which have a register of their own. A request that was
abandoned leaves the session unsure: its reply may still come and look like a fresh one. A fence (a clock probe with a
new nonce) ends that: replies keep their order, so what comes before the fence's reply is stale. A probe's reply whose
CRC-32 is wrong may be any probe's: it is handed on as damaged and leaves the session unsure.
Not here: the table of the states (see session_states.py), and time: the caller decides when a request is abandoned.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from rigdriver.errors import StateError
from rigdriver.wire import registers
from rigdriver.wire.codec import Corrupt, Decoder, Message, MessageType, encode, headers_from_box
from rigdriver.wire.layout import Register, V
from rigdriver.wire.payload_crc import is_intact
from rigdriver.wire.session_states import SessionAct, SessionState, after

REMEMBERED_REQUESTS = 16


@dataclass(frozen=True, slots=True)
class Request:
    """A message to the box, and how its reply is recognised."""

    message: Message
    key_bytes: int = 0
    """Leading bytes of the payload that the reply must repeat to be this request's: a nonce, an index."""
    is_echoed: bool = False
    """Whether the reply must repeat the whole payload: what a write asked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the outstanding request."""

    request: Request
    message: Message

    @property
    def has_difference(self) -> bool:
        """Whether the box holds another value than the request asked for."""
        return (
            # The box clamps nothing (PROTOCOL 2.2): another value means that the request or the reply was damaged.
            self.request.is_echoed
            and not self.message.is_error
            and self.message.payload != self.request.message.payload
        )

    @property
    def is_damaged(self) -> bool:
        """Whether the CRC-32 in the payload is wrong although the checksum is right."""
        message = self.message
        # Only the reply to a write is sealed: a read of the probe's register repeats the last one, and the payload
        # of an error reply means nothing (PROTOCOL 2.3).
        is_sealed = message.type is MessageType.WRITE and not message.is_error
        return is_sealed and not is_intact(message.address, message.payload)


@dataclass(frozen=True, slots=True)
class Event:
    """A message that the box sent by itself."""

    message: Message


@dataclass(frozen=True, slots=True)
class Fed:
    """The box took a feed of its watchdog."""

    count: int


class StrayKind(Enum):
    """Why a reply answers nothing."""

    STALE = "answers a request that was given up"
    DOUBLED = "answers a request that has its reply"
    UNSOLICITED = "answers nothing that was asked"


@dataclass(frozen=True, slots=True)
class Stray:
    """A sound reply that is not the awaited one."""

    kind: StrayKind
    message: Message


Incoming = Reply | Event | Fed | Stray | Corrupt


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """What a link has seen since it was opened. All but the first four are 0 on a sound link."""

    requests: int = 0
    replies: int = 0
    events: int = 0
    feeds: int = 0
    error_replies: int = 0
    differences: int = 0
    damaged_replies: int = 0
    abandoned: int = 0
    stale: int = 0
    doubled: int = 0
    unsolicited: int = 0
    bytes_skipped: int = 0
    checksum_errors: int = 0
    header_errors: int = 0
    unfinished: int = 0
    implausible_events: int = 0
    """Number of events that their decoder refused."""


def read_request(register: Register[V]) -> Request:
    """Return the request that reads a register."""
    return Request(Message(MessageType.READ, register.address, register.payload_type))


def write_request(register: Register[V], value: V, key_bytes: int = 0, is_echoed: bool = True) -> Request:
    """Return the request that writes a register. UsageError when the value is out of bounds."""
    message = Message(MessageType.WRITE, register.address, register.payload_type, register.pack(value))
    return Request(message, key_bytes, is_echoed)


def feed_message(count: int) -> bytes:
    """Return the bytes that feed the box's watchdog."""
    return encode(write_request(registers.WATCHDOG_FEED, count).message)


class Session:
    """The host's side of the conversation."""

    def __init__(self) -> None:
        self._decoder = Decoder(headers_from_box(registers.REGISTERS))
        self._state = SessionState.IDLE
        self._outstanding: Request | None = None
        self._abandoned: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self._answered: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self._counts = dict.fromkeys(LinkCounters.__dataclass_fields__, 0)

    @property
    def state(self) -> SessionState:
        """Where the session stands."""
        return self._state

    @property
    def pending_bytes(self) -> int:
        """Bytes of a message that is not complete yet."""
        return self._decoder.pending_bytes

    @property
    def counters(self) -> LinkCounters:
        """What has been seen so far."""
        seen = self._decoder.counters
        return LinkCounters(
            **self._counts
            | {
                "bytes_skipped": seen.bytes_skipped,
                "checksum_errors": seen.checksum_errors,
                "header_errors": seen.header_errors,
                "unfinished": seen.unfinished,
            }
        )

    def request(self, request: Request) -> bytes:
        """Make `request` the outstanding one; return its bytes. StateError unless the session is idle."""
        return self._begin(request, SessionAct.REQUEST)

    def fence(self, nonce: int) -> bytes:
        """Ask for the sign that no stale reply can come any more; return the probe's bytes."""
        # Four bytes of the reply must match, the nonce: the rest is the box's tick and the CRC.
        probe = write_request(registers.CLOCK_PROBE, registers.ClockProbeRecord(nonce, 0, 0, 0), 4, is_echoed=False)
        return self._begin(probe, SessionAct.FENCE)

    def feed(self, count: int) -> bytes:
        """Return the bytes that feed the watchdog; allowed in every state."""
        return feed_message(count)

    def abandon(self) -> None:
        """Give up the outstanding request: its reply did not come in time."""
        if self._outstanding is None:
            raise StateError(
                device="session with the box",
                seen=f"is {self._state.value} and has no request to give up",
                expected="an outstanding request",
            )
        self._give_up("abandoned", self._outstanding)

    def abandon_any(self) -> None:
        """Give up the outstanding request, if there is one: whoever asked was interrupted."""
        if self._outstanding is not None:
            self.abandon()

    def trust(self) -> None:
        """Take an unsure session as idle: the requests given up were reads of values that never change."""
        self._state = after(self._state, SessionAct.TRUST) or self._state

    def clear(self) -> None:
        """Forget bytes that wait: the port was flushed."""
        self._decoder.clear()

    def receive(self, data: bytes) -> list[Incoming]:
        """Take received bytes; return what they mean, in order."""
        return [self._place(item) for item in self._decoder.feed(data)]

    def expire(self) -> list[Incoming]:
        """Give up an unfinished message whose bytes stopped coming."""
        return [self._place(item) for item in self._decoder.expire()]

    def _begin(self, request: Request, act: SessionAct) -> bytes:
        state = after(self._state, act)
        if state is None:
            raise StateError(
                device="session with the box",
                seen=f"is {self._state.value}, so a request now would mix up the replies",
                expected=SessionState.IDLE.value,
                remedy="wait for the reply, or ask for a fence after a request was given up",
            )
        self._state, self._outstanding = state, request
        self._counts["requests"] += 1
        return encode(request.message)

    def _end(self, act: SessionAct) -> None:
        """Leave the outstanding request behind; a request is outstanding exactly where the table allows this."""
        state = after(self._state, act)
        assert state is not None
        self._state, self._outstanding = state, None

    def _give_up(self, why: str, request: Request) -> None:
        self._end(SessionAct.GIVE_UP)
        self._abandoned.append(request)
        self._counts[why] += 1

    def _place(self, item: Message | Corrupt) -> Incoming:
        if isinstance(item, Corrupt):
            return item
        if item.type is MessageType.EVENT:
            self._counts["events"] += 1
            return Event(item)
        if item.address == registers.WATCHDOG_FEED.address and item.type is MessageType.WRITE and not item.is_error:
            self._counts["feeds"] += 1
            return Fed(registers.WATCHDOG_FEED.unpack(item.payload))
        request = self._outstanding
        if request is None or not _fits(request, item):
            return self._stray(item)
        reply = Reply(request, item)
        if reply.is_damaged:
            self._give_up("damaged_replies", request)
            return reply
        self._end(SessionAct.REPLY)
        self._answered.append(request)
        self._counts["replies"] += 1
        self._counts["error_replies"] += item.is_error
        self._counts["differences"] += reply.has_difference
        return reply

    def _stray(self, message: Message) -> Stray:
        kind = StrayKind.UNSOLICITED
        if any(_fits(request, message) for request in self._answered):
            kind = StrayKind.DOUBLED
        # The box answers each request once (PROTOCOL 2.1), so
        # an abandoned request is forgotten with its late reply.
        for request in self._abandoned:
            if _fits(request, message):
                self._abandoned.remove(request)
                kind = StrayKind.STALE
                break
        self._counts[kind.name.lower()] += 1
        return Stray(kind, message)


def _fits(request: Request, reply: Message) -> bool:
    asked = request.message
    if (reply.type, reply.address, reply.payload_type) != (asked.type, asked.address, asked.payload_type):
        return False
    # The payload of an error reply means nothing and cannot repeat the key (PROTOCOL 2.3).
    return reply.is_error or reply.payload[: request.key_bytes] == asked.payload[: request.key_bytes]
