"""Whether the rig file's calibration belongs to this rig, how old it is, and whether a camera has moved since.

In: the rig's configuration, its images' sizes, the date; a few frame sets of a run. Out: a check of the file and one
per pod, or none when the rig file names no calibration. Only a surface in speckle light shows whether a camera has
moved; of a pod with nothing in view that is unknown. Not here: opening devices (see suite.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.calibration.health.monitor import DriftVerdict, check
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.frames import FrameSet
from rigdriver.images.region import ImageRegion
from rigdriver.selftest.result import CheckResult, Status, unknown, verdict

NAME = "calibration.file"
HEALTH = "calibration.health"
HOLDS = "no camera moved"
NOTHING_SEEN = (
    "no surface in speckle light is in view: have somebody sit before the rig, or hold the board and use "
    "`rigdriver calibrate check`"
)
EXPECTED = "this rig's"


def judge_calibration(
    config: RigConfig,
    sizes_px: Mapping[str, tuple[int, int]],
    now: datetime,
    regions: Mapping[str, ImageRegion] = MappingProxyType({}),
) -> list[CheckResult]:
    """Load the calibration and compare rig, serial numbers, image sizes and places on the sensor; `now` in UTC."""
    if config.calibration is None:
        return []
    try:
        known = load(config.calibration, config, sizes_px, regions)
    except CalibrationMismatch as exc:
        return [CheckResult(NAME, Status.FAILED, "refused", EXPECTED, remedy=str(exc))]
    by_size = f", of {len(unsaid)} cameras only the size is checked" if (unsaid := known.check_regions(regions)) else ""
    return [verdict(True, NAME, told(known, now) + by_size, EXPECTED)]


def judge_health(
    config: RigConfig, sizes_px: Mapping[str, tuple[int, int]], frame_sets: Sequence[FrameSet]
) -> list[CheckResult]:
    """Ask the frame sets' speckle whether a camera has moved; nothing when there is no calibration that fits."""
    from rigdriver.stereo.geometry.rectify import working_volume  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.witness import SpeckleWitness  # noqa: PLC0415  compiled code is slow to import

    if config.calibration is None:
        return []
    try:
        known = load(config.calibration, config, sizes_px)
        witness = SpeckleWitness(known, working_volume(known, config.volume))
    except CalibrationMismatch as exc:
        return [unknown(f"{HEALTH}.{pod}", HOLDS, str(exc)) for pod in dict.fromkeys(c.pod for c in config.cameras)]
    return _by_pod(config, known, check(known, [witness.observe(frame_set) for frame_set in frame_sets]))


def _by_pod(config: RigConfig, known: RigCalibration, found: DriftVerdict) -> list[CheckResult]:
    pods: dict[str, list[str]] = {}
    for camera in config.cameras:
        if camera.role == "geometry" and camera.name in known.cameras:
            pods.setdefault(camera.pod, []).append(camera.name)
    return [_judge_pod(f"{HEALTH}.{pod}", names, found) for pod, names in pods.items()]


def _judge_pod(name: str, cameras: Sequence[str], found: DriftVerdict) -> CheckResult:
    """Judge the cameras of one pod: one that turned is named, and without evidence nothing is called good."""
    if found.has_alarm and found.turn is not None and found.turn.camera in cameras:
        return verdict(False, name, f"{found.turn.camera} moved", HOLDS, remedy=str(found))
    if not found.frame_sets:
        return unknown(name, HOLDS, NOTHING_SEEN)
    if unseen := [camera for camera in cameras if camera in found.unseen]:
        # The sentence names the cameras of all pods that were not seen; here only this pod's count.
        return unknown(name, HOLDS, str(replace(found, has_alarm=False, unseen=tuple(unseen))))
    if found.has_alarm and set(found.others) & set(cameras):
        return unknown(name, HOLDS, str(found))
    return verdict(True, name, HOLDS, HOLDS)


def told(known: RigCalibration, now: datetime) -> str:
    """Return age and expected error in a few words."""
    error = "" if known.accuracy is None else f", {known.accuracy.point_um:.0f} um expected"
    try:
        made = datetime.fromisoformat(known.created)
    except ValueError:
        return f"of unknown age{error}"
    # Files that were imported or made by hand may give a date without a zone; UTC is what the format asks for.
    days = (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).total_seconds() / 86_400
    return f"{max(days, 0):.0f} days old{error}"
