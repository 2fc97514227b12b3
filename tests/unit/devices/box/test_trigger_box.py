"""The trigger box over a scripted port: commanding, ending, and what goes wrong.

In: answers that are lost, late, doubled, changed or refused, on a fake clock. Out: what was written to the port, and
errors that name the box, what was seen and what to do. Not here: opening, committing and cut links (see
test_opening_the_box.py, test_committing.py and test_cut_link.py).
"""

import pytest

from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.box.events import BoxEvent, BoxHeard
from rigdriver.devices.box.link import ATTEMPTS
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import (
    BadReply,
    BoxFault,
    BoxRefused,
    LinkLost,
    NoReply,
    StateError,
)
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.layout import Register
from rigdriver.wire.registers import BoxStates, Faults, RefusalReasons, StopModes
from tests.unit.devices.box.box_over import open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort, lose, probe_payload, refuse, reply

# -- commanding ------------------------------------------------------------------------------------------------------


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


def test_a_clock_probe_is_heard_by_who_listens_and_a_damaged_answer_is_not(
    port: FakeBoxPort, committed: TriggerBox
) -> None:
    heard: list[BoxEvent] = []
    committed.subscribe(heard.append)
    port.script(registers.CLOCK_PROBE, damage_probe)
    committed.probe_clock()
    assert {e.t_box_ticks for e in heard if isinstance(e, BoxHeard)} == {(1 << 32) + 7}
