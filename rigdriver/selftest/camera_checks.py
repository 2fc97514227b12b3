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


def judge_temperatures(config: RigConfig, read: ReadFeature) -> list[CheckResult]:
    """Judge how warm each camera is."""
    return [_judge(camera, read) for camera in config.cameras]


def _judge(camera: CameraConfig, read: ReadFeature) -> CheckResult:
    name = f"cameras.{camera.name}.temperature"
    states = [str(state) for feature in STATES if (state := read(camera.name, feature)) is not None]
    warmth = read(camera.name, "DeviceTemperature")
    if not states and not isinstance(warmth, int | float):
        return not_checked(name, "the camera reports no temperature (DeviceTemperature)")
    said = f" and reports {states[0]}" if states else ""
    is_cool = states[0] in COOL if states else isinstance(warmth, int | float) and warmth <= HOTTEST_C
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): it is too warm{said}; mount it on metal, keep its housing free "
        "and let air pass, then power it off until it is cool"
    )
    measured = round(float(warmth), 1) if isinstance(warmth, int | float) else states[0]
    return verdict(is_cool, name, measured, states[0] if states and is_cool else f"<= {HOTTEST_C:g}", "C", remedy)
