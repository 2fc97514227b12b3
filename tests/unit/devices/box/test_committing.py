"""Committing schedules and light limits over a scripted port, and what goes wrong on the way.

In: answers that are lost, late, changed or refused. Out: what was written to the port, and errors that say why.
"""

import pytest

from rigdriver.devices.box.link import ATTEMPTS
from rigdriver.errors import (
    BadReply,
    BoxRefused,
    UsageError,
)
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.registers import BoxStates, LightLimitsRecord, RefusalReasons
from tests.unit.devices.box.box_over import CONFIG, SCHEDULE, late, open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort, lose, refuse, reply


def test_commit_sends_header_steps_and_crc_in_this_order(port: FakeBoxPort) -> None:
    box = open_over(port)
    del port.requests[:]
    box.commit(SCHEDULE)
    assert [message.address for message in port.requests] == [40, 41, 42, 42, 43, 45, 45]
    assert port.written(registers.STAGE_HEADER) == [registers.StageHeaderRecord(1_000_000, 100, 2, 0)]
    assert [step.delay_ticks for step in port.written(registers.STAGE_STEP)] == [0, 2500]
    assert port.written(registers.COMMIT) == [registers.CommitRecord(7, 2, SCHEDULE.crc32())]


def test_lost_step_is_sent_again_behind_a_fence(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.script(registers.STAGE_STEP, lose)
    box.commit(SCHEDULE)
    assert [step.index for step in port.written(registers.STAGE_STEP)] == [0, 0, 1]
    assert len(port.written(registers.CLOCK_PROBE)) == 1
    assert box.link_counters.abandoned == 1


def test_late_reply_is_stale_and_not_taken_for_the_answer_to_the_second_try(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.hold(registers.BOX_STATE, BoxStates.IDLE)
    port.script(registers.BOX_STATE, late(port, port.answer), *[lambda m: reply(m, b"\3")] * 2)
    assert box.status().state is BoxStates.RUNNING
    assert box.link_counters.stale == 1


def test_thread_that_is_held_up_while_it_writes_takes_nothing_from_the_time_to_reply(port: FakeBoxPort) -> None:
    box = open_over(port)

    def held_up(request: Message) -> bytes:
        port.clock.t_ns += round(CONFIG.reply_timeout_s * 1.5e9)
        port.arriving.extend([b""] * 26)
        return port.answer(request)

    port.script(registers.BOX_STATE, held_up)
    box.status()
    assert (box.link_counters.abandoned, box.link_counters.stale) == (0, 0)


def test_step_that_arrived_changed_is_sent_again(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.script(registers.STAGE_STEP, lambda m: reply(m, m.payload[:-1] + b"\1"))
    box.commit(SCHEDULE)
    assert [step.index for step in port.written(registers.STAGE_STEP)] == [0, 0, 1]
    assert box.link_counters.differences == 1


def test_box_that_keeps_another_value_is_told_with_both_values(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.script(registers.STAGE_CLEAR, *[lambda m: reply(m, b"\0")] * ATTEMPTS)
    with pytest.raises(BadReply, match="write of StageClear: holds 00, asked for 01"):
        box.commit(SCHEDULE)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (RefusalReasons.CRC_DIFFERS, "not what was sent"),
        (RefusalReasons.FLASH_TOO_LONG, "step 6: the flash is too long"),
        (RefusalReasons.LIGHT_SESSION_SPENT, "begin a new light session"),
    ],
)
def test_refused_commit_says_why(port: FakeBoxPort, reason: RefusalReasons, words: str) -> None:
    box = open_over(port)
    port.hold(registers.COMMIT_REFUSAL, registers.CommitRefusalRecord(reason, 6))
    port.script(registers.COMMIT, refuse, refuse)
    with pytest.raises(BoxRefused, match=rf"refused to commit in state Idle: .*{words}"):
        box.commit(SCHEDULE)


def test_every_reason_of_the_interface_has_words(port: FakeBoxPort) -> None:
    box = open_over(port)
    for reason in RefusalReasons:
        port.hold(registers.COMMIT_REFUSAL, registers.CommitRefusalRecord(reason, 5))
        port.script(registers.COMMIT, refuse, refuse)
        with pytest.raises(BoxRefused) as caught:
            box.commit(SCHEDULE)
        port.scripts.clear()
        assert ";" in str(caught.value), "a remedy follows the reason"


def test_schedule_that_arrived_damaged_is_sent_once_more(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.hold(registers.COMMIT_REFUSAL, registers.CommitRefusalRecord(RefusalReasons.CRC_DIFFERS, 0))
    port.script(registers.COMMIT, refuse)
    box.commit(SCHEDULE)
    assert [step.index for step in port.written(registers.STAGE_STEP)] == [0, 1, 0, 1]


def test_schedule_that_breaks_a_limit_is_not_sent_again(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.hold(registers.COMMIT_REFUSAL, registers.CommitRefusalRecord(RefusalReasons.LAMP_DUTY_TOO_LARGE, 6))
    port.script(registers.COMMIT, refuse)
    with pytest.raises(BoxRefused):
        box.commit(SCHEDULE)
    assert len(port.written(registers.COMMIT)) == 1


def test_schedule_that_fits_no_register_is_refused_here(port: FakeBoxPort) -> None:
    box = open_over(port)
    with pytest.raises(UsageError, match=r"StageHeader.pulse_period_ticks: 999"):
        box.commit(BoxSchedule.of(7, 999, 1, (box_step(1, 0, 10),)))


def test_commit_of_another_generation_is_noticed(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.script(registers.COMMITTED_GENERATION, *[lambda m: reply(m, b"\6\0\0\0")] * 2)
    with pytest.raises(BadReply, match="committed generation 6; expected 7"):
        box.commit(SCHEDULE)


def test_refused_light_limits_name_the_hard_ones(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.script(registers.LIGHT_LIMITS, refuse)
    with pytest.raises(BoxRefused, match=r"max_flash_width_ticks=9.*hard limits are .*max_flash_width_ticks=1"):
        box.set_light_limits(LightLimitsRecord(9, 2, 3, 4, 5, 6))


def test_light_limits_and_light_session_are_written(port: FakeBoxPort) -> None:
    box = open_over(port)
    box.set_light_limits(LightLimitsRecord(1, 2, 3, 4, 5, 6))
    box.clear_light_session()
    assert port.written(registers.LIGHT_LIMITS) == [registers.LightLimitsRecord(1, 2, 3, 4, 5, 6)]
    assert port.written(registers.LIGHT_SESSION) == [registers.LightSessionRecord(0, 0)]


def test_light_made_so_far_is_read_from_the_box(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.hold(registers.LIGHT_SESSION, registers.LightSessionRecord(120, 20))
    assert box.light_session() == registers.LightSessionRecord(session_flashes=120, train_flashes=20)


def test_the_dark_time_that_is_due_is_read_from_the_box(port: FakeBoxPort) -> None:
    box = open_over(port)
    port.hold(registers.LIGHT_WAIT, registers.LightWaitRecord(7, 50_000_000))
    assert box.light_wait() == registers.LightWaitRecord(start_ticks=7, train_ticks=50_000_000)
