"""A projector through pyusb's own core, on a simulated DLPC350: reading, writing, and whatever may go wrong between."""

from __future__ import annotations

from typing import Any

import pytest

from rigdriver.config import ProjectorConfig
from rigdriver.devices.projector.commands import (
    DisplayMode,
    LedLevels,
    PatternRun,
    PatternTimes,
    ProjectorFault,
    TableFault,
    TriggerMode,
)
from rigdriver.devices.projector.projector import Projector, wanted_entries
from rigdriver.devices.projector.usb_pipe import open_usb_pipe
from rigdriver.errors import BadReply, LinkLost, NoReply, PortUnavailable, ProjectorRefused
from rigdriver_sim.projector.controller import DlpController, ProjectorTrouble
from rigdriver_sim.projector.usb_backend import UsbProjector, usb_core
from tests.fake_time import FakeTime


def config(**keys: Any) -> ProjectorConfig:
    return ProjectorConfig.model_validate({"lamp": "left_pattern", **keys})


class Passing(FakeTime):
    """A clock that goes on by 10 ms at each look: reads of the simulated bus take no time of their own."""

    def now_s(self) -> float:
        self.pass_s(0.01)
        return super().now_s()


def opened(controller: DlpController, **keys: Any) -> Projector:
    pipe = open_usb_pipe(None, usb_core(UsbProjector(controller)))
    return Projector(pipe, config(**keys), Passing())


def test_everything_that_it_reports_is_read() -> None:
    state = opened(DlpController(version=(4, 3, 12), led_registers=bytes([255, 151, 0]))).state()
    assert state.versions.application == "4.3.12"
    assert state.faults == ()
    assert (state.mode, state.trigger_mode, state.run) == (
        DisplayMode.PATTERN,
        TriggerMode.BY_ENTRY,
        PatternRun.RUNNING,
    )
    assert (state.levels, state.times) == (LedLevels(0, 104, 255), PatternTimes(2000, 3000))
    assert state.entries == wanted_entries(config())


@pytest.mark.parametrize(
    ("bits", "fault"),
    [
        ({"hardware_status": 0x00}, ProjectorFault.NOT_STARTED),
        ({"hardware_status": 0x05}, ProjectorFault.MIRRORS),
        ({"hardware_status": 0x09}, ProjectorFault.FORCED_SWAP),
        ({"hardware_status": 0x41}, ProjectorFault.ABORTED),
        ({"hardware_status": 0x81}, ProjectorFault.SEQUENCE),
        ({"system_status": 0x00}, ProjectorFault.MEMORY),
        ({"is_parked": True}, ProjectorFault.PARKED),
    ],
)
def test_each_status_bit_is_a_fault(bits: dict[str, Any], fault: ProjectorFault) -> None:
    assert opened(DlpController(**bits)).faults() == (fault,)


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 128])
def test_what_is_written_is_read_back_whatever_its_length(count: int) -> None:
    patterns = tuple(number % 3 for number in range(count))
    keys = {
        "patterns": patterns, "bit_depth": 8, "leds": "blue", "trigger": "falling", "exposure_us": 9000,
        "period_us": 9000, "blue_level": 40,
    }  # fmt: skip
    controller = DlpController(is_pattern_mode=False, trigger_mode=0, pattern_source=0)
    projector = opened(controller, **keys)
    assert projector.write() == ()
    state = projector.state()
    assert state.entries == wanted_entries(config(**keys))
    assert (state.mode, state.trigger_mode, state.run) == (
        DisplayMode.PATTERN,
        TriggerMode.BY_ENTRY,
        PatternRun.RUNNING,
    )
    # Where the rig file states no current, the one that was set stays.
    assert state.levels == LedLevels(0, 104, 40)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"patterns": (24,), "bit_depth": 2, "exposure_us": 900}, TableFault.NUMBER),
        ({"bit_depth": 8}, TableFault.EXPOSURE),
    ],
)
def test_a_table_that_is_refused_is_named_and_no_sequence_runs(keys: dict[str, Any], fault: TableFault) -> None:
    controller = DlpController()
    assert opened(controller, **keys).write() == (fault,)
    assert not controller.is_running


def test_a_sequence_runs_again_after_a_validation() -> None:
    controller = DlpController()
    assert opened(controller).validated() == ()
    assert controller.is_running


@pytest.mark.parametrize("trouble", [{"words": [0 | 1 << 8 | 7 << 12]}, {"trigger_mode": 0}])
def test_a_sequence_that_shines_by_itself_is_not_started_again(trouble: dict[str, Any]) -> None:
    controller = DlpController(**trouble)
    opened(controller).validated()
    assert not controller.is_running


def test_a_sequence_that_was_stopped_stays_so() -> None:
    controller = DlpController(is_running=False)
    opened(controller).validated()
    assert not controller.is_running


def test_a_validation_that_fails_still_starts_the_sequence_again() -> None:
    controller = DlpController(trouble=ProjectorTrouble(validation_hangs=True))
    with pytest.raises(NoReply, match="has not ended within 2 s"):
        opened(controller).validated()
    assert controller.is_running


def test_a_reply_that_is_there_is_taken_however_late_a_busy_computer_looks() -> None:
    class Away(FakeTime):
        def now_s(self) -> float:
            self.pass_s(10.0)
            return super().now_s()

    pipe = open_usb_pipe(None, usb_core(UsbProjector(DlpController())))
    assert Projector(pipe, config(), Away()).faults() == ()


def test_what_takes_time_is_waited_for() -> None:
    controller = DlpController(is_pattern_mode=False, trouble=ProjectorTrouble(slow_changes=3))
    assert opened(controller).write() == ()
    assert (controller.is_pattern_mode, controller.is_running) == (True, True)


def test_a_sequence_that_cannot_be_stopped_is_an_error_within_its_time() -> None:
    with pytest.raises(NoReply, match="it has not become stopped within 5 s"):
        opened(DlpController(trouble=ProjectorTrouble(slow_changes=-1))).write()


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [
        (ProjectorTrouble(refused={0x0B01}), ProjectorRefused, "refused command 0x0b01"),
        (ProjectorTrouble(silent={0x0205}), NoReply, "no reply to command 0x0205 within 0.5 s"),
        (ProjectorTrouble(late={0x0205}), NoReply, "no reply to command 0x0205"),
        (ProjectorTrouble(sequence_off=3), BadReply, "a reply to request 4, and not to request 1"),
        (ProjectorTrouble(short={0x1A29}), BadReply, "7 of 8 bytes to command 0x1a29"),
    ],
)
def test_a_reply_that_is_wrong_late_or_missing_is_an_error_that_says_so(
    trouble: ProjectorTrouble, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        opened(DlpController(trouble=trouble)).state()


def test_a_late_reply_is_dropped_and_counted_and_not_taken_for_the_next_one() -> None:
    controller = DlpController(trouble=ProjectorTrouble(late={0x0205}))
    projector = opened(controller)
    with pytest.raises(NoReply):
        projector.state()
    controller.trouble.late.clear()
    assert projector.state().versions.application == "4.4.0"
    assert projector.late_replies == 1


def test_the_mailbox_is_closed_also_when_its_content_is_refused() -> None:
    controller = DlpController(trouble=ProjectorTrouble(refused={0x1A34}))
    with pytest.raises(ProjectorRefused):
        opened(controller).entries()
    assert controller.written[-1] == 0x1A33
    assert controller._mailbox == 0


def test_the_projector_is_given_back_to_its_driver_and_closing_twice_is_harmless() -> None:
    device = UsbProjector(DlpController())
    projector = Projector.open(config(), usb_core(device))
    assert (device.has_kernel_driver, device.is_claimed) == (False, True)
    projector.close()
    projector.close()
    assert (device.has_kernel_driver, device.is_claimed) == (True, False)


def test_a_projector_that_is_unplugged_meanwhile_is_an_error_and_closes() -> None:
    device = UsbProjector(DlpController())
    with Projector.open(config(), usb_core(device)) as projector:
        device.is_unplugged = True
        with pytest.raises(LinkLost, match="check its USB cable"):
            projector.state()


def test_of_several_projectors_the_one_with_the_serial_number_is_opened() -> None:
    left, right = UsbProjector(DlpController(), "LEFT"), UsbProjector(DlpController(), "RIGHT", 6)
    with Projector.open(config(serial="RIGHT"), usb_core(left, right)):
        assert (left.is_claimed, right.is_claimed) == (False, True)


@pytest.mark.parametrize(
    ("devices", "serial", "said"),
    [
        ((), None, "no DLPC350 is at USB; check the power"),
        (("A",), "B", "no DLPC350 with serial number B is at USB; others that are there: A"),
        (("A", "B"), None, r"2 projectors are at USB \(serial numbers A, B\); expected one"),
    ],
)
def test_no_projector_or_several_are_told_apart(devices: tuple[str, ...], serial: str | None, said: str) -> None:
    core = usb_core(*(UsbProjector(DlpController(), name) for name in devices))
    with pytest.raises(PortUnavailable, match=said):
        Projector.open(config(serial=serial), core)


def test_a_projector_that_this_user_may_not_open_is_named_so() -> None:
    device = UsbProjector(DlpController())
    device.may_be_opened = False
    with pytest.raises(PortUnavailable, match=r"cannot be opened: .*Access denied.*computer.usb_access"):
        Projector.open(config(), usb_core(device))
