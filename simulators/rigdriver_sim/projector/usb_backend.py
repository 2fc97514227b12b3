"""A backend of pyusb that shows simulated projectors as libusb shows real ones.

In: projectors. Out: descriptors, strings and interrupt transfers, through pyusb's own core. An answer that has not come
is a time-out at once: nothing waits. Not here: what the reports say (see controller.py).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import usb.core
from usb.backend import IBackend

from rigdriver_sim.projector.controller import DlpController

_IN, _OUT = 0x81, 0x01
_STRING = 3
_SERIAL_INDEX = 3
_ENGLISH = (0x0409).to_bytes(2, "little")


class UsbProjector:
    """One projector at a bus."""

    def __init__(self, controller: DlpController, serial: str = "LCR2", address: int = 5) -> None:
        self.controller, self.serial, self.address = controller, serial, address
        self.has_kernel_driver = True
        self.is_claimed = False
        self.is_unplugged = False
        self.may_be_opened = True


class ProjectorBackend(IBackend):  # type: ignore[misc]
    """The backend; pyusb calls its methods."""

    def __init__(self, projectors: Sequence[UsbProjector]) -> None:
        super().__init__()
        self._projectors = projectors

    def enumerate_devices(self) -> Iterator[UsbProjector]:
        return iter([p for p in self._projectors if not p.is_unplugged])

    def get_device_descriptor(self, dev: UsbProjector) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x0110, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=0x0451, idProduct=0x6401, bcdDevice=0x0100, iManufacturer=0, iProduct=0,
            iSerialNumber=_SERIAL_INDEX, bNumConfigurations=1, address=dev.address, bus=1, port_number=1,
            port_numbers=(1,), speed=2,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: UsbProjector, config: int) -> SimpleNamespace:
        del dev
        if config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=41, bNumInterfaces=1, bConfigurationValue=1, iConfiguration=0,
            bmAttributes=0xC0, bMaxPower=50, extra_descriptors=[],
        )  # fmt: skip

    def get_interface_descriptor(self, dev: UsbProjector, intf: int, alt: int, config: int) -> SimpleNamespace:
        del dev, config
        if intf or alt:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2, bInterfaceClass=3,
            bInterfaceSubClass=0, bInterfaceProtocol=0, iInterface=0, extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: UsbProjector, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        del dev, intf, alt, config
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=(_IN, _OUT)[ep], bmAttributes=3, wMaxPacketSize=64,
            bInterval=4, bRefresh=0, bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    def open_device(self, dev: UsbProjector) -> UsbProjector:
        if not dev.may_be_opened:
            raise usb.core.USBError("Access denied (insufficient permissions)", -3, 13)
        return dev

    def close_device(self, dev_handle: UsbProjector) -> None:
        dev_handle.is_claimed = False

    def get_configuration(self, dev_handle: UsbProjector) -> int:
        del dev_handle
        return 1

    def claim_interface(self, dev_handle: UsbProjector, intf: int) -> None:
        del intf
        if dev_handle.has_kernel_driver:
            raise usb.core.USBError("Resource busy", -6, 16)
        dev_handle.is_claimed = True

    def release_interface(self, dev_handle: UsbProjector, intf: int) -> None:
        del intf
        dev_handle.is_claimed = False

    def is_kernel_driver_active(self, dev_handle: UsbProjector, intf: int) -> bool:
        del intf
        return dev_handle.has_kernel_driver

    def detach_kernel_driver(self, dev_handle: UsbProjector, intf: int) -> None:
        del intf
        dev_handle.has_kernel_driver = False

    def attach_kernel_driver(self, dev_handle: UsbProjector, intf: int) -> None:
        del intf
        dev_handle.has_kernel_driver = True

    def ctrl_transfer(
        self,
        dev_handle: UsbProjector,
        bmRequestType: int,  # noqa: N803
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: array[int],
        timeout: int,
    ) -> int:
        del bmRequestType, bRequest, wIndex, timeout
        kind, index = wValue >> 8, wValue & 0xFF
        if kind != _STRING or index not in {0, _SERIAL_INDEX}:
            raise usb.core.USBError("Pipe error", -9, 32)
        text = _ENGLISH if index == 0 else dev_handle.serial.encode("utf-16-le")
        told = bytes([2 + len(text), _STRING]) + text
        data[: len(told)] = array("B", told)
        return len(told)

    def intr_write(self, dev_handle: UsbProjector, ep: int, intf: int, data: array[int], timeout: int) -> int:
        del ep, intf
        self._refuse_gone(dev_handle)
        assert timeout > 0, "libusb waits without an end for 0"
        dev_handle.controller.take(bytes(data))
        return len(data)

    def intr_read(self, dev_handle: UsbProjector, ep: int, intf: int, buff: array[int], timeout: int) -> int:
        del ep, intf
        self._refuse_gone(dev_handle)
        assert timeout > 0, "libusb waits without an end for 0"
        if not dev_handle.controller.answers:
            raise usb.core.USBTimeoutError("Operation timed out", -7, 110)
        report = dev_handle.controller.answers.popleft()
        buff[: len(report)] = array("B", report)
        return len(report)

    def _refuse_gone(self, dev_handle: UsbProjector) -> None:
        if dev_handle.is_unplugged:
            raise usb.core.USBError("No such device (it may have been disconnected)", -4, 19)


def usb_core(*projectors: UsbProjector) -> Any:
    """Return what stands for the module `usb.core`: its `find` shows these projectors and nothing else."""
    return SimpleNamespace(find=partial(usb.core.find, backend=ProjectorBackend(projectors)))
