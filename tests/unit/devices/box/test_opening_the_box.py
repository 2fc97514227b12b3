"""Opening a trigger box over a scripted port: who it is, what it was doing, and boards that restart when opened.

In: answers of boxes, of other devices and of strangers. Out: an opened box, or an error that names what was seen.
"""

import pytest

from rigdriver.config import BoxConfig
from rigdriver.devices.box.link import ATTEMPTS
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import (
    InterfaceMismatch,
    NoReply,
    NotATriggerBox,
    PortUnavailable,
)
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.registers import BoxStates, StopModes
from tests.unit.devices.box.box_over import open_over
from tests.unit.devices.box.fake_box_port import FakeBoxPort, lose, refuse


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
