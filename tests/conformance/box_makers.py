"""The interface by which a kind of box joins the box's suite: a maker makes one box per test and a way to it.

In: the options of pytest. Out: the makers that the suite runs on: the Python model over a pty and a socket, or the box
at a port (`--box PORT`, or the port of `--rig FILE`). Emulated firmware joins with one class more, in `makers`.
Not here: the model itself (see box_worlds.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from rigdriver import config
from rigdriver.config import BoxConfig
from rigdriver.devices.box.link import BoxLink
from rigdriver.devices.box.serial_port import POLL_S, SerialPort
from rigdriver.devices.box.traffic import BytePort
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import DeviceError
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire import registers
from rigdriver.wire.registers import ResetBits
from rigdriver_sim.trigger_box.facts import BoxFacts
from tests.box_errors import errors_among

WAIT_S = 60.0
RESET_REPLY_S = 2.0
"""Longest time until the box answers that it will reset, in s."""


@dataclass(frozen=True)
class Host:
    """A computer with a box on one of its ports, and the time that both go by."""

    url: str
    timebase: Timebase

    def open(self, **settings: float) -> TriggerBox:
        """Open the box as the driver does."""
        return TriggerBox.open(BoxConfig.model_validate({"url": self.url, **settings}), self.timebase)

    def port(self) -> SerialPort:
        """Open the bare port."""
        return SerialPort(self.url, self.timebase.slice_s(POLL_S))

    def identified(self, port: BytePort, **settings: float) -> TriggerBox:
        """Return the box on an opened port; nobody listens to it and nobody feeds it."""
        config = BoxConfig.model_validate({"url": self.url, **settings})
        return TriggerBox(BoxLink(port, config.reply_timeout_s, self.timebase), config, self.timebase)

    def restart(self) -> None:
        """Reset the box and wait until it answers: it is then as after boot, whatever was done with it before."""
        link = BoxLink(self.port(), RESET_REPLY_S, self.timebase)
        try:
            link.write(registers.RESET_DEVICE, ResetBits.RESTORE_DEFAULT, is_echoed=False, attempts=1)
        finally:
            link.close()
        deadline = time.monotonic() + WAIT_S
        while True:
            # Its port may be gone for a while.
            try:
                self.open().close()
            except DeviceError:
                if time.monotonic() > deadline:
                    raise
                self.timebase.sleep(0.01)
            else:
                return

    def box_errors(self) -> dict[str, int]:
        """Return the box's error counters that are not zero; no other program may have the port."""
        box = self.identified(self.port())
        try:
            return errors_among(box.counters())
        finally:
            box.close()


class Outside(Protocol):
    """What a test may do to the box beside talking to it."""

    def set_input(self, line: int, level: int) -> None:
        """Change the level of an input now."""

    def unplug(self) -> None:
        """Pull the box's plug out of the computer."""

    def replug(self) -> None:
        """Put the plug back."""


@dataclass(frozen=True)
class MadeBox:
    """One box for one test."""

    host: Host
    outside: Outside | None = None
    """Way to its inputs and its plug; None for a box that can only be talked to."""


class BoxMaker(Protocol):
    """One kind of box."""

    @property
    def name(self) -> str:
        """Name in the test's id."""
        ...

    @property
    def has_outside(self) -> bool:
        """Whether the boxes have an `outside`; without, the tests that ask for it are left out."""
        ...

    def make(self, folder: Path, facts: BoxFacts | None = None) -> AbstractContextManager[MadeBox]:
        """Make a box in an empty folder. A maker that cannot change the box's facts skips the test that gives some."""
        ...


@dataclass(frozen=True)
class RealBox:
    """The maker of a box on metal: it is at its port before and after each test, and reset before each."""

    url: str
    name: str = "metal"
    has_outside: bool = False

    @contextmanager
    def make(self, folder: Path, facts: BoxFacts | None = None) -> Iterator[MadeBox]:
        if facts is not None:
            pytest.skip("needs a box with other facts; the box at the port has its own")
        host = Host(self.url, WALL_TIME)
        host.restart()
        yield MadeBox(host)


def makers(options: pytest.Config) -> list[BoxMaker]:
    """Return the makers that the options name."""
    from tests.conformance.box_worlds import PythonModel

    if port := options.getoption("--box"):
        return [RealBox(port)]
    if rig := options.getoption("--rig"):
        return [RealBox(config.load(Path(rig)).required_box().url)]
    return [PythonModel("pty"), PythonModel("socket")]
