"""A box is taken over from a program that is gone: stopped, its old fault told, and cleared when its cause is gone."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from rigdriver.config import BoxConfig
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import BoxFault
from rigdriver.wire import registers
from rigdriver.wire.payload_crc import is_intact
from rigdriver.wire.registers import BoxStates, Faults, Inputs, Outputs
from tests.unit.devices.box.fake_box_port import FakeBoxPort, refuse

CONFIG = BoxConfig(url="fake")
NOW_TICKS = (1 << 32) + 7
"""Tick that the fake box answers to every probe."""
CLOSED, OPEN = Inputs(0x40), Inputs(0)


def faulted(fault: Faults, levels: Inputs = CLOSED, age_ticks: int = 120_000_000) -> FakeBoxPort:
    """A box that an earlier program left in Fault, 12 s ago."""
    port = FakeBoxPort()
    port.hold(registers.BOX_STATE, BoxStates.FAULT)
    port.hold(registers.FAULT, fault)
    port.hold(registers.INPUT_LEVELS, levels)
    port.hold(registers.STATUS_EVENT, _status_event(fault, NOW_TICKS - age_ticks))
    return port


def _status_event(fault: Faults, tick: int) -> registers.StatusEventRecord:
    event = registers.StatusEventRecord(
        9, 5, 3, tick, BoxStates.FAULT, BoxStates.RUNNING, fault, 4, Outputs(0), CLOSED, 0
    )
    raw = registers.STATUS_EVENT.pack(event)
    sealed = replace(event, crc32=zlib.crc32(raw[:36]))
    assert is_intact(registers.STATUS_EVENT.address, registers.STATUS_EVENT.pack(sealed))
    return sealed


def taken_over(port: FakeBoxPort, config: BoxConfig = CONFIG) -> TriggerBox:
    return TriggerBox(BoxLink(port, config.reply_timeout_s, port.clock), config, port.clock)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Faults.WATCHDOG_EXPIRED, "this computer was silent for longer than box.watchdog_s"),
        (Faults.EVENTS_LOST, "it could not send its events fast enough"),
        (Faults.LIGHT_LIMIT, "a limit on light was reached"),
    ],
)
def test_an_old_fault_whose_cause_is_gone_is_told_with_its_age_and_cleared(fault, cause, caplog):
    port = faulted(fault)
    old = taken_over(port).old_fault
    assert (old.fault, old.age_s, old.is_cleared, old.cause) == (fault, 12.0, True, cause)
    assert port.written(registers.CLEAR_FAULT) == [1]
    assert f"12 s ago it had turned everything off: {cause}; that is over, and the fault is cleared" in caplog.text


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (Faults.INTERLOCK_OPEN, "close it"),
        (Faults.WATCHDOG_EXPIRED | Faults.INTERLOCK_OPEN, "close it"),
        (Faults.INTERNAL, "power it off and on"),
    ],
)
def test_a_fault_whose_cause_lasts_stays_and_the_run_is_told_what_to_remove(fault, remedy):
    port = faulted(fault, OPEN)
    box = taken_over(port)
    assert (box.old_fault.is_cleared, box.old_fault.remedy) == (False, remedy)
    assert port.written(registers.CLEAR_FAULT) == []
    port.script(registers.LIGHT_LIMITS, refuse)
    with pytest.raises(BoxFault, match=f"12 s before this program opened it.*{remedy}.*rigdriver box clear"):
        box.set_light_limits(registers.LightLimitsRecord(1, 2, 3, 4, 5, 6))


def test_an_interlock_fault_waits_for_somebody_who_clears_it_also_when_the_interlock_is_closed_again():
    port = faulted(Faults.INTERLOCK_OPEN, CLOSED)
    box = taken_over(port)
    assert (box.old_fault.is_cleared, box.old_fault.remedy) == (False, "")
    assert port.written(registers.CLEAR_FAULT) == []
    box = taken_over(port, CONFIG.model_copy(update={"old_faults": "clear"}))
    assert box.old_fault.is_cleared
    assert port.written(registers.CLEAR_FAULT) == [1]


@pytest.mark.parametrize("policy", ["host", "clear", "keep"])
def test_no_policy_clears_the_fault_of_an_open_interlock(policy):
    port = faulted(Faults.INTERLOCK_OPEN, OPEN)
    assert not taken_over(port, CONFIG.model_copy(update={"old_faults": policy})).old_fault.is_cleared
    assert port.written(registers.CLEAR_FAULT) == []


def test_a_fault_is_kept_where_the_rig_file_says_so():
    port = faulted(Faults.WATCHDOG_EXPIRED)
    box = taken_over(port, CONFIG.model_copy(update={"old_faults": "keep"}))
    assert not box.old_fault.is_cleared
    assert port.written(registers.CLEAR_FAULT) == []


def test_a_fault_that_no_event_tells_has_no_age():
    port = faulted(Faults.WATCHDOG_EXPIRED)
    port.hold(registers.STATUS_EVENT, replace(_status_event(Faults.WATCHDOG_EXPIRED, 5), tick=6))  # a wrong CRC-32
    old = taken_over(port).old_fault
    assert (old.age_s, old.is_cleared) == (None, True)


def test_a_box_that_still_runs_is_stopped_and_that_is_told(caplog):
    port = FakeBoxPort()
    port.hold(registers.BOX_STATE, BoxStates.RUNNING)
    box = taken_over(port)
    assert box.old_fault is None
    assert port.written(registers.STOP) == [registers.StopModes.NOW]
    assert "still ran the schedule of a program that is gone; stopped" in caplog.text
