"""The simulated box from byte in to byte out: its states, pulses that an outside edge starts, and its replies.

In: Harp messages of a host that shares no code with the driver, and box time in ticks. Out: replies and status events.
What is refused is in test_refusals.py, what turns light off in test_safety.py, events in test_reports.py.
"""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.states import TRANSITIONS, Act, BoxState, after
from tests.unit.sim.trigger_box.box_host import CAMERAS_ONLY, MS, TEN_HZ, Bench, Step, message, read, write


@pytest.fixture
def bench() -> Bench:
    return Bench()


def states(bench: Bench) -> list[tuple[int, int]]:
    return [(status.previous, status.state) for status in bench.statuses]


def test_every_pair_of_state_and_act_is_allowed_or_refused_as_the_table_says() -> None:
    allowed = {
        ("IDLE", "COMMIT"): "COMMITTED",
        ("COMMITTED", "COMMIT"): "COMMITTED",
        ("COMMITTED", "ARM"): "ARMED",
        ("ARMED", "START"): "RUNNING",
        ("ARMED", "FINISH"): "COMMITTED",
        ("ARMED", "TRIP"): "FAULT",
        ("RUNNING", "FINISH"): "COMMITTED",
        ("RUNNING", "TRIP"): "FAULT",
        ("FAULT", "CLEAR"): "IDLE",
    }
    for state in BoxState:
        for act in Act:
            name = allowed.get((state.name, act.name))
            assert after(state, act) == (BoxState[name] if name else None)
    assert len(TRANSITIONS) == len(allowed)


def test_a_run_of_two_pulses_goes_through_all_states_and_ends_committed(bench: Bench) -> None:
    bench.run(pulses=2)
    bench.wait(300 * MS)
    assert states(bench) == [(0, 1), (1, 2), (2, 3), (3, 1)]
    assert bench.statuses[-1].pulses_started == 2
    assert bench.counter("PulsesStarted") == 2


def test_pulse_zero_starts_five_milliseconds_after_the_start_command(bench: Bench) -> None:
    bench.run()
    started = bench.t
    bench.wait(50 * MS)
    assert bench.edge_events[0].pulse_start == started + 5 * MS


def test_pulses_start_exactly_one_period_apart_for_ever(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, period=123_457)
    bench.wait(2000 * MS)
    starts = sorted({event.pulse_start for event in bench.edge_events})
    assert len(starts) > 150
    assert {b - a for a, b in pairwise(starts)} == {123_457}


@pytest.mark.parametrize("mode", [0, 1])
def test_stop_is_harmless_when_idle(bench: Bench, mode: int) -> None:
    assert bench.obeyed(r.REG_STOP, mode)
    assert bench.state == BoxState.IDLE
    assert not bench.statuses


def test_stop_now_has_all_outputs_low_when_the_reply_is_sent(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 10_000)  # within the flash
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0xC0,)
    assert bench.obeyed(r.REG_STOP, 1)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.state == BoxState.COMMITTED
    assert bench.edges[-1].mask == 0xC0
    assert bench.edges[-1].t_ticks == bench.t
    assert bench.edge_events[-1].flags & r.EDGE_FLAGS_PULSE_END
    bench.wait(500 * MS)
    assert bench.edges[-1].t_ticks < bench.t - 400 * MS, "no edge after the stop"


def test_stop_after_pulse_lets_the_pulse_end_in_order(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 500)
    assert bench.obeyed(r.REG_STOP, 0)
    assert bench.state == BoxState.RUNNING
    bench.wait(200 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("PulsesStarted") == 1
    assert [e.mask for e in bench.edges] == [0x3F, 0x3F, 0xC0, 0xC0]


def test_stop_after_pulse_between_start_and_pulse_zero_makes_no_pulse(bench: Bench) -> None:
    bench.run()
    assert bench.obeyed(r.REG_STOP, 0)
    bench.wait(200 * MS)
    assert bench.state == BoxState.COMMITTED
    assert not bench.edges


def test_the_committed_schedule_survives_a_stop_and_runs_again_from_pulse_zero(bench: Bench) -> None:
    bench.run(pulses=2)
    bench.wait(300 * MS)
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (7,)
    assert bench.obeyed(r.REG_ARM, 7)
    assert bench.obeyed(r.REG_START, 7)
    bench.wait(300 * MS)
    assert [e.pulse_index for e in bench.edge_events if e.flags & 1] == [0, 1, 0, 1]


@pytest.mark.parametrize("generation", [6, 8])
def test_arm_and_start_want_the_committed_generation(bench: Bench, generation: int) -> None:
    assert bench.commit()
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, generation)
    assert bench.refusal()[0] == r.REFUSAL_REASONS_GENERATION_INVALID
    assert bench.obeyed(r.REG_ARM, 7)
    assert not bench.obeyed(r.REG_START, generation)
    assert bench.state == BoxState.ARMED


def test_start_is_refused_unless_armed(bench: Bench) -> None:
    assert not bench.obeyed(r.REG_START, 7)
    assert bench.commit()
    assert not bench.obeyed(r.REG_START, 7)


def test_staging_does_not_touch_the_run_under_way(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, pulses=3)
    bench.wait(50 * MS)
    bench.stage((Step(0x8000, 5, 50),))
    assert bench.obeyed(r.REG_STAGE_CLEAR, 1)
    bench.wait(400 * MS)
    assert {e.mask for e in bench.edges} == {0x3F}
    assert len(bench.edges) == 6


# ---- external start ----


def test_each_rising_sync_edge_starts_one_pulse_at_its_own_tick(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, pulses=2, period=10_000)
    bench.wait(300 * MS)
    assert not bench.edges, "nothing runs before the first edge"
    syncs = []
    for _ in range(2):
        bench.input(7, 1)
        syncs.append(bench.t)
        bench.wait(37 * MS)
        bench.input(7, 0)
        bench.wait(MS)
    assert [e.pulse_start for e in bench.edge_events if e.flags & 1] == syncs
    assert bench.state == BoxState.COMMITTED


def test_a_sync_edge_within_a_pulse_starts_nothing(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, period=TEN_HZ)
    for _ in range(5):
        bench.input(7, 1)
        bench.wait(5 * MS)
        bench.input(7, 0)
        bench.wait(5 * MS)
    assert bench.counter("PulsesStarted") == 1


# ---- requests ----


def test_a_clock_probe_returns_the_nonce_and_the_tick(bench: Bench) -> None:
    bench.t = (5 << 32) + 77
    crc = zlib.crc32(struct.pack("<IQ", 0xDEADBEEF, bench.t))
    assert bench.write(r.REG_CLOCK_PROBE, 0xDEADBEEF, 0, 0, 0).values == (0xDEADBEEF, crc, 77, 5)
    assert bench.read(r.REG_CLOCK_PROBE).values == (0xDEADBEEF, crc, 77, 5)


def test_a_write_is_answered_with_the_value_written(bench: Bench) -> None:
    for data in (write(r.REG_WATCHDOG_FEED, 4711), write(r.REG_STAGE_STEP, 3, 5, 7, 11), write(r.REG_STOP, 1)):
        reply = bench.ask(data)
        assert (reply.kind, reply.address, reply.payload) == (2, data[2], data[5:-1])


def test_several_requests_in_one_piece_are_answered_in_order(bench: Bench) -> None:
    replies = bench.send(read(r.REG_WHO_AM_I) + write(r.REG_WATCHDOG_FEED, 1) + read(r.REG_TICK_RATE))
    assert [reply.address for reply in replies] == [r.REG_WHO_AM_I, r.REG_WATCHDOG_FEED, r.REG_TICK_RATE]
    assert replies[2].values == (10_000_000,)


def test_an_error_reply_has_address_and_payload_type_of_the_request(bench: Bench) -> None:
    for data in (message(1, 200, 2), message(1, r.REG_TICK_RATE, 1), message(2, r.REG_TICK_RATE, 4, bytes(4))):
        reply = bench.ask(data)
        assert (reply.kind, reply.address, reply.payload_type) == (data[0] | 8, data[2], data[4])


def test_a_lost_link_puts_the_box_to_standby_while_the_run_goes_on(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, pulses=3)
    bench.machine.link_lost()
    before = len(bench.events)
    bench.wait(500 * MS)
    assert len(bench.events) == before
    assert bench.counter("PulsesStarted") == 3
    assert bench.counter("EventsDropped") == 0


def test_replies_carry_box_time_in_steps_of_32_microseconds(bench: Bench) -> None:
    assert bench.read(r.REG_WHO_AM_I).harp_ticks == bench.t // 320 * 320
