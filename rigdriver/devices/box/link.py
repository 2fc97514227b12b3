"""Requests to the box with bounded time and bounded retries.

In: registers and values. Out: what the box answered. Requests of several threads take turns. A lost reply is asked for
again only after a fence, so that an answer from before is never taken for a fresh one. Not here: the bytes, and who
reads them (see traffic.py), and what the registers mean (see trigger_box.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from rigdriver.devices.box.traffic import Answer, BytePort, LinkTraffic
from rigdriver.errors import BadReply, BoxRefused, NoReply, RigError, StateError
from rigdriver.ownership import Owner
from rigdriver.signal_safe import SafeTurn, always
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit, taking_part
from rigdriver.wire.layout import Register, V
from rigdriver.wire.session import Request, read_request, write_request

ATTEMPTS = 4
ANSWERS_TO_AGREE = 8


class BoxLink:
    """One conversation with one box. Requests from several threads queue up."""

    def __init__(self, port: BytePort, reply_timeout_s: float, timebase: Timebase = WALL_TIME) -> None:
        self.traffic = LinkTraffic(port, reply_timeout_s, timebase)
        self.name = self.traffic.name
        self.owner = Owner()
        self.is_fenced = False
        """Whether the other side is known to answer clock probes; before, only constants may be asked twice."""
        self.check_reopened: Callable[[], None] | None = None
        """Check, before any other request, that the box behind the reopened port is as it was left; None: no check."""
        self._timeout_s = reply_timeout_s
        self._timebase = timebase
        self._requests = SafeTurn()
        # Not from 0: a reply to a probe of the program before may still be on its way.
        self._nonce = secrets.randbits(32)

    def close(self) -> None:
        """Close the port; requests fail from now on."""
        self.traffic.close()

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

    def _exchange(self, request: Request, what: str, attempts: int) -> Answer:
        if self.traffic.is_pumped_here:
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
        self._wait_for_turn(token, what, (attempts + 1) * (ATTEMPTS + 1) * self._timeout_s + 1)
        # While no thread listens (the box is being opened), modelled time would run on without whoever waits here.
        if not self.traffic.is_pumped:
            return taking_part(self._timebase, "request", lambda: self._try(request, what, attempts))
        return self._try(request, what, attempts)

    def _wait_for_turn(self, token: object, what: str, timeout_s: float) -> None:
        limit = TimeLimit(self._timebase, timeout_s)
        while not self._requests.take(token, self._timebase.slice_s(limit.look_s())):
            if limit.left_s() <= 0 or self.traffic.is_late:
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
            if self.traffic.is_late or not self._is_clear():
                break
            answer = self.traffic.ask(request)
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
        waited_s = attempts * self._timeout_s
        raise NoReply(
            device=self.name,
            seen=f"no reply to the {what} within {waited_s:g} s",
            remedy="check cable, power and box.url",
        )

    def _is_clear(self) -> bool:
        """Make sure that no reply to an earlier request can come any more."""
        for _ in range(ATTEMPTS):
            if self.traffic.is_clear:
                return True
            if self.traffic.is_late:
                return False
            if not self.is_fenced:
                # Until the interface is known, 49 may be no clock probe (PROTOCOL: use nothing from register 32
                # on). What is read by then never changes.
                self.traffic.trust()
            else:
                self.traffic.fence(self.new_nonce())
        return self.traffic.is_clear

    def _check_reopened(self) -> None:
        if self.traffic.is_reopened and self.check_reopened is not None:
            self.traffic.is_reopened = False
            try:
                self.check_reopened()
            except RigError as exc:
                self.traffic.fail(exc)
                raise
