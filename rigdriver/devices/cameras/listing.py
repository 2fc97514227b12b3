"""What GenTL producers have: their cameras and interfaces, listed without opening a camera.

In: producers. Out: the devices and interfaces that a camera process of its own finds there; it is ended at once. Not
here: cameras that are opened (see cameras.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceReport
from rigdriver.devices.camera_link.requests import DeviceList, ListDevices
from rigdriver.devices.cameras.process import CameraProcess
from rigdriver.ends import CAMERAS_END_S, End, time_left_s

_LOADING_S = 20.0
"""Time for loading and closing producers, beside the search."""


@dataclass(frozen=True, slots=True)
class ProducerListing:
    """What producers have."""

    devices: Sequence[DeviceInfo]
    interfaces: Sequence[InterfaceReport]


def list_producers(producers: Sequence[Path], search_s: float) -> ProducerListing:
    """Return what the producers have, found in a process of its own. Their interfaces are asked for `search_s` at most.

    Raises:
        ProducerError: a producer is missing or cannot be loaded; `DevicesFailed` when several are.
        CameraProcessLost: a producer crashed or hung.
    """
    timeout_s = search_s + _LOADING_S
    process = CameraProcess(lambda _kind, _body: None, lambda _error: None, timeout_s)
    try:
        request = ListDevices([str(p.absolute()) for p in producers], search_s)
        found = process.request(request, DeviceList, timeout_s)[0]
    finally:
        End("the camera process", lambda: process.close(time_left_s(CAMERAS_END_S))).run()
    return ProducerListing(found.devices, found.interfaces)
