"""Features of a camera that the plan owns: what would ruin the next run, or make its proof one of another exposure.

In: a feature, as a rig file or a caller names it, its value, and how the rig triggers. Out: the remedy where the write
is refused. A value that the driver writes itself is no conflict. This is the only such table: rig files, the features
of an open rig and settings that are loaded into it are all checked by it. Not here: other names of features that are
not owned (see devices/camera_process/feature_names.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

FeatureValue = bool | int | float | str

EXPOSURE_REMEDY = (
    "remove it: the schedule needs to know the exposure; write cameras.exposure_us, schedule.geometry_exposure_us or "
    "schedule.texture_exposure_us in the rig file, or call rig.set_exposure between runs"
)
TRIGGER_REMEDY = "remove it: schedule.mode sets it"
KNOWN_REMEDY = "remove it: a run needs it as the driver leaves it"


@dataclass(frozen=True, slots=True)
class Ownership:
    """How a rig uses a camera, as far as it decides what is owned."""

    mode: str
    """`schedule.mode`."""
    has_exposure: bool
    """Whether the driver sets the exposure; a camera that runs freely may set its own."""

    @property
    def is_triggered(self) -> bool:
        """Whether something else than the camera starts its exposures."""
        return self.mode != "free"


@dataclass(frozen=True, slots=True)
class OwnedFeature:
    """One feature under all its names."""

    names: tuple[str, ...]
    """SFNC 2 name first, then those of SFNC 1.x and of makers."""
    remedy: str
    is_good: Callable[[FeatureValue, Ownership], bool] = lambda _value, _use: False
    """Whether a value does no harm in that use."""


def _never(_value: FeatureValue, _use: Ownership) -> bool:
    return False


def _is(good: FeatureValue) -> Callable[[FeatureValue, Ownership], bool]:
    return lambda value, _use: value == good


def _is_free_or(good: FeatureValue | None) -> Callable[[FeatureValue, Ownership], bool]:
    return lambda value, use: not use.has_exposure or value == good


def _is_mode(value: FeatureValue, use: Ownership) -> bool:
    return value == ("On" if use.is_triggered else "Off")


def _is_source(value: FeatureValue, use: Ownership) -> bool:
    is_software = str(value).startswith("Software")
    return not use.is_triggered or is_software == (use.mode == "software")


_ACQUISITION = ("AcquisitionStart", "AcquisitionStop", "AcquisitionAbort", "TLParamsLocked", "DeviceReset")
OWNED: tuple[OwnedFeature, ...] = (
    OwnedFeature(("ExposureTime", "ExposureTimeAbs", "ExposureTimeRaw"), EXPOSURE_REMEDY, _is_free_or(None)),
    OwnedFeature(("ExposureTimeBaseAbs",), EXPOSURE_REMEDY, _is_free_or(None)),
    OwnedFeature(("ExposureAuto",), EXPOSURE_REMEDY, _is_free_or("Off")),
    OwnedFeature(("ExposureMode",), EXPOSURE_REMEDY, _is("Timed")),
    OwnedFeature(("TriggerMode",), TRIGGER_REMEDY, _is_mode),
    OwnedFeature(
        ("TriggerSource",), "name one of the camera's lines, or remove it: schedule.mode sets the rest", _is_source
    ),
    OwnedFeature(
        ("TriggerDelay", "TriggerDelayAbs", "TriggerDelayRaw"),
        "remove it: cameras.latency_us is the time from trigger to exposure",
        _is(0),
    ),
    OwnedFeature(("AcquisitionMode",), KNOWN_REMEDY, _is("Continuous")),
    OwnedFeature(("SequencerMode",), KNOWN_REMEDY, _is("Off")),
    *(OwnedFeature((name,), KNOWN_REMEDY, _never) for name in _ACQUISITION),
)
_BY_NAME: Mapping[str, OwnedFeature] = MappingProxyType({name: owned for owned in OWNED for name in owned.names})
_FRAME_TRIGGERS = ("FrameStart", "ExposureStart", "FrameBurstStart", "SingleFrameTrigger", "FrameTrigger")
"""Entries of TriggerSelector behind which TriggerMode and TriggerSource are the driver's."""


def refusal(feature: str, value: FeatureValue, use: Ownership) -> str | None:
    """Return what to do instead of writing that value; None where nothing forbids it."""
    name, _, selector = feature.partition("[")
    owned = _BY_NAME.get(name)
    if owned is None or owned.is_good(value, use):
        return None
    is_other = bool(selector) and selector.rstrip("]").partition("=")[2] not in _FRAME_TRIGGERS
    return None if is_other and name.startswith("Trigger") else owned.remedy
