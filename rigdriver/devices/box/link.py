"""Requests to the box with bounded time and bounded retries, over any port of bytes.

In: registers and values. Out: what the box answered, and its event messages, handed to `on_event`. Whoever waits for a
reply reads the port itself, unless `pump` runs on a thread of its own (`is_pumped`). A lost reply is asked for again
only after a fence, so that an answer from before is never taken for a fresh one. Not here: what the registers mean (see
trigger_box.py).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rigdriver.devices.box.transit import Transit
from rigdriver.errors import BadReply, BoxRefused, LinkLost, NoReply, RigError, StateError
from rigdriver.ownership import Owner
from rigdriver.signal_safe import SafeCondition, SafeTurn, always
from rigdriver.timebase import SLICE_S, WALL_TIME, Timebase, TimeLimit, taking_part
from rigdriver.wire.codec import Message
from rigdriver.wire.layout import Register, V
from rigdriver.wire.session import (
    Event,
    Fed,
    LinkCounters,
    Reply,
    Request,
    Session,
    read_request,
    write_request,
)
from rigdriver.wire.session_states import SessionState

ATTEMPTS = 4
ANSWERS_TO_AGREE = 8
FIRST_BYTES = 48
"""Bytes kept for a message that quotes what a stranger sent."""
NOISE = ("abandoned", "bytes_skipped", "checksum_errors", "header_errors", "unfinished", "unsolicited")
"""Counters that a board's greeting text, and its deafness before, move."""
UNFINISHED_NS = 100_000_000
"""Longest silence within a message, in ns; after it the message is given up."""


class BytePort(Protocol):
    """What a link needs of a port; `SerialPort` is one."""

    url: str

    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def flush_input(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and the host times around it."""

    message: Message
    has_difference: bool
    is_damaged: bool
    t_sent_ns: int
    t_received_ns: int


class BoxLink:
    """One conversation with one box. Requests from several threads queue up."""

    def __init__(self, port: BytePort, reply_timeout_s: float, timebase: Timebase = WALL_TIME) -> None:
        self.name = f"trigger box on {port.url}"
        self.owner = Owner()
        self.on_event: Callable[[Message, int], None] | None = None
        """Callback that gets each event message and the host time at which it was read."""
        self.is_fenced = False
        """Whether the other side is known to answer clock probes; before, only constants may be asked twice."""
        self.received_bytes = 0
        self.first_bytes = b""
        """The first bytes since the last flush, for messages."""
        self.reopen: Callable[[], BytePort | None] | None = None
        """Opens the port again, or returns None when that may not be; called where the link is lost."""
        self.check_reopened: Callable[[], None] | None = None
        """Makes sure, before anything else is asked, that the box behind the reopened port is as it was left."""
        self.last_byte_ns = timebase.now_ns()
        self._port = port
        self._timeout_ns = int(reply_timeout_s * 1e9)
        self._timebase = timebase
        self._session = Session()
        self._requests = SafeTurn()
        # Feeds are sent beside requests, from another thread: the bytes of two messages must not mix.
        self._writes = threading.Lock()
        self._arrived = SafeCondition()
        self._reply: tuple[Reply, int] | None = None
        self._transit = Transit(timebase, self._timeout_ns)
        self._failure: Exception | None = None
        self._pump_thread: threading.Thread | None = None
        # Not from 0: a reply to a probe of the program before may still be on its way.
        self._nonce = secrets.randbits(32)
        self._feeds = 0
        self.unanswered_feeds = 0
        self._is_unchecked = False
        self._end: TimeLimit | None = None
        """Time at which every request gives up; None: only its own limits count."""
        self._forgiven: dict[str, int] = {}

    @property
    def counters(self) -> LinkCounters:
        """What this link has seen."""
        with self._arrived:
            seen = self._session.counters
            return replace(seen, **{name: getattr(seen, name) - n for name, n in self._forgiven.items()})

    def forgive(self) -> None:
        """Count what was wrong with the bytes so far as none: a board that restarts sends what is no message."""
        with self._arrived:
            seen = self._session.counters
            self._forgiven = {name: getattr(seen, name) for name in NOISE}

    def pumped_by(self, thread: threading.Thread | None) -> None:
        """From now on that thread calls `pump`; None: whoever waits does."""
        self._pump_thread = thread

    @contextmanager
    def within(self, time_s: float) -> Iterator[None]:
        """Let every request, under way or to come, give up after `time_s` of real time, until the block ends."""
        before, self._end = self._end, TimeLimit(WALL_TIME, time_s)
        try:
            yield
        finally:
            self._end = before

    def _is_late(self) -> bool:
        end = self._end
        return end is not None and end.left_s() <= 0

    def flush(self) -> None:
        """Throw away what came before now."""
        self._port.flush_input()
        with self._arrived:
            self._session.clear()
            self.first_bytes = b""

    def hear_out(self, quiet_s: float, time_s: float) -> bool:
        """Listen until nothing has come for `quiet_s` after the last byte; return whether it was so within `time_s`.

        False also when no byte has come at all. For a link that nobody else pumps.
        """
        limit = TimeLimit(self._timebase, time_s)
        while limit.left_s() > 0:
            self.pump()
            if self.received_bytes and self._timebase.now_ns() - self.last_byte_ns >= quiet_s * 1e9:
                return True
        return False

    def close(self) -> None:
        """Close the port; requests fail from now on."""
        self.fail(StateError(device=self.name, seen="is closed", remedy="open it again"))
        self._port.close()

    def close_port(self) -> None:
        """Close the port that is lost, so that it can be opened again."""
        self._port.close()

    def fail(self, error: Exception) -> None:
        """Let every request, waiting or to come, end with `error`. The first failure stays."""
        with self._arrived:
            self._failure = self._failure or error
            self._arrived.notify_all()

    # -- requests ----------------------------------------------------------------------------------------------------

    def read(self, register: Register[V], attempts: int = ATTEMPTS) -> V:
        """Return a register's value.

        Raises:
            NoReply: nothing came back, `attempts` times.
            BoxRefused: the box answered with an error.
            LinkLost: the port is gone.
        """
        answer = self._exchange(read_request(register), f"read of {register.name}", attempts)
        return register.unpack(answer.message.payload)

    def read_twice(self, register: Register[V], compared_bytes: int | None = None) -> V:
        """Return the value that two answers in a row agree on (in their leading bytes, when `compared_bytes` says so).

        One damaged answer in 256 has a sound checksum, and a value that was read can be compared with nothing else.

        Raises:
            BadReply: no two of several answers in a row agree.
            NoReply, BoxRefused, LinkLost: as in `read`.
        """
        request, payload = read_request(register), b""
        for _ in range(ANSWERS_TO_AGREE):
            before, payload = payload, self._exchange(request, f"read of {register.name}", ATTEMPTS).message.payload
            if payload[:compared_bytes] == before[:compared_bytes]:
                return register.unpack(payload)
        raise BadReply(
            device=self.name,
            seen=(
                f"read of {register.name}: no two of {ANSWERS_TO_AGREE} answers in a row agree, the last is "
                f"{payload.hex()}"
            ),
            remedy="check the cable",
        )

    def write(
        self, register: Register[V], value: V, key_bytes: int = 0, is_echoed: bool = True, attempts: int = ATTEMPTS
    ) -> V:
        """Write a register; return the value after it.

        Raises:
            BadReply: the box holds another value than was asked for.
            NoReply, BoxRefused, LinkLost: as in `read`.
        """
        request = write_request(register, value, key_bytes, is_echoed)
        answer = self._exchange(request, f"write of {register.name}", attempts)
        return register.unpack(answer.message.payload)

    def exchange_timed(self, register: Register[V], value: V, key_bytes: int) -> tuple[V, int, int]:
        """Write a register once; return the reply's value and the host times just before and just after.

        Raises:
            BadReply: the reply was damaged on its way.
            NoReply, BoxRefused, LinkLost: as in `read`.
        """
        request = write_request(register, value, key_bytes, is_echoed=False)
        answer = self._exchange(request, f"write of {register.name}", 1)
        return register.unpack(answer.message.payload), answer.t_sent_ns, answer.t_received_ns

    def new_nonce(self) -> int:
        """Return a number that no reply on its way can carry."""
        self._nonce = (self._nonce + 1) & 0xFFFFFFFF
        return self._nonce

    def feed(self) -> None:
        """Send one feed of the watchdog; its reply is counted when it comes, nobody waits for it."""
        with self._writes:
            self._feeds = (self._feeds + 1) & 0xFFFFFFFF
            self.unanswered_feeds += 1
            self._transit.feed(self._feeds)
            self._port.write(self._session.feed(self._feeds))

    def _exchange(self, request: Request, what: str, attempts: int) -> Answer:
        if threading.current_thread() is self._pump_thread:
            raise StateError(
                device=self.name,
                seen=f"{what} was asked for by the handler of an event, so it would wait for itself",
                remedy="ask from another thread",
            )
        self.owner.expect_here(self.name)
        token = object()
        answer = always(lambda: self._in_turn(token, request, what, attempts), lambda: self._requests.give_back(token))
        if answer.message.is_error:
            raise BoxRefused(device=self.name, seen=f"refused the {what}; its state or its limits do not allow it")
        return answer

    def _in_turn(self, token: object, request: Request, what: str, attempts: int) -> Answer:
        # Each attempt of another request may need as many fences before it.
        self._wait_for_turn(token, what, (attempts + 1) * (ATTEMPTS + 1) * self._timeout_ns / 1e9 + 1)
        # While no thread listens (the box is being opened), modelled time would run on without whoever waits here.
        if self._pump_thread is None:
            return taking_part(self._timebase, "request", lambda: self._try(request, what, attempts))
        return self._try(request, what, attempts)

    def _wait_for_turn(self, token: object, what: str, timeout_s: float) -> None:
        limit = TimeLimit(self._timebase, timeout_s)
        while not self._requests.take(token, self._timebase.slice_s(limit.look_s())):
            if limit.left_s() <= 0 or self._is_late():
                raise NoReply(
                    device=self.name,
                    seen=f"{what} was not sent, because earlier requests get no reply",
                    remedy="check the cable",
                )
            self._timebase.idle()  # the reply that the other request waits for needs time to pass

    def _try(self, request: Request, what: str, attempts: int) -> Answer:
        seen = remedy = ""
        for _ in range(attempts):
            self._check_reopened()
            if self._is_late() or not self._is_clear():
                break
            answer = self._once(lambda: self._session.request(request))
            if answer is None:
                continue
            got = answer.message.payload.hex()
            if answer.is_damaged:
                seen, remedy = f"the reply {got} has another CRC-32 than its bytes", "check the cable"
            elif answer.has_difference:
                # A request corrupted on its way can pass the box's checksum too: ask again.
                asked = request.message.payload.hex()
                seen, remedy = f"holds {got}, asked for {asked}", "check the cable, or the box clamps the value"
            else:
                return answer
        if seen:
            raise BadReply(device=self.name, seen=f"{what}: {seen}", remedy=remedy)
        waited_s = attempts * self._timeout_ns / 1e9
        raise NoReply(
            device=self.name,
            seen=f"no reply to the {what} within {waited_s:g} s",
            remedy="check cable, power and box.url",
        )

    def _is_clear(self) -> bool:
        """Make sure that no reply to an earlier request can come any more."""
        for _ in range(ATTEMPTS):
            if self._session.state is SessionState.IDLE:
                return True
            if self._is_late():
                return False
            if not self.is_fenced:
                # Until the interface is known, 49 may be no clock probe (PROTOCOL: use nothing from register 32
                # on). What is read by then never changes.
                self._session.trust()
            else:
                self._once(lambda: self._session.fence(self.new_nonce()))
        return self._session.state is SessionState.IDLE

    def _once(self, begin: Callable[[], bytes]) -> Answer | None:
        try:
            with self._writes:
                with self._arrived:
                    self._raise_failure()
                    self._reply = None
                    data = begin()
                # Before the write, so that the box's tick lies between the two host times (PROTOCOL 9).
                t_sent_ns = self._timebase.now_ns()
                self._transit.ask()
                self._write(data)
            # After the write: a thread that is held up before or in it takes nothing from the box's time to reply.
            arrived = self._wait(TimeLimit(self._timebase, self._timeout_ns / 1e9))
        except LinkLost as exc:
            self.fail(exc)
            raise
        except BaseException:
            # Ctrl-C, or whatever else a signal handler raises: the session goes on, behind a fence.
            with self._arrived:
                self._session.abandon_any()
            raise
        finally:
            self._transit.forget_request()
        if arrived is None:
            return None
        reply, t_received_ns = arrived
        return Answer(reply.message, reply.has_difference, reply.is_damaged, t_sent_ns, t_received_ns)

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except LinkLost:
            if self.reopen is None:
                raise
            # Whoever reads sees it, too, and opens the port again or lets all requests fail.

    def _check_reopened(self) -> None:
        if self._is_unchecked and self.check_reopened is not None:
            self._is_unchecked = False
            try:
                self.check_reopened()
            except RigError as exc:
                self.fail(exc)
                raise

    def _wait(self, limit: TimeLimit) -> tuple[Reply, int] | None:
        while True:
            with self._arrived:
                is_over = self._is_late() or (limit.left_s() <= 0 and not self._transit.may_reply_come())
                if self._reply is None and self._pump_thread is not None and not is_over:
                    self._raise_failure()
                    self._timebase.wait_on(self._arrived, max(SLICE_S, limit.look_s()))
                self._raise_failure()
                if self._reply is not None:
                    return self._reply
                if is_over:
                    self._session.abandon()
                    return None
            if self._pump_thread is None:
                self.pump()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # Each caller gets an exception of its own: one object raised by several threads would mix their traces.
            raise type(self._failure)(*self._failure.args) from self._failure

    # -- receiving ---------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Read what has come, once, and hand it on. Waits no longer than the port's poll time."""
        try:
            data = self._port.read()
        except LinkLost as lost:
            self._replace_port(lost)
            return
        if not data:
            self._transit.found_nothing()
        now_ns = self._timebase.now_ns()
        with self._arrived:
            if data:
                self.last_byte_ns, self.received_bytes = now_ns, self.received_bytes + len(data)
                # Any byte shows that the other side lives.
                if len(self.first_bytes) < FIRST_BYTES:
                    self.first_bytes += data[:FIRST_BYTES]
                self.unanswered_feeds = 0
                items = self._session.receive(data)
            elif self._session.pending_bytes and now_ns - self.last_byte_ns > UNFINISHED_NS:
                items = self._session.expire()
            else:
                return
            for item in items:
                if isinstance(item, Reply):
                    self._reply = (item, now_ns)
                    self._arrived.notify_all()
                elif isinstance(item, Fed):
                    self._transit.fed(item.count)
        for item in items:
            # Outside the lock: a subscriber must not hold up whoever waits for a reply.
            if isinstance(item, Event) and self.on_event is not None:
                self.on_event(item.message, now_ns)

    def _replace_port(self, lost: LinkLost) -> None:
        """Go on with the port opened again; raise `lost` when that may not be."""
        port = self.reopen() if self.reopen is not None else None
        if port is None:
            raise lost
        with self._writes, self._arrived:
            self._port, self._is_unchecked = port, True
            self._session.clear()
            self._transit.forget_feeds()
            self.last_byte_ns, self.unanswered_feeds = self._timebase.now_ns(), 0
