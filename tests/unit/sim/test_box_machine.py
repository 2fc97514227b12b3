"""States, refusals, limits and reports of the simulated box, byte in to byte out."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.states import TRANSITIONS, Act, BoxState, after
from tests.unit.sim.box_host import (
    CAMERAS_ONLY,
    MS,
    NO_PULSE,
    TEN_HZ,
    Bench,
    Step,
    message,
    read,
    write,
)

LAMP = 0x40


@pytest.fixture
def bench() -> Bench:
    return Bench()


def states(bench: Bench) -> list[tuple[int, int]]:
    return [(status.previous, status.state) for status in bench.statuses]


# ---------------------------------------------------------------- transitions


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


def test_a_run_of_two_frames_goes_through_all_states_and_ends_committed(bench: Bench) -> None:
    bench.run(frames=2)
    bench.wait(300 * MS)
    assert states(bench) == [(0, 1), (1, 2), (2, 3), (3, 1)]
    assert bench.statuses[-1].frames_started == 2
    assert bench.counter("FramesStarted") == 2


def test_frame_zero_starts_five_milliseconds_after_the_start_command(bench: Bench) -> None:
    bench.run()
    started = bench.t
    bench.wait(50 * MS)
    assert bench.edge_events[0].frame_start == started + 5 * MS


def test_frames_start_exactly_one_period_apart_for_ever(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, period=123_457)
    bench.wait(2000 * MS)
    starts = sorted({event.frame_start for event in bench.edge_events})
    assert len(starts) > 150
    assert {b - a for a, b in pairwise(starts)} == {123_457}


@pytest.mark.parametrize("mode", [0, 1])
def test_stop_is_harmless_when_idle(bench: Bench, mode: int) -> None:
    assert bench.obeyed(r.REG_STOP, mode)
    assert bench.state == BoxState.IDLE
    assert not bench.statuses


def test_stop_now_has_all_outputs_low_when_the_reply_is_sent(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 10_000)  # within the lamp pulse
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0xC0,)
    assert bench.obeyed(r.REG_STOP, 1)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.state == BoxState.COMMITTED
    assert bench.edges[-1].mask == 0xC0
    assert bench.edges[-1].t_ticks == bench.t
    assert bench.edge_events[-1].flags & r.EDGE_FLAGS_FRAME_END
    bench.wait(500 * MS)
    assert bench.edges[-1].t_ticks < bench.t - 400 * MS, "no edge after the stop"


def test_stop_after_frame_lets_the_frame_end_in_order(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 500)
    assert bench.obeyed(r.REG_STOP, 0)
    assert bench.state == BoxState.RUNNING
    bench.wait(200 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("FramesStarted") == 1
    assert [e.mask for e in bench.edges] == [0x3F, 0x3F, 0xC0, 0xC0]


def test_stop_after_frame_between_start_and_frame_zero_makes_no_frame(bench: Bench) -> None:
    bench.run()
    assert bench.obeyed(r.REG_STOP, 0)
    bench.wait(200 * MS)
    assert bench.state == BoxState.COMMITTED
    assert not bench.edges


def test_the_committed_schedule_survives_a_stop_and_runs_again_from_pulse_zero(bench: Bench) -> None:
    bench.run(frames=2)
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
    bench.run(CAMERAS_ONLY, frames=3)
    bench.wait(50 * MS)
    bench.stage((Step(0x8000, 5, 50),))
    assert bench.obeyed(r.REG_STAGE_CLEAR, 1)
    bench.wait(400 * MS)
    assert {e.mask for e in bench.edges} == {0x3F}
    assert len(bench.edges) == 6


# ---------------------------------------------------------------- refusals


def refused(bench: Bench, reason: int, detail: int | None = None) -> None:
    seen = bench.refusal()
    assert seen[0] == reason
    assert detail is None or seen[1] == detail


@pytest.mark.parametrize("act", [r.REG_COMMIT, r.REG_LIGHT_LIMITS, r.REG_LIGHT_SESSION])
def test_what_needs_a_box_at_rest_is_refused_while_armed_and_running(bench: Bench, act: int) -> None:
    count, crc = bench.stage()
    values = {r.REG_COMMIT: (8, count, crc), r.REG_LIGHT_LIMITS: bench.read(r.REG_LIGHT_LIMITS).values}
    bench.run()
    assert not bench.obeyed(act, *values.get(act, (0, 0)))
    bench.write(r.REG_STOP, 1)
    assert bench.obeyed(r.REG_ARM, 7)
    assert not bench.obeyed(act, *values.get(act, (0, 0)))
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (7,)


def test_a_commit_while_running_is_the_wrong_state(bench: Bench) -> None:
    bench.run()
    assert not bench.obeyed(r.REG_COMMIT, 8, *bench.stage())
    refused(bench, r.REFUSAL_REASONS_WRONG_STATE)


def test_arm_without_a_commit_is_the_wrong_state(bench: Bench) -> None:
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_WRONG_STATE)


def test_a_commit_with_another_step_count_is_refused(bench: Bench) -> None:
    count, crc = bench.stage()
    assert not bench.obeyed(r.REG_COMMIT, 7, count - 1, crc)
    refused(bench, r.REFUSAL_REASONS_STEP_COUNT_DIFFERS)


def test_a_commit_with_a_step_that_was_never_staged_is_refused(bench: Bench) -> None:
    header = struct.pack("<4I", TEN_HZ, 0, 1, 0)
    assert bench.obeyed(r.REG_STAGE_CLEAR, 1)
    assert bench.obeyed(r.REG_STAGE_HEADER, TEN_HZ, 0, 1, 0)
    assert not bench.obeyed(r.REG_COMMIT, 7, 1, zlib.crc32(header + bytes(16)))
    refused(bench, r.REFUSAL_REASONS_STEP_COUNT_DIFFERS, 0)


def test_a_cleared_staging_area_cannot_be_committed(bench: Bench) -> None:
    count, crc = bench.stage()
    assert bench.obeyed(r.REG_STAGE_CLEAR, 1)
    assert not bench.obeyed(r.REG_COMMIT, 7, count, crc)


@pytest.mark.parametrize("bit", [0, 13, 31])
def test_one_wrong_bit_in_the_crc_refuses_the_commit(bench: Bench, bit: int) -> None:
    count, crc = bench.stage()
    assert not bench.obeyed(r.REG_COMMIT, 7, count, crc ^ 1 << bit)
    refused(bench, r.REFUSAL_REASONS_CRC_DIFFERS)
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (0,)
    assert bench.state == BoxState.IDLE


def test_generation_zero_is_refused(bench: Bench) -> None:
    count, crc = bench.stage()
    assert not bench.obeyed(r.REG_COMMIT, 0, count, crc)
    refused(bench, r.REFUSAL_REASONS_GENERATION_INVALID)


def test_a_step_that_ends_with_the_frame_is_refused(bench: Bench) -> None:
    assert not bench.commit((Step(1, 0, 100), Step(2, TEN_HZ - 1000, 1000)))
    refused(bench, r.REFUSAL_REASONS_STEP_OUTSIDE_FRAME, 1)
    assert bench.commit((Step(1, 0, 100), Step(2, TEN_HZ - 1000, 999)))


@pytest.mark.parametrize("second", [Step(3, 500, 100), Step(1, 0, 10), Step(1, 1000, 100)])
def test_steps_of_one_output_must_not_overlap_nor_touch(bench: Bench, second: Step) -> None:
    assert not bench.commit((Step(1, 0, 1000), second))
    refused(bench, r.REFUSAL_REASONS_STEPS_OVERLAP, 1)


def test_steps_of_different_outputs_may_overlap(bench: Bench) -> None:
    assert bench.commit((Step(1, 0, 1000), Step(2, 500, 1000), Step(1, 1001, 10)))


def test_an_output_that_is_not_wired_is_refused() -> None:
    bench = Bench(BoxFacts(outputs=10))
    assert not bench.commit((Step(1 << 10, 0, 100),))
    refused(bench, r.REFUSAL_REASONS_OUTPUT_NOT_WIRED, 10)


def test_a_lamp_pulse_longer_than_the_limit_is_refused_and_a_trigger_is_not(bench: Bench) -> None:
    assert not bench.commit((Step(LAMP, 0, 20_001),))
    refused(bench, r.REFUSAL_REASONS_LAMP_PULSE_TOO_LONG, 0)
    assert bench.commit((Step(LAMP, 0, 20_000), Step(1, 0, 200_000)))


def test_a_lamp_duty_above_the_limit_is_refused(bench: Bench) -> None:
    pulses = tuple(Step(LAMP, 30_000 * i, 17_000) for i in range(3))
    assert not bench.commit(pulses)  # 5.1 %
    refused(bench, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, 6)
    assert bench.commit(pulses[:2])


def test_a_lamp_rate_above_the_limit_is_refused_and_a_trigger_rate_is_not(bench: Bench) -> None:
    too_fast = 10_000_000 * 1000 // 15_000 - 1
    assert not bench.commit((Step(LAMP, 0, 100),), period=too_fast)
    refused(bench, r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH)
    assert bench.commit((Step(1, 0, 100),), period=too_fast)
    assert bench.commit((Step(LAMP, 0, 100),), period=too_fast + 2)


def test_an_external_start_without_a_sync_input_is_refused() -> None:
    bench = Bench(BoxFacts(sync_inputs=0))
    assert not bench.commit(CAMERAS_ONLY, mode=1)
    refused(bench, r.REFUSAL_REASONS_NO_SYNC_INPUT)


def test_arm_is_refused_while_the_interlock_is_open_and_the_schedule_makes_light(bench: Bench) -> None:
    bench.input(6, 0)
    assert bench.commit()
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_INTERLOCK_OPEN, 6)
    assert bench.commit(CAMERAS_ONLY, generation=8)
    assert bench.obeyed(r.REG_ARM, 8)


def test_arm_is_refused_until_the_watchdog_is_fed_and_once_the_feed_is_old(bench: Bench) -> None:
    assert bench.commit()
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_WATCHDOG_NOT_FED)
    bench.feed()
    bench.wait(500 * MS, feed=False)
    assert not bench.obeyed(r.REG_ARM, 7)
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)


def test_arm_is_refused_when_the_limits_were_lowered_below_the_committed_schedule(bench: Bench) -> None:
    bench.allow_light()
    assert bench.commit((Step(LAMP, 0, 20_000),))
    bench.allow_light(max_pulse_width_ticks=10_000)
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_LAMP_PULSE_TOO_LONG)


def test_arm_is_refused_when_the_light_session_is_spent_until_a_new_one_begins(bench: Bench) -> None:
    bench.allow_light(max_session_pulses=2)
    bench.run(frames=2)
    bench.wait(300 * MS)
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_LIGHT_SESSION_SPENT, 2)
    assert not bench.obeyed(r.REG_LIGHT_SESSION, 1, 0)
    assert bench.obeyed(r.REG_LIGHT_SESSION, 0, 0)
    assert bench.obeyed(r.REG_ARM, 7)


def test_a_commit_that_succeeds_clears_the_refusal(bench: Bench) -> None:
    count, crc = bench.stage()
    assert not bench.obeyed(r.REG_COMMIT, 7, count, crc ^ 1)
    assert bench.obeyed(r.REG_COMMIT, 7, count, crc)
    assert bench.refusal() == (0, 0)


def test_a_refused_commit_leaves_the_committed_schedule_as_it_was(bench: Bench) -> None:
    assert bench.commit(CAMERAS_ONLY)
    count, crc = bench.stage((Step(LAMP, 0, 200),))
    assert not bench.obeyed(r.REG_COMMIT, 8, count, crc ^ 1)
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)
    assert bench.obeyed(r.REG_START, 7)
    bench.wait(50 * MS)
    assert bench.edges[0].mask == 0x3F


def test_every_refused_request_is_counted(bench: Bench) -> None:
    before = bench.counter("RequestsRefused")
    assert bench.write(r.REG_TICK_RATE, 1).is_error  # read only
    assert bench.ask(message(1, 200, 1)).is_error  # no such register
    assert bench.ask(message(1, r.REG_TICK_RATE, 1)).is_error  # wrong type
    assert bench.ask(message(2, r.REG_ARM, 4, bytes(8))).is_error  # wrong length
    assert bench.write(r.REG_STAGE_CLEAR, 2).is_error  # out of range
    assert bench.write(r.REG_STAGE_HEADER, 999, 0, 1, 0).is_error  # a field out of range
    assert bench.write(r.REG_STAGE_STEP, 32, 1, 0, 10).is_error
    assert bench.write(r.REG_STOP, 2).is_error
    assert bench.counter("RequestsRefused") == before + 8


# ---------------------------------------------------------------- light


def test_hard_limits_cannot_be_raised_in_any_field(bench: Bench) -> None:
    hard = bench.read(r.REG_HARD_LIGHT_LIMITS).values
    assert bench.obeyed(r.REG_LIGHT_LIMITS, *hard)
    for field in (0, 1, 2, 4, 5):
        assert not bench.obeyed(r.REG_LIGHT_LIMITS, *(v + (i == field) for i, v in enumerate(hard)))
    assert bench.read(r.REG_LIGHT_LIMITS).values == hard


def test_a_pause_shorter_than_the_hard_one_is_refused() -> None:
    hard = (50_000, 200, 100, 1000, 10_000, 100_000)
    facts = BoxFacts()
    bench = Bench(BoxFacts(hard_light=type(facts.hard_light)(*hard)))
    assert not bench.obeyed(r.REG_LIGHT_LIMITS, *hard[:3], 999, *hard[4:])
    assert bench.obeyed(r.REG_LIGHT_LIMITS, *hard[:3], 1001, *hard[4:])


def test_the_box_boots_with_limits_that_protect_people(bench: Bench) -> None:
    assert bench.read(r.REG_LIGHT_LIMITS).values == (20_000, 50, 100, 50_000_000, 3000, 15_000)


def test_a_train_that_is_too_long_faults_before_its_light(bench: Bench) -> None:
    bench.allow_light(max_train_pulses=3, min_train_pause_ticks=5_000 * MS)
    bench.run()
    bench.wait(1000 * MS)
    assert bench.state == BoxState.FAULT
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert sum(edge.levels & 0xC0 == 0xC0 for edge in bench.edges) == 3
    assert bench.counter("LightPulses") == 3
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)


def test_a_second_start_goes_on_with_the_same_train_unless_the_pause_was_long_enough(bench: Bench) -> None:
    bench.allow_light(max_train_pulses=3, min_train_pause_ticks=1000 * MS)
    bench.run(frames=2)
    bench.wait(300 * MS)
    assert bench.read(r.REG_LIGHT_SESSION).values == (2, 2)
    bench.write(r.REG_ARM, 7)
    bench.write(r.REG_START, 7)
    bench.wait(300 * MS)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("LightPulses") == 3
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    bench.wait(1500 * MS)
    assert bench.read(r.REG_LIGHT_SESSION).values == (3, 0)
    bench.run(frames=3)
    bench.wait(400 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("LightPulses") == 6


def test_a_new_session_does_not_end_the_train(bench: Bench) -> None:
    bench.allow_light(max_train_pulses=3, min_train_pause_ticks=50_000 * MS)
    bench.run(frames=3)
    bench.wait(500 * MS)
    assert bench.write(r.REG_LIGHT_SESSION, 0, 0).values == (0, 0)
    assert bench.read(r.REG_LIGHT_SESSION).values == (0, 3)


def test_a_session_that_is_spent_while_running_faults(bench: Bench) -> None:
    bench.allow_light(max_session_pulses=4)
    bench.run()
    bench.wait(1000 * MS)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("LightPulses") == 4


def test_an_external_frame_that_follows_a_lit_one_too_soon_faults() -> None:
    bench = Bench()
    bench.allow_light(max_rate_millihertz=10_000)
    bench.run(mode=1, frames=1)
    bench.input(7, 1)
    bench.wait(20 * MS)
    bench.input(7, 0)
    bench.write(r.REG_STOP, 1)
    bench.write(r.REG_ARM, 7)
    bench.write(r.REG_START, 7)
    bench.input(7, 1)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("LightPulses") == 1


def test_frames_without_light_are_not_counted_as_light(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, frames=150)
    bench.wait(16_000 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("LightPulses") == 0


# ---------------------------------------------------------------- watchdog, interlock, lost events


def test_a_silent_host_trips_the_watchdog_and_all_outputs_fall(bench: Bench) -> None:
    assert bench.obeyed(r.REG_WATCHDOG_TIMEOUT, 100_000)  # 10 ms
    bench.run()
    fed = bench.t
    bench.wait(6 * MS, feed=False)
    assert bench.read(r.REG_OUTPUT_LEVELS).values != (0,)
    bench.wait(200 * MS, feed=False)
    assert bench.state == BoxState.FAULT
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_WATCHDOG_EXPIRED,)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.statuses[-1].tick == fed + 100_000
    assert bench.counter("WatchdogTrips") == 1


def test_the_watchdog_cuts_a_pulse_short(bench: Bench) -> None:
    assert bench.obeyed(r.REG_WATCHDOG_TIMEOUT, 100_000)
    bench.run((Step(0x3F, 0, 200_000),))
    bench.wait(100 * MS, feed=False)
    assert [(e.mask, e.levels) for e in bench.edges] == [(0x3F, 0x3F), (0x3F, 0)]
    assert bench.edges[1].t_ticks - bench.edges[0].t_ticks == 100_000 - 50_000


def test_the_watchdog_watches_while_armed_but_not_at_rest(bench: Bench) -> None:
    assert bench.commit()
    bench.feed()
    bench.wait(3000 * MS, feed=False)
    assert bench.state == BoxState.COMMITTED
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)
    bench.wait(600 * MS, feed=False)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_WATCHDOG_EXPIRED,)


def test_a_fed_watchdog_never_trips(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY)
    bench.wait(5000 * MS)
    assert bench.state == BoxState.RUNNING


def test_an_opened_interlock_turns_everything_off_at_once(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 10_000)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0xC0,)
    bench.input(6, 0)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_INTERLOCK_OPEN,)
    assert bench.statuses[-1].pulse_index == 0
    assert bench.statuses[-1].tick == bench.t
    assert bench.counter("InterlockTrips") == 1


def test_the_interlock_does_not_matter_to_a_schedule_without_light(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY)
    bench.input(6, 0)
    bench.wait(300 * MS)
    assert bench.state == BoxState.RUNNING


def test_a_cleared_fault_forgets_the_commit_and_a_cause_that_persists_refuses_the_next_arm(bench: Bench) -> None:
    bench.run()
    bench.input(6, 0)
    assert not bench.obeyed(r.REG_ARM, 7)
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    assert bench.state == BoxState.IDLE
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (0,)
    assert bench.read(r.REG_FAULT).values == (0,)
    assert bench.commit()
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)


def test_clearing_no_fault_is_harmless(bench: Bench) -> None:
    assert bench.commit()
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    assert bench.state == BoxState.COMMITTED


def test_a_host_that_does_not_read_loses_events_counted_and_faults_the_run(bench: Bench) -> None:
    bench.run((Step(0x3F, 0, 100),), period=1000)
    for _ in range(200):
        bench.t += MS
        bench.machine.advance(bench.t)
    assert bench.machine.behaviour.output_levels == 0
    assert len(bench.machine.outbox.waiting) <= 16_384
    bench.send(b"")
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_EVENTS_LOST,)
    dropped = bench.counter("EventsDropped")
    assert dropped > 0
    assert len({event.counter for event in bench.events}) == len(bench.events)
    assert bench.counter("EventsSent") == len(bench.events) + dropped


# ---------------------------------------------------------------- events


def test_event_counters_have_no_gap_over_edge_and_status_events(bench: Bench) -> None:
    bench.run(frames=5)
    bench.wait(700 * MS)
    assert [event.counter for event in bench.events] == list(range(len(bench.events)))
    assert bench.counter("EventsSent") == len(bench.events)


def test_sixteen_records_are_sent_at_once_and_the_rest_after_two_milliseconds(bench: Bench) -> None:
    for n in range(18):
        bench.t += 20
        bench.input(n % 6, 1 if n % 12 < 6 else 0)
    assert [len(event.edges) for event in bench.edge_events] == [16]
    oldest = bench.t - 20
    bench.wait(oldest + 2 * MS - 1 - bench.t, feed=False)
    assert len(bench.edge_events) == 1
    bench.wait(1, feed=False)
    assert [len(event.edges) for event in bench.edge_events] == [16, 2]


def test_records_outside_frames_name_no_pulse_and_no_generation(bench: Bench) -> None:
    assert bench.commit()
    bench.input(2, 1)
    bench.wait(3 * MS)
    event = bench.edge_events[-1]
    assert (event.pulse_index, event.generation, event.frame_start, event.flags) == (NO_PULSE, 0, 0, 0)
    assert event.edges[0].is_input
    assert (event.edges[0].mask, event.edges[0].levels, event.input_levels) == (4, 0x44, 0x44)


def test_each_frame_begins_and_ends_once_and_owns_the_edges_between(bench: Bench) -> None:
    bench.run(frames=3)
    for _ in range(310):
        bench.wait(MS)
        bench.input(0, bench.t // MS % 2)
    by_pulse: dict[int, list[int]] = {}
    for event in bench.edge_events:
        by_pulse.setdefault(event.pulse_index, []).append(event.flags)
        if event.pulse_index != NO_PULSE:
            assert event.generation == 7
            assert all(event.frame_start <= e.t_ticks < event.frame_start + TEN_HZ for e in event.edges)
    for pulse in range(3):
        flags = by_pulse[pulse]
        assert flags[0] & 1
        assert flags[-1] & 2
        assert not any(f & 1 for f in flags[1:])
        assert not any(f & 2 for f in flags[:-1])


def test_a_frame_without_edges_still_ends_with_an_event(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, frames=1)
    bench.input(7, 1)
    bench.wait(200 * MS)
    assert bench.edge_events[-1].edges == ()
    assert bench.edge_events[-1].flags == r.EDGE_FLAGS_FRAME_END


def test_waiting_edges_are_told_before_the_state_that_follows_them(bench: Bench) -> None:
    bench.input(2, 1)
    assert bench.commit()
    assert [type(event).__name__ for event in bench.events] == ["EdgeEvent", "Status"]


def test_edges_come_in_time_order(bench: Bench) -> None:
    bench.run(frames=3)
    for _ in range(300):
        bench.t += MS + 7
        bench.feed()
        bench.input(1, bench.t // MS % 2)
    ticks = [edge.t_ticks for edge in bench.edges]
    assert ticks == sorted(ticks)


def test_an_input_that_changes_faster_than_the_box_can_stamp_is_counted_only(bench: Bench) -> None:
    bench.input(0, 1)
    bench.t += 5
    bench.input(0, 0)
    bench.wait(3 * MS)
    assert len(bench.edges) == 1
    assert bench.counter("InputsIgnored") == 1
    assert bench.counter("InputEdges") == 1
    assert bench.read(r.REG_INPUT_LEVELS).values == (0x40,)


def test_a_level_that_does_not_change_is_no_edge(bench: Bench) -> None:
    bench.input(6, 1)
    bench.input(9, 1)
    bench.wait(3 * MS)
    assert not bench.edges


def test_nothing_is_reported_in_standby_and_the_counter_stands_still(bench: Bench) -> None:
    bench.write(r.REG_OPERATION_CONTROL, 0)
    bench.run(frames=2)
    bench.wait(300 * MS)
    assert not bench.events
    assert bench.counter("EventsSent") == 0
    assert bench.counter("FramesStarted") == 2


# ---------------------------------------------------------------- external start


def test_each_rising_sync_edge_starts_one_frame_at_its_own_tick(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, frames=2, period=10_000)
    bench.wait(300 * MS)
    assert not bench.edges, "nothing runs before the first edge"
    syncs = []
    for _ in range(2):
        bench.input(7, 1)
        syncs.append(bench.t)
        bench.wait(37 * MS)
        bench.input(7, 0)
        bench.wait(MS)
    assert [e.frame_start for e in bench.edge_events if e.flags & 1] == syncs
    assert bench.state == BoxState.COMMITTED


def test_a_sync_edge_within_a_frame_starts_nothing(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, period=TEN_HZ)
    for _ in range(5):
        bench.input(7, 1)
        bench.wait(5 * MS)
        bench.input(7, 0)
        bench.wait(5 * MS)
    assert bench.counter("FramesStarted") == 1


# ---------------------------------------------------------------- requests


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
    bench.run(CAMERAS_ONLY, frames=3)
    bench.machine.link_lost()
    before = len(bench.events)
    bench.wait(500 * MS)
    assert len(bench.events) == before
    assert bench.counter("FramesStarted") == 3
    assert bench.counter("EventsDropped") == 0


def test_replies_carry_box_time_in_steps_of_32_microseconds(bench: Bench) -> None:
    assert bench.read(r.REG_WHO_AM_I).harp_ticks == bench.t // 320 * 320
