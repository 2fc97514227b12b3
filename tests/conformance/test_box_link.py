"""What every trigger box does: the simulated one over a pty and a socket, or one on metal with `--box PORT`.

In: commands, light limits and schedules. Out: edges, states and clock probes as PROTOCOL.md wants them. Not here: which
box it is (see box_makers.py), and a link that damages bytes (see test_box_damaged_link.py).
"""

import os
import threading
import time
from collections.abc import Iterator

import pytest
from harp.protocol import HarpMessage, MessageType, PayloadType

from rigdriver.devices.box.events import BoxEvent, BoxHeard, BoxLost, BoxStatus, EventsLost
from rigdriver.devices.box.serial_port import SerialPort
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import BoxFault, BoxRefused, DeviceError, LinkLost, StateError
from rigdriver.frames import PulseReport
from rigdriver.schedule.steps import box_step
from rigdriver.timebase import WallTime
from rigdriver.wire import registers
from rigdriver.wire.registers import BoxStates, Faults, LightLimitsRecord
from tests.box_errors import grown
from tests.conformance.box_makers import WAIT_S, Host
from tests.conformance.box_runs import EDGES, PERIOD, Log, assert_link_is_sound, merged, run, schedule
from tests.conformance.box_worlds import LatePort, LateWritesPort


@pytest.fixture
def box(host: Host) -> Iterator[TriggerBox]:
    with host.open() as box:
        yield box


# -- a sound link ----------------------------------------------------------------------------------------------------


def test_opened_box_tells_what_it_is(box: TriggerBox) -> None:
    identity = box.identity
    assert identity.interface_hash == registers.INTERFACE_HASH.hex()
    assert identity.tick_rate_hz == 10_000_000
    assert 6 <= identity.outputs <= 16
    assert identity.max_steps <= 32
    assert box.status().state is BoxStates.IDLE
    assert_link_is_sound(box.link_counters)


def test_every_pulse_has_exactly_the_planned_edges(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(11, pulses=30))
    log.wait_for_end()
    assert log.states == [BoxStates.COMMITTED, BoxStates.ARMED, BoxStates.RUNNING, BoxStates.COMMITTED]
    assert merged(log.pulses) == {index: list(EDGES) for index in range(30)}
    starts = {pulse.pulse_index: pulse.start_ticks for pulse in log.pulses}
    assert [starts[n] - starts[0] for n in range(30)] == [n * PERIOD for n in range(30)]
    assert sum(pulse.is_closed for pulse in log.pulses) == 30
    assert {pulse.generation for pulse in log.pulses} == {11}
    counters = box.counters()
    assert counters.events_sent == box.link_counters.events
    assert (counters.events_dropped, counters.checksum_errors, counters.bytes_skipped) == (0, 0, 0)
    assert_link_is_sound(box.link_counters)


def test_pulse_0_starts_5_ms_after_the_start(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(5, pulses=1))
    log.wait_for_end()
    (running,) = [e for e in log.events if isinstance(e, BoxStatus) and e.state is BoxStates.RUNNING]
    assert running.t_box_ticks is not None
    assert log.pulses[0].start_ticks - running.t_box_ticks == 50_000


def test_stop_now_leaves_every_output_low_and_the_schedule_committed(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(12))
    log.wait_for(lambda _: len(log.pulses) > 3)
    box.stop(now=True)
    status = box.status()
    assert (status.state, status.output_levels, status.generation) == (BoxStates.COMMITTED, 0, 12)
    box.stop()
    box.arm(12)
    box.start(12)
    log.wait_for_state(BoxStates.RUNNING, times=2)


def test_stop_after_pulse_ends_with_a_whole_pulse(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(13))
    log.wait_for(lambda _: len(log.pulses) > 3)
    box.stop(now=False)
    log.wait_for_end()
    pulses = merged(log.pulses)
    assert pulses[max(pulses)] == list(EDGES)


def test_clock_probes_agree_with_each_other_and_lie_between_the_host_times(box: TriggerBox) -> None:
    probes = [box.probe_clock() for _ in range(50)]
    assert len({probe.nonce for probe in probes}) == 50
    # One offset must fit all probes, but for the drift of a crystal over their time.
    low = max(probe.t_sent_ns - probe.t_box_ticks * 100 for probe in probes)
    high = min(probe.t_received_ns - probe.t_box_ticks * 100 for probe in probes)
    assert low - high < 200e-6 * (probes[-1].t_received_ns - probes[0].t_sent_ns) + 100_000
    assert [p.t_box_ticks for p in probes] == sorted({p.t_box_ticks for p in probes})


def test_an_answer_of_its_clock_comes_behind_all_records_older_than_2_ms(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(12, pulses=30))
    asked = 0
    while not any(e.is_closed for e in log.pulses if e.pulse_index == 29) and asked < 2000:
        box.probe_clock()
        asked += 1
    log.wait_for_end()
    reached, overtaken = 0, []
    for event in log.events:
        if isinstance(event, BoxHeard):
            reached = max(reached, event.t_box_ticks - 20_000)
        elif isinstance(event, PulseReport):
            overtaken += [edge for edge in event.edges if edge.t_box_ticks <= reached]
    assert asked >= 10
    assert reached > 0
    assert overtaken == []


@pytest.mark.plants_faults
def test_box_refuses_what_breaks_its_rules_and_says_why(box: TriggerBox) -> None:
    lamp = box.identity.lamp_outputs & -box.identity.lamp_outputs
    hard = box.identity.hard_light
    plans = {
        "ends after the pulse": schedule(1, steps=(box_step(1, PERIOD - 10, 10),)),
        "already high": schedule(1, steps=(box_step(1, 0, 100), box_step(1, 50, 100))),
        "flash is too long": schedule(1, steps=(box_step(lamp, 0, hard.max_flash_width_ticks + 1),), period=2**31),
    }
    for words, plan in plans.items():
        with pytest.raises(BoxRefused, match=words):
            box.commit(plan)
        assert box.status().state is BoxStates.IDLE
    with pytest.raises(BoxRefused, match="hard limits are"):
        box.set_light_limits(LightLimitsRecord(hard.max_flash_width_ticks + 1, 1, 1, 2**32 - 1, 1, 1))


@pytest.mark.plants_faults
def test_commands_in_the_wrong_state_or_of_another_generation_are_refused(box: TriggerBox) -> None:
    with pytest.raises(BoxRefused, match="refused to arm in state Idle"):
        box.arm(3)
    box.commit(schedule(3))
    with pytest.raises(BoxRefused, match="refused to start in state Committed"):
        box.start(3)
    with pytest.raises(BoxRefused, match="generation is not the committed one"):
        box.arm(4)
    box.arm(3)
    with pytest.raises(BoxRefused, match="refused to commit in state Armed"):
        box.commit(schedule(4))


@pytest.mark.plants_faults
def test_host_that_falls_silent_turns_the_box_off(host: Host) -> None:
    silent = host.identified(host.port(), watchdog_s=0.1)  # nobody listens, nobody feeds
    try:
        run(silent, schedule(21))
        deadline = time.monotonic() + WAIT_S
        while silent.status().state is not BoxStates.FAULT and time.monotonic() < deadline:
            pass
        status = silent.status()
        assert (status.state, status.fault, status.output_levels) == (BoxStates.FAULT, Faults.WATCHDOG_EXPIRED, 0)
        with pytest.raises(BoxFault, match="silent for longer than"):
            silent.arm(21)
        silent.clear_fault()
        assert silent.status().generation == 0
        silent.commit(schedule(22))
    finally:
        silent.close()


@pytest.mark.plants_faults
def test_box_whose_computer_fell_silent_is_ready_when_it_is_opened_again(host: Host) -> None:
    port = host.port()
    silent = host.identified(port, watchdog_s=0.1)
    run(silent, schedule(24))
    deadline = time.monotonic() + WAIT_S
    while silent.status().state is not BoxStates.FAULT and time.monotonic() < deadline:
        pass
    assert silent.status().fault == Faults.WATCHDOG_EXPIRED
    port.close()  # as if the process had been killed, or its cable pulled
    with host.open() as again:
        status = again.status()
        assert (status.state, status.fault, status.generation) == (BoxStates.IDLE, 0, 0)
        log = Log(host, again)
        run(again, schedule(25, pulses=3))
        log.wait_for_end()
        assert merged(log.pulses) == {index: list(EDGES) for index in range(3)}
        assert_link_is_sound(again.link_counters)


def test_fed_box_runs_on_longer_than_its_watchdog(host: Host) -> None:
    with host.open(watchdog_s=0.1) as box:
        log = Log(host, box)
        run(box, schedule(23, pulses=60))
        log.wait_for_end()
        assert len(merged(log.pulses)) == 60
        assert box.link_counters.feeds > 5


def test_box_that_was_left_running_is_stopped_when_it_is_opened(host: Host) -> None:
    port = host.port()
    box = host.identified(port, watchdog_s=2)
    run(box, schedule(31))
    port.close()  # as if the process had been killed
    with host.open(watchdog_s=2) as again:
        assert again.status().state is BoxStates.COMMITTED
        log = Log(host, again)
        run(again, schedule(32, pulses=3))
        log.wait_for_end()
        assert not [event for event in log.events if isinstance(event, EventsLost)]
        assert_link_is_sound(again.link_counters)


def test_closed_box_is_left_stopped_and_can_be_opened_again(host: Host) -> None:
    with host.open() as box:
        run(box, schedule(41))
    with pytest.raises(StateError, match="is closed"):
        box.status()
    with host.open() as again:
        assert again.status().state is BoxStates.COMMITTED


def cut(box: TriggerBox) -> None:
    """Put nothing in the place of the open port, as when its cable is out."""
    port = box._link.traffic._port
    assert isinstance(port, SerialPort)
    nothing = os.open(os.devnull, os.O_RDWR)
    port.replace_by(nothing)
    os.close(nothing)


def test_link_that_is_cut_between_runs_is_opened_again_and_the_next_run_has_every_edge(
    host: Host, box: TriggerBox
) -> None:
    first = Log(host, box)
    run(box, schedule(51, pulses=3))
    first.wait_for_end()
    box.stop()
    cut(box)
    log = Log(host, box)
    run(box, schedule(52, pulses=3))
    log.wait_for_end()
    assert [e for e in log.events if isinstance(e, EventsLost | BoxLost)] == []
    assert merged(log.pulses) == {index: list(EDGES) for index in range(3)}


@pytest.mark.plants_faults
def test_link_that_is_cut_during_a_run_is_lost(host: Host, box: TriggerBox) -> None:
    log = Log(host, box)
    run(box, schedule(53))
    log.wait_for(lambda _: len(log.pulses) > 1)
    cut(box)
    log.wait_for(lambda events: any(isinstance(e, BoxLost) for e in events))
    with pytest.raises(LinkLost):
        box.status()


def test_requests_from_many_threads_each_get_their_own_reply(host: Host, box: TriggerBox) -> None:
    wrong: list[object] = []
    answers: list[object] = []

    def ask() -> None:
        with host.timebase.take_part("asks"):
            for _ in range(30):
                first, second = box.probe_clock(), box.counters()
                answers.append(first)
                if first.t_received_ns < first.t_sent_ns or second.events_dropped:
                    wrong.append((first, second))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + WAIT_S
    while any(thread.is_alive() for thread in threads) and time.monotonic() < deadline:
        host.timebase.sleep(0.001)
    assert not wrong
    assert len(answers) == 120
    assert_link_is_sound(box.link_counters)


@pytest.mark.parametrize(
    ("late", "reads"),
    [
        pytest.param(LatePort, 50, id="replies"),
        # In modelled time the box is as far ahead by then as it may be, and its reply takes time.
        pytest.param(LateWritesPort, 120, id="requests"),
    ],
)
def test_what_the_computer_hands_on_late_is_neither_missed_nor_stale(
    host: Host, late: type[LatePort | LateWritesPort], reads: int
) -> None:
    # In modelled time a read waits a millisecond; by the wall it waits its poll time, longer than the time to reply.
    reads = 1 if isinstance(host.timebase, WallTime) else reads
    box = host.identified(late(host.port(), reads), reply_timeout_s=0.05)
    box.listen()
    try:
        assert [box.probe_clock().t_box_ticks > 0 for _ in range(5)] == [True] * 5
        assert_link_is_sound(box.link_counters)
    finally:
        box.close()


def test_feeds_that_the_computer_hands_on_late_keep_the_box_running(host: Host) -> None:
    reads = 1 if isinstance(host.timebase, WallTime) else 50
    box = host.identified(LateWritesPort(host.port(), reads))
    log = Log(host, box)
    box.listen()
    try:
        run(box, schedule(14, pulses=10, period=1_000_000))
        log.wait_for_end()
        assert log.states == [BoxStates.COMMITTED, BoxStates.ARMED, BoxStates.RUNNING, BoxStates.COMMITTED]
    finally:
        box.close()


def test_subscriber_that_fails_ends_the_run_and_is_told_to_the_next_caller(box: TriggerBox) -> None:
    def fail(event: BoxEvent) -> None:
        raise ValueError("cannot cope")

    box.subscribe(fail)
    with pytest.raises(DeviceError, match=r"a subscriber failed: ValueError\('cannot cope'\)"):
        run(box, schedule(51))


def test_published_client_reads_every_register_of_the_box(host: Host) -> None:
    port = host.port()
    try:
        for register in registers.REGISTERS:
            kind = next(t for t in PayloadType if t.name.upper() == register.payload_type.name)
            port.write(HarpMessage(MessageType.Read, register.address, kind).bytes)
            message, deadline = b"", time.monotonic() + WAIT_S
            while (len(message) < 2 or len(message) < message[1] + 2) and time.monotonic() < deadline:
                message += port.read()
                host.timebase.idle()
            reply = HarpMessage.parse(message)
            assert not reply.has_error, register.name
            assert reply.timestamp is not None
            assert (reply.address, reply.payload_type) == (register.address, kind)
            assert len(reply.payload_bytes) == register.payload_bytes
    finally:
        port.close()


def test_box_that_was_reset_is_as_after_boot(host: Host) -> None:
    with host.open() as box:
        box.commit(schedule(61))
    host.restart()
    with host.open() as again:
        status = again.status()
        assert (status.state, status.generation, again.counters().pulses_started) == (BoxStates.IDLE, 0, 0)


@pytest.mark.plants_faults
def test_box_counts_a_refused_request_among_its_errors(host: Host) -> None:
    before = host.box_errors()
    with host.open() as box, pytest.raises(BoxRefused):
        box.arm(3)
    assert grown(before, host.box_errors()) == {"requests_refused": 1}
