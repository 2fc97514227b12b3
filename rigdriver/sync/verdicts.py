"""What became of one frame: matched to an exposure, held until more is known, or rejected with a reason.

In: what the witnesses of a frame name. Out: the verdict, with its reason. Not here: how that is judged (see track.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.frames import GapReason
from rigdriver.gap_facts import GapFacts, Miscounted, Oddity, StampOff
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

    meanwhile: Rejected | None = None
    """What becomes of it if they do not."""
    is_late: bool = False
    """Whether it came so late that the box should be asked how far it has reported, before it reports by itself."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The frame cannot be tied to an exposure; `exposure` is the one whose place it leaves empty, if that is clear."""

    reason: GapReason
    facts: GapFacts | None
    exposure: Exposure | None = None


def disagreement(
    start_ticks: float,
    by_clock: Exposure | None,
    by_count: Exposure | None,
    by_arrival: Exposure | None,
    us_per_tick: float,
) -> Rejected:
    """Return the rejection of a frame whose witnesses name these exposures; its time stamp says `start_ticks`."""
    if by_clock is None:
        place = by_arrival or by_count
        off_us = (start_ticks - place.start_ticks) * us_per_tick if place else None
        return Rejected(GapReason.TIME_STAMP, StampOff(off_us), place)
    if by_arrival is by_clock:
        counted = None if by_count is None else by_count.ordinal
        return Rejected(GapReason.FRAME_ID, Miscounted(counted, by_clock.ordinal), by_clock)
    if by_count is not None and by_arrival is by_count:
        step_us = (start_ticks - by_count.start_ticks) * us_per_tick
        return Rejected(GapReason.TIME_STAMP, StampOff(step_us), by_count)
    return Rejected(GapReason.AMBIGUOUS, Oddity.NO_TWO_AGREE, by_arrival)
