"""What to write to a camera, in which order, and whether the camera changed it.

In: features by SFNC name, as a rig file or a caller gives them. Out: the writes in dependency order. A feature behind a
selector is named with it: `ChunkEnable[ChunkSelector=ExposureTime]`. This file holds names and numbers only, so the
order can be read and tested alone. Not here: GenApi (see features.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigdriver.errors import ConfigError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

# SFNC 2.7 has no such list; each line stands where the features that it locks, bounds or resets come after it.
_ORDER = (
    "DeviceReset", "UserSetSelector", "UserSetLoad",
    "DeviceLinkThroughputLimitMode", "DeviceLinkThroughputLimit", "DeviceTapGeometry", "SensorShutterMode",
    "GevSCPSPacketSize", "GevSCPD",
    "AcquisitionMode", "AcquisitionFrameCount",
    "BinningSelector", "BinningHorizontalMode", "BinningVerticalMode", "BinningHorizontal", "BinningVertical",
    "DecimationHorizontal", "DecimationVertical", "ReverseX", "ReverseY",
    "PixelFormat", "PixelSize", "TestPattern",
    "Width", "Height", "OffsetX", "OffsetY",
    "LineSelector", "LineMode", "LineInverter", "LineSource", "LineDebounceTime",
    "ExposureMode", "ExposureAuto", "ExposureTimeMode", "ExposureTimeSelector", "ExposureTime",
    "GainAuto", "GainSelector", "Gain", "BlackLevelAuto", "BlackLevelSelector", "BlackLevel",
    "BalanceWhiteAuto", "BalanceRatioSelector", "BalanceRatio", "Gamma",
    "AcquisitionFrameRateEnable", "AcquisitionFrameRateMode", "AcquisitionFrameRate",
    "CounterSelector", "CounterEventSource", "CounterEventActivation", "CounterResetSource",
    "TriggerSelector", "TriggerSource", "TriggerActivation", "TriggerOverlap", "TriggerDelay", "TriggerMode",
    "ChunkModeActive", "ChunkSelector", "ChunkEnable",
    "EventSelector", "EventNotification",
)  # fmt: skip
_RANK = MappingProxyType({name: rank for rank, name in enumerate(_ORDER)})

# Feature -> writes that must come first when the caller does not ask for them himself; a camera without them is fine.
_PREPARATIONS: Mapping[str, tuple[tuple[str, FeatureValue], ...]] = {
    "ExposureTime": (("ExposureAuto", "Off"),),
    "Gain": (("GainAuto", "Off"),),
    "BlackLevel": (("BlackLevelAuto", "Off"),),
    "BalanceRatio": (("BalanceWhiteAuto", "Off"),),
    "AcquisitionFrameRate": (("AcquisitionFrameRateEnable", True),),
    "TriggerMode": (("TriggerSelector", "FrameStart"),),
    "TriggerSource": (("TriggerSelector", "FrameStart"),),
}
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\[([A-Za-z][A-Za-z0-9_]*)=([A-Za-z0-9_]+)\])?")


@dataclass(frozen=True, slots=True)
class FeatureWrite:
    """One write to one camera."""

    key: str
    """Name as the caller wrote it, selector included."""
    name: str
    value: FeatureValue
    selector: tuple[str, str] | None = None
    """Selector feature and its entry, set first."""
    is_preparation: bool = False
    """Whether nobody asked for it: a camera may then refuse it, and it is not reported."""


def split_key(key: str) -> tuple[str, tuple[str, str] | None]:
    """Split `Name` or `Name[Selector=Entry]`.

    Raises:
        ConfigError: the key is neither.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        expected = "an SFNC name like `Gain` or `ChunkEnable[ChunkSelector=Timestamp]`"
        raise ConfigError(device="feature", seen=repr(key), expected=expected)
    name, selector, entry = match.groups()
    return name, (selector, entry) if selector else None


def plan(features: Mapping[str, FeatureValue]) -> tuple[FeatureWrite, ...]:
    """Return the writes for `features` in an order in which no write refuses a later one.

    Raises:
        ConfigError: a key is no feature name.
    """
    asked = [FeatureWrite(key, *_split_value(key, value)) for key, value in features.items()]
    names = {w.name for w in asked}
    writes = [*_preparations(names), *asked]
    return tuple(sorted(writes, key=lambda w: (_rank(w), not w.is_preparation)))


def _split_value(key: str, value: FeatureValue) -> tuple[str, FeatureValue, tuple[str, str] | None]:
    name, selector = split_key(key)
    return name, value, selector


def _rank(write: FeatureWrite) -> float:
    if write.is_preparation and write.name in ("OffsetX", "OffsetY"):
        return _RANK["Width"] - 0.5  # a region can only grow when it starts at 0
    return _RANK.get(write.name, len(_ORDER))


def _preparations(names: set[str]) -> list[FeatureWrite]:
    wanted: dict[str, FeatureValue] = {}
    for name in names:
        wanted.update(_PREPARATIONS.get(name, ()))
    for size, offset in (("Width", "OffsetX"), ("Height", "OffsetY")):
        if size in names and offset in names:
            wanted[offset] = 0
    return [
        FeatureWrite(name, name, value, is_preparation=True)
        for name, value in sorted(wanted.items())
        if name not in names or name in ("OffsetX", "OffsetY")
    ]


def fit_integer(asked: int, low: int, high: int, step: int) -> int:
    """Return the value nearest below `asked` that bounds and step allow."""
    inside = min(max(asked, low), high)
    return low + (inside - low) // max(step, 1) * max(step, 1)


def is_clamped(asked: FeatureValue, got: FeatureValue, step: float = 0.0) -> bool:
    """Return whether a camera changed a value by more than its resolution.

    Floats may differ by the camera's step, or by a thousandth: exposure times are rounded to lines or clock ticks.
    """
    if isinstance(asked, bool) or isinstance(got, bool | str) or isinstance(asked, str):
        return asked != got
    if isinstance(got, int) and isinstance(asked, int):
        return asked != got
    return not math.isclose(asked, got, rel_tol=1e-3, abs_tol=max(step, 1e-9))
