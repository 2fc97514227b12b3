"""The state to which a camera is brought before anything else is written: nothing of an earlier program is left.

In: which state is asked for, and which features the rig file demands. Out: writes, in their order; a camera that lacks
or refuses one is fine. Not here: writing them (see features.py), and what the mode needs (see feature_plan.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.camera_process.feature_names import same_feature
from rigdriver.devices.camera_process.feature_write import EVERY, FeatureWrite, Origin

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

LOAD = "UserSetLoad"
SETS_OFFSET_TO_0 = ("OffsetX", "OffsetY")
# A program that was killed leaves both behind, and while TLParamsLocked is 1 size and format cannot be written (SFNC).
_STOPS: tuple[tuple[str, FeatureValue], ...] = (("AcquisitionStop", True), ("TLParamsLocked", 0))
# What locks other features stands first: chunks and triggers are off while format and region are written.
_SWITCHED_OFF: tuple[tuple[str, FeatureValue], ...] = (("SequencerMode", "Off"), ("ChunkModeActive", False))
# Binning and offsets bound Width and Height (SFNC, Image Format Control), so they stand before the sizes.
_NEUTRAL: tuple[tuple[str, FeatureValue], ...] = (
    ("ExposureMode", "Timed"), ("ExposureAuto", "Off"), ("GainAuto", "Off"), ("BlackLevelAuto", "Off"),
    ("BalanceWhiteAuto", "Off"), ("TestPattern", "Off"),
    ("BinningHorizontal", 1), ("BinningVertical", 1), ("DecimationHorizontal", 1), ("DecimationVertical", 1),
    ("ReverseX", False), ("ReverseY", False), ("OffsetX", 0), ("OffsetY", 0), ("TriggerDelay", 0.0),
)  # fmt: skip
CARRIED_LOOKED_AT = tuple(name for name, _ in _NEUTRAL)
"""Features of which a camera that keeps its state is expected to have the neutral value."""


def known_state(settings: CameraSettings, demanded: Collection[str]) -> list[FeatureWrite]:
    """Return the writes that bring a camera to the state that is asked for."""
    if settings.trigger is None:
        return []
    writes = [_prepared(name, value) for name, value in _STOPS]
    is_own = LOAD in demanded  # whoever names a user set wants what is in it
    if settings.reset is Reset.FACTORY and not is_own:
        writes.append(FeatureWrite(LOAD, LOAD, True, ("UserSetSelector", "Default"), Origin.PREPARATION))
    writes.append(FeatureWrite("TriggerMode", "TriggerMode", "Off", ("TriggerSelector", EVERY), Origin.PREPARATION))
    if settings.reset is Reset.KEEP or is_own:
        return writes
    is_free: Callable[[str], bool] = lambda name: same_feature(name).isdisjoint(demanded)  # noqa: E731
    writes += [_prepared(name, value) for name, value in _SWITCHED_OFF]
    writes += [_prepared(n, value) for n, value in _NEUTRAL if is_free(n) or n in SETS_OFFSET_TO_0]
    if settings.trigger is not TriggerBy.ITSELF and is_free("AcquisitionFrameRate"):
        writes.append(_prepared("AcquisitionFrameRateEnable", False))  # it would make triggers be ignored
    for size, largest in (("Width", "WidthMax"), ("Height", "HeightMax")):
        if is_free(size):
            writes.append(FeatureWrite(size, size, 0, None, Origin.PREPARATION, value_from=largest, is_fallback=True))
    if is_free("Gain"):
        writes.append(FeatureWrite("Gain", "Gain", 0.0, None, Origin.PREPARATION, is_fallback=True))
    return writes


def neutral_value(name: str) -> FeatureValue:
    """Return the value of one of `CARRIED_LOOKED_AT` that leaves images as the sensor sees them."""
    return dict(_NEUTRAL)[name]


def _prepared(name: str, value: FeatureValue) -> FeatureWrite:
    return FeatureWrite(name, name, value, None, Origin.PREPARATION)
