"""What is connected: GenTL producers, their cameras, serial ports.

In: paths of producers. Out: cameras by producer, serial ports, and the producers that cannot be used. Nothing is opened
for use.
Not here: rig files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.box.serial_port import PortInfo, list_serial_ports
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.devices.cameras.cameras import list_producer_devices
from rigdriver.errors import RigError

STANDARD_PATH = "GENICAM_GENTL64_PATH"
"""Variable in which the GenTL standard has producers' folders."""
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Connected:
    """What is connected."""

    producers: tuple[Path, ...]
    cameras: Mapping[Path, Sequence[DeviceInfo]]
    failures: Mapping[Path, RigError]
    """Errors of the producers that cannot be used."""
    ports: Sequence[PortInfo]


def list_connected(producers: Sequence[Path]) -> Connected:
    """Ask producers for their cameras, and the computer for its serial ports."""
    cameras: dict[Path, Sequence[DeviceInfo]] = {}
    failures: dict[Path, RigError] = {}
    for path in producers:
        try:
            cameras[path] = list_producer_devices([path], _TIMEOUT_S)
        # A producer that cannot be loaded does not hide the cameras of the others.
        except RigError as exc:
            failures[path] = exc
    return Connected(tuple(producers), cameras, failures, list_serial_ports())


def installed_producers(environment: Mapping[str, str]) -> list[Path]:
    """Return the producers in the folders that the GenTL standard's variable names."""
    # The GenTL standard separates folders as PATH does; empty parts would name the present folder.
    folders = [Path(folder) for folder in environment.get(STANDARD_PATH, "").split(os.pathsep) if folder]
    return [path for folder in folders for path in sorted(folder.glob("*.cti"))]
