"""What each camera puts on its bus, and how it is reached: the ground of the checks of computer and buses.

In: the rig file, and a function that reads a camera's feature. Out: one `CameraLoad` per camera. What a camera does not
report is None: the checks then say so. Not here: the buses (see bus_checks.py and gige_checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from rigdriver.config import CameraConfig, FeatureValue, RigConfig
from rigdriver.images.pixel_formats import BY_NAME

ReadFeature = Callable[[str, str], FeatureValue | None]
"""Function that returns a feature by camera and name; None where the camera has none."""


def unread(_camera: str, _feature: str) -> None:
    """Return that nothing can be read, as from cameras that are not open."""


@dataclass(frozen=True, slots=True)
class CameraLoad:
    """One camera as its bus sees it."""

    name: str
    serial: str
    rate_hz: float
    payload_bytes: int | None = None
    """Size of one frame on the bus; None where neither the camera nor the rig file states it."""
    address: IPv4Address | None = None
    """IP address; None for a camera that is no GigE Vision camera, or does not report it."""
    packet_bytes: int | None = None
    """Size of its GigE Vision packets, with the headers of IP, UDP and GVSP."""
    link: str | None = None
    """Name of the link that the rig file gives it."""

    @property
    def megabytes_per_s(self) -> float | None:
        """Mean data rate."""
        return None if self.payload_bytes is None else self.payload_bytes * self.rate_hz / 1e6

    @property
    def label(self) -> str:
        """Name for sentences."""
        return f"camera {self.name} (SN {self.serial})"


def camera_loads(config: RigConfig, read: ReadFeature) -> tuple[CameraLoad, ...]:
    """Return what the cameras of a rig put on their buses."""
    return tuple(_load(camera, config.schedule.rate_hz, read) for camera in config.cameras)


def total_megabytes_per_s(loads: Sequence[CameraLoad]) -> float | None:
    """Return the mean data rate of all cameras; None when one of them is not known."""
    rates = [load.megabytes_per_s for load in loads]
    return None if None in rates else sum(filter(None, rates))


def total_payload_bytes(loads: Sequence[CameraLoad]) -> int | None:
    """Return the bytes of one frame set on the bus; None when a camera's is not known."""
    sizes = [load.payload_bytes for load in loads]
    return None if None in sizes else sum(filter(None, sizes))


def of_unknown_size(loads: Sequence[CameraLoad]) -> str:
    """Return the reason why a sum over cameras cannot be stated."""
    names = ", ".join(load.name for load in loads if load.payload_bytes is None)
    return f"the frame size of {names} is not known (no PayloadSize; no Width, Height and PixelFormat in its features)"


def _load(camera: CameraConfig, rate_hz: float, read: ReadFeature) -> CameraLoad:
    payload = _number(read(camera.name, "PayloadSize")) or _stated_bytes(camera)
    address = _number(read(camera.name, "GevCurrentIPAddress"))
    packet = _number(read(camera.name, "GevSCPSPacketSize")) if address else None
    is_address = address is not None and 0 < address < 2**32
    ip = IPv4Address(address) if address is not None and is_address else None
    # The rig file may name a camera by its address or its user's name for it.
    serial = str(read(camera.name, "DeviceSerialNumber") or camera.serial)
    return CameraLoad(camera.name, serial, rate_hz, payload, ip, packet, camera.link)


def _stated_bytes(camera: CameraConfig) -> int | None:
    """Return the frame size that the features of the rig file make."""
    width, height = (_number(camera.features.get(name)) for name in ("Width", "Height"))
    pixel_format = BY_NAME.get(str(camera.features.get("PixelFormat")))
    return pixel_format.sent_bytes(width, height) if width and height and pixel_format else None


def _number(value: FeatureValue | None) -> int | None:
    # A bool is an int in Python, and no size.
    is_positive = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return int(value) if is_positive and value is not None else None
