"""Which USB devices this computer has.

In: the files of a computer. Out: `UsbListing`: controller, ports, negotiated and possible speed of each device. On
Linux /sys shows nearly all of it, without permissions; what an older kernel does not show, the BOS descriptor of a slow
camera, is read from the device through pyusb. Elsewhere pyusb lists the devices. It needs the library libusb; without
it nothing is known, which is the reason that is returned. Not here: what is good or bad (see
rigdriver.selftest.bus_checks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.usb_devices import UsbDevice, UsbListing, fastest_of_bos
from rigdriver.devices.usb_library import CORE, TROUBLE
from rigdriver.devices.usb_sysfs import usb_of_sysfs

UsbBackend = Callable[[], UsbListing]
"""Function that lists the USB devices: `usb_listing` of a computer, or what a test or a simulator puts in its place."""
ReadBos = Callable[[UsbDevice], bytes]
_SPEEDS_MBIT = {1: 1.5, 2: 12.0, 3: 480.0, 4: 5000.0, 5: 10_000.0, 6: 20_000.0}
"""Speeds by libusb's codes (enum libusb_speed)."""
_DEVICE_TO_HOST = 0x80
_GET_DESCRIPTOR = 6
_BOS = 0x0F00
_BOS_TIMEOUT_MS = 500
_MOST_BOS_BYTES = 1024


def usb_listing(files: ComputerFiles) -> UsbListing:
    """Return the USB devices of a computer."""
    if not files.is_linux:
        return usb_of_pyusb()
    listing = usb_of_sysfs(files)
    return with_missing_speeds(listing, bos_by_pyusb) if files.is_this_computer else listing


def with_missing_speeds(listing: UsbListing, read: ReadBos) -> UsbListing:
    """Ask the cameras of a listing whose possible speed is not known for it."""
    devices = (
        replace(d, possible_mbit=fastest_of_bos(read(d))) if d.is_vision_camera and d.possible_mbit is None else d
        for d in listing.devices
    )
    return replace(listing, devices=tuple(devices))


def usb_of_pyusb(core: Any = CORE) -> UsbListing:
    """Return what pyusb lists: no permissions are needed, but for serial numbers and BOS descriptors."""
    try:
        devices = tuple(_device(device) for device in core.find(find_all=True))
    except TROUBLE as exc:
        return UsbListing((), f"pyusb cannot list the USB devices: {exc}")
    return UsbListing(devices, "" if devices else "pyusb lists no USB devices")


def bos_by_pyusb(device: UsbDevice, core: Any = CORE) -> bytes:
    """Return the BOS descriptor of a device; no bytes where it cannot be read."""
    try:
        found = core.find(bus=device.bus, address=device.address)
        return _bos(found) if found is not None else b""
    except TROUBLE:
        return b""


def _device(device: Any) -> UsbDevice:
    speed_mbit = _SPEEDS_MBIT.get(device.speed)
    interfaces = tuple(dict.fromkeys(_interfaces(device)))
    plain = UsbDevice(
        # libusb knows no controllers; a bus of its own is the nearest.
        controller=f"bus {device.bus}",
        bus=device.bus or 0,
        ports=tuple(device.port_numbers or ()),
        address=device.address or 0,
        speed_mbit=speed_mbit,
        possible_mbit=speed_mbit if speed_mbit is not None and speed_mbit >= 5000 else None,
        vendor_id=device.idVendor,
        product_id=device.idProduct,
        interfaces=interfaces,
    )
    # Only cameras are opened; others could be disturbed.
    return replace(plain, **_opened_facts(device, speed_mbit)) if plain.is_vision_camera else plain


def _opened_facts(device: Any, speed_mbit: float | None) -> dict[str, Any]:
    """Return what only an opened device tells: as much of it as can be read."""
    facts: dict[str, Any] = {}
    try:
        facts["serial"] = device.serial_number or ""
        fastest = fastest_of_bos(_bos(device))
        if fastest is not None:
            facts["possible_mbit"] = max(fastest, speed_mbit or 0.0)
    except TROUBLE:
        pass
    return facts


def _interfaces(device: Any) -> Iterator[tuple[int, int, int]]:
    try:
        for configuration in device:
            for interface in configuration:
                yield interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol
    except TROUBLE:
        return


def _bos(device: Any) -> bytes:
    # Endpoint 0 of a device answers whoever may open it; no interface is claimed from the camera's driver.
    return bytes(device.ctrl_transfer(_DEVICE_TO_HOST, _GET_DESCRIPTOR, _BOS, 0, _MOST_BOS_BYTES, _BOS_TIMEOUT_MS))
