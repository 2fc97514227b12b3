"""The stages of computer and buses on computers that the simulator shows: each fault is one check that is not good."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.devices.cameras.listing import ProducerListing
from rigdriver.errors import CameraError, CameraMissing, DevicesFailed, NoReply, RigError
from rigdriver.selftest import computer_stage
from rigdriver.selftest.camera_loads import camera_loads, unread
from rigdriver.selftest.computer_stage import check_buses, check_computer, check_unopened, reading
from rigdriver.selftest.result import CheckResult, Status
from rigdriver_sim.reach.computer import write_computer
from rigdriver_sim.reach.rig_file import rig_file_text
from rigdriver_sim.scenario import load


def simulated(folder: Path, scenario: str, box_url: str = "/dev/ttyACM0") -> RigConfig:
    known = load(scenario)
    write_computer(folder / "computer", known, box_url)
    return parse(rig_file_text(known, box_url, "x.cti", "", "computer"), "rig.toml", folder)


def checks_of(config: RigConfig) -> list[CheckResult]:
    return [*check_computer(config), *check_buses(config)]


def unlike_good(config: RigConfig) -> dict[str, CheckResult]:
    found = {check.name: check for check in checks_of(config) if check.status is not Status.GOOD}
    # The port is this computer's, where nobody has it.
    found.pop("computer.port_access", None)
    return found


def test_a_healthy_simulated_computer_is_good_in_every_check(tmp_path: Path) -> None:
    config = simulated(tmp_path, "default")
    assert unlike_good(config) == {}
    names = {check.name for check in checks_of(config)}
    assert {f"usb.{camera.name}" for camera in config.cameras} <= names
    assert {"usb.box", "computer.usb_access", "computer.usbfs_memory", "computer.write_speed"} <= names


@pytest.mark.parametrize(
    ("key", "failed", "told"),
    [
        ("usb=usb2", "usb.left_upper", "runs at USB 2 (480 Mbit/s): its port should do USB 3"),
        ("usb=one_controller&rate_hz=50", "usb.controller.0000:00:14.0", "plug some of them into another controller"),
        ("usb=hub&rate_hz=21", "usb.hub.2-1", "hub 2-1 carries left_upper"),
        ("usb=box_missing", "usb.box", "check the cable of the trigger box"),
        ("usb=none", "usb", "no USB devices"),
        ("usbfs_memory_mb=16", "computer.usbfs_memory", "usbcore.usbfs_memory_mb=1000"),
        ("cpus=1", "computer.cpus", "one processor each"),
        ("load=12", "computer.load", "too busy to tell"),
        ("stolen=0.3", "computer.stolen_time", "other virtual machines"),
        ("free_memory_mb=100", "computer.memory", "genicam.frame_slots"),
        ("clock_source=jiffies", "computer.clock_source", "jiffies"),
        ("free_disk_mb=1000", "computer.disk_space", "free space"),
        ("disk_mb_per_s=60", "computer.write_speed", "faster disk"),
    ],
)
def test_each_fault_of_a_computer_is_found_by_its_own_check(tmp_path: Path, key: str, failed: str, told: str) -> None:
    first, *rest = key.split("&")
    found = unlike_good(simulated(tmp_path, "&".join([f"default?computer.{first}", *rest])))
    assert list(found) == [failed]
    assert told in found[failed].remedy


@pytest.mark.parametrize("scenario", ["default?computer.usb=none", "default"])
def test_nothing_is_good_without_evidence(tmp_path: Path, scenario: str) -> None:
    config = simulated(tmp_path, scenario).model_copy(update={"computer": tmp_path / "nowhere"})
    assert {check.status for check in checks_of(config)} <= {Status.NOT_CHECKED, Status.UNKNOWN}


@pytest.mark.parametrize(
    ("error", "is_listed"),
    [
        (CameraMissing(device="camera left_upper", seen="not found"), True),
        (DevicesFailed("rig", [NoReply("box"), CameraMissing("left_upper")]), True),
        (NoReply(device="trigger box", seen="no reply"), False),
    ],
)
def test_a_rig_that_could_not_be_opened_still_shows_its_computer_and_buses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RigError, is_listed: bool
) -> None:
    known = load("default?computer.usb=usb2")
    write_computer(tmp_path / "computer", known, "/dev/ttyACM0")
    rig_file = tmp_path / "rig.toml"
    rig_file.write_text(rig_file_text(known, "/dev/ttyACM0", "x.cti", "", "computer"))
    asked: list[object] = []

    def listing(producers: object, _search_s: float) -> ProducerListing:
        asked.append(producers)
        return ProducerListing((), ())

    monkeypatch.setattr(computer_stage, "list_producers", listing)
    statuses = {check.name: check.status for check in check_unopened(str(rig_file), error)}
    assert statuses["usb.left_upper"] is Status.FAILED
    assert statuses["computer.memory"] is Status.GOOD
    assert bool(asked) is is_listed


def test_a_working_folder_that_was_removed_raises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = simulated(tmp_path, "default")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "computer.disk_space" in {check.name for check in check_computer(config)}


def test_a_rig_that_no_file_describes_gets_no_checks() -> None:
    assert check_unopened("sim", CameraMissing("left_upper")) == []


def test_open_cameras_are_read_and_what_they_lack_is_taken_from_the_rig_file(tmp_path: Path) -> None:
    config = simulated(tmp_path, "default?width=64&height=32")
    answers: dict[str, dict[str, object]] = {
        "left_upper": {"PayloadSize": 5000, "DeviceSerialNumber": "9", "GevCurrentIPAddress": 0xC0A80A07},
        "left_lower": {"PayloadSize": True, "GevCurrentIPAddress": -1},
    }

    class Played:
        def get(self, camera: str, feature: str) -> object:
            try:
                return answers[camera][feature]
            except KeyError:
                raise CameraError(device=camera, seen="no such feature") from None

    by_name = {one.name: one for one in camera_loads(config, reading(Played()))}  # type: ignore[arg-type]
    upper, lower = by_name["left_upper"], by_name["left_lower"]
    assert (upper.payload_bytes, upper.serial, str(upper.address)) == (5000, "9", "192.168.10.7")
    assert (lower.payload_bytes, lower.address) == (64 * 32, None)
    assert lower.serial == config.camera("left_lower").serial
    assert upper.megabytes_per_s == pytest.approx(0.05)


def test_a_rig_file_without_sizes_leaves_them_open(tmp_path: Path) -> None:
    text = 'name = "r"\ngenicam = { producers = ["x.cti"] }\nschedule = { mode = "free" }\n'
    config = parse(f'{text}cameras = [{{ name = "a", serial = "A1", output = 0 }}]', "rig.toml", tmp_path)
    (one,) = camera_loads(config, unread)
    assert (one.payload_bytes, one.megabytes_per_s) == (None, None)
