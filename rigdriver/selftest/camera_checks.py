"""The cameras on their own: whether one is too warm.

In: the rig file, and a function that reads a feature of an open camera. Out: one check per camera. What the camera says
of its temperature counts before the figure, since makers set their own limits. Not here: features of the rig file (see
opening.py).
"""

from __future__ import annotations

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.selftest.camera_loads import ReadFeature
from rigdriver.selftest.result import CheckResult, not_checked, verdict

HOTTEST_C = 74.0
"""Largest good temperature, in degrees Celsius: above it a Basler ace USB 3.0 counts as critical (user's manual
AW00123409, 1.11)."""
STATES = ("TemperatureState", "BslTemperatureStatus", "DeviceTemperatureStatus")
"""Features in which makers judge the temperature themselves."""
COOL = frozenset({"Ok", "Normal"})
WARM = frozenset({"Critical", "High", "Error", "Exceeded"})
"""What those of Basler (Critical, Error) and Baumer (High, Exceeded) say of a camera that is too warm."""
POSSIBLE_C = (-60.0, 150.0)
"""Temperatures, in degrees Celsius, that a camera which runs can have; a sensor that is absent reports others."""


def judge_temperatures(config: RigConfig, read: ReadFeature) -> list[CheckResult]:
    """Judge how warm each camera is."""
    return [_judge(camera, read) for camera in config.cameras]


def _judge(camera: CameraConfig, read: ReadFeature) -> CheckResult:
    name = f"cameras.{camera.name}.temperature"
    # What no maker that is known here says is no verdict: then the figure counts.
    states = [str(word) for feature in STATES if (word := read(camera.name, feature)) in COOL | WARM]
    warmth_c = _possible(read(camera.name, "DeviceTemperature"))
    if not states and warmth_c is None:
        return not_checked(name, "the camera reports no temperature (DeviceTemperature)")
    is_cool = states[0] in COOL if states else warmth_c is not None and warmth_c <= HOTTEST_C
    said = f" and reports {states[0]}" if states else ""
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): it is too warm{said}; mount it on metal, keep its housing free "
        "and let air pass, then power it off until it is cool"
    )
    measured = states[0] if warmth_c is None else round(warmth_c, 1)
    return verdict(is_cool, name, measured, states[0] if states and is_cool else f"<= {HOTTEST_C:g}", "C", remedy)


def _possible(warmth: object) -> float | None:
    """Return the temperature where it can be one."""
    if isinstance(warmth, bool) or not isinstance(warmth, int | float):
        return None
    coldest_c, hottest_c = POSSIBLE_C
    return float(warmth) if coldest_c <= warmth <= hottest_c else None
