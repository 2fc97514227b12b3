"""`rigdriver config new FILE`: look for producers, cameras and a trigger box, and write a commented rig file.

In: producers, the box's port, names of cameras; on a terminal, what was left out is asked. Out: the file; one that is
there already is never overwritten. Not here: finding and writing (see procedures/new_rig_file.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import can_ask, note, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import GOOD, verb
from rigdriver.devices.box.serial_port import PortInfo
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.errors import CameraMissing
from rigdriver.procedures.list_devices import Connected, list_connected
from rigdriver.procedures.new_rig_file import (
    FoundBox,
    NewCamera,
    NewRig,
    ask_box,
    find_box,
    proposed,
    rig_file_text,
)
from rigdriver.procedures.producer_paths import STANDARD_PATH, chosen_producers
from rigdriver.whole_file import refuse_existing, write_new

AUTO, NONE = "auto", "none"
"""Words that --box takes beside a port."""


@verb
def config_new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rig file to write; it must not exist.")],
    producer: Annotated[
        list[Path] | None, typer.Option("--producer", metavar="FILE", help="GenTL producer (.cti); may be repeated.")
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            "--box",
            metavar="PORT",
            help="Port of the trigger box; `auto` asks every USB port; `none` for a rig without a box.",
        ),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera",
            metavar="SERIAL=NAME[:ROLE[:POD]]",
            help="Camera of the rig; may be repeated. If not given, all cameras.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the rig.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask no questions, even on a terminal.")] = False,
    json: JsonOption = False,
) -> int:
    """Look for cameras and a trigger box, and write a commented rig file."""
    # Before a person or a device is asked anything; `write_new` makes sure when it writes.
    refuse_existing(file)
    is_asked = not yes and can_ask()
    installed = chosen_producers(producer, os.environ)
    for finding in installed.findings:
        note(str(finding))
    found = list_connected(installed.paths)
    for failure in found.failures.values():
        note(str(failure))
    devices = _wanted(found, camera or [])
    answering = _box(found.ports, box, is_asked)
    cameras = _named(proposed(devices, answering), camera or [])
    if is_asked:
        cameras = tuple(_ask(one) for one in cameras)
    rig = NewRig(
        name or (typer.prompt("Name of the rig", default=file.stem) if is_asked else file.stem),
        tuple(dict.fromkeys(Path(device.producer) for device in devices)), cameras, answering,
    )  # fmt: skip
    write_new(file, rig_file_text(rig))
    if json:
        show_json({"file": str(file), "cameras": {c.name: c.device.serial for c in cameras},
                   "box": answering.url if answering else None})  # fmt: skip
    else:
        _tell(file, rig)
    return GOOD


def _wanted(found: Connected, asked: Sequence[str]) -> list[DeviceInfo]:
    """Return the cameras of the rig: those that are asked for, in that order, else all."""
    devices = [device for path in found.producers for device in found.cameras.get(path, ())]
    if not devices:
        raise CameraMissing(
            device="cameras", seen=f"none found through {len(found.producers)} producers",
            expected="at least one", remedy=f"name the producer with --producer FILE or in {STANDARD_PATH}, then try "
            "`rigdriver list`",
        )  # fmt: skip
    if not asked:
        return devices
    by_serial = {device.serial: device for device in devices}
    wanted = [words.partition("=")[0] for words in asked]
    if missing := [serial for serial in wanted if serial not in by_serial]:
        raise CameraMissing(
            device=f"camera {missing[0]}", seen="not found", expected=f"one of {', '.join(by_serial)}",
            remedy="check its cable and power, or correct --camera",
        )  # fmt: skip
    return [by_serial[serial] for serial in wanted]


def _named(cameras: tuple[NewCamera, ...], asked: Sequence[str]) -> tuple[NewCamera, ...]:
    named: list[NewCamera] = []
    answers = {serial: words.split(":") for serial, _, words in (text.partition("=") for text in asked) if words}
    for camera in cameras:
        name, role, pod, *_ = (*answers.get(camera.device.serial, []), "", "", "")
        named.append(replace(camera, name=name or camera.name, role=role or camera.role, pod=pod or camera.pod))
    return tuple(named)


def _box(ports: Sequence[PortInfo], asked: str | None, is_asked: bool) -> FoundBox | None:
    if asked is None and is_asked and ports:
        show("Serial ports: " + ", ".join(f"{port.device} ({port.description or 'no description'})" for port in ports))
        asked = typer.prompt(f"Port of the trigger box ({AUTO} asks every USB port, {NONE} has no box)", default=NONE)
    # Ports are asked only on demand: what hangs on one may be no trigger box, and gets a command all the same.
    if asked is None:
        note(f"no trigger box was looked for: name its port with --box PORT, or let --box {AUTO} ask every USB port")
        return None
    if asked == NONE:
        return None
    if asked != AUTO:
        return ask_box(asked)
    found, refused = find_box(ports)
    for error in refused.values():
        note(str(error))
    if found is None:
        note("no trigger box answers; the rig file gets none")
    return found


def _ask(camera: NewCamera) -> NewCamera:
    device = camera.device
    show(f"{device.vendor} {device.model}, serial {device.serial}")
    return replace(
        camera,
        name=typer.prompt("  name", default=camera.name),
        role=typer.prompt("  role (geometry or texture)", default=camera.role),
        pod=typer.prompt("  pod", default=camera.pod),
        output=typer.prompt("  box output", default=camera.output, type=int),
    )


def _tell(file: Path, rig: NewRig) -> None:
    show(f"{file}: {len(rig.cameras)} cameras, {'box at ' + rig.box.url if rig.box else 'no trigger box'}")
    for camera in rig.cameras:
        show(f"  {camera.name}: serial {camera.device.serial}, {camera.role}, pod {camera.pod}, output {camera.output}")
    if rig.box is None:
        show('  schedule.mode = "software": frame sets of this bench prove nothing')
    show(f"Next: look through the file, then `rigdriver config check {file}` and `rigdriver selftest --rig {file}`.")
