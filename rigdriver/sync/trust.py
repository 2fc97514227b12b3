"""When two witnesses of one frame that name the same exposure are enough, and when the third must confirm.

In: a frame, the exposure that two of its witnesses name, and what has been odd since the last match. Out: whether the
frame may be matched to that exposure, and whether it may be of another one. What each witness cannot know decides
(DECISIONS.md, "Frame id and time stamp that are wrong by the same amount"). Once one was bent by whole pulses, a single
fault of the other makes them agree on a wrong place: then the arrival must confirm. Where ids are missing before a
frame, the frame may be of an earlier exposure: then it must not come before its time. Not here: what clock and counter
name, and which frames are rejected (see track.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.frames import Frame
from rigdriver.sync.arrivals import Arrivals
from rigdriver.sync.exposures import Exposure
from rigdriver.sync.hypotheses import wrapped_counts


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest match: frames are counted from there."""

    frame_id: int
    ordinal: int
    """Ordinal of its exposure."""
    t_host_ns: int
    """Host time at which its frame arrived."""
    doubts: int
    """Number of moments before its exposure at which the box may have missed one."""

    def count(self, frame: Frame) -> int:
        """Return the ordinal of the exposure that the frame's id counts."""
        return self.ordinal + frame.frame_id - self.frame_id

    def counts(self, frame: Frame) -> list[int]:
        """Return each ordinal that the frame's id may count: also those of a 16-bit counter that has begun again."""
        wrapped = wrapped_counts(frame.frame_id, self.frame_id)
        return [self.count(frame), *(self.ordinal + n for n in wrapped)]

    def has_seen(self, exposure: Exposure) -> bool:
        """Whether the box has seen every exposure between the anchor and this one."""
        return exposure.doubts == self.doubts


class Trust:
    """What has been odd about one camera's frames since the last match, and what may be trusted in spite of it."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self.rejected_in_a_row = 0
        self.is_bent = False
        """Whether since the last match a frame has come of which clock or counter was off by whole pulses."""
        self._doubled_ns: int | None = None
        """Host time at which a frame came with id and stamp of one that was there already, since the last match."""

    @property
    def is_doubled(self) -> bool:
        """Whether since the last match a frame has come with id and stamp of one that was there already."""
        return self._doubled_ns is not None

    def begin_anew(self) -> None:
        """Forget what was odd, but for the number of rejected frames: the camera is locked anew."""
        self.is_bent, self._doubled_ns = False, None

    def doubled(self, frame: Frame) -> None:
        """Note that a frame has come with id and stamp of one that was there already."""
        self._doubled_ns = frame.t_host_ns

    def matched(self, frame: Frame) -> None:
        """Forget what was odd before this frame, which has been matched; a frame that waited may match after a copy."""
        self.rejected_in_a_row, self.is_bent = 0, False
        if self._doubled_ns is not None and frame.t_host_ns >= self._doubled_ns:
            self._doubled_ns = None

    def may_trust(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> bool:
        """Whether two witnesses that agree are enough.

        After a disagreement both may be wrong by the same amount and agree; then the third must agree, too. One odd
        frame is no disagreement where the box has seen every exposure.
        """
        is_seen = anchor.has_seen(exposure)
        if self.is_too_early(frame, exposure, anchor):
            return False
        if self.is_bent:
            return self._is_next_in_order(frame, exposure, anchor) or self._arrivals.is_surely_usual(frame, exposure)
        if self.is_doubled:
            return not self._may_be_second(frame, exposure)
        if self.rejected_in_a_row == 0 and not is_seen:
            # The count holds exposures that nobody has seen; the arrival must not contradict it.
            return self._arrivals.is_usual(frame, exposure) or not self._arrivals.are_steady
        if self.rejected_in_a_row == 0 or (self.rejected_in_a_row == 1 and is_seen):
            return True
        return self._arrivals.is_surely_usual(frame, exposure)

    def has_wrapped(self, frame: Frame, by_clock: Exposure, anchor: Anchor) -> bool:
        """Whether a 16-bit counter has begun again, and clock and arrival name the exposure that it then counts.

        Where it begins is not known, so it names two exposures. The later one is not believed at once: a clock that
        stepped and a frame that came late would name it, too; nothing makes a frame look earlier than it is.
        """
        if self.rejected_in_a_row:
            return False
        counted = wrapped_counts(frame.frame_id, anchor.frame_id)
        if not counted or by_clock.ordinal - anchor.ordinal != min(counted):
            return False
        return self._arrivals.is_surely_usual(frame, by_clock)

    def is_too_early(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> bool:
        """Whether the frame must be of an earlier exposure, one that has no frame: none comes before its time."""
        if exposure.ordinal <= anchor.ordinal:
            return False
        is_next = exposure.ordinal == anchor.ordinal + 1 and anchor.has_seen(exposure)
        has_skipped = not is_next or frame.t_host_ns < anchor.t_host_ns
        return has_skipped and self._arrivals.is_too_early(frame, exposure)

    def may_be_of(self, ordinal: int, exposure: Exposure, anchor: Anchor) -> bool:
        """Whether the frame may be of that exposure and late, though it arrives as usual after this later one.

        It may not where that exposure is one of those that the frames before it take.
        """
        is_countable = not self.is_doubled and anchor.has_seen(exposure)
        taken = self.rejected_in_a_row if is_countable else 0
        return anchor.ordinal + taken < ordinal < exposure.ordinal

    def may_be_elsewhere(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether the arrival of this very frame contradicts what the frames before it confirm."""
        if self._may_be_second(frame, exposure) or self._arrivals.is_too_early(frame, exposure):
            return True
        return self._arrivals.are_steady and not self._arrivals.is_usual(frame, exposure)

    def _may_be_second(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether, after a copy of a header, the frame may be of a later exposure, be it of the same period."""
        if self.is_doubled and self._arrivals.are_steady:
            return not self._arrivals.is_surely_usual(frame, exposure)
        return self.is_doubled and self._arrivals.may_be_later(frame, exposure)

    def _is_next_in_order(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> bool:
        """Whether the order alone leaves the frame no other place, where the box has seen every exposure.

        Each frame that was rejected since the anchor takes one of the exposures after it, so this one is of none before
        the next; and where it came before a later exposure's frame can, it is of none after it.
        """
        is_seen = anchor.has_seen(exposure) and not exposure.is_inferred
        if self.is_doubled or not is_seen:
            return False
        is_next = exposure.ordinal == anchor.ordinal + self.rejected_in_a_row + 1
        return is_next and not self._arrivals.may_be_later(frame, exposure)
