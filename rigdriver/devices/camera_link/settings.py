"""What is to be written to a camera when it is opened: what the rig file demands, and what the rig's mode needs.

In: nothing. Out: `CameraSettings`, which the application sends and the camera process reads again.
Not here: under which names a camera has what the mode needs (see feature_plan.py in devices/camera_process).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue


class Reset(Enum):
    """State to which a camera is brought before anything is written."""

    FACTORY = "factory"
    """Its user set Default is loaded where it has one; then as KNOWN."""
    KNOWN = "known"
    """Whole sensor or the rig file's region, no binning, no flip, no auto function, no test pattern, no chunks."""
    KEEP = "keep"
    """Everything stays as an earlier program left it."""


class TriggerBy(Enum):
    """What makes a camera expose."""

    ITSELF = "itself"
    SOFTWARE = "software"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What is to be written to one camera."""

    demands: Mapping[str, FeatureValue]
    """Features that the rig file or a caller names; a camera that cannot do one is refused."""
    trigger: TriggerBy | None = None
    """Source of the trigger; None leaves trigger and acquisition mode as they are."""
    exposure_us: float | None = None
    """Planned exposure, written under the name that the camera has for it; None leaves it as it is."""
    reset: Reset = Reset.KEEP


def settings_of(asked: CameraSettings | Mapping[str, FeatureValue]) -> CameraSettings:
    """Return settings; features without more are demands, and everything else is left alone."""
    return asked if isinstance(asked, CameraSettings) else CameraSettings(asked)
