"""What cameras report while they stream: a frame, frames that were lost, or that a camera is gone.

In: nothing. Out: the values that `Cameras` hands to its sink. Not here: jumps of frame ids and times that do not fit,
which are found where pulses are known (see sync/track.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.errors import RigError
from rigdriver.frames import Frame, GapReason


@dataclass(frozen=True, slots=True)
class FrameLost:
    """One or more frames of a camera that arrived damaged or found no slot."""

    camera: str
    frame_id: int | None
    """Frame id of the last of them; None when the buffer did not hold one."""
    reason: GapReason
    """Reason: INCOMPLETE or NO_SLOT."""
    count: int
    t_host_ns: int


@dataclass(frozen=True, slots=True)
class CameraLost:
    """A camera that will deliver no more in this run."""

    camera: str
    error: RigError


CameraEvent = Frame | FrameLost | CameraLost


@dataclass(frozen=True, slots=True)
class CameraStatistics:
    """Counters of one camera since it was opened."""

    delivered: int
    """Frames given to the sink."""
    incomplete: int
    """Frames that arrived with bytes missing."""
    no_slot: int
    """Frames dropped because every slot was held."""
    underrun: int
    """Frames that the producer dropped for want of a queued buffer, as far as it counts them."""
    copied: int
    """Delivered frames that were copied because fewer than half of the slots were free."""
