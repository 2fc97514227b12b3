"""What a computer's USB devices are: place, negotiated and possible speed, classes; and what binary descriptors say.

In: nothing, or a BOS descriptor as bytes. Out: frozen values. Class codes are those of USB3 Vision: interfaces of class
0xEF, subclass 0x05; protocol 0 is control, 1 events, 2 streaming. The device itself has 0xEF/0x02/0x01, which only says
that its interfaces are grouped, as those of a webcam are, too. Not here: where the values come from (see usb_sysfs.py
and usb_topology.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

VISION_CLASS = (0xEF, 0x05)
"""Class and subclass of the interfaces of a USB3 Vision camera (AIA USB3 Vision 1.0, section 2)."""
DLPC350 = (0x0451, 0x6401)
"""Vendor and product id of a projector with a TI DLPC350 controller, such as the LightCrafter 4500 (TI DLPU010)."""
HIGH_SPEED_MBIT = 480.0
SUPER_SPEED_MBIT = 5000.0
_CAPABILITY = 0x10
_SUPER_SPEED = 0x03
_SUPER_SPEED_PLUS = 0x0A
_SPEEDS_MBIT = ((8, SUPER_SPEED_MBIT), (4, HIGH_SPEED_MBIT), (2, 12.0), (1, 1.5))
"""Bits of wSpeedsSupported (USB 3.2, table 9-16) and their speeds, the fastest first."""
_PER_MBIT = (1e-6, 1e-3, 1.0, 1e3)
"""Mbit/s of one unit of a sublink speed by its exponent: bit/s, kbit/s, Mbit/s, Gbit/s (USB 3.2, table 9-19)."""


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One USB device, hub or root hub."""

    controller: str
    """Name of the host controller: its PCI address, `0000:00:14.0`, or its platform name, `3610000.usb`."""
    bus: int
    ports: tuple[int, ...]
    """Port numbers from the root hub to the device; none for the root hub itself."""
    address: int
    speed_mbit: float | None
    """Negotiated speed; None where the system does not report it."""
    possible_mbit: float | None
    """Fastest speed that its descriptors name; None where they cannot be read."""
    vendor_id: int = 0
    product_id: int = 0
    serial: str = ""
    product: str = ""
    interfaces: tuple[tuple[int, int, int], ...] = ()
    """Class, subclass and protocol of each interface."""
    has_super_speed_port: bool | None = None
    """Whether its port has a SuperSpeed half, by the firmware or else by the port's number (drivers/usb/core/port.c);
    None where the system does not report it."""
    ttys: tuple[str, ...] = ()
    """Names of its serial ports: `ttyACM0`."""

    @property
    def name(self) -> str:
        """Name as the kernel and `lsusb -t` count: `2-1.4`, or `usb2` for a root hub."""
        return f"{self.bus}-{'.'.join(map(str, self.ports))}" if self.ports else f"usb{self.bus}"

    @property
    def is_vision_camera(self) -> bool:
        """Whether it is a USB3 Vision camera."""
        return any(interface[:2] == VISION_CLASS for interface in self.interfaces)

    @property
    def is_projector(self) -> bool:
        """Whether it is a projector that this driver knows."""
        return (self.vendor_id, self.product_id) == DLPC350


@dataclass(frozen=True, slots=True)
class UsbListing:
    """What a computer reports of its USB devices."""

    devices: tuple[UsbDevice, ...]
    why: str = ""
    """Reason why there is no device; empty when there is one."""

    def hubs_above(self, device: UsbDevice) -> Sequence[UsbDevice]:
        """Return the hubs between a device and its root hub, from the computer on."""
        above = [d for d in self.devices if d.ports and d.bus == device.bus and len(d.ports) < len(device.ports)]
        chain = [d for d in above if d.ports == device.ports[: len(d.ports)]]
        return sorted(chain, key=lambda hub: len(hub.ports))

    def root_hub(self, device: UsbDevice) -> UsbDevice | None:
        """Return the root hub of a device's bus."""
        return next((d for d in self.devices if d.bus == device.bus and not d.ports), None)


def fastest_of_bos(bos: bytes) -> float | None:
    """Return the fastest speed that a BOS descriptor names, in Mbit/s; None when it is none, or a part of one."""
    if len(bos) < 5 or bos[1] != 0x0F or len(bos) < int.from_bytes(bos[2:4], "little"):
        return None
    speeds = [_fastest_of(capability) for capability in _capabilities(bos)]
    # Without a capability for SuperSpeed it is a USB 2 device.
    return max(filter(None, speeds), default=HIGH_SPEED_MBIT)


def _capabilities(bos: bytes) -> list[bytes]:
    found, at = [], bos[0]
    # A length below 3 cannot be, and 0 would never end.
    while at + 3 <= len(bos) and bos[at] >= 3:
        found.append(bos[at : at + bos[at]])
        at += bos[at]
    return [capability for capability in found if capability[1] == _CAPABILITY]


def _fastest_of(capability: bytes) -> float | None:
    if capability[2] == _SUPER_SPEED and len(capability) >= 6:
        supported = int.from_bytes(capability[4:6], "little")
        return next((speed for bit, speed in _SPEEDS_MBIT if supported & bit), None)
    if capability[2] == _SUPER_SPEED_PLUS and len(capability) >= 12:
        count = (capability[4] & 0x1F) + 1
        words = [int.from_bytes(capability[at : at + 4], "little") for at in range(12, len(capability) - 3, 4)]
        return max(((word >> 16) * _PER_MBIT[word >> 4 & 3] for word in words[:count]), default=None)
    return None
