"""One camera's lost frames, as it reports them, and the gaps that they explain.

In: reports of lost frames, with the id of the last one or without, and the ids of the frames that came. Out: why a
frame did not come. A report without an id explains as many of the next gaps as it counts frames. Not here: when it is
certain that no frame comes (see matcher.py), and what the ids of damaged frames are worth (see frame_ids.py).
"""

from __future__ import annotations

from rigdriver.frames import GapReason
from rigdriver.sync.frame_ids import DamagedIds

MAX_LOST = 256
"""Number of lost frames per camera whose reason is kept."""


class CameraLosses:
    """What is known of the lost frames of one camera."""

    def __init__(self) -> None:
        self._named: dict[int, GapReason] = {}
        self._nameless: tuple[GapReason, int] | None = None
        """Losses reported without a frame id: reason and number of the next gaps that have no better reason."""
        self._damaged = DamagedIds()

    def arrived(self, frame_id: int) -> None:
        """Note that a whole frame has come."""
        self._damaged.arrived(frame_id)

    def take(self, frame_id: int | None, count: int, reason: GapReason) -> None:
        """Take a report of lost frames, `frame_id` the last."""
        if frame_id is not None:
            first = frame_id - min(count, MAX_LOST) + 1
            if reason is not GapReason.INCOMPLETE:
                self._damaged.arrived(frame_id)  # whole, but this computer had no room for it
            if reason is not GapReason.INCOMPLETE or self._damaged.believes(first, frame_id):
                self._named.update(dict.fromkeys(range(first, frame_id + 1), reason))
                while len(self._named) > MAX_LOST:
                    del self._named[next(iter(self._named))]
        else:
            known, already = self._nameless or (reason, 0)
            self._nameless = reason, min(MAX_LOST, already + count if known is reason else count)

    def named(self, frame_id: int | None) -> GapReason | None:
        """Return why the frame with this id was lost; None when no report names it."""
        return None if frame_id is None else self._named.get(frame_id)

    def explain(self, frame_id: int | None) -> GapReason | None:
        """Return why a frame that was exposed has not come, where a report can be of it; each is used once."""
        if self._damaged.explain(frame_id):
            return GapReason.INCOMPLETE
        if self._nameless is None or not self._nameless[1]:
            return None
        reason, count = self._nameless
        self._nameless = reason, count - 1
        return reason
