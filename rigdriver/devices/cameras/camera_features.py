"""One camera of an open rig, and its features for people: browse, search, read, write, save, load.

In: names and values. Out: descriptions, reports, files. `rig.cameras["left_upper"].features` is one of these. Not here:
how a camera's description is walked and how its settings are written (see devices/camera_process), and the files'
layout (see settings_file.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import CameraReport, FeatureReport
from rigdriver.devices.camera_link.feature_tree import FeatureDescription, SettableFeatures, SettingsOutcome
from rigdriver.devices.camera_link.requests import (
    CameraReply,
    CameraRequest,
    DescribeFeatures,
    FeatureRead,
    FeatureTree,
    FeatureWritten,
    ReadFeature,
    ReadSettings,
    SettingsRead,
    SettingsWritten,
    WriteFeature,
    WriteSettings,
)
from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.cameras.settings_file import read_settings, settings_text
from rigdriver.errors import UsageError
from rigdriver.whole_file import refuse_existing, write_new

_logger = logging.getLogger(__name__)
_Reply = TypeVar("_Reply", bound=CameraReply)


class Ask(Protocol):
    """Sends a request to the camera process and returns the reply of the expected kind."""

    def __call__(self, request: CameraRequest, expected: type[_Reply], timeout_s: float | None = None) -> _Reply:
        """Ask; `timeout_s` None is the usual time for one command."""
        ...


class FeatureGuard(Protocol):
    """Refuses writes that are not the caller's to make."""

    def __call__(self, camera: str, values: Mapping[str, FeatureValue]) -> None:
        """Raise UsageError for the first feature that must not be written."""
        ...


class CameraFeatures:
    """The features of one open camera; iterating describes all of them as the camera has them now."""

    def __init__(
        self, report: CameraReport, index: int, ask: Ask, walk_timeout_s: float, guard: FeatureGuard | None = None
    ) -> None:
        """Use `Cameras[name].features`. `walk_timeout_s`: longest time for a request about all features.

        `guard` is asked before each write.
        """
        self._report, self._index = report, index
        self._guard = guard
        self._ask, self._walk_timeout_s = ask, walk_timeout_s

    def __iter__(self) -> Iterator[FeatureDescription]:
        return iter(self._ask(DescribeFeatures(self._index), FeatureTree, self._walk_timeout_s).features)

    def search(self, text: str) -> tuple[FeatureDescription, ...]:
        """Return the features whose name, display name or tooltip holds a text, in capitals or not."""
        return tuple(feature for feature in self if feature.has_text(text))

    def get(self, name: str) -> FeatureValue:
        """Return a feature's value. CameraError when the camera has no such feature."""
        return self._ask(ReadFeature(self._index, name), FeatureRead).value

    def set(self, name: str, value: FeatureValue) -> FeatureReport:
        """Write one feature and return what the camera made of it.

        Raises:
            CameraError: the camera refuses.
            UsageError: the feature is the plan's: a run would not be what its schedule says.
        """
        self._check({name: value})
        return self._ask(WriteFeature(self._index, name, value), FeatureWritten).report

    def write(self, settings: CameraSettings) -> SettingsOutcome:
        """Write many features in rounds, as they may lock each other, and return what became of them.

        UsageError, as in `set`, before anything is written.
        """
        self._check(settings.demands)
        return self._ask(WriteSettings(self._index, settings), SettingsWritten, self._walk_timeout_s).outcome

    def save(self, path: Path) -> SettableFeatures:
        """Write the values of all features that can be set to a new file, and return them.

        Raises:
            UsageError: the file is there already, or cannot be written.
            CameraError: the camera refuses one of its own selector entries.
        """
        refuse_existing(path)
        settings = self._ask(ReadSettings(self._index), SettingsRead, self._walk_timeout_s).settings
        write_new(path, settings_text(self._report, settings))
        return settings

    def load(self, path: Path) -> SettingsOutcome:
        """Write the values of a file into the camera and return what became of them; a refusal is part of the outcome.

        Raises:
            UsageError: the file cannot be read, or is no settings file.
        """
        return self.write(CameraSettings(self._free(path)))

    def _free(self, path: Path) -> dict[str, FeatureValue]:
        """Return the values of a file without those that are the plan's: a file of all settings holds them, too."""
        free: dict[str, FeatureValue] = {}
        owned: list[str] = []
        for name, value in read_settings(path).items():
            try:
                self._check({name: value})
            except UsageError:
                owned.append(name)
            else:
                free[name] = value
        if owned:
            _logger.warning("%s: left to the schedule of the rig: %s", path, ", ".join(owned))
        return free

    def _check(self, values: Mapping[str, FeatureValue]) -> None:
        if self._guard is not None:
            self._guard(self._report.name, values)


@dataclass(frozen=True, slots=True)
class RigCamera:
    """One camera of an open rig."""

    name: str
    report: CameraReport
    """Report of the opening: what the camera is, and what became of its features."""
    features: CameraFeatures
