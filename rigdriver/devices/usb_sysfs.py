"""The USB devices of a Linux computer as /sys shows them to everybody, without opening any.

In: the files of a computer. Out: `UsbListing`. The layout is that of Documentation/ABI/{stable,testing}/sysfs-bus-usb:
`2-1.4` is the device at port 4 of the hub at port 1 of bus 2, `2-1.4:1.0` its first interface, `usb2` the root hub;
`bos_descriptors` is there since Linux 6.9. Not here: other systems, and reading a descriptor from the device itself
(see usb_topology.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.usb_devices import SUPER_SPEED_MBIT, UsbDevice, UsbListing, fastest_of_bos

FOLDER = "sys/bus/usb/devices"
_FIRST_WITH_BOS = 2.01
"""Least bcdUSB of a device that has a BOS descriptor (USB 3.2, section 9.6.2)."""


def usb_of_sysfs(files: ComputerFiles) -> UsbListing:
    """Return the USB devices that a computer's /sys shows."""
    names = files.names(FOLDER)
    found = [_device(files, name, names) for name in names if ":" not in name]
    devices = tuple(device for device in found if device is not None)
    return UsbListing(devices, "" if devices else f"this computer shows no USB devices (/{FOLDER} is empty or missing)")


def _device(files: ComputerFiles, name: str, names: Sequence[str]) -> UsbDevice | None:
    at = f"{FOLDER}/{name}"
    bus, address = files.number(f"{at}/busnum"), files.number(f"{at}/devnum")
    ports = _ports(name)
    if bus is None or address is None or ports is None:
        return None
    interfaces = [other for other in names if other.startswith(f"{name}:")]
    speed_mbit = _decimal(files.text(f"{at}/speed"))
    return UsbDevice(
        controller=_controller(files, bus),
        bus=bus,
        ports=ports,
        address=address,
        speed_mbit=speed_mbit,
        possible_mbit=_possible_mbit(files, at, speed_mbit),
        vendor_id=files.number(f"{at}/idVendor", 16) or 0,
        product_id=files.number(f"{at}/idProduct", 16) or 0,
        serial=files.text(f"{at}/serial") or "",
        product=files.text(f"{at}/product") or "",
        interfaces=tuple(filter(None, (_classes(files, interface) for interface in interfaces))),
        has_super_speed_port=_has_super_speed_port(files, bus, ports, speed_mbit),
        ttys=tuple(tty for interface in interfaces for tty in _ttys(files, interface)),
    )


def _controller(files: ComputerFiles, bus: int) -> str:
    root_hub = f"{FOLDER}/usb{bus}"
    return files.parent_name(root_hub) if files.is_there(root_hub) else f"bus {bus}"


def _ports(name: str) -> tuple[int, ...] | None:
    """Return the ports that a device's name counts; None when it is no device's name."""
    bus, dash, chain = name.partition("-")
    if not dash:
        return () if bus.startswith("usb") else None
    parts = chain.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None


def _possible_mbit(files: ComputerFiles, at: str, speed_mbit: float | None) -> float | None:
    fastest = fastest_of_bos(files.raw(f"{at}/bos_descriptors"))
    if fastest is not None or speed_mbit is None:
        return fastest if speed_mbit is None else max(fastest or 0.0, speed_mbit)
    version = _decimal(files.text(f"{at}/version"))
    # What runs at SuperSpeed can do so, and what has no BOS descriptor cannot.
    is_told = speed_mbit >= SUPER_SPEED_MBIT or (version is not None and version < _FIRST_WITH_BOS)
    return speed_mbit if is_told else None


def _has_super_speed_port(
    files: ComputerFiles, bus: int, ports: tuple[int, ...], speed_mbit: float | None
) -> bool | None:
    """Return whether the port of a device has a SuperSpeed half, which the kernel links as its peer."""
    if not ports:
        return None
    if speed_mbit is not None and speed_mbit >= SUPER_SPEED_MBIT:
        return True
    *above, port = ports
    hub = f"{bus}-{'.'.join(map(str, above))}" if above else f"{bus}-0"
    at = f"{FOLDER}/{hub}:1.0/{hub if above else f'usb{bus}'}-port{port}"
    return files.is_there(f"{at}/peer") if files.is_there(at) else None


def _classes(files: ComputerFiles, interface: str) -> tuple[int, int, int] | None:
    at = f"{FOLDER}/{interface}"
    kind, below, protocol = (
        files.number(f"{at}/{name}", 16) for name in ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    )
    return None if kind is None or below is None or protocol is None else (kind, below, protocol)


def _ttys(files: ComputerFiles, interface: str) -> tuple[str, ...]:
    """Return the serial ports of an interface: of cdc_acm under tty/, of the drivers of UARTs as ttyUSB0."""
    at = f"{FOLDER}/{interface}"
    return (*files.names(f"{at}/tty"), *(name for name in files.names(at) if name.startswith("ttyUSB")))


def _decimal(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
