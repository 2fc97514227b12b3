"""From a committed program to edges, and from edges to EdgeEvents.

In: a program and a pulse start; edges as they happen. Out: the pulse's output edges, a pure function of its start; and
the bodies of EdgeEvents under the flush rules of device.yml. Not here: states (see states.py), limits (see light.py)
and the wire (see messages.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.program import Program

MAX_RECORDS = 16
FLUSH_TICKS = 20_000
"""Longest time that a record waits, in ticks (2 ms)."""
NO_PULSE = 0xFFFFFFFFFFFFFFFF

_INPUT_BIT = 1 << 63


@dataclass(frozen=True, slots=True)
class OutputEdge:
    """Outputs that change together."""

    t_ticks: int
    rising: int
    falling: int


def pulse_edges(program: Program, start_ticks: int) -> tuple[OutputEdge, ...]:
    """Return the output edges of the pulse that starts then, in time order, one per tick."""
    # All outputs that change at one tick are one edge with one mask: they change as one word, so there is no skew
    # between them (PROTOCOL 5).
    rising: dict[int, int] = {}
    falling: dict[int, int] = {}
    for step in program.steps:
        up, down = start_ticks + step.delay_ticks, start_ticks + step.end_ticks
        rising[up] = rising.get(up, 0) | step.output_mask
        falling[down] = falling.get(down, 0) | step.output_mask
    ticks = sorted(rising.keys() | falling.keys())
    return tuple(OutputEdge(t, rising.get(t, 0), falling.get(t, 0)) for t in ticks)


class EdgeBatcher:
    """Collects records of one pulse at a time; `send` takes the body of an EdgeEvent without counter and CRC."""

    def __init__(self, send: Callable[[bytes, int], None], input_levels: int) -> None:
        self.input_levels = input_levels
        self.output_levels = 0
        self._send = send
        self._records: list[tuple[int, int, int]] = []
        self._generation = 0
        self._pulse_index = NO_PULSE
        self._pulse_start = 0
        self._flags = 0

    @property
    def flush_due_ticks(self) -> int | None:
        """When the oldest record has waited long enough; None when none waits."""
        return self._records[0][0] + FLUSH_TICKS if self._records else None

    def begin_pulse(self, generation: int, pulse_index: int, start_ticks: int) -> None:
        """Give the records from now on to this pulse; what waits goes out under the old one."""
        self.flush(start_ticks)
        self._generation, self._pulse_index, self._pulse_start = generation, pulse_index, start_ticks
        self._flags = r.EDGE_FLAGS_PULSE_BEGIN

    def end_pulse(self, t_ticks: int) -> None:
        """Close the pulse under way with a last event, empty or not."""
        if self._pulse_index != NO_PULSE:
            # Also without a record: the host must learn that it has all of the pulse (PROTOCOL 6.5).
            self._flags |= r.EDGE_FLAGS_PULSE_END
            self._emit(t_ticks)
        self._pulse_index, self._pulse_start = NO_PULSE, 0

    def set_generation(self, generation: int, t_ticks: int) -> None:
        """Name the running schedule (0: none) for records outside pulses."""
        self.flush(t_ticks)
        self._generation = generation

    def record(self, t_ticks: int, mask: int, levels: int, *, is_input: bool) -> None:
        """Note an edge; the sixteenth sends them all."""
        if is_input:
            self.input_levels = levels
        else:
            self.output_levels = levels
        # The mask is in the lower half of the word, the levels in the upper one: two U16 in device.yml's Records.
        self._records.append((t_ticks, mask | (levels << 16), _INPUT_BIT if is_input else 0))
        if len(self._records) == MAX_RECORDS:
            self._emit(t_ticks)

    def flush(self, t_ticks: int) -> None:
        """Send what waits, if anything does."""
        if self._records:
            self._emit(t_ticks)

    def _emit(self, t_ticks: int) -> None:
        head = struct.pack(
            "<IQQBBBxHxx",
            self._generation,
            self._pulse_index,
            self._pulse_start,
            len(self._records),
            self._flags,
            self.input_levels,
            self.output_levels,
        )
        records = b"".join(struct.pack("<QI", tick | bit, lines) for tick, lines, bit in self._records)
        self._records = []
        # PulseBegin belongs to the first event of a pulse only (PROTOCOL 6.5).
        self._flags = 0
        self._send(head + records.ljust(12 * MAX_RECORDS, b"\0"), t_ticks)
