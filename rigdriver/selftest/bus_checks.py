"""The USB buses: which controller and hubs each camera, the box and a projector hang on, how fast, and whether it fits.

In: a `UsbListing`, what each camera puts on its bus, the rig file. Out: one check per camera that hangs on USB, for the
box and a projector, and one per hub and controller that cameras share. Nothing is sent to a device. A rig without USB
devices gets no line. Not here: how the devices are listed (see devices/usb_topology.py); networks (see gige_checks.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.devices.usb_devices import HIGH_SPEED_MBIT, SUPER_SPEED_MBIT, UsbDevice, UsbListing
from rigdriver.selftest.camera_loads import CameraLoad, of_unknown_size, total_megabytes_per_s
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict

USABLE_SHARE = 0.76
"""Share of the bytes on a SuperSpeed bus that are frames: 380 of 500 MB/s, as the key links.megabytes_per_s states."""
_HIGH_SPEED_MEGABYTES = 13 * 512 * 8000 / 1e6
"""Most that bulk transfers carry at 480 Mbit/s: 13 packets of 512 bytes per microframe (USB 2.0, table 5-10)."""
_FULL_SPEED_MEGABYTES = 19 * 64 * 1000 / 1e6
"""Most that bulk transfers carry at 12 Mbit/s: 19 packets of 64 bytes per frame (USB 2.0, table 5-9)."""
_BLUE_PORT = "plug it into a blue or SS port, or change its cable"


@dataclass(frozen=True, slots=True)
class OnUsb:
    """One configured camera and its USB device."""

    load: CameraLoad
    device: UsbDevice


def judge_usb(listing: UsbListing, loads: Sequence[CameraLoad], config: RigConfig) -> list[CheckResult]:
    """Judge the USB devices of a rig."""
    cameras = [OnUsb(load, found) for load in loads if (found := camera_device(listing, load.serial)) is not None]
    checks = [*_unseen(listing, loads, cameras), *(judge_speed(listing, camera) for camera in cameras)]
    box = [] if config.box is None else judge_box(listing, config.box.url)
    projectors = [_told(listing, device, "usb.projector") for device in listing.devices if device.is_projector]
    return [*checks, *box, *projectors[:1], *_shared_hubs(listing, cameras), *_controllers(listing, cameras, config)]


def camera_device(listing: UsbListing, serial: str) -> UsbDevice | None:
    """Return the USB3 Vision camera of that serial number."""
    # Some makers pad it with zeros in one of the two places.
    wanted = serial.lstrip("0").lower()
    return next((d for d in listing.devices if d.is_vision_camera and d.serial.lstrip("0").lower() == wanted), None)


def _unseen(listing: UsbListing, loads: Sequence[CameraLoad], cameras: Sequence[OnUsb]) -> Iterator[CheckResult]:
    """Say which cameras may hang on USB and were not recognised there."""
    seen = {camera.load.name for camera in cameras}
    open_ones = [load for load in loads if load.name not in seen and load.address is None]
    if open_ones and not listing.devices:
        yield not_checked("usb", listing.why)
        return
    strangers = [d for d in listing.devices if d.is_vision_camera and d not in [c.device for c in cameras]]
    listed = ", ".join(f"SN {device.serial or 'unknown'} at {device.name}" for device in strangers)
    for load in open_ones if strangers else ():
        yield not_checked(
            f"usb.{load.name}", f"no USB3 Vision device shows SN {load.serial}; others that are there: {listed}"
        )


def judge_speed(listing: UsbListing, camera: OnUsb) -> CheckResult:
    """Judge the negotiated speed of a camera against what the camera can do."""
    device, label = camera.device, camera.load.label
    name, measured = f"usb.{camera.load.name}", place(listing, device)
    if device.speed_mbit is None:
        return unknown(name, "at USB 3", f"{label}: this computer does not report the speed of {device.name}")
    expected = f"at {speed_words(min(device.possible_mbit or SUPER_SPEED_MBIT, SUPER_SPEED_MBIT))} or faster"
    if device.speed_mbit >= SUPER_SPEED_MBIT:
        return verdict(True, name, measured, expected)
    if device.possible_mbit is None:
        why = (
            f"{label} runs at {speed_words(device.speed_mbit)}; whether it can do more cannot be read. If its data "
            f"sheet says USB 3, {_BLUE_PORT}"
        )
        return unknown(name, expected, why)
    rate, limit = camera.load.megabytes_per_s, usable_megabytes_per_s(device.speed_mbit)
    if device.speed_mbit >= min(device.possible_mbit, SUPER_SPEED_MBIT) and rate is not None and rate > limit:
        remedy = f"{label} can do {speed_words(device.speed_mbit)} only: lower rate_hz or the image size, or replace it"
        return verdict(False, name, f"sends {rate:.0f} MB/s", f"<= {limit:.0f} MB/s", "", remedy)
    is_good = device.speed_mbit >= min(device.possible_mbit, SUPER_SPEED_MBIT)
    remedy = f"{label} runs at {speed_words(device.speed_mbit)}: {_where_to_look(listing, device)}"
    return verdict(is_good, name, measured, expected, "", remedy)


def judge_box(listing: UsbListing, url: str) -> list[CheckResult]:
    """Tell where the trigger box hangs; a box on a socket or on a port that is no USB port gets no line."""
    if "://" in url or "\0" in url or not listing.devices:
        return []
    tty = tty_name(url)
    device = next((d for d in listing.devices if tty in d.ttys), None)
    if device is not None:
        return [_told(listing, device, "usb.box")]
    if not tty.startswith(("ttyACM", "ttyUSB")):
        return []
    remedy = (
        f"no USB device has the port {url} (box.url): check the cable of the trigger box; `rigdriver list` shows ports"
    )
    return [verdict(False, "usb.box", "no such USB device", f"a USB device with {tty}", "", remedy)]


def tty_name(url: str) -> str:
    """Return the name under which /sys knows a serial port: `ttyACM0`; links in /dev are followed."""
    path = Path(os.path.realpath(url))  # unlike Path.resolve, it takes links that lead in a circle
    # /sys writes an exclamation mark where a name in /dev has a slash.
    return str(path.relative_to("/dev")).replace("/", "!") if path.is_relative_to("/dev") else path.name


def place(listing: UsbListing, device: UsbDevice) -> str:
    """Return speed and place of a device in words, from the computer on."""
    hubs = "".join(f", hub {hub.name}" for hub in listing.hubs_above(device))
    port = f", port {device.ports[-1]}" if device.ports else ""
    speed = "unknown speed" if device.speed_mbit is None else f"{device.speed_mbit:g} Mbit/s"
    return f"{speed} at controller {device.controller}{hubs}{port}"


def speed_words(speed_mbit: float) -> str:
    """Return a speed as technicians know it."""
    if speed_mbit >= SUPER_SPEED_MBIT:
        return f"USB 3 ({speed_mbit:g} Mbit/s)"
    return f"{'USB 2' if speed_mbit >= HIGH_SPEED_MBIT else 'USB 1'} ({speed_mbit:g} Mbit/s)"


def usable_megabytes_per_s(speed_mbit: float) -> float:
    """Return what a bus of that speed carries at best, in megabytes of frames per second.

    SuperSpeed sends 8 bits as 10, from 10 Gbit/s on 128 bits as 132 (USB 3.2, sections 6.3.1.3 and 6.3.2).
    """
    if speed_mbit >= SUPER_SPEED_MBIT:
        coding = 8 / 10 if speed_mbit < 2 * SUPER_SPEED_MBIT else 128 / 132
        return speed_mbit * coding / 8 * USABLE_SHARE
    return _HIGH_SPEED_MEGABYTES if speed_mbit >= HIGH_SPEED_MBIT else _FULL_SPEED_MEGABYTES


def _told(listing: UsbListing, device: UsbDevice, name: str) -> CheckResult:
    return verdict(True, name, place(listing, device), "found")


def _where_to_look(listing: UsbListing, device: UsbDevice) -> str:
    """Name the part that keeps a camera from its speed, as far as the kernel shows it."""
    slow = next((h for h in listing.hubs_above(device) if _is_slow(h) and not _can_do_more(h)), None)
    if slow is not None:
        called = f" ({slow.product})" if slow.product else ""
        return f"it hangs on the USB 2 hub {slow.name}{called}; {_BLUE_PORT}"
    if device.has_super_speed_port is None:
        return _BLUE_PORT
    if device.has_super_speed_port:
        return "its port should do USB 3; plug it in again, then change its cable, then try another blue or SS port"
    return "its port can do USB 2 only; plug it into a blue or SS port"


def _is_slow(hub: UsbDevice) -> bool:
    return hub.speed_mbit is not None and hub.speed_mbit < SUPER_SPEED_MBIT


def _can_do_more(hub: UsbDevice) -> bool:
    # A USB 3 hub shows itself twice; its slow half says in its BOS descriptor that it has a fast one.
    return hub.possible_mbit is None or hub.possible_mbit >= SUPER_SPEED_MBIT


def _shared_hubs(listing: UsbListing, cameras: Sequence[OnUsb]) -> Iterator[CheckResult]:
    """Judge the plug of each hub against what the cameras behind it send."""
    behind: dict[str, list[OnUsb]] = {}
    hubs: dict[str, UsbDevice] = {}
    for camera in cameras:
        for hub in listing.hubs_above(camera.device):
            behind.setdefault(hub.name, []).append(camera)
            hubs[hub.name] = hub
    for name, members in behind.items():
        speed = hubs[name].speed_mbit
        limit = None if speed is None else usable_megabytes_per_s(speed)
        remedy = f"hub {name} carries {_names(members)}: plug some of them into ports of the computer, or lower rate_hz"
        yield _judge_rate(f"usb.hub.{name}", members, limit, remedy)


def _controllers(listing: UsbListing, cameras: Sequence[OnUsb], config: RigConfig) -> Iterator[CheckResult]:
    measured = {link.name: link.megabytes_per_s for link in config.links}
    for controller in sorted({camera.device.controller for camera in cameras}):
        members = [camera for camera in cameras if camera.device.controller == controller]
        remedy = (
            f"controller {controller} carries {_names(members)}: plug some of them into another controller (`lsusb -t` "
            "shows them), or lower rate_hz or the image size; if it was measured to carry more, write that into "
            "links.megabytes_per_s and name the link in cameras.link"
        )
        limit = _stated_limit(members, measured) or _fastest_bus(listing, members)
        yield _judge_rate(f"usb.controller.{controller}", members, limit, remedy)


def _stated_limit(members: Sequence[OnUsb], measured: Mapping[str, float]) -> float | None:
    """Return what the rig file states for a controller: that of the one link which all its cameras name."""
    links = {camera.load.link for camera in members}
    return measured.get(next(iter(links)) or "") if len(links) == 1 else None


def _fastest_bus(listing: UsbListing, members: Sequence[OnUsb]) -> float | None:
    roots = [listing.root_hub(camera.device) for camera in members]
    speeds = [root.speed_mbit for root in roots if root is not None and root.speed_mbit is not None]
    # A bus is as fast as its fastest device at least, where the root hub does not report itself.
    speeds += [camera.device.speed_mbit for camera in members if camera.device.speed_mbit is not None]
    return usable_megabytes_per_s(max(speeds)) if speeds else None


def _judge_rate(name: str, members: Sequence[OnUsb], limit: float | None, remedy: str) -> CheckResult:
    loads = [camera.load for camera in members]
    rate = total_megabytes_per_s(loads)
    if rate is None:
        return not_checked(name, of_unknown_size(loads))
    if limit is None:
        return not_checked(name, "this computer does not report the speed of this bus")
    return verdict(rate <= limit, name, round(rate, 1), f"<= {limit:.0f}", "MB/s", remedy)


def _names(members: Sequence[OnUsb]) -> str:
    return ", ".join(camera.load.name for camera in members)
