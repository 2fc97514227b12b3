"""A camera's features as a person browses them, and what became of features that were written together.

In: nothing. Out: values that the camera process sends as plain JSON and the application reads again. Not here: how they
are found (see feature_walk.py and saved_features.py in devices/camera_process).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.descriptions import FeatureReport
from rigdriver.errors import RigError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue


class FeatureKind(StrEnum):
    """Kinds of features, by GenApi's interfaces."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    ENUMERATION = "enumeration"
    STRING = "string"
    COMMAND = "command"
    OTHER = "other"
    """Registers and the like, which have no value that a rig file could hold."""


@dataclass(frozen=True, slots=True)
class FeatureDescription:
    """One feature as the camera has it now."""

    name: str
    category: str
    """SFNC category; of a category in a category both, joined by `/`."""
    kind: FeatureKind
    value: FeatureValue | None
    """Value of the feature; None when it cannot be read now, or has none."""
    is_readable: bool
    is_writable: bool
    display_name: str = ""
    tooltip: str = ""
    unit: str = ""
    low: float | int | None = None
    high: float | int | None = None
    step: float | int | None = None
    entries: tuple[str, ...] = ()
    """Entries of an enumeration that can be chosen now."""
    selectors: tuple[str, ...] = ()
    """Features that choose which of several values this one is; the value is that of their present entries."""
    locked_by: tuple[str, ...] = ()
    """Features on which it depends whether it can be written, as far as the camera's description says so."""
    can_be_locked: bool = False
    """Whether it can be written at other times."""
    failure: str = ""
    """Error of the camera when this feature was read; empty when there was none."""

    @property
    def is_locked(self) -> bool:
        """Whether it cannot be written now, but can be at other times."""
        return self.can_be_locked and not self.is_writable

    def has_text(self, text: str) -> bool:
        """Return whether name, display name or tooltip hold a text, in capitals or not."""
        wanted = text.lower()
        return any(wanted in words.lower() for words in (self.name, self.display_name, self.tooltip))


@dataclass(frozen=True, slots=True)
class SettableFeatures:
    """The values of all features of a camera that can be set, in an order in which they can be written again."""

    values: Mapping[str, FeatureValue]
    present_only: tuple[str, ...] = ()
    """Features behind selectors of which only the value at the selectors' present entries is known."""
    left_out: tuple[str, ...] = ()
    """Features that could be set, but that an automatic function changes by itself, or that could not be read."""


@dataclass(frozen=True, slots=True)
class SettingsOutcome:
    """What became of features that were written together."""

    reports: tuple[FeatureReport, ...]
    refusals: tuple[RigError, ...] = ()

    @property
    def is_as_asked(self) -> bool:
        """Whether every feature has the value that was asked for."""
        return not self.refusals and not any(report.is_clamped for report in self.reports)
