"""Find each configured camera among the devices that the producers list.

In: what the rig file says of a camera, and all devices. Out: one device, or an error that says what is there. Not here:
GenTL (see binding.py).

A camera is known by its serial number, else by its GenTL id, its user-defined name, its MAC or its IP address; a device
without a serial number also by its model, when it is the only one of its kind. `interface` chooses among those that are
known by the same word. A serial that two producers list is one camera reached in two ways: the producer that the rig
file names first has it. One that a producer lists twice (over two interfaces) is ambiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceOutcome, InterfaceReport
from rigdriver.errors import CameraError, CameraMissing

_TELLING = ("id", "interface", "user name", "MAC", "IP")


@dataclass(frozen=True, slots=True)
class Sought:
    """What the rig file says of a camera."""

    name: str
    serial: str
    """Serial number, or what takes its place: see the head of this file."""
    interface: str = ""
    """Id or name of the interface that it hangs on; empty: any."""

    @property
    def label(self) -> str:
        """The camera as errors name it."""
        return f"camera {self.name} (SN {self.serial}{f' on {self.interface}' if self.interface else ''})"

    def label_of(self, device: DeviceInfo) -> str:
        """Return the name for errors, now that the device is found."""
        on = f" on {device.interface_name or device.interface}" if self.interface else ""
        return f"camera {self.name} (SN {device.serial or self.serial}{on})"


def find(
    sought: Sought, devices: Sequence[DeviceInfo], producers: Sequence[str], reports: Sequence[InterfaceReport] = ()
) -> DeviceInfo:
    """Return the device that the rig file means. `reports` say how the interfaces were searched.

    Raises:
        CameraMissing: no device fits.
        CameraError: several fit.
    """
    for candidates in _candidates(sought, devices):
        for producer in producers:
            of_producer = [d for d in candidates if d.producer == producer]
            if len(of_producer) > 1:
                raise _ambiguous(sought, of_producer)
            if of_producer:
                return of_producer[0]
    raise CameraMissing(
        device=sought.label,
        seen=f"not found; {_listing(devices)}{_search(reports)}",
        remedy="check its power, cable and serial" + (_SEARCH_REMEDY if _search(reports) else ""),
    )


def is_listed(sought: Sought, devices: Sequence[DeviceInfo]) -> bool:
    """Whether at least one device fits."""
    return any(_candidates(sought, devices))


def _candidates(sought: Sought, devices: Sequence[DeviceInfo]) -> list[list[DeviceInfo]]:
    """Return the devices that fit, those that are known by the strongest word first."""
    word, interface = sought.serial, sought.interface
    there = [d for d in devices if not interface or interface in (d.interface, d.interface_name)]
    return [
        [d for d in there if d.serial == word],
        [d for d in there if d.id == word],
        [d for d in there if d.user_id == word],
        # Tools and labels write MAC addresses with colons, hyphens or dots.
        [d for d in there if d.mac and _bare(d.mac) == _bare(word)],
        [d for d in there if d.ip == word],
        [d for d in there if not d.serial and d.model == word],
    ]


def _bare(mac: str) -> str:
    return mac.translate(str.maketrans("", "", ":-.")).lower()


def _ambiguous(sought: Sought, candidates: Sequence[DeviceInfo]) -> CameraError:
    marks = [_marks(device) for device in candidates]
    telling = [key for key in _TELLING if len({m[key] for m in marks}) > 1]
    listed = "; ".join(", ".join(f"{key} {m[key] or 'unknown'}" for key in telling or _TELLING[:2]) for m in marks)
    if "interface" in telling:
        remedy = f'choose one of them by interface = "{marks[0]["interface"]}" in its table of the rig file'
    elif telling:
        remedy = f"write the {telling[0]} of one of them as its serial in the rig file"
    else:
        remedy = "nothing tells them apart; unplug the others"
    return CameraError(
        device=sought.label,
        seen=f"{len(candidates)} devices of {candidates[0].producer} fit: {listed}",
        expected="one",
        remedy=remedy,
    )


def _marks(device: DeviceInfo) -> Mapping[str, str]:
    interface = device.interface_name or device.interface
    return dict(zip(_TELLING, (device.id, interface, device.user_id, device.mac, device.ip), strict=True))


def _listing(devices: Sequence[DeviceInfo]) -> str:
    if not devices:
        return "the producers list no device"
    # The interface is named only where the serial does not tell devices apart.
    serials = [d.serial for d in devices]
    return "the producers list " + ", ".join(
        (f"SN {d.serial} ({d.model})" if d.serial else f"{d.id} ({d.model}, no serial)")
        + (f" on {d.interface_name or d.interface}" if d.interface and serials.count(d.serial) > 1 else "")
        for d in devices
    )


_SEARCH_REMEDY = "; name the interfaces to ask as genicam.interfaces, or raise genicam.open_timeout_s"


_SAID = {
    InterfaceOutcome.NO_ANSWER: "no answer within the time",
    InterfaceOutcome.TIME_USED: "took all of the time",
}


def _search(reports: Sequence[InterfaceReport]) -> str:
    """Say which interfaces may have more than they have listed."""
    said = ""
    for outcome, what in _SAID.items():
        slow = [r for r in reports if r.outcome is outcome]
        for producer in dict.fromkeys(r.producer for r in slow):
            names = [r.name or r.id for r in slow if r.producer == producer]
            longest_s = max(r.asked_s for r in slow if r.producer == producer)
            said += f"; {what} of {longest_s:.1f} s: interface {', '.join(names)} of {Path(producer).name}"
    return said
