"""`rigdriver list`: what is connected: GenTL producers, their interfaces and cameras, serial ports.

In: producers, by path or bare name; without any, what GENICAM_GENTL64_PATH gives, as the GenTL standard has it. Out:
tables or one JSON object; exit status 2 when a producer cannot be used.
Not here: how devices are asked (see procedures/list_devices.py).
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

from rigdriver.cli.screen import complain, note, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import COULD_NOT_TELL, GOOD, verb
from rigdriver.devices.box.serial_port import PortInfo
from rigdriver.devices.camera_link.descriptions import InterfaceOutcome, InterfaceReport
from rigdriver.json_values import JsonObject
from rigdriver.procedures.list_devices import SEARCH_S, Connected, list_connected
from rigdriver.procedures.producer_paths import STANDARD_PATH, InstalledProducers, chosen_producers

_OUTCOMES = {
    InterfaceOutcome.COMPLETE: "listed all it has",
    InterfaceOutcome.TIME_USED: "took all of its time, may have more; see --wait",
    InterfaceOutcome.NO_ANSWER: "has not answered",
    InterfaceOutcome.FAILED: "failed",
    InterfaceOutcome.NOT_ASKED: "not asked",
}


@verb
def list_devices(
    producer: Annotated[
        list[Path] | None, typer.Option("--producer", metavar="FILE", help="GenTL producer (.cti); may be repeated.")
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0.1, max=300, help="Longest wait for slow interfaces.")
    ] = SEARCH_S,
    json: JsonOption = False,
) -> int:
    """List GenTL producers, their interfaces and cameras, and serial ports."""
    installed = chosen_producers(producer, os.environ)
    for finding in installed.findings:
        note(str(finding))
    found = list_connected(installed.paths, wait)
    if json:
        show_json(_plain(found, installed))
    else:
        _print_cameras(found)
        _print_ports(found.ports)
    # After the list: what works is shown although a producer fails.
    for failure in found.failures.values():
        complain(str(failure))
    return COULD_NOT_TELL if found.failures else GOOD


def _plain(found: Connected, installed: InstalledProducers) -> JsonObject:
    return {
        "producers": [
            {
                "path": str(path),
                "interfaces": [asdict(interface) for interface in found.interfaces.get(path, ())],
                "cameras": [asdict(device) for device in found.cameras.get(path, ())],
                "error": str(found.failures[path]) if path in found.failures else None,
            }
            for path in found.producers
        ],
        "path_findings": [str(finding) for finding in installed.findings],
        "serial_ports": [asdict(port) for port in found.ports],
    }


def _print_cameras(found: Connected) -> None:
    if not found.producers:
        show(f"No GenTL producers: name one with --producer FILE, or let {STANDARD_PATH} name them or their folders.")
        return
    for path in found.producers:
        cameras = found.cameras.get(path)
        if cameras is None:
            continue
        _print_table(
            f"{path}: {len(cameras)} cameras",
            {
                "serial": [d.serial for d in cameras],
                "vendor": [d.vendor for d in cameras],
                "model": [d.model for d in cameras],
                "user name": [d.user_id for d in cameras],
                "interface": [d.interface for d in cameras],
                "id": [d.id for d in cameras],
                "MAC": [d.mac for d in cameras],
                "IP": [d.ip for d in cameras],
            },
        )
        _print_interfaces(found.interfaces[path])


def _print_interfaces(interfaces: Sequence[InterfaceReport]) -> None:
    _print_table(
        f"{len(interfaces)} interfaces",
        {
            "interface": [report.id for report in interfaces],
            "name": [report.name if report.name != report.id else "" for report in interfaces],
            "layer": [report.tl_type for report in interfaces],
            "cameras": [str(report.devices) for report in interfaces],
            "asked for": [f"{report.asked_s:.2f} s" for report in interfaces],
            "what came of it": [_outcome(report) for report in interfaces],
        },
    )


def _outcome(report: InterfaceReport) -> str:
    return _OUTCOMES[report.outcome] + (f" (GenTL error {report.error_code})" if report.error_code else "")


def _print_table(title: str, columns: Mapping[str, Sequence[str]]) -> None:
    """Show a table without the columns that are empty in every row."""
    show(title)
    shown = Table(pad_edge=False, box=SIMPLE_HEAD)
    filled = {heading: cells for heading, cells in columns.items() if any(cells)}
    for heading in filled:
        shown.add_column(heading, overflow="fold")
    for row in zip(*filled.values(), strict=True):
        shown.add_row(*row)
    show(shown)


def _print_ports(ports: Sequence[PortInfo]) -> None:
    if not ports:
        show("No serial ports.")
        return
    _print_table(
        f"{len(ports)} serial ports",
        {
            "port": [port.device for port in ports],
            "description": [port.description for port in ports],
            "serial": [port.serial_number for port in ports],
            "usb": [port.usb_id for port in ports],
        },
    )
