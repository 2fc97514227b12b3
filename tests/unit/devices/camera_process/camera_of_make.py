"""A camera of some make, as the node map shows it: features, entries, bounds, and what locks what.

In: values that differ from the usual ones, and a rule for what can be written. Out: what it holds after writes, and a
log of them. Not here: what is expected of the driver (see test_features.py and test_known_state.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.camera_process.features import NodeFacts, NodeKind, set_up
from rigdriver.errors import CameraError

LABEL = "camera left_upper (SN 23A7)"
Rule = Callable[["Make", str], bool]
SENSOR_PX = 640

USUAL: dict[str, FeatureValue] = {
    "AcquisitionMode": "Continuous", "TriggerSelector": "FrameStart", "TriggerMode": "Off", "TriggerSource": "Software",
    "TriggerActivation": "RisingEdge", "ExposureAuto": "Off", "ExposureTime": 1000.0, "GainAuto": "Off", "Gain": 0.0,
    "PixelFormat": "Mono8", "ChunkModeActive": False, "Width": 640, "OffsetX": 0, "WidthMax": SENSOR_PX,
    "BinningHorizontal": 1, "ReverseX": False,
}  # fmt: skip
ENTRIES: dict[str, tuple[str, ...]] = {
    "AcquisitionMode": ("Continuous", "SingleFrame"), "TriggerSelector": ("AcquisitionStart", "FrameStart"),
    "TriggerMode": ("Off", "On"), "TriggerSource": ("Software", "Line0", "Line1"), "TriggerActivation": ("RisingEdge",),
    "ExposureAuto": ("Off", "Continuous"), "GainAuto": ("Off", "Continuous"), "PixelFormat": ("Mono8", "Mono12p"),
    "UserSetSelector": ("Default", "UserSet0"), "LineSelector": ("Line0", "Line1"), "LineMode": ("Input", "Output"),
    "TestImageSelector": ("Off", "GreyRamp"),
}  # fmt: skip


class Make:
    """A camera of some make: values, entries, bounds that follow the region, and a rule for what can be written."""

    def __init__(
        self, changes: dict[str, FeatureValue | None] | None = None, rule: Rule = lambda _make, _name: True, **more: Any
    ) -> None:
        merged = {**USUAL, **(changes or {})}
        self.values: dict[str, FeatureValue] = {n: v for n, v in merged.items() if v is not None}
        self.entries = {**ENTRIES, **more.get("entries", {})}
        self.locked_by: dict[str, tuple[str, ...]] = more.get("locked_by", {})
        self.units: dict[str, str] = more.get("units", {})
        self.factory: dict[str, FeatureValue] = more.get("factory", {})
        self.rule = rule
        self.selected: dict[tuple[str, str], FeatureValue] = {}
        self.log: list[str] = []

    def names(self) -> tuple[str, ...]:
        return tuple(self.values)

    def facts(self, name: str) -> NodeFacts | None:
        if name not in self.values:
            return None
        is_writable, value = self.rule(self, name), self.values[name]
        facts = NodeFacts(NodeKind.FLOAT, True, is_writable, 0.0, 1e7, unit=self.units.get(name, ""))
        if not is_writable:
            facts = replace(facts, locked_by=self.locked_by.get(name, ()))
        if name in ("UserSetLoad", "AcquisitionStop"):
            return replace(facts, kind=NodeKind.COMMAND)
        if name in self.entries:
            return replace(facts, kind=NodeKind.ENUMERATION, entries=self.entries[name])
        if isinstance(value, bool):
            return replace(facts, kind=NodeKind.BOOLEAN)
        if isinstance(value, int):
            size = int(self.values["WidthMax"]) // int(self.values.get("BinningHorizontal", 1))
            bounds = {
                "Width": (4, size - int(self.values["OffsetX"]), 4),
                "OffsetX": (0, size - int(self.values["Width"]), 4),
            }
            low, high, step = bounds.get(name, (0, 10**6, 1))
            return replace(facts, kind=NodeKind.INTEGER, low=low, high=high, step=step)
        return facts

    def read(self, name: str) -> FeatureValue:
        if name in ("TriggerMode", "LineMode"):
            return self.selected.get((name, self._entry(name)), self.values[name])
        return self.values[name]

    def write(self, name: str, value: FeatureValue) -> None:
        if not self.rule(self, name):
            raise CameraError(f"{LABEL}: {name} is locked")
        self.log.append(f"{name}={value}")
        if name in ("TriggerMode", "LineMode"):
            self.selected[name, self._entry(name)] = value
            if name == "LineMode" or self._entry(name) == "FrameStart":
                self.values[name] = value
        else:
            self.values[name] = value

    def execute(self, name: str) -> None:
        self.log.append(f"{name}()")
        if name == "UserSetLoad":
            assert self.values["UserSetSelector"] == "Default"
            self.values.update(self.factory)

    def _entry(self, name: str) -> str:
        return str(self.values.get("LineSelector" if name == "LineMode" else "TriggerSelector", "FrameStart"))


def triggered(
    demands: dict[str, FeatureValue] | None = None, reset: Reset = Reset.FACTORY, **more: Any
) -> CameraSettings:
    return CameraSettings(demands or {}, more.get("trigger", TriggerBy.LINE), more.get("exposure_us", 2000.0), reset)


def without(*names: str) -> dict[str, FeatureValue | None]:
    return dict.fromkeys(names)


def refusal_of(camera: Make, settings: CameraSettings) -> str:
    (refusal,) = set_up(LABEL, camera, settings).refusals
    return str(refusal)
