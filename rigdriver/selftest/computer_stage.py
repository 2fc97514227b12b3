"""The stages of the computer and its buses: what must be read for their checks, and the checks together.

In: the rig file, and a function that reads a feature of an open camera, or `unread`. Out: results of checks, also of a
rig that could not be opened. No device is opened here. Not here: what is judged how (see computer_checks.py,
disk_checks.py, bus_checks.py, gige_checks.py).
"""

from __future__ import annotations

from pathlib import Path

from rigdriver.config import FeatureValue, RigConfig, load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.listing import list_producers
from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.network_interfaces import network_interfaces
from rigdriver.devices.usb_topology import usb_listing
from rigdriver.errors import CameraError, CameraMissing, ConfigError, DevicesFailed, RigError
from rigdriver.selftest.bus_checks import camera_device, judge_usb
from rigdriver.selftest.camera_loads import ReadFeature, camera_loads, unread
from rigdriver.selftest.computer_checks import cpu_times, judge_computer, judge_stolen_time
from rigdriver.selftest.disk_checks import judge_disk
from rigdriver.selftest.gige_checks import judge_gige, off_the_subnet
from rigdriver.selftest.result import CheckResult
from rigdriver.selftest.write_speed import disk_facts

SEARCH_S = 5.0
"""Time for which producers look for a camera that could not be opened."""


def computer_of(config: RigConfig) -> ComputerFiles:
    """Return the files of the computer that the rig hangs on."""
    return ComputerFiles() if config.computer is None else ComputerFiles(config.computer, is_linux=True)


def reading(cameras: Cameras) -> ReadFeature:
    """Return a function that reads features of open cameras."""

    def read(camera: str, feature: str) -> FeatureValue | None:
        try:
            return cameras.get(camera, feature)
        except CameraError:
            return None

    return read


def check_computer(config: RigConfig, read: ReadFeature = unread, folder: Path | None = None) -> list[CheckResult]:
    """Check the computer. `folder`: where captures go; the working folder when it is not given."""
    files, loads = computer_of(config), camera_loads(config, read)
    listing = usb_listing(files)
    cameras = [(device, load) for load in loads if (device := camera_device(listing, load.serial)) is not None]
    projectors = [(device, None) for device in listing.devices if device.is_projector]
    before = cpu_times(files)
    disk = disk_facts(files, _working_folder() if folder is None else folder)
    stolen = [judge_stolen_time(before, cpu_times(files))] if files.is_linux else []
    return [
        *judge_computer(files, loads, [*cameras, *projectors], config),
        *stolen,
        *judge_disk(disk, loads, config),
    ]


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return Path()


def check_unopened(source: str, error: RigError) -> list[CheckResult]:
    """Check computer and buses of a rig that could not be opened; nothing for a rig that no rig file describes.

    `source` is the path of the rig file, `error` that of opening. A camera that is missing may have an address in no
    network of this computer; its producer then lists it without being able to open it.
    """
    try:
        config = load(Path(source))
    except ConfigError:
        return []
    checks = [*check_computer(config), *check_buses(config)]
    if not _is_missing(error):
        return checks
    try:
        devices = list_producers(config.genicam.producers, SEARCH_S).devices
    except RigError:  # the error of opening says it
        return checks
    return [*checks, *off_the_subnet(config, devices, network_interfaces(computer_of(config)))]


def _is_missing(error: RigError) -> bool:
    """Return whether a camera was not found."""
    inner = error.errors if isinstance(error, DevicesFailed) else ()
    return isinstance(error, CameraMissing) or any(map(_is_missing, inner))


def check_buses(config: RigConfig, read: ReadFeature = unread) -> list[CheckResult]:
    """Check the USB buses and the networks of the cameras."""
    files, loads = computer_of(config), camera_loads(config, read)
    return [*judge_usb(usb_listing(files), loads, config), *judge_gige(loads, network_interfaces(files))]
