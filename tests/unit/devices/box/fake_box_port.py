"""A port with a scripted box behind it: no thread, no wall time.

In: requests that the link writes. Out: replies by the register table, unless the test scripts another answer. Reading
when nothing is there moves the fake clock on by the poll time.
"""

import struct
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rigdriver.errors import LinkLost
from rigdriver.wire import registers
from rigdriver.wire.codec import Message, MessageType, Stamp, decode, encode
from rigdriver.wire.layout import Access, Register
from rigdriver.wire.registers import BoxStates
from tests.fake_time import FakeTime

POLL_NS = 20_000_000
BYTE_NS = 100_000
Answer = Callable[[Message], bytes]


@dataclass
class FakeBoxPort:
    """Scripts go by register: the first answer waiting there is used once, then the default again."""

    clock: FakeTime = field(default_factory=FakeTime)
    url: str = "fake"
    requests: list[Message] = field(default_factory=list)
    scripts: dict[int, deque[Answer]] = field(default_factory=dict)
    values: dict[int, bytes] = field(default_factory=dict)
    arriving: deque[bytes] = field(default_factory=deque)
    is_mute: bool = False
    is_gone: bool = False
    flushes: int = 0
    closes: int = 0

    def __post_init__(self) -> None:
        for register in registers.REGISTERS:
            self.values[register.address] = bytes(register.payload_bytes)
        self.hold(registers.DEVICE_NAME, b"TriggerBox".ljust(25, b"\0"))
        self.hold(
            registers.VERSION, registers.VersionRecord(1, 13, 0, 1, 2, 3, 1, 0, 0, b"FAK", registers.INTERFACE_HASH)
        )
        self.hold(registers.TICK_RATE, 10_000_000)
        lamps, lock, sync = registers.Outputs(0x3C0), registers.Inputs(0x40), registers.Inputs(0x80)
        self.hold(registers.CAPABILITIES, registers.CapabilitiesRecord(16, 8, 32, lamps, lock, sync))
        self.hold(registers.HARD_LIGHT_LIMITS, registers.LightLimitsRecord(1, 2, 3, 4, 5, 6))
        self.hold(registers.UID, bytes(range(16)))
        self.hold(registers.SERIAL_NUMBER, 42)
        self.hold(registers.COUNTERS, registers.CountersRecord(*[100, *[0] * 11]))

    # -- for tests

    def hold(self, register: Register[Any], value: Any) -> None:
        """Let a read of the register give this value."""
        self.values[register.address] = register.pack(value)

    def script(self, register: Register[Any], *answers: Answer) -> None:
        """Answer the next requests to the register in these ways."""
        self.scripts.setdefault(register.address, deque()).extend(answers)

    def written(self, register: Register[Any]) -> list[Any]:
        """Return the values that were written to the register."""
        return [register.unpack(m.payload) for m in self.requests if is_write(m) and m.address == register.address]

    def state(self) -> BoxStates:
        """State that the box shows."""
        return registers.BOX_STATE.unpack(self.values[registers.BOX_STATE.address])

    # -- a port

    def read(self) -> bytes:
        if self.is_gone:
            raise LinkLost("fake port is gone")
        if self.arriving:
            self.clock.t_ns += BYTE_NS
            return self.arriving.popleft()
        self.clock.t_ns += POLL_NS
        return b""

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise LinkLost("fake port is gone")
        message = decode(data)
        self.requests.append(message)
        if self.is_mute:
            return
        waiting = self.scripts.get(message.address)
        answer = waiting.popleft() if waiting else self.answer
        self.arriving.append(answer(message))

    def flush_input(self) -> None:
        self.flushes += 1
        self.arriving.clear()

    def close(self) -> None:
        self.closes += 1

    # -- the default box

    def answer(self, request: Message) -> bytes:
        """Do what was asked and return the reply."""
        register = registers.BY_ADDRESS.get(request.address)
        if register is None or (is_write(request) and Access.WRITE not in register.access):
            return refuse(request)
        if not is_write(request):
            return reply(request, self.values[request.address])
        if register is registers.CLOCK_PROBE:
            probe = registers.CLOCK_PROBE.unpack(request.payload)
            return reply(request, probe_payload(probe.nonce, 7, 1))
        self.values[request.address] = request.payload
        self._follow(register, request.payload)
        return reply(request, request.payload)

    def _follow(self, register: Register[Any], payload: bytes) -> None:
        if register is registers.COMMIT:
            self.hold(registers.COMMITTED_GENERATION, registers.COMMIT.unpack(payload).generation)
            self.hold(registers.BOX_STATE, BoxStates.COMMITTED)
        elif register is registers.ARM:
            self.hold(registers.BOX_STATE, BoxStates.ARMED)
        elif register is registers.START:
            self.hold(registers.BOX_STATE, BoxStates.RUNNING)
        elif register is registers.STOP and self.state() is not BoxStates.FAULT:
            self.hold(registers.BOX_STATE, BoxStates.COMMITTED)
        elif register is registers.CLEAR_FAULT:
            self.hold(registers.BOX_STATE, BoxStates.IDLE)


def probe_payload(nonce: int, tick_low: int, tick_high: int) -> bytes:
    """Return what answers a clock probe."""
    crc = zlib.crc32(struct.pack("<3I", nonce, tick_low, tick_high))
    return struct.pack("<4I", nonce, crc, tick_low, tick_high)


def is_write(message: Message) -> bool:
    """Whether the message is a request to write."""
    return message.type is MessageType.WRITE


def reply(request: Message, payload: bytes, is_error: bool = False) -> bytes:
    """Return a reply to the request."""
    return encode(Message(request.type, request.address, request.payload_type, payload, is_error, Stamp(1, 2)))


def refuse(request: Message) -> bytes:
    """Return an error reply to the request."""
    return reply(request, b"", is_error=True)


def lose(request: Message) -> bytes:
    """The request, or its reply, is lost on the way."""
    del request
    return b""
