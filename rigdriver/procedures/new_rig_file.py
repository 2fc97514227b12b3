"""A first rig file, made from what is connected: producers, cameras, and a trigger box that answers.

In: what was found, and for each camera a name, a role, a pod and a box output. Out: the text of a rig file in which
every optional key stands as a comment with its default and meaning; it is checked before it is written, and no file is
ever overwritten. Not here: who is asked (see cli/config_new.py), and the keys themselves (see config/keys.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import tomlkit

from rigdriver.config import BoxConfig
from rigdriver.config.keys import KeyFacts, all_keys
from rigdriver.config.loading import check
from rigdriver.devices.box.serial_port import PortInfo
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.errors import ConfigError, RigError, UsageError

WIDTH = 116
OUTPUTS = 16
"""Number of outputs that a rig file can name."""
MOST_CAMERAS = 12
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
LEFT_OUT = {"timebase", "computer"}
"""Keys that only a simulated rig writes."""
EXAMPLE_LAMP = '[[lamps]]\nname = "pattern"\nkind = "pattern"\noutput = {output}'


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A trigger box that answered."""

    url: str
    firmware: str
    lamp_outputs: int
    """Mask of the outputs that make light."""


@dataclass(frozen=True, slots=True)
class NewCamera:
    """One camera of the new rig."""

    device: DeviceInfo
    name: str
    output: int
    role: str = "geometry"
    pod: str = "main"


@dataclass(frozen=True, slots=True)
class NewRig:
    """What the new rig file says."""

    name: str
    producers: tuple[Path, ...]
    cameras: tuple[NewCamera, ...]
    box: FoundBox | None
    """Trigger box; None makes a bench whose cameras this computer triggers one by one, without proof."""


def ask_box(url: str) -> FoundBox:
    """Open the box at a port, read what it is, close it again. What `TriggerBox.open` raises."""
    box = TriggerBox.open(BoxConfig(url=url))
    try:
        return FoundBox(url, box.identity.firmware, box.identity.lamp_outputs)
    finally:
        box.close()


def find_box(ports: Sequence[PortInfo]) -> tuple[FoundBox | None, dict[str, RigError]]:
    """Ask each USB port whether a trigger box is there; return the first one, and why the ports before it are none.

    A device that is no trigger box gets a Harp standby command and reads; ask only ports where that does no harm.
    """
    refused: dict[str, RigError] = {}
    for port in ports:
        if not port.usb_id:
            continue
        try:
            return ask_box(port.device), refused
        except RigError as exc:
            refused[port.device] = exc
    return None, refused


def proposed(devices: Sequence[DeviceInfo], box: FoundBox | None) -> tuple[NewCamera, ...]:
    """Name the cameras as their user names say, else by number, and give them the outputs that drive no lamp.

    Raises:
        UsageError: a camera has no serial number, or there are more cameras than a rig can have.
    """
    if len(devices) > MOST_CAMERAS:
        raise UsageError(
            device="cameras",
            seen=f"{len(devices)} found",
            expected=f"at most {MOST_CAMERAS} per rig",
            remedy="name those of this rig with --camera",
        )
    for device in devices:
        if not device.serial:
            raise UsageError(
                device=f"camera {device.id} ({device.vendor} {device.model})",
                seen="its producer gives no serial number",
                expected="a serial number, by which a rig file names each camera",
                remedy="name the other cameras with --camera",
            )
    lamps = 0 if box is None else box.lamp_outputs
    free = [output for output in range(OUTPUTS) if not lamps >> output & 1]
    free += [output for output in range(OUTPUTS) if output not in free]
    names: list[str] = []
    for number, device in enumerate(devices, 1):
        own = device.user_id.strip().replace(" ", "_")
        names.append(own if NAME.fullmatch(own) and own not in names else f"camera_{number}")
    return tuple(NewCamera(d, name, output) for d, name, output in zip(devices, names, free, strict=False))


def rig_file_text(rig: NewRig) -> str:
    """Return the text of the rig file. ConfigError when what was answered makes no rig."""
    parts = [
        _comment("Rig file of rigdriver. What starts with # is a default, or optional; `rigdriver config check FILE` "
                 "finds mistakes, `rigdriver config keys` prints every key."),
        f"name = {_toml(rig.name)}", *_optional(""), "",
    ]  # fmt: skip
    if rig.box is not None:
        parts += [f"[box]  # firmware {rig.box.firmware}", f"url = {_toml(rig.box.url)}", *_optional("[box]"), ""]
    parts += ["[genicam]", f"producers = {_toml([str(p) for p in rig.producers])}", *_optional("[genicam]"), ""]
    for number, camera in enumerate(rig.cameras):
        parts += [*_camera(camera), *(_optional("[[cameras]]") if not number else ()), ""]
    parts += [*_lamps(rig), "", *_projector(), ""]
    for table in ("[schedule]", "[light]", "[sync]", "[run]", "[acceptance]", "[volume]"):
        own = ['mode = "software"'] if table == "[schedule]" and rig.box is None else []
        parts += [table, *own, *_optional(table, {"mode"} if own else set()), ""]
    text = "\n".join(parts).rstrip("\n") + "\n"
    checked = check(text, "the new rig file", Path.cwd())
    if checked.findings:
        raise ConfigError(findings=checked.findings)
    return text


def _camera(camera: NewCamera) -> Iterator[str]:
    device = camera.device
    yield f"[[cameras]]  # {device.vendor} {device.model} ({device.tl_type})"
    yield f"name = {_toml(camera.name)}"
    yield f"serial = {_toml(device.serial)}"
    yield f"role = {_toml(camera.role)}"
    yield f"pod = {_toml(camera.pod)}"
    yield f"output = {camera.output}"


def _lamps(rig: NewRig) -> Iterator[str]:
    used = {camera.output for camera in rig.cameras}
    lamps = 0 if rig.box is None else rig.box.lamp_outputs
    free = [output for output in range(OUTPUTS) if output not in used]
    output = next((output for output in free if lamps >> output & 1), free[0])
    yield from wrap("Lamps are not found by themselves. Name each one, and read LIGHT-SAFETY.md before.", WIDTH,
                    initial_indent="# ", subsequent_indent="# ")  # fmt: skip
    yield from (f"# {line}" for line in EXAMPLE_LAMP.format(output=output).splitlines())
    yield from _optional("[[lamps]]", {"pod"})


def _projector() -> Iterator[str]:
    yield _comment("A projector with a DLPC350 controller (LightCrafter 4500) at a USB port; it is one of the lamps.")
    yield "#[projector]"
    yield '#lamp = "pattern"'
    yield from _optional("[projector]")


def _optional(table: str, stated: frozenset[str] | set[str] = frozenset()) -> Iterator[str]:
    """Return the keys of a table that may be left out, each as a comment: its meaning, then the key."""
    own = {"role", "pod"} if table == "[[cameras]]" else set()
    for key in all_keys():
        if key.table == table and not key.is_required and key.name not in {*stated, *own, *LEFT_OUT}:
            facts = "; ".join(filter(None, (key.kind, key.unit, key.bounds)))
            yield from wrap(f"{key.meaning} ({facts})", WIDTH, initial_indent="# ", subsequent_indent="#   ")
            yield f"#{key.name} = {key.default or _example(key)}"


def _example(key: KeyFacts) -> str:
    """Return a value that may stand at a key without a default."""
    if key.name == "features":
        return '{ PixelFormat = "Mono8" }'
    return '""' if key.kind in {"text", "path"} else "0"


def _comment(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# "))


def _toml(value: str | list[str]) -> str:
    return tomlkit.item(value).as_string()
