"""Lost frames of one camera: what was reported of them, and which gap each report explains.

In: reports of lost frames, and the ids of the frames that arrive. Out: the reason of a gap.
Not here: when a frame counts as lost (see matcher.py); whether a damaged frame's id is believed (see frame_ids.py).
"""

from __future__ import annotations

from rigdriver.frames import GapReason
from rigdriver.sync.frame_ids import DamagedIds

MAX_LOST = 256
"""Number of lost frames per camera whose reason is kept."""


class LossReports:
    """Reports of one camera's lost frames."""

    def __init__(self) -> None:
        self._by_id: dict[int, GapReason] = {}
        self._damaged = DamagedIds()
        self._unnamed_reason = GapReason.NOT_DELIVERED
        self._unnamed = 0
        """Number of losses that were reported without a frame id and explain no gap yet."""

    def arrived(self, frame_id: int) -> None:
        """Note that a whole frame has come."""
        self._damaged.arrived(frame_id)

    def take(self, frame_id: int | None, count: int, reason: GapReason) -> None:
        """Take a report of `count` lost frames, `frame_id` the last; None where the report names no frame."""
        if frame_id is None:
            self._take_unnamed(count, reason)
            return
        first = frame_id - min(count, MAX_LOST) + 1
        if reason is not GapReason.INCOMPLETE:
            self._damaged.arrived(frame_id)  # whole, but this computer had no room for it
        elif not self._damaged.believes(first, frame_id):
            return
        self._by_id.update(dict.fromkeys(range(first, frame_id + 1), reason))
        while len(self._by_id) > MAX_LOST:
            del self._by_id[next(iter(self._by_id))]

    def _take_unnamed(self, count: int, reason: GapReason) -> None:
        already = self._unnamed if reason is self._unnamed_reason else 0
        self._unnamed_reason, self._unnamed = reason, min(MAX_LOST, already + count)

    def named(self, frame_id: int | None) -> GapReason | None:
        """Return why this frame is lost if a report names it."""
        return None if frame_id is None else self._by_id.get(frame_id)

    def explain(self, frame_id: int | None) -> GapReason | None:
        """Return why a frame that did not come may be lost; each report without a sure id explains one gap."""
        if self._damaged.explain(frame_id):
            return GapReason.INCOMPLETE
        if not self._unnamed:
            return None
        self._unnamed -= 1
        return self._unnamed_reason
