"""What /sys shows of USB devices, on computers of several kinds; and BOS descriptors, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.usb_devices import fastest_of_bos
from rigdriver.devices.usb_sysfs import usb_of_sysfs
from tests.planted_computer import AMD, BOS_10G, BOS_USB_2, BOS_USB_3, INTEL, JETSON, VISION, Planted


def named(computer: Planted, name: str):
    return next(device for device in usb_of_sysfs(computer.files).devices if device.name == name)


@pytest.mark.parametrize(
    ("bos", "mbit"),
    [
        (BOS_USB_3, 5000.0), (BOS_USB_2, 480.0), (BOS_10G, 10_000.0), (b"", None), (b"\0" * 22, None),
        (BOS_USB_3[:14], None), (b"\x05\x0f\x08\x00\x02\x00\x10\x03", 480.0),
        (b"\x05\x0f\x08\x00\x02\x03\x10\x03", 480.0),
    ],
)  # fmt: skip
def test_a_bos_descriptor_names_the_fastest_speed_and_a_broken_one_names_none(bos: bytes, mbit: float | None) -> None:
    assert fastest_of_bos(bos) == mbit


def test_an_amd_board_shows_controller_hub_and_ports(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(AMD, 3, 4)
    computer.usb(AMD, "4-3", "5000", device_class="09", product="USB3.1 Hub")
    computer.camera(AMD, "4-3.2", "21872466")
    camera = named(computer, "4-3.2")
    assert (camera.controller, camera.bus, camera.ports, camera.serial) == ("0000:0a:00.3", 4, (3, 2), "21872466")
    assert (camera.speed_mbit, camera.possible_mbit, camera.is_vision_camera) == (5000.0, 5000.0, True)
    listing = usb_of_sysfs(computer.files)
    assert [hub.name for hub in listing.hubs_above(camera)] == ["4-3"]
    root = listing.root_hub(camera)
    assert root is not None
    assert root.speed_mbit == 10_000.0


def test_a_jetson_names_its_controller_by_its_platform_name(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(JETSON, 1, 2)
    computer.usb(JETSON, "2-1", "10000", "3.20", device_class="09", idVendor="0bda", idProduct="0489")
    computer.camera(JETSON, "2-1.2", "7")
    assert named(computer, "2-1.2").controller == "3610000.usb"


@pytest.mark.parametrize(("has_peer", "expected"), [(True, True), (False, False)])
def test_a_camera_at_usb_2_tells_what_it_can_do_and_whether_its_port_has_a_fast_half(
    tmp_path: Path, has_peer: bool, expected: bool
) -> None:
    computer = Planted(tmp_path)
    computer.root_hubs(INTEL, 1, 2)
    computer.camera(INTEL, "1-12", "7", "480", "2.10")
    computer.interface("1-0", "sys/devices/pci0000:00/0000:00:14.0/usb1", 0, ("09", "00", "00"))
    computer.port("1-0", 12, has_peer)
    camera = named(computer, "1-12")
    assert (camera.speed_mbit, camera.possible_mbit, camera.has_super_speed_port) == (480.0, 5000.0, expected)


@pytest.mark.parametrize(
    ("version", "bos", "possible"), [("2.10", b"", None), ("2.00", b"", 480.0), ("2.10", BOS_USB_2, 480.0)]
)
def test_without_a_bos_descriptor_only_an_old_device_is_known_to_be_slow(
    tmp_path: Path, version: str, bos: bytes, possible: float | None
) -> None:
    computer = Planted(tmp_path)
    computer.camera(INTEL, "1-1", "7", "480", version, bos)
    assert named(computer, "1-1").possible_mbit == possible
    assert named(computer, "1-1").has_super_speed_port is None


def test_serial_ports_are_found_under_cdc_acm_and_under_drivers_of_uarts(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.usb(INTEL, "1-5", "12", "2.00", classes=(("02", "02", "01"),))
    computer.usb(INTEL, "1-6", "12", "2.00", classes=(("ff", "00", "00"),))
    (tmp_path / "sys" / INTEL / "usb1/1-5/1-5:1.0/tty/ttyACM0").mkdir(parents=True)
    (tmp_path / "sys" / INTEL / "usb1/1-6/1-6:1.0/ttyUSB3/tty/ttyUSB3").mkdir(parents=True)
    assert named(computer, "1-5").ttys == ("ttyACM0",)
    assert named(computer, "1-6").ttys == ("ttyUSB3",)


def test_a_webcam_is_no_vision_camera_though_its_device_class_is_the_same(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.usb(INTEL, "1-8", "480", "2.00", classes=(("0e", "01", "00"), ("0e", "02", "00")), device_class="ef")
    assert not named(computer, "1-8").is_vision_camera


def test_a_computer_without_sys_has_no_devices_and_a_reason(tmp_path: Path) -> None:
    listing = usb_of_sysfs(ComputerFiles(tmp_path / "nowhere"))
    assert listing.devices == ()
    assert "/sys/bus/usb/devices" in listing.why


def test_files_that_hold_nonsense_are_passed_over(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.usb(INTEL, "1-1", "fast", "x", b"\xff\xff\xff", classes=VISION, idVendor="zz")
    computer.write("sys/bus/usb/devices/1-2/busnum", "one")
    computer.write("sys/bus/usb/devices/strange/busnum", "1")
    (device,) = usb_of_sysfs(computer.files).devices
    assert (device.speed_mbit, device.possible_mbit, device.vendor_id) == (None, None, 0)
