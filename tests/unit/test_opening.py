"""What is opened belongs to somebody at any time: an interrupt closes what nobody holds yet.

In: things that say how they are closed before they take anything, and an interrupt at every moment. Out: all of them
held, or all of them closed.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from rigdriver.config import BoxConfig
from rigdriver.devices.box import trigger_box
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import StateError
from rigdriver.opening import keep, opened
from tests.interrupts import Interrupt, interrupted_at
from tests.unit.devices.box.fake_box_port import FakeBoxPort


class Thing:
    """Open from when it is made until it is closed."""

    made: list[Thing]

    def __init__(self) -> None:
        keep(self.close)
        self.is_open = True
        self.made.append(self)

    def close(self) -> None:
        self.is_open = False


class Held:
    """Whoever asked for two things; it names them in two steps."""

    def __init__(self) -> None:
        self.both: tuple[Thing, Thing] | None = None

    def open(self) -> None:
        opened("the box", self._open)

    def _open(self) -> None:
        first = opened("a port", Thing)
        second = opened("a process", Thing)
        self.both = first, second


def test_an_interrupt_at_any_moment_of_an_opening_leaves_nothing_open_that_nobody_holds() -> None:
    moment, has_come = 0, True
    while has_come:
        moment += 1
        Thing.made = []
        held = Held()
        has_come = interrupted_at(moment, held.open)
        assert not has_come or held.both or not any(thing.is_open for thing in Thing.made), f"at moment {moment}"
    assert moment > 10
    assert [thing.is_open for thing in Thing.made] == [True, True]


def test_an_interrupt_of_an_opening_that_has_failed_by_itself_leaves_nothing_open_either() -> None:
    def fail() -> None:
        Thing()
        raise KeyError("mine")

    def act() -> None:
        with suppress(KeyError):
            opened("a thing", fail)

    moment, has_come = 0, True
    while has_come:
        moment += 1
        Thing.made = []
        has_come = interrupted_at(moment, act)
        assert not any(thing.is_open for thing in Thing.made), f"at moment {moment}"
    assert moment > 10


def test_things_are_closed_backwards_and_what_fails_hides_no_error_of_the_opening() -> None:
    closed: list[int] = []

    def fail_to_close() -> None:
        closed.append(2)
        raise StateError(device="x", seen="y", remedy="z")

    def act() -> None:
        keep(lambda: closed.append(1))
        keep(fail_to_close)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        opened("a thing", act)
    assert closed == [2, 1]


def test_what_was_opened_outside_of_an_opening_is_nobodys_to_close() -> None:
    Thing.made = []
    thing = Thing()
    with pytest.raises(KeyError):
        opened("another thing", lambda: dict[str, int]()["missing"])
    assert thing.is_open


def test_a_box_whose_opening_is_interrupted_leaves_its_port_closed(mocker) -> None:
    port = FakeBoxPort()

    def opened_port(_url: str, _poll_s: float) -> FakeBoxPort:
        keep(port.close)
        return port

    mocker.patch.object(trigger_box, "SerialPort", opened_port)
    mocker.patch.object(TriggerBox, "listen", side_effect=Interrupt)
    with pytest.raises(Interrupt):
        TriggerBox.open(BoxConfig(url="/dev/fake"), port.clock)
    assert port.closes
