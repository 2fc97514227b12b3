"""`rigdriver list`: what is connected: GenTL producers, their cameras, serial ports.

In: paths of producers; without any, the folders that GENICAM_GENTL64_PATH names, as the GenTL standard has it. Out: a
table or one JSON object; exit status 2 when a producer cannot be used. Nothing is opened for use. This file refuses to
know rig files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from rigdriver.cli.screen import complain, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import COULD_NOT_TELL, GOOD, verb
from rigdriver.devices.camera_features import DeviceInfo
from rigdriver.devices.cameras import list_producer_devices
from rigdriver.devices.serial_port import PortInfo, list_serial_ports
from rigdriver.errors import RigError

STANDARD_PATH = "GENICAM_GENTL64_PATH"
_TIMEOUT_S = 30.0


@verb
def list_devices(
    producer: Annotated[
        list[Path] | None, typer.Option("--producer", metavar="FILE", help="GenTL producer (.cti); may be repeated.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """List GenTL producers, their cameras, and serial ports."""
    producers = list(producer or installed_producers(os.environ))
    devices: dict[Path, list[DeviceInfo]] = {}
    failures: dict[Path, RigError] = {}
    for path in producers:
        try:
            devices[path] = list_producer_devices([path], _TIMEOUT_S)
        except RigError as exc:
            failures[path] = exc
    ports = list_serial_ports()
    if json:
        show_json(_plain(producers, devices, failures, ports))
    else:
        _print_cameras(producers, devices)
        _print_ports(ports)
    for failure in failures.values():
        complain(str(failure))
    return COULD_NOT_TELL if failures else GOOD


def installed_producers(environment: Mapping[str, str]) -> list[Path]:
    """Return the producers in the folders that the GenTL standard's variable names."""
    folders = [Path(folder) for folder in environment.get(STANDARD_PATH, "").split(os.pathsep) if folder]
    return [path for folder in folders for path in sorted(folder.glob("*.cti"))]


def _plain(
    producers: Sequence[Path],
    devices: Mapping[Path, Sequence[DeviceInfo]],
    failures: Mapping[Path, RigError],
    ports: Sequence[PortInfo],
) -> dict[str, object]:
    return {
        "producers": [
            {
                "path": str(path),
                "cameras": [asdict(device) for device in devices.get(path, ())],
                "error": str(failures[path]) if path in failures else None,
            }
            for path in producers
        ],
        "serial_ports": [asdict(port) for port in ports],
    }


def _print_cameras(producers: Sequence[Path], devices: Mapping[Path, Sequence[DeviceInfo]]) -> None:
    if not producers:
        show(f"No GenTL producers: name one with --producer FILE, or let {STANDARD_PATH} name their folders.")
        return
    for path in producers:
        cameras = devices.get(path)
        if cameras is None:
            continue
        shown = Table(title=f"{path}: {len(cameras)} cameras", title_justify="left", pad_edge=False, box=SIMPLE_HEAD)
        for heading in ("serial", "vendor", "model", "user name"):
            shown.add_column(heading)
        for device in cameras:
            shown.add_row(device.serial, device.vendor, device.model, device.user_id)
        show(shown)


def _print_ports(ports: Sequence[PortInfo]) -> None:
    if not ports:
        show("No serial ports.")
        return
    shown = Table(title=f"{len(ports)} serial ports", title_justify="left", pad_edge=False, box=SIMPLE_HEAD)
    for heading in ("port", "description", "serial", "usb"):
        shown.add_column(heading)
    for port in ports:
        shown.add_row(port.device, port.description, port.serial_number, port.usb_id)
    show(shown)
