"""A fed box that says nothing counts as lost within a second of its own silence; a pause of this program is none.

In: a fake box that falls silent, or a program that stands still, in the port's own time. Out: a lost link, or a run
that goes on, and the pause named as the cause of a watchdog fault.
"""

from __future__ import annotations

import threading
from collections import deque

import pytest

from rigdriver.config import BoxConfig
from rigdriver.devices.box.events import BoxEvent, BoxLost, BoxStatus
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.run.ending import box_fault
from rigdriver.wire import registers
from rigdriver.wire.registers import BoxStates, Faults
from tests.unit.devices.box.fake_box_port import FakeBoxPort

PATIENCE_S = 60.0
NOTICED_S = 1.0


class Port(FakeBoxPort):
    """A port whose reader stands still now and then, and that wakes whoever waits for an answered feed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pauses: deque[int] = deque()
        self.has_answered = threading.Event()

    def read(self) -> bytes:
        if self.pauses:
            self.clock.t_ns += self.pauses.popleft()
            self.is_mute = bool(self.pauses)
            return b""
        if self.arriving:
            self.has_answered.set()
        return super().read()


@pytest.fixture
def armed() -> tuple[Port, TriggerBox, list[BoxEvent], threading.Event]:
    """An armed box that nobody reads yet; what it reports; and an event that is set when it is lost."""
    port = Port()
    config = BoxConfig(url="fake")
    box = TriggerBox(BoxLink(port, config.reply_timeout_s, port.clock), config, port.clock)
    port.hold(registers.BOX_STATE, BoxStates.COMMITTED)
    box.arm(7)
    heard: list[BoxEvent] = []
    is_lost = threading.Event()

    def hear(event: BoxEvent) -> None:
        heard.append(event)
        if isinstance(event, BoxLost):
            is_lost.set()

    box.subscribe(hear)
    port.has_answered.clear()
    return port, box, heard, is_lost


def test_a_fed_box_that_falls_silent_is_lost_within_a_second(armed) -> None:
    port, box, heard, is_lost = armed
    port.is_mute = True
    start_ns = port.clock.t_ns
    box.listen()
    assert is_lost.wait(PATIENCE_S)
    lost = heard[-1]
    assert isinstance(lost, BoxLost)
    assert (lost.t_host_ns - start_ns) / 1e9 < NOTICED_S
    assert "silent for 0.8 s" in str(lost.error)
    box.close()


def test_a_program_that_stands_still_does_not_call_its_box_silent(armed) -> None:
    port, box, heard, is_lost = armed
    port.pauses.extend([2_000_000_000] * 5)
    port.is_mute = True
    box.listen()
    assert port.has_answered.wait(PATIENCE_S)
    assert not is_lost.is_set()
    assert heard == []
    box.close()


@pytest.mark.parametrize(
    ("away_s", "told"),
    [
        (2.04, "this program stood still for 2040 ms, so this computer was silent for longer than box.watchdog_s"),
        (0, ""),
    ],
)
def test_a_watchdog_fault_names_the_pause_of_this_program_when_there_was_one(away_s: float, told: str) -> None:
    status = BoxStatus(BoxStates.FAULT, Faults.WATCHDOG_EXPIRED, 0, 0, 0, 0, host_away_s=away_s)
    text = str(box_fault(status))
    assert told in text
    assert "this computer was silent for longer than box.watchdog_s; check cable and load" in text
    assert ("stood still" in text) == (away_s > 0)
