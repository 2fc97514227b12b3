"""From the box's event messages to values: pulse reports, changes of state, and what went missing.

In: event messages, with the host time at which they came. Out: `PulseReport`, `BoxStatus` and `EventsLost`. Each event
of the box carries a counter without gaps, so a lost or refused event shows at the next one. An event whose numbers
contradict each other, or whose CRC-32 is wrong, is refused: a checksum of one byte is not enough to trust edge times.
Not here: requests (see trigger_box.py).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from rigdriver.errors import BadReply, LinkLost
from rigdriver.frames import Edge, PulseReport
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.payload_crc import is_intact

RECORD = struct.Struct("<QHH")
IS_INPUT = 1 << 63
TICK_MASK = (1 << 60) - 1
NO_PULSE = -1
"""Index in a `PulseReport` that holds edges which happened outside every pulse; its generation is 0."""
LONGEST_WAIT_S = 0.002
"""Longest time for which a record waits in the box for others, in s (PROTOCOL 6.4)."""
LATE_TICKS = 10_000_000
"""Largest age, in ticks, at which an event that comes twice or too late still is one of this box's life: 1 s at the
10 MHz of PROTOCOL. Ticks count from the boot, so an older one, with a counter that went back, is of a new life."""
_NONE_RUNS = (1 << 64) - 1
_COUNTERS = 1 << 32


@dataclass(frozen=True, slots=True)
class BoxStatus:
    """The box's state, as a change that it reported or as it was asked for."""

    state: registers.BoxStates
    fault: registers.Faults
    generation: int
    """Generation of the schedule that runs; in an answer, of the committed one. 0 when there is none."""
    output_levels: int
    input_levels: int
    t_host_ns: int
    previous_state: registers.BoxStates | None = None
    t_box_ticks: int | None = None
    pulse_index: int | None = None
    """Pulse under way; None when none runs, and when asked for."""
    pulses_started: int | None = None
    host_away_s: float = 0.0
    """Time just before a fault, in s, in which this program neither read nor fed the box; 0 when it did both."""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """Events of the box did not arrive, so edges may be missing from what was reported before this."""

    count: int
    """Number of lost events; 0 when the counter went back, because the box has restarted."""
    expected_counter: int
    received_counter: int
    t_host_ns: int

    @property
    def has_restarted(self) -> bool:
        """Whether the box began to count anew."""
        return self.count == 0


@dataclass(frozen=True, slots=True)
class BoxLost:
    """The link to the box is gone; no further event comes."""

    error: LinkLost
    t_host_ns: int


@dataclass(frozen=True, slots=True)
class BoxHeard:
    """The box has answered a clock probe: every record is reported that it stamped `LONGEST_WAIT_S` before or earlier.

    It sends its messages in the order in which they are due (PROTOCOL 6.4), and this comes in that order, too.
    """

    t_box_ticks: int
    t_host_ns: int


BoxEvent = PulseReport | BoxStatus | EventsLost | BoxLost | BoxHeard


class EventReader:
    """Decodes event messages and watches their counter. `next_counter` None: the first event sets it."""

    def __init__(self, next_counter: int | None = None) -> None:
        self._next = next_counter
        self.implausible = 0
        """Events refused because their CRC-32 is wrong or their numbers contradict each other."""
        self.repeated = 0
        """Events that came twice, or after later ones (a serial server that sends again); what was missing stays so."""
        self._newest_ticks = 0

    def expect(self, next_counter: int) -> None:
        """Take `next_counter` as that of the next event: the box was asked for it while it reported none."""
        self._next = next_counter

    def read(self, message: Message, t_host_ns: int) -> list[BoxEvent]:
        """Return what the message says; nothing for events that concern nobody here."""
        if not is_intact(message.address, message.payload):
            self.implausible += 1  # the counter in it is not believed either: the next event shows the gap
            return []
        try:
            if message.address == registers.EDGE_EVENT.address:
                edges = registers.EDGE_EVENT.unpack(message.payload)
                report = _pulse_report(edges, t_host_ns)
                ticks = max([edges.pulse_start_ticks, *(edge.t_box_ticks for edge in report.edges)])
                return self._in_order(edges.event_counter, ticks, report)
            if message.address == registers.STATUS_EVENT.address:
                status = registers.STATUS_EVENT.unpack(message.payload)
                return self._in_order(status.event_counter, status.tick, _status(status, t_host_ns))
        except BadReply:
            self.implausible += 1
        return []

    def _in_order(self, counter: int, ticks: int, event: PulseReport | BoxStatus) -> list[BoxEvent]:
        """Return the event behind what is missing before it; nothing when its place has passed."""
        is_back = self._next is not None and (counter - self._next) % _COUNTERS >= _COUNTERS // 2
        if is_back and self._newest_ticks and ticks >= self._newest_ticks - LATE_TICKS:
            self.repeated += 1
            return []
        self._newest_ticks = ticks if is_back else max(ticks, self._newest_ticks)
        return [*self._count(counter, event.t_host_ns), event]

    def _count(self, counter: int, t_host_ns: int) -> list[BoxEvent]:
        expected, self._next = self._next, (counter + 1) % _COUNTERS
        if expected is None or counter == expected:
            return []
        # The counter wraps (PROTOCOL 6.1), so a step back is a
        # step forward by nearly 2^32: only a restart makes that.
        missing = (counter - expected) % _COUNTERS
        return [EventsLost(missing if missing < _COUNTERS // 2 else 0, expected, counter, t_host_ns)]


def _pulse_report(event: registers.EdgeEventRecord, t_host_ns: int) -> PulseReport:
    if event.record_count * RECORD.size > len(event.records):
        raise BadReply(
            device=f"edge event {event.event_counter}", seen=f"{event.record_count} records", expected="at most 16"
        )
    # What is rejected here, PROTOCOL 6.8 lists: with a sound
    # checksum it is damage all the same, or a firmware's mistake.
    used = event.records[: event.record_count * RECORD.size]
    if any(event.records[len(used) :]):
        raise BadReply(
            device=f"edge event {event.event_counter}", seen=f"bytes after its {event.record_count} records are not 0"
        )
    edges = tuple(_edge(*record) for record in RECORD.iter_unpack(used))
    if any(later.t_box_ticks < earlier.t_box_ticks for earlier, later in pairwise(edges)):
        raise BadReply(device=f"edge event {event.event_counter}", seen="its ticks go back", expected="time order")
    is_outside = event.pulse_index == _NONE_RUNS
    if event.generation == 0 and not is_outside:
        raise BadReply(device=f"edge event {event.event_counter}", seen=f"generation 0 with pulse {event.pulse_index}")
    return PulseReport(
        pulse_index=NO_PULSE if is_outside else event.pulse_index,
        generation=0 if is_outside else event.generation,
        start_ticks=event.pulse_start_ticks,
        edges=edges,
        is_closed=registers.EdgeFlags.PULSE_END in event.flags,
        t_host_ns=t_host_ns,
    )


def _edge(word: int, mask: int, levels: int) -> Edge:
    # A record's tick has 60 bits, three bits are 0, and there are eight inputs at most (PROTOCOL, EdgeEvent).
    is_input = bool(word & IS_INPUT)
    if word & ~(IS_INPUT | TICK_MASK) or not mask or (is_input and (mask | levels) > 0xFF):
        raise BadReply(
            device="edge record",
            seen=f"{word:#018x} {mask:#06x} {levels:#06x}",
            expected="a tick and lines that changed",
        )
    return Edge(word & TICK_MASK, is_input, mask, levels)


def _status(event: registers.StatusEventRecord, t_host_ns: int) -> BoxStatus:
    return BoxStatus(
        state=event.state,
        fault=event.fault,
        generation=event.generation,
        output_levels=int(event.output_levels),
        input_levels=int(event.input_levels),
        t_host_ns=t_host_ns,
        previous_state=event.previous_state,
        t_box_ticks=event.tick,
        pulse_index=None if event.pulse_index == _NONE_RUNS else event.pulse_index,
        pulses_started=event.pulses_started,
    )
