"""Whether each camera is in focus: how fine the speckle of the pattern lamps looks, against the sharpest camera.

In: what the cameras saw of each lamp, and texture cameras of the pattern lamps. Out: one check per camera. Cameras of
one role have like lenses at like distances, so one that is blurred stands out; where all are blurred alike, the speckle
is too wide for any pattern. Skin in white light has no detail of known size (blurred by 3 px it looked half as sharp,
and sharp cameras differed by a third), so texture cameras that saw no speckle are not checked; their sharpness goes
into the history, where a camera is compared with itself. Not here: how detail is measured (see lamps.py), and the
history (see history.py).
"""

from __future__ import annotations

from dataclasses import replace

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.run.brightness import DARK
from rigdriver.selftest.lamps import SPECKLE, Detail, LightSeen
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict

BLURRED = 0.5
"""Share of the best camera's sharpness below which a camera counts as out of focus."""
LEAST_SHARPNESS = 0.13
"""Sharpness of a speckle 8 px wide (full width at half maximum of a Gaussian correlation, by the formula of lamps.py).
The iDICs guide to image correlation (2018) asks for 3 to 5 px. Below it cameras, or lamps, are out of focus."""
LEAST_CONTRAST = 0.03
"""Least contrast of detail that tells anything about focus."""
NOTHING_FINE = (
    "nothing with fine detail is in view: have somebody sit before the rig, or hold a sheet of paper before the cameras"
)


def judge_focus(seen: LightSeen, config: RigConfig) -> list[CheckResult]:
    """Judge every camera that a lamp lights."""
    if not config.lamps:
        return []
    details = {camera.name: _best_detail(camera, seen) for camera in config.cameras}
    return [_judge_camera(camera, details, seen, config) for camera in config.cameras]


def _best_detail(camera: CameraConfig, seen: LightSeen) -> Detail | None:
    """Return the detail in the light in which the camera sees most of it; speckle comes before plain light."""
    lamps = [SPECKLE] if _sees_speckle(camera, seen) else seen.detail
    found = [
        seen.detail[lamp][camera.name]
        for lamp in lamps
        # What the room's light shows says nothing when the lamp gave none.
        if camera.name in seen.detail[lamp] and (seen.net(lamp, camera.name) or 0.0) > DARK
    ]
    return max(found, key=lambda detail: detail.contrast, default=None)


def _sees_speckle(camera: CameraConfig, seen: LightSeen) -> bool:
    return camera.role == "texture" and (seen.net(SPECKLE, camera.name) or 0.0) > DARK


def _judge_camera(
    camera: CameraConfig, details: dict[str, Detail | None], seen: LightSeen, config: RigConfig
) -> CheckResult:
    name, detail = f"focus.{camera.name}", details[camera.name]
    if camera.role == "texture" and not _sees_speckle(camera, seen):
        unsure = not_checked(name, "white light shows no detail of known size; look at an image of this camera")
        return unsure if detail is None else replace(unsure, figure=round(detail.sharpness, 3))
    alike = [
        details[other.name]
        for other in config.cameras
        if other.role == camera.role and _sees_speckle(other, seen) == _sees_speckle(camera, seen)
    ]
    fine = [found.sharpness for found in alike if found is not None and found.contrast >= LEAST_CONTRAST]
    if len(alike) < 2:
        return not_checked(name, f"the rig has no second {camera.role} camera to compare with")
    if detail is None or not fine:
        return unknown(name, "sharp", NOTHING_FINE)
    expected = max(BLURRED * max(fine), LEAST_SHARPNESS)
    is_alike = max(fine) < LEAST_SHARPNESS
    alike_too = "all cameras are, so the pattern lamps may be out of focus instead; " if is_alike else ""
    remedy = (
        f"camera {camera.name} (SN {camera.serial}): its images are blurred; {alike_too}clean its lens, set its focus "
        "and fix the ring, then calibrate the rig again"
    )
    # A blurred camera may have lost its contrast, too.
    is_sharp = detail.contrast >= LEAST_CONTRAST and detail.sharpness >= expected
    return verdict(is_sharp, name, round(detail.sharpness, 3), f">= {expected:.3f}", "sharpness", remedy)
