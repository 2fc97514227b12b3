"""Whether each texture camera still looks where the calibration says.

In: images of all cameras in the light of the pattern lamps, and the calibration. Out: one check per texture camera. The
geometry cameras measure the surface; where its speckle appears in the texture camera's image is compared with where the
calibration puts it. A camera that was turned or shifted puts the colours beside their places on the face, and nothing
else shows it. Not here: how speckle is found (see stereo/texture_witness.py), and the geometry cameras (see
calibration_checks.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.config import CameraConfig, RigConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.run.brightness import DARK
from rigdriver.selftest.lamps import SPECKLE, LightSeen, can_show_speckle
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict

LARGEST_MM = 0.3
"""Largest good distance of a colour from its place on the surface: two pixels of the model rig's texture cameras at
2048x1536."""
FEWEST_BLOCKS = 12
"""Fewest blocks of speckle that tell anything."""
LEAST_SHARE = 1 / 3
"""Least share of the measured blocks that a camera which looks the right way finds."""
UNIT = "mm on the surface"
NO_ROOM = "the schedule has no room for all cameras in the pattern lamps' light"
TOO_DARK = "it sees too little of the pattern lamps' light"
NOTHING_SEEN = (
    "the geometry cameras measure no surface in speckle light: have somebody sit before the rig, or hold a sheet of "
    "paper before the cameras"
)


def judge_texture(seen: LightSeen, config: RigConfig, sizes_px: Mapping[str, tuple[int, int]]) -> list[CheckResult]:
    """Judge every texture camera; nothing where the rig file names no calibration, or no pattern lamp."""
    cameras = [camera for camera in config.cameras if camera.role == "texture"]
    if config.calibration is None or not can_show_speckle(config):
        return []
    if not seen.moments:
        names = [f"calibration.texture.{camera.name}" for camera in cameras]
        if seen.missed:
            return [unknown(name, _expected(), seen.missed, UNIT) for name in names]
        return [not_checked(name, NO_ROOM) for name in names]
    try:
        return _judged(cameras, load(config.calibration, config, sizes_px), seen, config)
    except CalibrationMismatch as exc:
        return [unknown(f"calibration.texture.{camera.name}", _expected(), str(exc), UNIT) for camera in cameras]


def _judged(
    cameras: Sequence[CameraConfig], known: RigCalibration, lit: LightSeen, config: RigConfig
) -> list[CheckResult]:
    from rigdriver.stereo.geometry.rectify import working_volume  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.texture_witness import TextureWitness, joined, misplaced_mm  # noqa: PLC0415  as above

    witness = TextureWitness(known, working_volume(known, config.volume))
    seen = [offsets for moment in lit.moments for offsets in witness.observe_images(moment)]
    checks = []
    for camera in cameras:
        light = lit.net(SPECKLE, camera.name)
        if light is not None and light <= DARK:
            checks.append(not_checked(f"calibration.texture.{camera.name}", TOO_DARK))
            continue
        mine = [offsets for offsets in seen if offsets.camera == camera.name]
        if not mine:
            checks.append(unknown(f"calibration.texture.{camera.name}", _expected(), NOTHING_SEEN, UNIT))
            continue
        whole = joined(mine)
        count, found = len(whole.predicted_px), int(whole.found.sum())
        away = float(np.nanmedian(misplaced_mm(known[camera.name], whole))) if found else float("nan")
        checks.append(_judge_camera(camera, count, found, away))
    return checks


def _judge_camera(camera: CameraConfig, count: int, found: int, away_mm: float) -> CheckResult:
    """Judge one camera: `count` blocks were measured, `found` of them seen, `away_mm` from their places."""
    name, who = f"calibration.texture.{camera.name}", f"camera {camera.name} (SN {camera.serial})"
    if count < FEWEST_BLOCKS:
        return unknown(name, _expected(), NOTHING_SEEN, UNIT)
    if found < LEAST_SHARE * count:
        lost = (
            f"{who} does not see what the geometry cameras see of the face ({found} of {count} places): it has turned "
            "far, is covered or out of focus; look at its image, then calibrate the rig again"
        )
        return unknown(name, _expected(), lost, UNIT)
    remedy = (
        f"{who}: its colours lie {away_mm:.1f} mm beside their places, so it has moved since the calibration; fix its "
        "mount, then calibrate the rig again"
    )
    check = verdict(away_mm <= LARGEST_MM, name, round(away_mm, 2), _expected(), UNIT, remedy)
    return replace(check, figure=round(away_mm, 3))


def _expected() -> str:
    return f"<= {LARGEST_MM:g}"
