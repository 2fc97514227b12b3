"""What the camera process reports of its devices: which there are, and what they made of their features.

In: nothing. Out: values that the camera process sends as plain JSON and the application reads again. Not here: how they
are found out (see features.py and matching.py in devices/camera_process).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device that a producer lists."""

    producer: str
    id: str
    vendor: str
    model: str
    serial: str
    """Empty when the producer gives none."""
    user_id: str
    tl_type: str
    """Transport layer: `U3V`, `GEV`, `Custom`..."""
    interface: str = ""
    """GenTL id of the interface that lists it."""
    interface_name: str = ""
    mac: str = ""
    """Hardware address, `de:ad:be:ef:ca:fe`; empty when the interface does not tell."""
    ip: str = ""


class InterfaceOutcome(StrEnum):
    """How an interface answered when it was asked for its devices."""

    COMPLETE = "complete"
    """It came back before its time-out: this is all it has."""
    TIME_USED = "time used"
    """It took all of its time-out, so it may have more."""
    NO_ANSWER = "no answer"
    """It has not come back although its time-out is over."""
    FAILED = "failed"
    """The producer returned an error."""
    NOT_ASKED = "not asked"
    """The rig file names other interfaces."""


@dataclass(frozen=True, slots=True)
class InterfaceReport:
    """What came of one interface of a producer."""

    producer: str
    id: str
    name: str
    tl_type: str
    outcome: InterfaceOutcome
    asked_s: float
    devices: int
    error_code: int = 0
    """GenTL error code; 0 unless the outcome is FAILED."""


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """What a camera made of one asked feature."""

    name: str
    asked: FeatureValue
    got: FeatureValue
    is_clamped: bool
    """The camera's bounds or steps changed the value by more than its own resolution."""

    def __str__(self) -> str:
        return f"{self.name}: asked {self.asked!r}, got {self.got!r}" + (" (clamped)" if self.is_clamped else "")


@dataclass(frozen=True, slots=True)
class CameraReport:
    """One opened camera, and what it made of its features."""

    name: str
    serial: str
    vendor: str
    model: str
    producer: str
    """Path of the .cti that offers it."""
    features: tuple[FeatureReport, ...]

    @property
    def clamped(self) -> tuple[FeatureReport, ...]:
        """Features that the camera changed."""
        return tuple(f for f in self.features if f.is_clamped)
