"""The only file that knows pyusb, the library through which USB devices are listed and spoken to.

In: nothing. Out: pyusb's core under a name of ours, the errors that it raises, and how a device is given back. Tests
put another core, or another backend of libusb's kind, in its place. Not here: what is asked of a device.
"""

from __future__ import annotations

from typing import Any

import usb.core
import usb.util

CORE: Any = usb.core
TROUBLE = (OSError, ValueError, NotImplementedError)
"""Errors of pyusb: USBError is an OSError, NoBackendError and unreadable texts are ValueErrors."""
TIMED_OUT = usb.core.USBTimeoutError


def claim(device: Any, interface: int) -> None:
    """Claim an interface, so that no other program has it."""
    usb.util.claim_interface(device, interface)


def give_back(device: Any) -> None:
    """Release everything that was claimed of a device."""
    usb.util.dispose_resources(device)
