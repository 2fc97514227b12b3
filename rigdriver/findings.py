"""Findings: what is wrong, of which kind and with which facts; each makes its own sentence.

In: a kind and facts. Out: frozen values that errors hold; an application tells their kinds apart without reading text.
Not here: the errors (see errors.py); any other type (this file imports none).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar


class BrokenLimit(Enum):
    """Limit that a plan would break, or that a run would break if it began now."""

    RATE = "rate"
    """A rate that the rig cannot have, or too many Hz for it."""
    PULSES = "pulses"
    """A number of pulses or frame sets that no run can have."""
    PREAMBLE = "preamble"
    """Triggers that do not fit into the preamble."""
    PERIOD = "period"
    """Exposures or outputs that end after the next pulse starts."""
    TRIGGER_WIDTH = "trigger width"
    """Trigger pulses that are too short for a camera's input."""
    CAMERA_RATE = "camera rate"
    """Triggers that are too fast for a camera."""
    DATA_RATE = "data rate"
    """More megabytes per second than a link or a disk carries."""
    LAMP_WITHOUT_CAMERA = "lamp without camera"
    """A lamp that lights no camera."""
    COMMON_EXPOSURE = "common exposure"
    """Too little time in which all cameras of a lamp expose."""
    FLASH_OUTSIDE_EXPOSURE = "flash outside exposure"
    """A flash that one of its cameras does not see in full."""
    FOREIGN_LIGHT = "foreign light"
    """A flash during the exposure of a camera that it is not meant for."""
    LIGHT_RATE = "light rate"
    """More flashes per second than light.max_rate_hz."""
    FLASH_WIDTH = "flash width"
    """A flash longer than max_flash_width_us."""
    DUTY = "duty"
    """A lamp that is lit for a larger share of the time than max_duty."""
    FLASH_ENERGY = "flash energy"
    """A flash of more energy than light.max_flash_energy_mj."""
    RUN_ENERGY = "run energy"
    """A run that emits more energy than light.max_run_energy_j."""
    TRAIN_FLASHES = "train flashes"
    """More flashes in a row than light.max_train_flashes."""
    SESSION_FLASHES = "session flashes"
    """More flashes for one person than light.max_session_flashes."""
    DARK_PAUSE = "dark pause"
    """A dark pause that the box does not end."""


class MismatchKind(Enum):
    """Reason why a calibration cannot be used."""

    UNREADABLE = "unreadable"
    """A file that cannot be read, or whose format is not the one that was asked for."""
    OTHER_VERSION = "other version"
    """A file of a version that this program does not read."""
    DAMAGED = "damaged"
    """A file of the right format with missing, surplus or impossible content."""
    IMPLAUSIBLE = "implausible"
    """Numbers that no camera has."""
    OTHER_LENS = "other lens"
    """A lens model that this program does not have."""
    OTHER_RIG = "other rig"
    """A rig, a camera or a serial number that is not the calibrated one."""
    OTHER_IMAGES = "other images"
    """Images of another size, kind or region of the sensor than was calibrated."""
    POSES = "poses"
    """Cameras that do not stand or look so that the working volume can be measured."""


class CatalogueFault(Enum):
    """Reason why the catalogue of subjects cannot be used."""

    DAMAGED = "damaged"
    """A file that is cut, empty or not what was written."""
    FOREIGN = "foreign"
    """A file of another program."""
    NEWER = "newer"
    """A file of a version that this program does not know yet."""
    LOCKED = "locked"
    """A file that another program holds for longer than this one waits."""
    READ_ONLY = "read only"
    """A file or a folder that this user may not write to."""
    FULL = "full"
    """A disk without room."""
    UNREADABLE = "unreadable"
    """A file that the system does not give."""


KindT = TypeVar("KindT", bound=Enum)


@dataclass(frozen=True, slots=True)
class Finding(Generic[KindT]):
    """One thing that is wrong; parts that are empty are left out of its sentence."""

    kind: KindT
    device: str
    seen: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return sentence(self.device, self.seen, self.expected, self.remedy)


class HasFindings(Generic[KindT]):
    """What an error with findings offers to those who handle it."""

    findings: tuple[Finding[KindT], ...]

    @property
    def kinds(self) -> frozenset[KindT]:
        """Kinds of all findings."""
        return frozenset(finding.kind for finding in self.findings)


def alone_or_none(kind: KindT | None, device: str, seen: str, expected: str, remedy: str) -> tuple[Finding[KindT], ...]:
    """Return the one finding that an error without a list of them has; none where it has no kind."""
    return () if kind is None else (Finding(kind, device, seen, expected, remedy),)


@dataclass(frozen=True, slots=True)
class RigFileFinding:
    """One thing that is wrong in a rig file."""

    file: str
    line: int | None
    """Line of the key, counted from 1; None when no line holds it."""
    key: str
    seen: str
    """The value as Python writes it; empty when it is missing or is no single value."""
    expected: str
    """Phrase that says what would be right, or what to do."""

    def __str__(self) -> str:
        line = f" line {self.line}" if self.line else ""
        seen = f" = {self.seen}" if self.seen else ""
        return f"{self.file}{line}: {self.key}{seen}: {self.expected}"


def sentence(device: str, seen: str, expected: str, remedy: str) -> str:
    """Return the sentence that these parts make: `device: seen; expected ...; remedy`."""
    first = ": ".join(part for part in (device, seen) if part)
    return "; ".join(part for part in (first, f"expected {expected}" if expected else "", remedy) if part)
