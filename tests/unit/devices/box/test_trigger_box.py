"""The trigger box over a scripted port: opening, committing, commanding, and what goes wrong.

In: answers that are lost, late, doubled, changed or refused, on a fake clock. Out: what was written to the port, and
errors that name the box, what was seen and what to do.
"""

from collections.abc import Callable

import pytest

from rigdriver.config import BoxConfig
from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.box.link import ATTEMPTS, BoxLink
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import (
    BadReply,
    BoxFault,
    BoxRefused,
    InterfaceMismatch,
    LinkLost,
    NoReply,
    NotATriggerBox,
    PortUnavailable,
    StateError,
    UsageError,
)
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.layout import Register
from rigdriver.wire.registers import BoxStates, Faults, LightLimitsRecord, RefusalReasons, StopModes
from tests.unit.devices.box.fake_box_port import BYTE_NS, FakeBoxPort, lose, probe_payload, refuse, reply

CONFIG = BoxConfig(url="fake", reply_timeout_s=0.5, watchdog_s=0.5)
SCHEDULE = BoxSchedule.of(7, 1_000_000, 100, (box_step(0x3F, 0, 1000), box_step(0xC0, 2500, 15000)))


@pytest.fixture
def port() -> FakeBoxPort:
    return FakeBoxPort()


def link_over(port: FakeBoxPort) -> BoxLink:
    return BoxLink(port, CONFIG.reply_timeout_s, port.clock)


def open_over(port: FakeBoxPort) -> TriggerBox:
    return TriggerBox(link_over(port), CONFIG, port.clock)


def late(port: FakeBoxPort, answer: Callable[[Message], bytes]) -> Callable[[Message], bytes]:
    """Do what is asked, but let the reply arrive only after the time allowed."""

    def delayed(request: Message) -> bytes:
        raw = answer(request)
        port.arriving.extend([b""] * (round(CONFIG.reply_timeout_s * 1e9) // BYTE_NS + 1))
        port.arriving.append(raw)
        return b""

    return delayed


# -- opening ---------------------------------------------------------------------------------------------------------


def test_opening_quiets_the_box_identifies_it_and_lets_it_report(port: FakeBoxPort) -> None:
    box = open_over(port)
    assert port.flushes == 1
    assert port.written(registers.OPERATION_CONTROL) == [0x60, 0x61]
    assert port.written(registers.WATCHDOG_TIMEOUT) == [5_000_000]
    assert port.written(registers.STOP) == []
    identity = box.identity
    assert (identity.device_name, identity.serial_number, identity.firmware) == ("TriggerBox", 42, "1.2.3")
    assert (identity.outputs, identity.inputs, identity.max_steps) == (16, 8, 32)
    assert (identity.lamp_outputs, identity.interlock_inputs, identity.sync_inputs) == (0x3C0, 0x40, 0x80)
    assert identity.hard_light == registers.HardLightLimitsRecord(1, 2, 3, 4, 5, 6)
    assert identity.uid == "000102030405060708090a0b0c0d0e0f"


@pytest.mark.parametrize("state", [BoxStates.ARMED, BoxStates.RUNNING])
def test_box_that_runs_when_opened_is_stopped_first(port: FakeBoxPort, state: BoxStates) -> None:
    port.hold(registers.BOX_STATE, state)
    open_over(port)
    assert port.written(registers.STOP) == [StopModes.NOW]


def test_port_that_answers_nothing_is_no_reply(port: FakeBoxPort) -> None:
    port.is_mute = True
    with pytest.raises(NoReply, match="trigger box on fake: nothing answers; check that the box has power"):
        open_over(port)
    assert len(port.requests) == ATTEMPTS


def test_port_that_talks_something_else_is_no_trigger_box(port: FakeBoxPort) -> None:
    # The driver asks again when the text has ended: a board that restarts may have sent it.
    port.script(registers.OPERATION_CONTROL, *[lambda _: b"$GPGGA,123519\r\n"] * ATTEMPTS, *[lose] * ATTEMPTS)
    with pytest.raises(NotATriggerBox, match="60 bytes came, but no answer of a Harp device"):
        open_over(port)


def test_other_harp_device_is_no_trigger_box_and_gets_no_stop(port: FakeBoxPort) -> None:
    port.hold(registers.WHO_AM_I, 1216)
    port.hold(registers.DEVICE_NAME, b"Behavior".ljust(25, b"\0"))
    port.hold(registers.VERSION, registers.VersionRecord(1, 13, 0, 3, 2, 0, 2, 0, 0, b"ATX", bytes(20)))
    with pytest.raises(NotATriggerBox, match=r"Harp device 'Behavior' \(WhoAmI 1216\); expected 'TriggerBox'"):
        open_over(port)
    assert {message.address for message in port.requests} <= set(range(20))


def test_old_harp_device_without_version_register_is_no_trigger_box(port: FakeBoxPort) -> None:
    port.script(registers.VERSION, refuse)
    with pytest.raises(NotATriggerBox, match="refused the read of Version"):
        open_over(port)


def test_other_interface_names_both_hashes_and_the_remedy(port: FakeBoxPort) -> None:
    port.hold(registers.VERSION, registers.VersionRecord(1, 13, 0, 0, 9, 0, 1, 0, 0, b"FAK", bytes(20)))
    with pytest.raises(InterfaceMismatch) as caught:
        open_over(port)
    message = str(caught.value)
    assert "00" * 20 in message
    assert registers.INTERFACE_HASH.hex() in message
    assert "firmware 0.9.0" in message
    assert "flash the firmware" in message
    assert "\n" not in message


def test_lost_replies_while_opening_are_asked_for_again(port: FakeBoxPort) -> None:
    for register in (registers.OPERATION_CONTROL, registers.WHO_AM_I, registers.COUNTERS, registers.CAPABILITIES):
        port.script(register, lose)
    assert open_over(port).identity.outputs == 16


def test_missing_port_is_told_with_the_ports_that_exist() -> None:
    with pytest.raises(PortUnavailable, match="/dev/rigdriver-no-such-port: no such port; ports of this computer: "):
        TriggerBox.open(BoxConfig(url="/dev/rigdriver-no-such-port"))


@pytest.mark.parametrize("url", ["nonsense://x", "socket://127.0.0.1:1", "socket://nowhere"])
def test_url_that_cannot_be_opened_is_one_line_with_a_remedy(url: str) -> None:
    with pytest.raises(PortUnavailable, match=r"trigger box port .*check box\.url") as caught:
        TriggerBox.open(BoxConfig(url=url))
    assert "\n" not in str(caught.value)


# -- committing ------------------------------------------------------------------------------------------------------


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


# -- commanding ------------------------------------------------------------------------------------------------------


@pytest.fixture
def committed(port: FakeBoxPort) -> TriggerBox:
    box = open_over(port)
    box.commit(SCHEDULE)
    return box


def test_watchdog_is_fed_before_arming(port: FakeBoxPort, committed: TriggerBox) -> None:
    del port.requests[:]
    committed.arm(7)
    assert [message.address for message in port.requests] == [51, 46]


def test_start_whose_reply_is_lost_is_not_repeated_when_the_box_runs(port: FakeBoxPort, committed: TriggerBox) -> None:
    committed.arm(7)

    def start_silently(request: Message) -> bytes:
        port.answer(request)
        return b""

    port.script(registers.START, start_silently)
    committed.start(7)
    assert port.written(registers.START) == [7]


def test_start_that_never_arrived_is_repeated(port: FakeBoxPort, committed: TriggerBox) -> None:
    committed.arm(7)
    port.script(registers.START, lose)
    committed.start(7)
    assert port.written(registers.START) == [7, 7]
    assert port.state() is BoxStates.RUNNING


def test_arm_whose_reply_is_lost_is_not_repeated_when_the_box_is_armed(
    port: FakeBoxPort, committed: TriggerBox
) -> None:
    port.script(registers.ARM, lambda m: lose(m) if port.answer(m) else b"")
    committed.arm(7)
    assert port.written(registers.ARM) == [7]


def test_refused_arm_says_why(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.hold(registers.COMMIT_REFUSAL, registers.CommitRefusalRecord(RefusalReasons.INTERLOCK_OPEN, 6))
    port.script(registers.ARM, refuse)
    with pytest.raises(BoxRefused, match=r"refused to arm in state Committed: the interlock is open \(input 6\)"):
        committed.arm(7)


def test_command_in_fault_tells_the_fault(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.hold(registers.BOX_STATE, BoxStates.FAULT)
    port.hold(registers.FAULT, Faults.WATCHDOG_EXPIRED | Faults.INTERLOCK_OPEN)
    port.script(registers.START, refuse)
    with pytest.raises(BoxFault, match=r"silent for longer than box.watchdog_s.*the interlock opened.*clear the fault"):
        committed.start(7)


def test_fault_is_cleared_only_when_there_is_one(port: FakeBoxPort, committed: TriggerBox) -> None:
    committed.clear_fault()
    assert port.written(registers.CLEAR_FAULT) == []
    port.hold(registers.BOX_STATE, BoxStates.FAULT)
    committed.clear_fault()
    assert port.written(registers.CLEAR_FAULT) == [1]


@pytest.mark.parametrize(("now", "mode"), [(True, StopModes.NOW), (False, StopModes.AFTER_PULSE)])
def test_stop_says_how(port: FakeBoxPort, committed: TriggerBox, now: bool, mode: StopModes) -> None:
    committed.stop(now=now)
    assert port.written(registers.STOP) == [mode]


def test_clock_probe_carries_all_64_bits_and_the_host_times_around_it(port: FakeBoxPort, committed: TriggerBox) -> None:
    before = port.clock.t_ns
    probe = committed.probe_clock()
    assert probe == ClockProbe(port.written(registers.CLOCK_PROBE)[-1].nonce, before, before + 100_000, (1 << 32) + 7)


def test_clock_probe_that_is_lost_is_asked_again_with_another_nonce(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.script(registers.CLOCK_PROBE, lose)
    probe = committed.probe_clock()
    nonces = [written.nonce for written in port.written(registers.CLOCK_PROBE)]
    assert len(set(nonces)) == len(nonces)
    assert probe.nonce == nonces[-1]


def damage_probe(request: Message) -> bytes:
    """Flip two bits of the tick, so that the checksum still holds."""
    nonce = registers.CLOCK_PROBE.unpack(request.payload).nonce
    payload = bytearray(probe_payload(nonce, 7, 1))
    payload[8] ^= 1
    payload[9] ^= 1
    raw = reply(request, bytes(payload))
    assert raw[-1] == reply(request, probe_payload(nonce, 7, 1))[-1]
    return raw


def test_clock_probe_whose_crc_is_wrong_is_asked_again(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.script(registers.CLOCK_PROBE, damage_probe)
    assert committed.probe_clock().t_box_ticks == (1 << 32) + 7
    seen = committed.link_counters
    assert (seen.damaged_replies, seen.abandoned) == (1, 0)


def test_clock_probe_that_is_always_damaged_is_a_bad_reply(port: FakeBoxPort, committed: TriggerBox) -> None:
    for _ in range(ATTEMPTS):  # each try, and the fence behind it
        port.script(registers.CLOCK_PROBE, damage_probe, port.answer)
    with pytest.raises(BadReply, match=r"write of ClockProbe: the reply [0-9a-f]+ has another CRC-32 than its"):
        committed.probe_clock()


def test_fence_that_is_damaged_is_built_again(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.script(registers.BOX_STATE, lose)
    port.script(registers.CLOCK_PROBE, damage_probe, damage_probe)
    assert committed.status().state is BoxStates.COMMITTED
    assert committed.link_counters.damaged_replies == 2


@pytest.mark.parametrize(
    ("register", "damaged"), [(registers.BOX_STATE, b"\3"), (registers.BOX_STATE, b"\x09"), (registers.FAULT, b"\1\0")]
)
def test_value_that_only_one_answer_gives_is_not_believed(
    port: FakeBoxPort, committed: TriggerBox, register: Register[object], damaged: bytes
) -> None:
    port.script(register, lambda m: reply(m, damaged))
    status = committed.status()
    assert (status.state, status.fault) == (BoxStates.COMMITTED, Faults(0))


def test_value_on_which_no_two_answers_agree_is_a_bad_reply(port: FakeBoxPort, committed: TriggerBox) -> None:
    values = iter(range(100))
    for _ in range(8):
        port.script(registers.COMMITTED_GENERATION, lambda m: reply(m, next(values).to_bytes(4, "little")))
    with pytest.raises(BadReply, match="CommittedGeneration: no two of 8 answers in a row agree, the last is 07"):
        committed.status()


def test_levels_that_change_while_pulses_are_made_are_read_once(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.hold(registers.BOX_STATE, BoxStates.RUNNING)
    port.script(registers.OUTPUT_LEVELS, lambda m: reply(m, b"\5\0"))
    assert committed.status().output_levels == 5


def test_box_whose_state_arrives_damaged_is_stopped_when_opened(port: FakeBoxPort) -> None:
    port.hold(registers.BOX_STATE, BoxStates.RUNNING)
    port.script(registers.BOX_STATE, lambda m: reply(m, b"\0"))
    open_over(port)
    assert port.written(registers.STOP) == [StopModes.NOW]


def test_counters_that_go_on_do_not_hinder_opening(port: FakeBoxPort) -> None:
    edges = iter(range(100))

    def count(request: Message) -> bytes:
        counts = registers.CountersRecord(*[100, 0, 0, 0, next(edges), *[0] * 7])
        return reply(request, registers.COUNTERS.pack(counts))

    port.script(registers.COUNTERS, *[count] * 8)
    open_over(port)
    assert next(edges) == 2


def test_box_that_falls_silent_is_no_reply_after_bounded_time(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.is_mute = True
    start = port.clock.t_ns
    with pytest.raises(NoReply, match="no reply to the read of BoxState within 2 s"):
        committed.status()
    assert port.clock.t_ns - start < 10e9


# -- ending ----------------------------------------------------------------------------------------------------------


def test_closing_stops_the_box_and_twice_is_harmless(port: FakeBoxPort, committed: TriggerBox) -> None:
    committed.close()
    committed.close()
    assert port.written(registers.STOP) == [StopModes.NOW]
    assert port.written(registers.OPERATION_CONTROL)[-1] == 0x60
    assert port.closes == 1
    with pytest.raises(StateError, match="is closed"):
        committed.status()


def test_closing_a_lost_box_raises_nothing(port: FakeBoxPort, committed: TriggerBox) -> None:
    port.is_gone = True
    with pytest.raises(LinkLost):
        committed.status()
    committed.close()
    assert port.closes == 1


def test_interrupted_request_leaves_a_box_that_can_be_stopped(port: FakeBoxPort, committed: TriggerBox) -> None:
    def interrupt(request: Message) -> bytes:
        raise KeyboardInterrupt

    port.script(registers.BOX_STATE, interrupt)
    with pytest.raises(KeyboardInterrupt):
        committed.status()
    committed.stop()
    assert port.written(registers.STOP) == [StopModes.NOW]


def test_leaving_the_context_closes(port: FakeBoxPort) -> None:
    with open_over(port):
        pass
    assert port.closes == 1


def test_sound_link_leaves_all_error_counters_at_zero(port: FakeBoxPort, committed: TriggerBox) -> None:
    committed.arm(7)
    committed.start(7)
    committed.stop()
    seen = committed.link_counters
    assert seen.requests == seen.replies
    assert seen.feeds == 1
    assert (seen.error_replies, seen.differences, seen.abandoned, seen.stale, seen.doubled, seen.unsolicited) == (
        0,
    ) * 6
    assert (seen.bytes_skipped, seen.checksum_errors, seen.header_errors, seen.unfinished) == (0,) * 4


# -- boards that restart when they are opened, and strangers ----------------------------------------------------------

BANNER = b"\r\nTriggerBox bootloader v1.4 ok\r\n"


def test_board_that_restarts_when_opened_is_waited_for_and_told(
    port: FakeBoxPort, caplog: pytest.LogCaptureFixture
) -> None:
    port.script(registers.OPERATION_CONTROL, *[lose] * (ATTEMPTS - 1), lambda _: BANNER)
    box = open_over(port)
    assert box.identity.serial_number == 42
    assert "sent '\\r\\nTriggerBox bootloader v1.4 ok\\r\\n' before its first answer" in caplog.text
    assert (box.link_counters.bytes_skipped, box.link_counters.abandoned) == (0, 0)


def test_board_whose_banner_comes_only_after_the_attempts_is_waited_for(port: FakeBoxPort) -> None:
    def silent_for_a_second(_: Message) -> bytes:
        port.arriving.extend([*[b""] * 10000, BANNER])
        return b""

    port.script(registers.OPERATION_CONTROL, *[lose] * (ATTEMPTS - 1), silent_for_a_second)
    assert open_over(port).identity.serial_number == 42


def test_text_that_never_ends_is_told_within_the_time_with_its_first_bytes(port: FakeBoxPort) -> None:
    def read() -> bytes:
        port.clock.pass_s(0.01)
        return b"$GPGGA,123519,4807\r\n"

    port.is_mute, start_s = True, port.clock.now_s()
    port.read = read  # type: ignore[method-assign]
    with pytest.raises(
        NotATriggerBox, match=r"bytes came, .*, and they do not end; the first are '\$GPGGA,123519,4807"
    ):
        open_over(port)
    assert port.clock.now_s() - start_s < 6.0


def test_bytes_that_are_no_text_hint_at_the_baud_rate(port: FakeBoxPort) -> None:
    junk = bytes.fromhex("f8e080fe9cf0")
    port.script(registers.OPERATION_CONTROL, *[lambda _: junk] * ATTEMPTS, *[lose] * ATTEMPTS)
    with pytest.raises(
        NotATriggerBox, match=r"the first are f8 e0 80 .*no text: check that both ends run at 1000000 b"
    ):
        open_over(port)


# -- a link that is cut and comes back --------------------------------------------------------------------------------


def ticking(port: FakeBoxPort, booted_ns: int = 0) -> None:
    """Let the box's clock count the fake time since `booted_ns`."""

    def answer(request: Message) -> bytes:
        probe = registers.CLOCK_PROBE.unpack(request.payload)
        tick = (port.clock.t_ns - booted_ns) // 100
        return reply(request, probe_payload(probe.nonce, tick & 0xFFFFFFFF, tick >> 32))

    port.script(registers.CLOCK_PROBE, *[answer] * 40)


def mended(port: FakeBoxPort, opened: Callable[[], FakeBoxPort]) -> TriggerBox:
    ticking(port)
    box = open_over(port)
    box.mend_with(opened)
    return box


def back_after(port: FakeBoxPort, tries: int, after: FakeBoxPort | None = None) -> Callable[[], FakeBoxPort]:
    """Let the port come back at the n-th try to open it, as `after` or as it was."""
    left = [tries]

    def opened() -> FakeBoxPort:
        left[0] -= 1
        if left[0] > 0:
            raise PortUnavailable("no such port")
        again = after or port
        again.is_gone = False
        return again

    return opened


def test_link_that_is_cut_while_nothing_is_armed_is_opened_again_and_the_request_is_answered(
    port: FakeBoxPort, caplog: pytest.LogCaptureFixture
) -> None:
    box = mended(port, back_after(port, tries=5))
    port.is_gone = True
    box.commit(SCHEDULE)
    assert port.state() is BoxStates.COMMITTED
    assert port.closes == 1
    assert "the link was cut while nothing was armed; opened again, nothing is lost" in caplog.text
    assert port.written(registers.OPERATION_CONTROL) == [0x60, 0x61, 0x60, 0x61]


def test_link_that_is_cut_while_it_is_armed_is_lost(port: FakeBoxPort) -> None:
    box = mended(port, back_after(port, tries=1))
    box.commit(SCHEDULE)
    box.arm(SCHEDULE.generation)
    port.is_gone = True
    with pytest.raises(LinkLost):
        box.status()
    assert port.closes == 0


def test_port_that_stays_away_is_a_lost_link_within_the_time(port: FakeBoxPort) -> None:
    box = mended(port, back_after(port, tries=10_000))
    port.is_gone, start_s = True, port.clock.now_s()
    with pytest.raises(LinkLost, match="fake port is gone"):
        box.status()
    assert port.clock.now_s() - start_s < 4.0


def test_box_that_restarted_while_the_link_was_cut_is_not_gone_on_with(port: FakeBoxPort) -> None:
    restarted = FakeBoxPort(clock=port.clock)
    box = mended(port, back_after(port, tries=3, after=restarted))
    port.clock.pass_s(10)
    ticking(restarted, booted_ns=port.clock.t_ns)
    port.is_gone = True
    with pytest.raises(LinkLost, match="the box has restarted: its schedule and limits are gone; open it again"):
        box.commit(SCHEDULE)
    assert restarted.written(registers.COMMIT) == []


def test_another_box_on_the_port_is_not_gone_on_with(port: FakeBoxPort) -> None:
    other = FakeBoxPort(clock=port.clock)
    other.hold(registers.UID, bytes(16))
    ticking(other)
    box = mended(port, back_after(port, tries=1, after=other))
    port.is_gone = True
    with pytest.raises(LinkLost, match="another box answers now"):
        box.commit(SCHEDULE)
    assert other.written(registers.COMMIT) == []
