"""What became of one frame: matched to an exposure, held until more is known, or rejected with a reason.

Not here: how that is judged (see track.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.frames import GapReason
from rigdriver.sync.exposures import Exposure


@dataclass(frozen=True, slots=True)
class Matched:
    """The frame was made by this exposure."""

    exposure: Exposure
    residual_ticks: float | None
    """Difference of mapped time stamp and exposure start; None when the camera gives no time stamp."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """The box has not reported the time of the frame's stamp, or the next frames must show its place."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The frame cannot be tied to an exposure; `exposure` is the one whose place it leaves empty, if that is clear."""

    reason: GapReason
    detail: str
    exposure: Exposure | None = None
