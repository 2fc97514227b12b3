"""What to write to a camera, in which order, and whether the camera changed it.

In: features by SFNC name, as a rig file or a caller gives them. Out: the writes in dependency order. A feature behind a
selector is named with it: `ChunkEnable[ChunkSelector=ExposureTime]`. This file holds names and numbers only, so the
order can be read and tested alone. Not here: GenApi (see features.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.settings import CameraSettings, TriggerBy, settings_of
from rigdriver.devices.camera_process.feature_names import FRAME_TRIGGERS, SOFTWARE_SOURCES, canonical, same_feature
from rigdriver.devices.camera_process.feature_write import FeatureWrite, Origin
from rigdriver.devices.camera_process.known_state import known_state
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
# Feature -> a feature that locks it with some makes, and the value that opens it. It is written first only where the
# caller gives that feature a value, too: that one is then written in its own place.
_KEYS: tuple[tuple[str, str, FeatureValue], ...] = (
    ("TriggerSource", "TriggerMode", "Off"),
    ("PixelFormat", "ChunkModeActive", False),
    ("Width", "OffsetX", 0),  # a region can only grow when it starts at 0
    ("Height", "OffsetY", 0),
)
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\[([A-Za-z][A-Za-z0-9_]*)=([A-Za-z0-9_]+)\])?")


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


def plan(asked: CameraSettings | Mapping[str, FeatureValue]) -> tuple[FeatureWrite, ...]:
    """Return the writes for a camera in an order in which no write refuses a later one.

    The known state comes first. Then what the mode needs and what is demanded, each feature in its place; what the mode
    needs is left out where the same feature is demanded, under whatever name.

    Raises:
        ConfigError: a key is no feature name.
    """
    settings = settings_of(asked)
    demands = [FeatureWrite(key, *_split_value(key, value)) for key, value in settings.demands.items()]
    demanded = {w.name for w in demands}
    plain = {w.name for w in demands if w.selector is None}
    wishes = [w for w in _wishes(settings) if same_feature(w.name).isdisjoint(plain)]
    names = {canonical(w.name) for w in (*demands, *wishes)}
    writes = [*_preparations(names), *wishes, *demands]
    ordered = sorted(writes, key=lambda w: (_rank(w), not w.is_preparation))
    return (*known_state(settings, demanded), *ordered)


def _wishes(settings: CameraSettings) -> list[FeatureWrite]:
    """Return what the driver itself wants of a camera, under its SFNC 2 names."""
    wishes: list[FeatureWrite] = []
    if settings.trigger is not None:
        wishes.append(_wish("AcquisitionMode", "Continuous"))
        mode = "Off" if settings.trigger is TriggerBy.ITSELF else "On"
        wishes += [_wish("TriggerSelector", *FRAME_TRIGGERS), _wish("TriggerMode", mode)]
    if settings.trigger is TriggerBy.SOFTWARE:
        wishes.append(_wish("TriggerSource", *SOFTWARE_SOURCES))
    if settings.trigger is TriggerBy.LINE:
        wishes.append(FeatureWrite("TriggerSource", "TriggerSource", "Line0", None, Origin.WISH, is_any_line=True))
        wishes.append(_wish("TriggerActivation", "RisingEdge", "LevelHigh"))
    if settings.exposure_us is not None:
        wishes.append(_wish("ExposureTime", settings.exposure_us))
    return wishes


def _wish(name: str, value: FeatureValue, *others: str) -> FeatureWrite:
    return FeatureWrite(name, name, value, None, Origin.WISH, others)


def _split_value(key: str, value: FeatureValue) -> tuple[str, FeatureValue, tuple[str, str] | None]:
    name, selector = split_key(key)
    return name, value, selector


def _rank(write: FeatureWrite) -> float:
    if write.is_preparation:
        for name, key, _ in _KEYS:
            if write.name == key:
                return _RANK[name] - 0.5
    return _RANK.get(canonical(write.name), len(_ORDER))


def _preparations(names: set[str]) -> list[FeatureWrite]:
    wanted: dict[str, FeatureValue] = {}
    for name in names:
        wanted.update(_PREPARATIONS.get(name, ()))
    wanted = {name: value for name, value in wanted.items() if name not in names}
    wanted |= {key: value for name, key, value in _KEYS if name in names and key in names}
    return [
        FeatureWrite(name, name, value, None, Origin.PREPARATION, FRAME_TRIGGERS if name == "TriggerSelector" else ())
        for name, value in sorted(wanted.items())
    ]


def automatic_function(name: str) -> str:
    """Return the feature that sets another one by itself while it is on, by its SFNC name; empty without one."""
    return next((other for other, value in _PREPARATIONS.get(canonical(name), ()) if value == "Off"), "")


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
