"""One's own pause is not the other's silence: time as a thread counts it that waits for somebody.

In: a clock, and a look at it in every turn of a loop. Out: the time for which the loop was there to listen. A process
that is stopped (Ctrl-Z, debugger, sleep of the machine), starved or busy elsewhere receives nothing, and what it waited
for may lie there unread; whoever should have answered may have stood still, too. So a time away is not counted, and the
first look after it judges nobody: only what is still missing after one more turn is missing. Every wait for a device, a
process or a frame measures silence with this class, or with `TimeLimit` (timebase.py), which is made of it.
Not here: which silence is too long (its users say that).
"""

from __future__ import annotations

from collections.abc import Callable

LOOK_S = 0.25
"""Longest time, in s, between two looks of a thread that runs; after a longer one the thread was away."""


class AttendedTime:
    """The time for which one loop was there, in s; it stands still while the loop is away."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`look` must be called at least every `LOOK_S` by a loop that is there."""
        self._now_s = now_s
        self._looked_s = now_s()
        self._attended_s = 0.0
        self._owed_s = 0.0
        self.away_s = 0.0
        """Part of the last turn that is not counted, in s; above 0 the loop has just come back, and judges nobody."""

    @property
    def attended_s(self) -> float:
        """Attended time up to the last look; other threads may read it."""
        return self._attended_s

    def look(self) -> float:
        """Note that the loop is there, and return the attended time.

        A turn that was longer than `LOOK_S` counts as `LOOK_S`, so that a loop that is always slow ends, too. It counts
        from the next look on: by then the loop has taken what had come meanwhile.
        """
        now_s = self._now_s()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        self.away_s = max(0.0, passed_s - LOOK_S)
        self._attended_s += self._owed_s + (0.0 if self.away_s else passed_s)
        self._owed_s = LOOK_S if self.away_s else 0.0
        return self._attended_s


class Quiet:
    """For how long another has been silent while one loop listened."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Start now: the silence of the other counts from here."""
        self._time = AttendedTime(now_s)
        self._heard_s = 0.0

    def heard(self) -> None:
        """Note, from any thread, that something has come from the other."""
        self._heard_s = self._time.attended_s

    def look(self) -> float:
        """Note that the loop is there, and return how long the other has been silent, in s."""
        self._time.look()
        return self.silent_s

    @property
    def silent_s(self) -> float:
        """Time for which the other has been silent up to the last look, in s; other threads may read it."""
        return max(0.0, self._time.attended_s - self._heard_s)
