"""How many frames of a camera were lost on their way, by the ids of the frames that arrive.

In: frame ids in the order of arrival. Out: for each one the ids that are missing before it, and whether it was counted
as missing itself. A camera gives each frame that it sends the next id, so a missing id is a frame that did not arrive.
The id of a damaged frame is its producer's guess, so it counts only as far as the whole frames around it bear it out.
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
    assumed: int | None = None
    """Id that a damaged frame must have if nothing else was lost; None before the first whole frame."""


class FrameIds:
    """The ids of one camera."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._missing: deque[int] = deque(maxlen=LONGEST_LOSS)
        self._claims: list[tuple[int, int]] = []
        """Assumed and claimed id of each damaged frame since the last whole one, where they differ."""

    def count(self, frame_id: int) -> Counted:
        """Take the id of the next whole frame; UNKNOWN counts as the id that was due."""
        if frame_id == UNKNOWN:
            self._last = None if self._last is None else self._last + 1
            return Counted()
        if self._was_missing(frame_id):
            return Counted(is_belated=True)
        missing = () if self._last is None else self._borne_out(_between(self._last, frame_id))
        self._last = frame_id
        self._claims.clear()
        self._missing.extend(missing)
        return Counted(missing)

    def count_damaged(self, claimed: int) -> Counted:
        """Take a damaged frame with the id that its producer claims; it counts as the frame that was due.

        Baumer's GigE producer 2.9 gives a damaged frame the id of a later one, which then arrives whole.
        """
        if self._was_missing(claimed):
            return Counted(is_belated=True)
        if self._last is None:
            return Counted()
        self._last = due = self._last + 1
        self._missing.append(due)
        if claimed not in (due, UNKNOWN):
            self._claims.append((due, claimed))
        return Counted(assumed=due)

    def _was_missing(self, frame_id: int) -> bool:
        # A resent packet can complete a frame after its successors; its id was missing, so no counter was reset.
        if frame_id not in self._missing or self._last is None or frame_id > self._last:
            return False
        self._missing.remove(frame_id)
        return True

    def _borne_out(self, missing: tuple[int, ...]) -> tuple[int, ...]:
        """Return which ids are missing, now that a whole frame shows which claims can be true."""
        true = {claimed: assumed for assumed, claimed in self._claims if claimed in missing}
        # What was assumed comes before what is missing since.
        return (*true.values(), *(number for number in missing if number not in true))


def _between(last: int, frame_id: int) -> tuple[int, ...]:
    """Return the missing ids; none where the counter began anew or stands still."""
    if last < frame_id:
        return tuple(range(last + 1, frame_id)) if frame_id - last <= LONGEST_LOSS + 1 else ()
    if last < SHORT_COUNTER <= last + LONGEST_LOSS and frame_id <= LONGEST_LOSS:  # a short counter has wrapped
        return (*range(last + 1, SHORT_COUNTER), *range(1, frame_id))
    return ()


class DamagedIds:
    """What the ids of one camera's damaged frames are worth to someone who waits for each frame by its id.

    A claim that continues the count is believed at once. Any other one stands for the frame that it names only when a
    later frame has arrived and that one has not; until then, it can stand for any frame that is missing.
    """

    def __init__(self) -> None:
        self._newest = UNKNOWN
        self._claims: deque[int] = deque(maxlen=LONGEST_LOSS)
        self._refuted = 0

    def arrived(self, frame_id: int) -> None:
        """Note that a whole frame has come."""
        self._newest = frame_id
        if frame_id in self._claims:
            self._claims.remove(frame_id)
            self._refuted += 1

    def believes(self, first: int, last: int) -> bool:
        """Take a report of damaged frames; return whether it is sure that these are the frames."""
        if self._newest != UNKNOWN and first == self._newest + 1:
            self._newest = last
            return True
        self._claims.extend(range(first, last + 1))
        return False

    def explain(self, frame_id: int | None) -> bool:
        """Return whether a damaged frame can be the one that is missing; each is used once."""
        doubtful = (claimed for claimed in self._claims if claimed > self._newest)
        found = frame_id if frame_id in self._claims else next(doubtful, None)
        if found is not None:
            self._claims.remove(found)
        elif self._refuted:
            self._refuted -= 1
        else:
            return False
        return True
