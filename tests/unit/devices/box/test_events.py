"""Events of the box: parts of pulses, changes of state, and what went missing.

In: event messages as the box sends them, with gaps, restarts and damage. Out: parts of pulses, states, and the number
of events that are missing. No port and no thread.
"""

import struct
import zlib
from dataclasses import replace

import pytest

from rigdriver.devices.box.events import NO_PULSE, BoxStatus, EventReader, EventsLost
from rigdriver.frames import Edge, PulseReport
from rigdriver.wire import registers
from rigdriver.wire.codec import Message, MessageType, Stamp
from rigdriver.wire.layout import PayloadType
from rigdriver.wire.registers import BoxStates, Faults

IDLE_INDEX = (1 << 64) - 1
INPUT = 1 << 63


def edge_event(
    counter: int, records: bytes = b"", count: int | None = None, generation: int = 7, index: int = 3, flags: int = 0
) -> Message:
    number = len(records) // 12 if count is None else count
    head = struct.pack("<IIQQBBBBHH", counter, generation, index, 5000, number, flags, 0x40, 0, 0, 0)
    payload = head + records.ljust(192, b"\0")
    return Message(MessageType.EVENT, 60, PayloadType.U8, sealed(payload), stamp=Stamp(0, 0))


def status_event(counter: int, state: int = 4, index: int = IDLE_INDEX) -> Message:
    payload = struct.pack("<IIQQBBHIHBx", counter, 7, index, 9000, state, 3, 2, 12, 0x3F, 0x40)
    return Message(MessageType.EVENT, 61, PayloadType.U8, sealed(payload), stamp=Stamp(0, 0))


def sealed(payload: bytes) -> bytes:
    return payload + struct.pack("<I", zlib.crc32(payload))


def flipped(message: Message, *bits: tuple[int, int]) -> Message:
    """The message with bits of its payload flipped, its CRC-32 as it was."""
    payload = bytearray(message.payload)
    for at, bit in bits:
        payload[at] ^= 1 << bit
    return replace(message, payload=bytes(payload))


def record(tick: int, mask: int, levels: int) -> bytes:
    return struct.pack("<QHH", tick, mask, levels)


def test_edges_of_outputs_and_inputs_become_a_part_of_the_pulse() -> None:
    records = record(5000, 0x3F, 0x3F) + record(INPUT | 5200, 0x05, 0x45) + record(6000, 0x3F, 0)
    (pulse,) = EventReader(0).read(edge_event(0, records, flags=1), 99)
    edges = (Edge(5000, False, 0x3F, 0x3F), Edge(5200, True, 0x05, 0x45), Edge(6000, False, 0x3F, 0))
    assert pulse == PulseReport(3, 7, 5000, edges, False, 99)


def test_pulse_end_closes_the_pulse() -> None:
    (pulse,) = EventReader(0).read(edge_event(0, flags=2), 0)
    assert isinstance(pulse, PulseReport)
    assert pulse.is_closed
    assert pulse.edges == ()


@pytest.mark.parametrize("generation", [0, 7])
def test_edges_outside_every_pulse_have_no_pulse(generation: int) -> None:
    event = edge_event(0, record(INPUT | 1, 1, 1), generation=generation, index=IDLE_INDEX)
    (pulse,) = EventReader(0).read(event, 0)
    assert isinstance(pulse, PulseReport)
    assert (pulse.pulse_index, pulse.generation) == (NO_PULSE, 0)


def test_change_of_state_is_told_with_its_tick() -> None:
    (status,) = EventReader(5).read(status_event(5), 77)
    assert status == BoxStatus(
        state=BoxStates.FAULT,
        fault=Faults.INTERLOCK_OPEN,
        generation=7,
        output_levels=0x3F,
        input_levels=0x40,
        t_host_ns=77,
        previous_state=BoxStates.RUNNING,
        t_box_ticks=9000,
        pulse_index=None,
        pulses_started=12,
    )


def test_counter_without_gap_across_the_wrap_loses_nothing() -> None:
    reader = EventReader(0xFFFFFFFE)
    events = [event for counter in (0xFFFFFFFE, 0xFFFFFFFF, 0, 1) for event in reader.read(edge_event(counter), 0)]
    assert all(isinstance(event, PulseReport) for event in events)
    assert len(events) == 4


@pytest.mark.parametrize(("expected", "got", "missing"), [(5, 8, 3), (0xFFFFFFFE, 1, 3), (0, 1, 1)])
def test_gap_in_the_counter_is_told_before_the_event_behind_it(expected: int, got: int, missing: int) -> None:
    lost, pulse = EventReader(expected).read(edge_event(got), 4)
    assert lost == EventsLost(missing, expected, got, 4)
    assert isinstance(pulse, PulseReport)


def test_counter_is_common_to_edges_and_states() -> None:
    reader = EventReader(0)
    assert len(reader.read(edge_event(0), 0)) == 1
    assert len(reader.read(status_event(1), 0)) == 1
    assert len(reader.read(edge_event(2), 0)) == 1


def test_a_counter_that_goes_back_says_that_the_box_has_restarted_when_its_clock_did_too() -> None:
    reader = EventReader(1000)
    reader.read(edge_event(1000, record(60_000_000, 1, 1)), 99)
    (lost, _) = reader.read(edge_event(0, record(20_000, 1, 1)), 99)
    assert isinstance(lost, EventsLost)
    assert lost.has_restarted
    assert len(reader.read(edge_event(1, record(30_000, 1, 1)), 99)) == 1


@pytest.mark.parametrize("again", [0, 3, 5])
def test_an_event_that_comes_twice_is_no_restart_and_says_nothing_new(again: int) -> None:
    reader = EventReader(0)
    events = [edge_event(n, record(60_000_000 + n, 1, 1)) for n in range(7)]
    for event in events[:6]:
        reader.read(event, 99)
    assert reader.read(events[again], 99) == []
    assert len(reader.read(events[6], 99)) == 1
    assert reader.repeated == 1


def test_an_event_that_others_overtook_stays_missing_and_is_no_restart() -> None:
    reader = EventReader(0)
    first, second, third = (edge_event(n, record(60_000_000 + n, 1, 1)) for n in range(3))
    reader.read(first, 99)
    (lost, _) = reader.read(third, 99)
    assert isinstance(lost, EventsLost)
    assert (lost.count, lost.has_restarted) == (1, False)
    assert reader.read(second, 99) == []
    assert reader.repeated == 1


def test_first_event_sets_the_counter_when_nothing_is_expected() -> None:
    reader = EventReader()
    assert len(reader.read(edge_event(500), 0)) == 1
    assert len(reader.read(edge_event(502), 0)) == 2


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(edge_event(0, count=17), id="too many records"),
        pytest.param(edge_event(0, record(1, 1, 1), count=0), id="bytes behind the last record"),
        pytest.param(edge_event(0, record(2, 1, 1) + record(1, 1, 0)), id="ticks that go back"),
        pytest.param(edge_event(0, record(1 << 60, 1, 1)), id="tick beyond 60 bits"),
        pytest.param(edge_event(0, record(1, 0, 1)), id="no line changed"),
        pytest.param(edge_event(0, record(INPUT | 1, 0x100, 0)), id="ninth input"),
        pytest.param(edge_event(0, generation=0), id="pulse without generation"),
        pytest.param(status_event(0, state=9), id="state that the interface lacks"),
    ],
)
def test_event_that_contradicts_itself_is_refused_and_missed_at_the_next(message: Message) -> None:
    reader = EventReader(0)
    assert reader.read(message, 0) == []
    assert reader.implausible == 1
    lost, _ = reader.read(edge_event(1), 0)
    assert isinstance(lost, EventsLost)
    assert lost.count == 1


TICK, CRC = 32, 224
"""Bytes of an edge event where its first record and its CRC-32 begin."""


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(flipped(edge_event(0, record(5001, 1, 1)), (TICK, 0), (TICK + 1, 0)), id="tick of an edge"),
        pytest.param(flipped(edge_event(0, record(5001, 1, 1)), (TICK + 8, 0), (TICK + 8, 1)), id="mask of an edge"),
        pytest.param(flipped(edge_event(0), (CRC, 0)), id="CRC-32 of an edge event"),
        pytest.param(flipped(status_event(0), (16, 0), (17, 0)), id="tick of a change of state"),
        pytest.param(flipped(status_event(0), (0, 1)), id="event counter"),
        pytest.param(flipped(status_event(0), (35, 0)), id="reserved byte"),
    ],
)
def test_event_whose_crc_is_wrong_is_refused_and_missed_at_the_next(damaged: Message) -> None:
    reader = EventReader(0)
    assert reader.read(damaged, 0) == []
    assert reader.implausible == 1
    lost, _ = reader.read(edge_event(1), 0)
    assert lost == EventsLost(1, 0, 1, 0)


def test_events_of_other_registers_say_nothing() -> None:
    seconds = Message(MessageType.EVENT, registers.TIMESTAMP_SECONDS.address, PayloadType.U32, bytes(4))
    assert EventReader(0).read(seconds, 0) == []
