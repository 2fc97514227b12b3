"""A host for tests of the simulated box: builds requests, takes replies and events apart, keeps the time.

Written for these tests alone, so that neither the driver's codec nor the box's own can hide a mistake of the box.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import HARD_LIGHT, BoxFacts
from rigdriver_sim.trigger_box.machine import Machine
from rigdriver_sim.trigger_box.non_volatile import NonVolatile

MS = 10_000
"""Box ticks."""
NO_PULSE = 2**64 - 1
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
TYPES = {row[0]: (row[2], row[3]) for row in r.TABLE}


def message(kind: int, address: int, payload_type: int, payload: bytes = b"") -> bytes:
    body = bytes([kind, 4 + len(payload), address, 0xFF, payload_type]) + payload
    return body + bytes([sum(body) % 256])


def write(address: int, *values: int) -> bytes:
    payload_type, _ = TYPES[address]
    return message(2, address, payload_type, struct.pack(f"<{len(values)}{CODES[payload_type]}", *values))


def read(address: int) -> bytes:
    return message(1, address, TYPES[address][0])


@dataclass(frozen=True)
class Answer:
    kind: int
    address: int
    payload_type: int
    harp_ticks: int
    payload: bytes

    @property
    def is_error(self) -> bool:
        return bool(self.kind & 8)

    @property
    def values(self) -> tuple[int, ...]:
        size = self.payload_type & 0x0F
        return struct.unpack(f"<{len(self.payload) // size}{CODES[size]}", self.payload)


@dataclass(frozen=True)
class Edge:
    t_ticks: int
    is_input: bool
    mask: int
    levels: int


@dataclass(frozen=True)
class EdgeEvent:
    counter: int
    generation: int
    pulse_index: int
    pulse_start: int
    flags: int
    input_levels: int
    output_levels: int
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Status:
    counter: int
    generation: int
    pulse_index: int
    tick: int
    state: int
    previous: int
    fault: int
    pulses_started: int
    output_levels: int
    input_levels: int


def whole_messages(data: bytes) -> list[bytes]:
    """Return the messages that have come whole; the first bytes of one more may be left."""
    messages = []
    while len(data) > 1 and len(data) >= (size := 2 + data[1]):
        messages.append(data[:size])
        data = data[size:]
    return messages


def split(data: bytes) -> list[Answer]:
    answers = []
    messages = whole_messages(data)
    assert b"".join(messages) == data, "cut message"
    for one in messages:
        assert sum(one[:-1]) % 256 == one[-1], "checksum"
        assert one[3] == 0xFF
        assert one[4] & 0x10, "replies and events are time-stamped"
        seconds, ticks = struct.unpack_from("<IH", one, 5)
        answers.append(Answer(one[0], one[2], one[4] & ~0x10, seconds * 10_000_000 + ticks * 320, one[11:-1]))
    return answers


def edge_event(payload: bytes) -> EdgeEvent:
    counter, generation, pulse, start, count, flags, inputs, outputs = struct.unpack_from("<IIQQBBBxHxx", payload)
    edges = []
    for tick, mask, levels in struct.iter_unpack("<QHH", payload[32 : 32 + 12 * count]):
        assert tick >> 60 in (0, 8)
        edges.append(Edge(tick & (2**60 - 1), bool(tick >> 63), mask, levels))
    assert not any(payload[32 + 12 * count : 224]), "unused bytes are 0"
    assert len(payload) == 228
    assert payload[224:] == struct.pack("<I", zlib.crc32(payload[:224]))
    return EdgeEvent(counter, generation, pulse, start, flags, inputs, outputs, tuple(edges))


def status_event(payload: bytes) -> Status:
    assert len(payload) == 40
    assert payload[36:] == struct.pack("<I", zlib.crc32(payload[:36]))
    return Status(*struct.unpack("<IIQQBBHIHBx", payload[:36]))


@dataclass(frozen=True)
class Step:
    mask: int
    delay: int
    width: int


CAMERAS_AND_LAMPS = (Step(0x003F, 0, 1000), Step(0x00C0, 2000, 15_000))
CAMERAS_ONLY = (Step(0x003F, 0, 1000),)
TEN_HZ = 1_000_000


class Bench:
    """A machine on the bench, with a clock that only `wait` moves on."""

    def __init__(self, facts: BoxFacts | None = None, *, input_levels: int = 0x40) -> None:
        self.facts, self.input_levels = facts or BoxFacts(), input_levels
        self.memory = NonVolatile(self.facts)
        self.machine = Machine(self.facts, input_levels, self.memory)
        self.t = 123_456_789
        self.events: list[EdgeEvent | Status] = []
        self.others: list[Answer] = []
        self.write(r.REG_OPERATION_CONTROL, 1)

    def reboot(self) -> None:
        """Do what the holder of the machine does when a reset is wanted."""
        assert self.machine.wants_reboot
        self.machine = Machine(self.facts, self.input_levels, self.memory)
        self.t = 1000

    @property
    def edge_events(self) -> list[EdgeEvent]:
        return [event for event in self.events if isinstance(event, EdgeEvent)]

    @property
    def statuses(self) -> list[Status]:
        return [event for event in self.events if isinstance(event, Status)]

    @property
    def edges(self) -> list[Edge]:
        return [edge for event in self.edge_events for edge in event.edges]

    @property
    def state(self) -> int:
        return self.read(r.REG_BOX_STATE).values[0]

    def send(self, data: bytes) -> list[Answer]:
        """Let bytes arrive now; return the replies (events go to their lists)."""
        self.machine.receive(data, self.t)
        return self._collect()

    def ask(self, data: bytes) -> Answer:
        replies = self.send(data)
        assert len(replies) == 1, f"one reply a request: {replies}"
        return replies[0]

    def write(self, address: int, *values: int) -> Answer:
        return self.ask(write(address, *values))

    def read(self, address: int) -> Answer:
        return self.ask(read(address))

    def obeyed(self, address: int, *values: int) -> bool:
        return not self.write(address, *values).is_error

    def wait(self, ticks: int, *, feed: bool = True) -> None:
        """Let time pass, feeding the watchdog every 100 ms."""
        until = self.t + ticks
        while self.t < until:
            self.t = min(self.t + 100 * MS, until)
            self.machine.advance(self.t)
            self._collect()
            if feed:
                self.feed()

    def feed(self) -> None:
        assert self.obeyed(r.REG_WATCHDOG_FEED, 1)

    def input(self, line: int, level: int) -> None:
        self.machine.input_edge(line, level, self.t)
        self._collect()

    def counter(self, name: str) -> int:
        names = [field[0] for field in dict(r.FIELDS)[r.REG_COUNTERS]]
        return self.read(r.REG_COUNTERS).values[names.index(name)]

    def stage(
        self, steps: tuple[Step, ...] = CAMERAS_AND_LAMPS, period: int = TEN_HZ, pulses: int = 0, mode: int = 0
    ) -> tuple[int, int]:
        """Stage a schedule; return (step count, CRC-32) for the commit."""
        words = [(period, pulses, len(steps), mode), *((i, s.mask, s.delay, s.width) for i, s in enumerate(steps))]
        assert self.obeyed(r.REG_STAGE_HEADER, *words[0])
        for step in words[1:]:
            assert self.obeyed(r.REG_STAGE_STEP, *step)
        return len(steps), zlib.crc32(b"".join(struct.pack("<4I", *w) for w in words))

    def commit(self, steps: tuple[Step, ...] = CAMERAS_AND_LAMPS, generation: int = 7, **header: int) -> bool:
        count, crc = self.stage(steps, **header)
        return self.obeyed(r.REG_COMMIT, generation, count, crc)

    def refusal(self) -> tuple[int, ...]:
        return self.read(r.REG_COMMIT_REFUSAL).values

    def run(self, steps: tuple[Step, ...] = CAMERAS_AND_LAMPS, generation: int = 7, **header: int) -> None:
        """Commit, arm, start; pulse 0 begins 5 ms later."""
        assert self.commit(steps, generation, **header), self.refusal()
        self.feed()
        assert self.obeyed(r.REG_ARM, generation), self.refusal()
        assert self.obeyed(r.REG_START, generation)

    def allow_light(self, **changes: int) -> None:
        """Set the limits on light to the hard ones, but for the changes."""
        assert self.obeyed(r.REG_LIGHT_LIMITS, *replace(HARD_LIGHT, **changes).words())

    def _collect(self) -> list[Answer]:
        data = bytes(self.machine.outbox.waiting)
        self.machine.outbox.waiting.clear()
        replies = []
        for answer in split(data):
            if answer.kind != 3:
                replies.append(answer)
            elif answer.address == r.REG_EDGE_EVENT:
                self.events.append(edge_event(answer.payload))
            elif answer.address == r.REG_STATUS_EVENT:
                self.events.append(status_event(answer.payload))
            else:
                self.others.append(answer)
        return replies
