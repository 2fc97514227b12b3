"""An interrupt of a request to the box, at any moment, leaves the link to all other threads, and every answer right.

In: a scripted port, and an interrupt at each moment of a request. Out: the next request's own answer, on another
thread.
"""

from __future__ import annotations

import threading

from rigdriver.devices.box.link import BoxLink
from rigdriver.wire import registers
from tests.interrupts import interrupted_at
from tests.unit.devices.box.fake_box_port import FakeBoxPort

TICKS = 10_000_000
WAIT_S = 120.0


def test_an_interrupt_at_any_moment_of_a_request_leaves_the_link_to_others() -> None:
    moment, has_come = 0, True
    while has_come:
        moment += 1
        port = FakeBoxPort()
        link = BoxLink(port, 0.1, port.clock)
        link.is_fenced = True
        has_come = interrupted_at(moment, lambda link=link: link.read(registers.SERIAL_NUMBER))  # type: ignore[misc]
        got: list[int] = []
        other = threading.Thread(target=lambda link=link, got=got: got.append(link.read(registers.TICK_RATE)))
        other.start()
        other.join(WAIT_S)
        assert got == [TICKS], f"interrupted at moment {moment}"
    assert moment > 50
