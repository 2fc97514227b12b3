"""How many frames of a camera were lost on their way, by the ids of the frames that arrive.

In: frame ids in the order of arrival. Out: for each one the ids that are missing before it, and whether it was counted
as missing itself. A camera gives each frame that it sends the next id, so a missing id is a frame that did not arrive.
Not here: frames that a camera did not send at all, for they use up no id (see grouping.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

UNKNOWN = -1
"""Frame id of a frame whose producer gives none."""
LONGEST_LOSS = 1000
"""Largest number of ids that may be missing in a row; a longer step means that the counter began anew."""
SHORT_COUNTER = 1 << 16
"""Size of the counter of older GigE Vision cameras: 16 bit; it begins again at 1 (the standard) or at 0."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a frame id says."""

    missing: tuple[int, ...] = ()
    """Ids between the last frame and this one, in order."""
    is_belated: bool = False
    """Whether this id was counted as missing before: others have overtaken the frame."""


class FrameIds:
    """The ids of one camera."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._missing: deque[int] = deque(maxlen=LONGEST_LOSS)

    def count(self, frame_id: int) -> Counted:
        """Take the id of the next frame; UNKNOWN counts as the id that was due."""
        last = self._last
        if frame_id == UNKNOWN:
            self._last = None if last is None else last + 1
            return Counted()
        # A resent packet can complete a frame after its successors; its id was missing, so no counter was reset.
        if frame_id in self._missing and last is not None and frame_id < last:
            self._missing.remove(frame_id)
            return Counted(is_belated=True)
        self._last = frame_id
        missing = () if last is None else _between(last, frame_id)
        self._missing.extend(missing)
        return Counted(missing)


def _between(last: int, frame_id: int) -> tuple[int, ...]:
    """Return the missing ids; none where the counter began anew or stands still."""
    if last < frame_id:
        return tuple(range(last + 1, frame_id)) if frame_id - last <= LONGEST_LOSS + 1 else ()
    if last < SHORT_COUNTER <= last + LONGEST_LOSS and frame_id <= LONGEST_LOSS:  # a short counter has wrapped
        return (*range(last + 1, SHORT_COUNTER), *range(1, frame_id))
    return ()
