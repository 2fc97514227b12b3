"""What the host does when the box misbehaves or goes away: on boxes whose inputs and plug the test can reach.

In: an interlock that opens, a cable that is pulled, a port that is taken, other devices on it. Out: the error that fits
each, told once, and outputs that are low.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver.devices.box.events import BoxEvent, BoxLost, BoxStatus
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import BoxFault, BoxRefused, InterfaceMismatch, LinkLost, NotATriggerBox, PortUnavailable
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire import registers
from rigdriver.wire.registers import BoxStates, Faults
from rigdriver_sim.trigger_box.facts import BoxFacts
from tests.conformance.box_makers import WAIT_S, BoxMaker, Host, Outside

pytestmark = pytest.mark.sim
INTERLOCK = 6
LAMP = BoxSchedule.of(1, 2_000_000, 0, (box_step(0x40, 100, 1000),))


@pytest.fixture
def box(host: Host) -> Iterator[TriggerBox]:
    with host.open() as box:
        yield box


@pytest.mark.plants_faults
def test_unplugged_box_is_told_once_and_every_later_call_says_lost(
    host: Host, outside: Outside, box: TriggerBox
) -> None:
    told = threading.Event()
    events: list[BoxEvent] = []

    def take(event: BoxEvent) -> None:
        events.append(event)
        if isinstance(event, BoxLost):
            told.set()

    box.subscribe(take)
    box.commit(LAMP)
    outside.unplug()
    assert host.timebase.wait(told, WAIT_S)
    for _ in range(2):
        with pytest.raises(LinkLost, match="the port is gone"):
            box.status()
    assert sum(isinstance(event, BoxLost) for event in events) == 1
    box.close()
    outside.replug()
    with host.open() as again:
        assert again.status().state in (BoxStates.IDLE, BoxStates.COMMITTED)


@pytest.mark.plants_faults
def test_open_interlock_keeps_light_from_being_armed(outside: Outside, box: TriggerBox) -> None:
    box.commit(LAMP)
    outside.set_input(INTERLOCK, 0)
    with pytest.raises(BoxRefused, match=r"the interlock is open \(input 6\); close it"):
        box.arm(1)
    outside.set_input(INTERLOCK, 1)
    box.arm(1)


def start_lit(host: Host, box: TriggerBox) -> None:
    """Start a run with light, once the dark pause that a boot begins with is over."""
    box.commit(LAMP)
    box.arm(1)
    while wait_ticks := box.light_wait().start_ticks:
        host.timebase.sleep(wait_ticks / box.identity.tick_rate_hz)
    box.start(1)


@pytest.mark.plants_faults
def test_interlock_that_opens_turns_a_run_with_light_off(host: Host, outside: Outside, box: TriggerBox) -> None:
    off = threading.Event()
    faults: list[BoxStatus] = []

    def take(event: BoxEvent) -> None:
        if isinstance(event, BoxStatus) and event.state is BoxStates.FAULT:
            faults.append(event)
            off.set()

    box.subscribe(take)
    start_lit(host, box)
    outside.set_input(INTERLOCK, 0)
    assert host.timebase.wait(off, WAIT_S)
    assert faults[0].fault == Faults.INTERLOCK_OPEN
    assert faults[0].output_levels == 0
    with pytest.raises(BoxFault, match="the interlock opened; close it"):
        box.arm(1)


@pytest.mark.plants_faults
def test_interlock_fault_stays_until_somebody_clears_it_also_when_the_box_is_opened_again(
    host: Host, outside: Outside
) -> None:
    with host.open() as box:
        start_lit(host, box)
        outside.set_input(INTERLOCK, 0)
        assert box.status().state is BoxStates.FAULT
        outside.set_input(INTERLOCK, 1)
    with host.open() as again:
        status = again.status()
        assert (status.state, status.fault) == (BoxStates.FAULT, Faults.INTERLOCK_OPEN)
        with pytest.raises(BoxFault, match="the interlock opened; close it"):
            again.arm(1)
        again.clear_fault()
        again.commit(LAMP)
        again.arm(1)


def test_box_with_another_interface_is_a_mismatch(maker: BoxMaker, tmp_path: Path) -> None:
    with maker.make(tmp_path, BoxFacts(interface_hash="ab" * 20)) as made:
        with pytest.raises(InterfaceMismatch) as caught:
            made.host.open()
        assert "ab" * 20 in str(caught.value)
        assert registers.INTERFACE_HASH.hex() in str(caught.value)


def test_other_harp_device_is_no_trigger_box(maker: BoxMaker, tmp_path: Path) -> None:
    facts = BoxFacts(interface_hash="00" * 20, device_name="Behavior", who_am_i=1216)
    with maker.make(tmp_path, facts) as made, pytest.raises(NotATriggerBox, match="Behavior"):
        made.host.open()


# A TCP port is no serial port: it is not locked against a second program.
@pytest.mark.usefixtures("outside")
def test_port_that_is_open_elsewhere_is_unavailable(host: Host, box: TriggerBox) -> None:
    with pytest.raises(PortUnavailable, match="in use by another program"):
        host.open()
    assert box.status().state is BoxStates.IDLE
