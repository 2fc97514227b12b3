"""`rigdriver list`: what is connected: GenTL producers, their cameras, serial ports.

In: paths of producers; without any, the folders that GENICAM_GENTL64_PATH names, as the GenTL standard has it. Out: a
table or one JSON object; exit status 2 when a producer cannot be used.
Not here: how devices are asked (see procedures/list_devices.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from rigdriver.cli.screen import complain, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import COULD_NOT_TELL, GOOD, verb
from rigdriver.devices.box.serial_port import PortInfo
from rigdriver.json_values import JsonObject
from rigdriver.procedures.list_devices import STANDARD_PATH, Connected, installed_producers, list_connected


@verb
def list_devices(
    producer: Annotated[
        list[Path] | None, typer.Option("--producer", metavar="FILE", help="GenTL producer (.cti); may be repeated.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """List GenTL producers, their cameras, and serial ports."""
    found = list_connected(producer or installed_producers(os.environ))
    if json:
        show_json(_plain(found))
    else:
        _print_cameras(found)
        _print_ports(found.ports)
    # After the list: what works is shown although a producer fails.
    for failure in found.failures.values():
        complain(str(failure))
    return COULD_NOT_TELL if found.failures else GOOD


def _plain(found: Connected) -> JsonObject:
    return {
        "producers": [
            {
                "path": str(path),
                "cameras": [asdict(device) for device in found.cameras.get(path, ())],
                "error": str(found.failures[path]) if path in found.failures else None,
            }
            for path in found.producers
        ],
        "serial_ports": [asdict(port) for port in found.ports],
    }


def _print_cameras(found: Connected) -> None:
    if not found.producers:
        show(f"No GenTL producers: name one with --producer FILE, or let {STANDARD_PATH} name their folders.")
        return
    for path in found.producers:
        cameras = found.cameras.get(path)
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
