"""Does the calibration that the rig file names belong to this rig, and how old is it?

In: the rig's configuration, the sizes of its cameras' images, the date. Out: one check, none when the rig file names no
calibration. Whether a camera has moved since is not told here: that needs a board or a face in view
(`rigdriver calibrate check`). This file refuses to open devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.selftest.result import CheckResult, Status, verdict

NAME = "calibration.file"
EXPECTED = "this rig's"


def judge_calibration(config: RigConfig, sizes_px: Mapping[str, tuple[int, int]], now: datetime) -> list[CheckResult]:
    """Load the calibration and compare rig, serial numbers and image sizes; `now` in UTC."""
    if config.calibration is None:
        return []
    try:
        known = load(config.calibration, config, sizes_px)
    except CalibrationMismatch as exc:
        return [CheckResult(NAME, Status.FAILED, "refused", EXPECTED, remedy=str(exc))]
    return [verdict(True, NAME, told(known, now), EXPECTED)]


def told(known: RigCalibration, now: datetime) -> str:
    """Return age and expected error in a few words."""
    error = "" if known.accuracy is None else f", {known.accuracy.point_um:.0f} um expected"
    try:
        made = datetime.fromisoformat(known.created)
    except ValueError:
        return f"of unknown age{error}"
    days = (now - (made if made.tzinfo else made.replace(tzinfo=UTC))).total_seconds() / 86_400
    return f"{max(days, 0):.0f} days old{error}"
