"""The exposure of one camera of an open rig, written under the name and in the unit that the camera has for it.

In: features and a time in us. Out: what the camera made of it, in us. Not here: what follows for the schedule (see
rig.py).
"""

from __future__ import annotations

from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.cameras.camera_features import CameraFeatures
from rigdriver.errors import CameraError


def write_exposure(features: CameraFeatures, camera: str, exposure_us: float) -> float:
    """Write an exposure and return what the camera made of it, in us.

    Raises:
        CameraError: the camera has no exposure time, refuses this one or makes another one of it.
    """
    outcome = features.write(CameraSettings({}, exposure_us=exposure_us))
    if outcome.refusals:
        raise outcome.refusals[0]
    report = next((r for r in outcome.reports if r.name == "ExposureTime"), None)
    if report is None:
        raise CameraError(
            device=f"camera {camera}", seen="has no exposure time that can be written", expected=f"{exposure_us:g} us"
        )
    got_us = float(report.got)
    if report.is_clamped:
        raise CameraError(
            device=f"camera {camera}",
            seen=f"makes {got_us:g} us of an exposure of {exposure_us:g} us",
            remedy="choose an exposure that this camera supports",
        )
    return got_us
