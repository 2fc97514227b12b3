"""The bytes of one conversation with one box, both ways, over any port.

In: requests, one at a time, and feeds of the watchdog. Out: the reply to each request, or None when it stays away;
event messages, handed to `on_event`; and counters of what went wrong. Whoever waits for a reply reads the port itself,
unless `pump` runs on a thread of its own (`pumped_by`). A port that is lost is opened again where that may be. Not
here: how often something is asked, and by whom (see link.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from rigdriver.devices.box.transit import Transit
from rigdriver.errors import LinkLost, StateError
from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import SLICE_S, WALL_TIME, Timebase, TimeLimit
from rigdriver.wire.codec import Message
from rigdriver.wire.session import Event, Fed, LinkCounters, Reply, Request, Session
from rigdriver.wire.session_states import SessionState

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


class LinkTraffic:
    """What goes over the port of one box. One thread asks at a time; another one may pump and feed."""

    def __init__(self, port: BytePort, reply_timeout_s: float, timebase: Timebase = WALL_TIME) -> None:
        self.name = f"trigger box on {port.url}"
        self.on_event: Callable[[Message, int], None] | None = None
        """Callback that gets each event message and the host time at which it was read."""
        self.on_reply: Callable[[Reply, int], None] | None = None
        """Callback that gets each reply to a request, in order among the events, and the host time of its reading."""
        self.received_bytes = 0
        self.first_bytes = b""
        """First bytes since the last flush, for error messages."""
        self.reopen: Callable[[], BytePort | None] | None = None
        """Function that opens the port again, or returns None when that may not be; called where the link is lost."""
        self.is_reopened = False
        """Whether the port was opened again, until whoever checks the box behind it says otherwise."""
        self.last_byte_ns = timebase.now_ns()
        self.unanswered_feeds = 0
        self._port = port
        self._timeout_ns = int(reply_timeout_s * 1e9)
        self._timebase = timebase
        self._session = Session()
        # Feeds are sent beside requests, from another thread: the bytes of two messages must not mix.
        self._writes = threading.Lock()
        self._arrived = SafeCondition()
        self._reply: tuple[Reply, int] | None = None
        self._transit = Transit(timebase, self._timeout_ns)
        self._failure: Exception | None = None
        self._pump_thread: threading.Thread | None = None
        self._feeds = 0
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

    @property
    def is_late(self) -> bool:
        """Whether the time of `within` is over, so that every request gives up."""
        end = self._end
        return end is not None and end.left_s() <= 0

    @property
    def is_pumped(self) -> bool:
        """Whether a thread of its own reads the port."""
        return self._pump_thread is not None

    @property
    def is_pumped_here(self) -> bool:
        """Whether the calling thread is that one."""
        return threading.current_thread() is self._pump_thread

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

    # -- sending -----------------------------------------------------------------------------------------------------

    @property
    def is_clear(self) -> bool:
        """Whether no reply to an earlier request can come any more."""
        return self._session.state is SessionState.IDLE

    def ask(self, request: Request) -> Answer | None:
        """Send a request and return its reply, or None when none comes in time."""
        return self._once(lambda: self._session.request(request))

    def fence(self, nonce: int) -> None:
        """Send a clock probe: when it is answered, no reply to an earlier request can come any more."""
        self._once(lambda: self._session.fence(nonce))

    def trust(self) -> None:
        """Go on without a fence: the requests that were given up were reads of values that never change."""
        self._session.trust()

    def feed(self) -> None:
        """Send one feed of the watchdog; its reply is counted when it comes, nobody waits for it."""
        with self._writes:
            self._feeds = (self._feeds + 1) & 0xFFFFFFFF
            self.unanswered_feeds += 1
            self._transit.feed(self._feeds)
            self._port.write(self._session.feed(self._feeds))

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

    def _wait(self, limit: TimeLimit) -> tuple[Reply, int] | None:
        while True:
            with self._arrived:
                is_over = self.is_late or (limit.left_s() <= 0 and not self._transit.may_reply_come())
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
            elif isinstance(item, Reply) and self.on_reply is not None:
                self.on_reply(item, now_ns)

    def _replace_port(self, lost: LinkLost) -> None:
        """Go on with the port opened again; raise `lost` when that may not be."""
        port = self.reopen() if self.reopen is not None else None
        if port is None:
            raise lost
        with self._writes, self._arrived:
            self._port, self.is_reopened = port, True
            self._session.clear()
            self._transit.forget_feeds()
            self.last_byte_ns, self.unanswered_feeds = self._timebase.now_ns(), 0
