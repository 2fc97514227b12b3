"""What the simulated box refuses, and the reason that it gives.

In: staged schedules and commands that break one rule each. Out: an error reply, the reason in the refusal register, and
a committed schedule that stays as it was.
"""

from __future__ import annotations

import struct
import zlib

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.states import BoxState
from tests.unit.sim.trigger_box.box_host import CAMERAS_ONLY, MS, TEN_HZ, Bench, Step, message

LAMP = 0x40


@pytest.fixture
def bench() -> Bench:
    return Bench()


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


def test_a_step_that_ends_with_the_pulse_is_refused(bench: Bench) -> None:
    assert not bench.commit((Step(1, 0, 100), Step(2, TEN_HZ - 1000, 1000)))
    refused(bench, r.REFUSAL_REASONS_STEP_OUTSIDE_PULSE, 1)
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


def test_a_flash_longer_than_the_limit_is_refused_and_a_trigger_is_not(bench: Bench) -> None:
    assert not bench.commit((Step(LAMP, 0, 20_001),))
    refused(bench, r.REFUSAL_REASONS_FLASH_TOO_LONG, 0)
    assert bench.commit((Step(LAMP, 0, 20_000), Step(1, 0, 200_000)))


def test_a_lamp_duty_above_the_limit_is_refused(bench: Bench) -> None:
    bench.allow_light(max_duty_permille=50)
    flashes = tuple(Step(LAMP, 250_000 * i, 12_500) for i in range(4))
    assert bench.commit(flashes, period=1_000_000)  # 5.0 %
    assert not bench.commit(flashes, period=999_999)
    refused(bench, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, 6)


def test_each_flash_needs_its_dark_time_before_the_next_whatever_the_pulse_holds(bench: Bench) -> None:
    bench.allow_light(max_duty_permille=50)
    assert not bench.commit((Step(LAMP, 0, 17_000), Step(LAMP, 339_999, 100)), period=20_000_000)
    refused(bench, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, 6)
    assert bench.commit((Step(LAMP, 0, 17_000), Step(LAMP, 340_000, 100)), period=20_000_000)


def test_a_lamp_that_is_lit_for_too_much_of_any_second_is_refused(bench: Bench) -> None:
    bench.allow_light(max_duty_permille=50)
    # 5.0 % of each period, but 15 flashes lie in the second that begins with one.
    assert not bench.commit((Step(LAMP, 0, 35_000),), period=700_000)
    refused(bench, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE, 6)
    assert bench.commit((Step(LAMP, 0, 33_333),), period=700_000)


def test_flashes_of_one_lamp_that_follow_too_fast_within_a_pulse_are_refused(bench: Bench) -> None:
    assert not bench.commit((Step(LAMP, 0, 100), Step(LAMP, 666_666, 100)), period=2_000_000)
    refused(bench, r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH, 6)
    assert not bench.commit((Step(LAMP, 0, 100), Step(LAMP, 1_400_000, 100)), period=2_000_000)
    refused(bench, r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH, 6)
    assert bench.commit((Step(LAMP, 0, 100), Step(LAMP, 666_667, 100), Step(LAMP << 1, 5, 100)), period=2_000_000)


def test_a_pulse_with_more_flashes_of_a_lamp_than_a_train_has_is_refused(bench: Bench) -> None:
    bench.allow_light(max_train_flashes=2)
    flashes = tuple(Step(LAMP, 1_000_000 * i, 100) for i in range(3))
    assert not bench.commit(flashes, period=5_000_000)
    refused(bench, r.REFUSAL_REASONS_TRAIN_TOO_LONG, 6)
    assert bench.commit(flashes[:2], period=5_000_000)


def test_a_start_that_is_refused_says_why(bench: Bench) -> None:
    assert bench.commit()
    assert not bench.obeyed(r.REG_START, 7)
    refused(bench, r.REFUSAL_REASONS_WRONG_STATE, 1)
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)
    assert not bench.obeyed(r.REG_START, 8)
    refused(bench, r.REFUSAL_REASONS_GENERATION_INVALID, 7)
    assert bench.obeyed(r.REG_START, 7)
    refused(bench, r.REFUSAL_REASONS_NONE)


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
    bench.allow_light(max_flash_width_ticks=10_000)
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)
    refused(bench, r.REFUSAL_REASONS_FLASH_TOO_LONG)


def test_arm_is_refused_when_the_light_session_is_spent_until_a_new_one_begins(bench: Bench) -> None:
    bench.allow_light(max_session_flashes=2)
    bench.run(pulses=2)
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
