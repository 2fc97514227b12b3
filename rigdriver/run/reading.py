"""Whether frames that come are read: by the loop of a run, and by the camera process.

In: looks of the loop, and for how long the camera process has said nothing. Out: the time of each turn in which frames
may have lain unread, because this computer stood still, was busy, or gave the camera process no time. A frame is
missing when it has not come although somebody read; whoever waits for one leaves that time out. Not here: a camera
process that hangs (see devices/cameras/vitality.py), and a camera that delivers nothing (see silence.py).
"""

from __future__ import annotations

from collections.abc import Callable

from rigdriver.own_pause import AttendedTime

UNHEARD_S = 0.45
"""Silence of the camera process, in s, from which it reads nothing: it speaks five times per second at least."""


class Reading:
    """The turns of one loop that waits for frames."""

    def __init__(self, now_s: Callable[[], float], unheard_s: Callable[[], float]) -> None:
        """`unheard_s` returns for how long the camera process has said nothing."""
        self._time = AttendedTime(now_s)
        self._unheard_s = unheard_s
        self._away_s = 0.0
        """Part of the last turn in which the loop was away."""
        self.unread_s = 0.0
        """Part of the last turn in which the loop was there and the camera process was not."""

    @property
    def held_up_ns(self) -> int:
        """Time of the last turn in which frames may have lain unread, in ns; above 0 nobody is judged in this turn."""
        return round((self._away_s + self.unread_s) * 1e9)

    def look(self) -> None:
        """Note that the loop is there."""
        before_s = self._time.attended_s
        passed_s = self._time.look() - before_s
        self._away_s = self._time.away_s
        self.unread_s = passed_s if self._unheard_s() > UNHEARD_S else 0.0
