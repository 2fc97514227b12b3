"""All settings of a camera as values by key, and the way back into the camera.

In: something that reads and writes nodes and reads their words. Out: values by key, as a rig file spells keys, in the
order in which they can be written again; and what became of such values when they were written. Features behind one
selector are read at each of its entries. Not here: files (see devices/cameras/settings_file.py), and the rounds of
writing (see features.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.feature_tree import (
    FeatureDescription,
    FeatureKind,
    SettableFeatures,
    SettingsOutcome,
)
from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.camera_process.feature_plan import automatic_function, plan
from rigdriver.devices.camera_process.feature_walk import WordyNodes, described, refreshed
from rigdriver.devices.camera_process.feature_write import EVERY, FeatureWrite, Origin
from rigdriver.devices.camera_process.features import write_all
from rigdriver.devices.camera_process.one_feature import Nodes, write_one

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

_VALUES = frozenset(FeatureKind) - {FeatureKind.COMMAND, FeatureKind.OTHER}
_NO_SETTINGS = frozenset({"TLParamsLocked"})
"""Features that the producer writes around an acquisition."""
_TRIGGERS_OFF = FeatureWrite("TriggerMode", "TriggerMode", "Off", ("TriggerSelector", EVERY), Origin.PREPARATION)


def settable_features(camera: str, nodes: WordyNodes) -> SettableFeatures:
    """Return the values of all features that can be set now or once another feature unlocks them."""
    return _Collector(camera, nodes).collected()


def write_settings(camera: str, nodes: Nodes, settings: CameraSettings) -> SettingsOutcome:
    """Write many features in rounds and read each back.

    Raises:
        ConfigError: a key is no feature name.
    """
    writes = plan(settings)
    if any(write.name == "TriggerMode" and write.selector is not None for write in writes):
        # A trigger that is on locks its source with some makes, behind each selector by itself.
        writes = (_TRIGGERS_OFF, *writes)
    reports, refusals = write_all(camera, nodes, writes)
    return SettingsOutcome(tuple(reports), tuple(refusals))


class _Collector:
    """The collection of one camera's settings."""

    def __init__(self, camera: str, nodes: WordyNodes) -> None:
        self._camera, self._nodes = camera, nodes
        self._features = {feature.name: feature for feature in described(nodes)}
        self._values: dict[str, FeatureValue] = {}
        self._present_only: list[str] = []
        self._left_out: list[str] = []

    def collected(self) -> SettableFeatures:
        """Return all values, in the order in which they can be written again."""
        selectors = {name for feature in self._features.values() for name in feature.selectors}
        behind: dict[str, list[str]] = {}
        for name, feature in self._features.items():
            chain = () if name in selectors else self._selectors(name)
            if len(chain) == 1 and self._has_entries(chain[0]):
                behind.setdefault(chain[0], []).append(name)
            elif self._take(name, feature) and chain:
                self._present_only.append(name)
        for selector, names in behind.items():
            self._take_behind(selector, names)
        ordered = [write.key for write in plan(self._values) if write.origin is Origin.DEMAND]
        values = {key: self._values[key] for key in ordered}
        return SettableFeatures(values, tuple(self._present_only), tuple(self._left_out))

    def _selectors(self, name: str) -> tuple[str, ...]:
        """Return all selectors of a feature: its own, and those that select these."""
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            feature = self._features.get(waiting.pop())
            new = [n for n in (feature.selectors if feature else ()) if n not in found and n != name]
            found.update(dict.fromkeys(new))
            waiting += new
        return tuple(found)

    def _has_entries(self, selector: str) -> bool:
        feature = self._features.get(selector)
        return feature is not None and feature.kind is FeatureKind.ENUMERATION and feature.is_writable

    def _take_behind(self, selector: str, names: Sequence[str]) -> None:
        """Keep features at each entry of their selector, which gets back its own entry at the end."""
        before = self._features[selector].value
        try:
            for entry in self._features[selector].entries:
                self._select(selector, entry)
                for name in names:
                    self._take(name, refreshed(self._nodes, self._features[name]), f"[{selector}={entry}]")
        finally:
            if before is not None:
                self._select(selector, before)

    def _select(self, selector: str, entry: FeatureValue) -> None:
        write_one(self._camera, self._nodes, FeatureWrite(selector, selector, entry))

    def _take(self, name: str, feature: FeatureDescription, behind: str = "") -> bool:
        """Keep a feature's value when it is a setting; return whether it is one."""
        is_settable = feature.is_writable or feature.is_locked
        if not is_settable or feature.kind not in _VALUES or name in _NO_SETTINGS:
            return False
        # Few descriptions name the feature behind a lock, so that SFNC's pairs are asked, too.
        lockers = (*feature.locked_by, automatic_function(name))
        is_automatic = feature.is_locked and any(map(self._is_automatic, lockers))
        value = feature.value
        if value is None or is_automatic or (isinstance(value, float) and not math.isfinite(value)):
            self._left_out.append(name + behind)
            return False
        self._values[name + behind] = value
        return True

    def _is_automatic(self, name: str) -> bool:
        feature = self._features.get(name)
        return feature is not None and name.endswith("Auto") and feature.value != "Off"
