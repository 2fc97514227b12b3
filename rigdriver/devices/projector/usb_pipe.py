"""The way to a projector through pyusb: find it, claim its HID interface, carry reports of 64 bytes.

In: a serial number or none, and pyusb's core or another in its place. Out: a `ReportPipe`. Linux gives the interface to
its HID driver first; it is taken from it, and given back at the end. Not here: what the reports say (see packets.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rigdriver.devices.projector.packets import REPORT_BYTES
from rigdriver.devices.usb_devices import DLPC350
from rigdriver.devices.usb_library import CORE, TIMED_OUT, TROUBLE, claim, give_back
from rigdriver.errors import LinkLost, PortUnavailable

_INTERFACE, _OUT, _IN = 0, 0x01, 0x81
"""Interface and endpoints of the DLPC350's HID function."""
_LEAST_MS = 1
"""Shortest wait in ms: libusb takes 0 for a wait without end."""


class UsbPipe:
    """One open projector."""

    def __init__(self, device: Any, name: str) -> None:
        self.name = name
        self._device: Any = device
        self._had_driver = False
        try:
            self._had_driver = _has_driver(device)
            if self._had_driver:
                device.detach_kernel_driver(_INTERFACE)
            claim(device, _INTERFACE)
        except TROUBLE as exc:
            raise PortUnavailable(
                device=name,
                seen=f"is there and cannot be opened: {exc}",
                remedy="close other programs that use the projector, and see the check computer.usb_access",
            ) from exc

    def send(self, report: bytes, timeout_s: float) -> None:
        """Send one report. LinkLost when that fails."""
        try:
            self._device.write(_OUT, report, _ms(timeout_s))
        except TROUBLE as exc:
            raise self._lost(exc) from exc

    def receive(self, timeout_s: float) -> bytes | None:
        """Return one report; None when none came in that time. LinkLost when the way to the projector failed."""
        try:
            return bytes(self._device.read(_IN, REPORT_BYTES, _ms(timeout_s)))
        except TIMED_OUT:
            return None
        except TROUBLE as exc:
            raise self._lost(exc) from exc

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        device, self._device = self._device, None
        if device is None:
            return
        with suppress(*TROUBLE):  # it may have been unplugged
            give_back(device)
            if self._had_driver:
                device.attach_kernel_driver(_INTERFACE)

    def _lost(self, exc: Exception) -> LinkLost:
        return LinkLost(device=self.name, seen=f"its link failed: {exc}", remedy="check its USB cable and its power")


def open_usb_pipe(serial: str | None, core: Any = CORE) -> UsbPipe:
    """Open the projector of that USB serial number; without one, the only projector that is there.

    Raises:
        PortUnavailable: there is none, there are several, or it cannot be opened.
    """
    try:
        devices = list(core.find(find_all=True, idVendor=DLPC350[0], idProduct=DLPC350[1]))
        fitting = [device for device in devices if serial is None or _serial(device) == serial]
    except TROUBLE as exc:
        raise PortUnavailable(
            device="projector", seen=f"pyusb cannot list the USB devices: {exc}", remedy="install the library libusb"
        ) from exc
    if len(fitting) == 1:
        return UsbPipe(fitting[0], "projector")
    raise _not_one(serial, devices, fitting)


def _not_one(serial: str | None, devices: Sequence[Any], fitting: Sequence[Any]) -> PortUnavailable:
    if fitting:
        told = ", ".join(_serial(device) or "none" for device in fitting)
        return PortUnavailable(
            device="projector",
            seen=f"{len(fitting)} projectors are at USB (serial numbers {told})",
            expected="one",
            remedy="name one in projector.serial, or unplug the others",
        )
    others = f"; others that are there: {', '.join(map(_serial, devices))}" if devices else ""
    wanted = "" if serial is None else f" with serial number {serial}"
    return PortUnavailable(
        device="projector",
        seen=f"no DLPC350{wanted} is at USB{others}",
        remedy="check the power and the USB cable of the projector"
        + (", or mend projector.serial" if devices and serial is not None else ""),
    )


def _has_driver(device: Any) -> bool:
    try:
        return bool(device.is_kernel_driver_active(_INTERFACE))
    except NotImplementedError:  # Windows and macOS
        return False


def _serial(device: Any) -> str:
    try:
        return device.serial_number or ""
    except TROUBLE:
        return ""


def _ms(timeout_s: float) -> int:
    return max(_LEAST_MS, round(timeout_s * 1000))
