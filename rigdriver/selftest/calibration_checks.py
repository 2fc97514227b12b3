"""Whether the rig file's calibration belongs to this rig, how old it is, and whether a camera has moved since.

In: the rig's configuration, its images' sizes, the date; a few frame sets of a run. Out: two checks, or none when the
rig file names no calibration. Only a surface in speckle light shows whether a camera has moved; with nothing in view
that is unknown. Not here: opening devices (see suite.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.calibration.health.monitor import check
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
        return [unknown(HEALTH, HOLDS, str(exc))]
    found = check(known, [witness.observe(frame_set) for frame_set in frame_sets])
    if not found.frame_sets:
        return [unknown(HEALTH, HOLDS, NOTHING_SEEN)]
    if found.unseen and not found.has_alarm:
        return [unknown(HEALTH, HOLDS, str(found))]
    measured = HOLDS if found.is_healthy or found.turn is None else f"{found.turn.camera} moved"
    return [verdict(found.is_healthy, HEALTH, measured, HOLDS, remedy=str(found))]


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
