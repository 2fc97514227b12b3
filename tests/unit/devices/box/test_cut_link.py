"""A link that is cut and comes back while nothing is armed, and one that does not.

In: a port that goes and comes. Out: requests that are answered, or a lost link.
"""

from collections.abc import Callable

import pytest

from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import (
    LinkLost,
    PortUnavailable,
)
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.registers import BoxStates
from tests.unit.devices.box.box_over import SCHEDULE, open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort, probe_payload, reply


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
