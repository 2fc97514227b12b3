"""What the camera process reports of its devices: which there are, and what they made of their features.

In: nothing. Out: values that the camera process sends as plain JSON and the application reads again. Not here: how they
are found out (see features.py and matching.py in devices/camera_process).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
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
    """Serial number; empty when the producer gives none."""
    user_id: str
    tl_type: str
    """Transport layer: `U3V`, `GEV`, `Custom`..."""
    interface: str = ""
    """GenTL id of the interface that lists it."""
    interface_name: str = ""
    mac: str = ""
    """Hardware address, `de:ad:be:ef:ca:fe`; empty when the interface does not report it."""
    ip: str = ""


class InterfaceOutcome(StrEnum):
    """How an interface answered when it was asked for its devices."""

    COMPLETE = "complete"
    """Answer before its time-out: this is all that it has."""
    TIME_USED = "time used"
    """Answer after its whole time-out, so it may have more."""
    NO_ANSWER = "no answer"
    """No answer although its time-out is over."""
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
    """Whether the camera's bounds or steps changed the value by more than its own resolution."""
    written_as: str = ""
    """Name that the camera has for it, where that is another one; `asked` and `got` are in the unit of `name`."""
    low: float | None = None
    high: float | None = None
    """Bounds of a clamped number, as the camera gave them afterwards."""

    def __str__(self) -> str:
        name = f"{self.name} (as {self.written_as})" if self.written_as else self.name
        text = f"{name}: asked {self.asked!r}, got {self.got!r}"
        if not self.is_clamped:
            return text
        if self.low is None or self.high is None:
            return f"{text} (clamped)"
        return f"{text} (clamped; the camera allows {self.low:.10g} to {self.high:.10g} now)"


class SetupNoteKind(Enum):
    """Kinds of things that are worth knowing of a camera that was opened."""

    LACKS = "lacks a feature that the rig's mode needs"
    CHOSEN_LINE = "the driver chose the trigger line"
    NOT_LOADED = "refused its user set"
    CARRIED = "carries a value that nobody asked for"


_LACKING = {
    "TriggerMode": "it cannot be told to wait for triggers; if it exposes by itself, no frame will fit",
    "TriggerSource": "its trigger source cannot be chosen; its fixed one counts",
    "ExposureTime": "its exposure stays as it is, and the planned light may miss it; set it with the maker's program",
}


@dataclass(frozen=True, slots=True)
class SetupNote:
    """One thing that is worth knowing of a camera that was opened."""

    kind: SetupNoteKind
    feature: str
    value: str = ""
    others: tuple[str, ...] = ()
    """Names that were tried, or entries that could have been taken."""

    def __str__(self) -> str:
        match self.kind:
            case SetupNoteKind.LACKS:
                tried = f" (nor {', '.join(self.others)})" if self.others else ""
                return f"has no feature {self.feature}{tried}: {_LACKING.get(self.feature, 'it is left out')}"
            case SetupNoteKind.CHOSEN_LINE:
                among = f", chosen among {', '.join(self.others)}" if len(self.others) > 1 else ""
                remedy = f'if its cable is on another line, write {self.feature} = "..." into its features'
                return f"is triggered by {self.value}{among}; {remedy}"
            case SetupNoteKind.NOT_LOADED:
                return f"cannot load its user set Default: {self.value}; its features were set one by one"
        return (
            f"has {self.feature} = {self.value}, which this rig file does not ask for and an earlier program may have "
            "left; name it in its features"
        )

    @property
    def is_warning(self) -> bool:
        """Whether it may spoil a run."""
        return self.kind is not SetupNoteKind.CHOSEN_LINE


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
    notes: tuple[SetupNote, ...] = ()

    @property
    def clamped(self) -> tuple[FeatureReport, ...]:
        """Features that the camera changed."""
        return tuple(f for f in self.features if f.is_clamped)

    @property
    def remarks(self) -> tuple[str, ...]:
        """One sentence for each clamped feature and each note that may spoil a run."""
        label = f"camera {self.name} (SN {self.serial})"
        told = [n for n in self.notes if n.is_warning]
        return tuple(f"{label}: {remark}" for remark in (*self.clamped, *told))
