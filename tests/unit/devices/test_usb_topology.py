"""pyusb as the source of USB devices: with a played module in its place, and without a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.usb_topology import bos_by_pyusb, usb_listing, usb_of_pyusb, with_missing_speeds
from tests.planted_computer import BOS_USB_3, INTEL, Planted

VISION_INTERFACE = SimpleNamespace(bInterfaceClass=0xEF, bInterfaceSubClass=5, bInterfaceProtocol=0)
HID_INTERFACE = SimpleNamespace(bInterfaceClass=3, bInterfaceSubClass=0, bInterfaceProtocol=0)


class PlayedDevice:
    """A device as pyusb shows it; `bos` None refuses to be opened."""

    def __init__(self, interface: Any, speed: int | None, bos: bytes | None, ids: tuple[int, int] = (1, 2)) -> None:
        self._interface, self._bos = interface, bos
        self.bus, self.address, self.port_numbers, self.speed = 2, 7, (1, 4), speed
        self.idVendor, self.idProduct = ids
        self.opened = 0

    def __iter__(self) -> Iterator[list[Any]]:
        return iter([[self._interface]])

    @property
    def serial_number(self) -> str:
        self.opened += 1
        if self._bos is None:
            raise ValueError("The device has no langid (permission issue, no string descriptors supported)")
        return "23A7"

    def ctrl_transfer(self, kind: int, request: int, value: int, index: int, length: int, timeout: int) -> bytes:
        assert (kind, request, value, index) == (0x80, 6, 0x0F00, 0)
        assert timeout > 0
        if self._bos is None:
            raise OSError(13, "Access denied (insufficient permissions)")
        return self._bos


def core(*devices: PlayedDevice) -> Any:
    def find(find_all: bool = False, **wanted: int) -> Any:
        fitting = [d for d in devices if all(getattr(d, key) == value for key, value in wanted.items())]
        return iter(fitting) if find_all else next(iter(fitting), None)

    return SimpleNamespace(find=find)


def failing(error: Exception) -> Any:
    def find(**_: Any) -> Any:
        raise error

    return SimpleNamespace(find=find)


def test_a_camera_tells_place_speeds_and_serial_number() -> None:
    (device,) = usb_of_pyusb(core(PlayedDevice(VISION_INTERFACE, 3, BOS_USB_3))).devices
    assert (device.bus, device.ports, device.address, device.serial) == (2, (1, 4), 7, "23A7")
    assert (device.speed_mbit, device.possible_mbit, device.is_vision_camera) == (480.0, 5000.0, True)


def test_a_camera_that_may_not_be_opened_still_tells_its_speed() -> None:
    (device,) = usb_of_pyusb(core(PlayedDevice(VISION_INTERFACE, 3, None))).devices
    assert (device.speed_mbit, device.possible_mbit, device.serial) == (480.0, None, "")


def test_devices_that_are_no_cameras_are_not_opened() -> None:
    projector = PlayedDevice(HID_INTERFACE, 3, None, (0x0451, 0x6401))
    (device,) = usb_of_pyusb(core(projector)).devices
    assert device.is_projector
    assert projector.opened == 0


def test_an_unknown_speed_is_none() -> None:
    (device,) = usb_of_pyusb(core(PlayedDevice(VISION_INTERFACE, None, BOS_USB_3))).devices
    assert (device.speed_mbit, device.possible_mbit) == (None, 5000.0)


def test_without_libusb_the_reason_is_told() -> None:
    listing = usb_of_pyusb(failing(ValueError("No backend available")))
    assert listing.devices == ()
    assert "No backend available" in listing.why


def test_an_empty_bus_is_a_reason_too() -> None:
    assert usb_of_pyusb(core()).why == "pyusb lists no USB devices"


def test_a_bos_descriptor_is_read_from_the_device_at_its_address() -> None:
    played = PlayedDevice(VISION_INTERFACE, 3, BOS_USB_3)
    (device,) = usb_of_pyusb(core(played)).devices
    assert bos_by_pyusb(device, core(played)) == BOS_USB_3
    assert bos_by_pyusb(device, core()) == b""
    assert bos_by_pyusb(device, core(PlayedDevice(VISION_INTERFACE, 3, None))) == b""
    assert bos_by_pyusb(device, failing(ValueError("No backend available"))) == b""


def asked_of(computer: Planted, bos: Callable[[Any], bytes]) -> float | None:
    listing = with_missing_speeds(usb_listing(computer.files), bos)
    return next(d.possible_mbit for d in listing.devices if d.is_vision_camera)


def test_an_older_kernel_has_the_camera_itself_asked_for_its_speeds(tmp_path: Path) -> None:
    computer = Planted(tmp_path)
    computer.camera(INTEL, "1-1", "7", "480", "2.10", bos=b"")
    assert asked_of(computer, lambda _: BOS_USB_3) == 5000.0
    assert asked_of(computer, lambda _: b"") is None


def test_a_planted_computer_never_leads_to_this_ones_devices(tmp_path: Path) -> None:
    assert usb_listing(ComputerFiles(tmp_path, is_linux=True)).devices == ()
