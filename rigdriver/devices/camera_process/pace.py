"""How long the camera process sleeps between two looks at its cameras.

In: which cameras delivered, and when. Out: a pause. All cameras deliver at about the same time, once per pulse, and a
frame set can be handed on only when its last frame has arrived. So the loop looks at the cameras again and again from
shortly before the frames of a pulse are due until the last has arrived. At other times it sleeps, since a look that
finds nothing costs some 40 us; longer where two periods in a row were equal, so that the next pulse is known. A wrong
guess of the period costs a pause, never a frame. Not here: cameras and clocks (see loop.py).
"""

from __future__ import annotations

from collections.abc import Collection

IDLE_S = 0.1
STREAMING_S = 0.001
QUIET_S = 0.002
QUIET_AFTER_TURNS = 20
RESTING_S = 0.005
"""Longest pause, in s, while pulses come in equal periods and the next one is not due."""
EXPECTING_S = 0.00005
TOGETHER_NS = 10_000_000
"""Longest time, in ns, after the first frame of a pulse during which the loop polls for the other cameras; a camera
that is later is probably not triggered with them."""
AT_ONCE_NS = 500_000
"""Longest time, in ns, since the turn before with which the time of a frame counts as known."""
EARLY_NS, LATE_NS = 2_000_000, 6_000_000
"""Times, in ns, before and after the next expected frame during which the loop polls the cameras without long pauses;
each at most 1/8 of the pulse period."""
LONGEST_PERIOD_NS = 2_000_000_000


class Pace:
    """The pauses of one loop."""

    def __init__(self) -> None:
        self._delivered: set[int] = set()
        self._first_ns = 0
        self._period_ns = 0
        self._is_steady = False
        """Whether the newest two periods were equal, and their frames were found at once."""
        self._turned_ns = 0
        self._quiet_turns = 0

    def turned(self, now_ns: int, delivered: Collection[int], streaming: int) -> None:
        """Take a turn: which of the `streaming` cameras have delivered in it."""
        since_ns, self._turned_ns = now_ns - self._turned_ns, now_ns
        self._quiet_turns = 0 if delivered else self._quiet_turns + 1
        if self._delivered and now_ns - self._first_ns > TOGETHER_NS:
            self._delivered.clear()
        if delivered and not self._delivered:
            before_ns, self._period_ns = self._period_ns, now_ns - self._first_ns
            # Frames that are found after a pause came at some time in it. Resting on, after a guess that was late,
            # would find each pulse late from then on.
            self._is_steady = since_ns <= AT_ONCE_NS and abs(self._period_ns - before_ns) <= self._early_ns
            self._first_ns = now_ns
        self._delivered.update(delivered)
        if len(self._delivered) >= streaming:
            self._delivered.clear()

    def pause_s(self, now_ns: int, streaming: int) -> float:
        """Return how long to sleep after the turn at `now_ns`."""
        if not streaming:
            return IDLE_S
        if not self._quiet_turns:
            return 0.0
        if self._delivered or self._is_due(now_ns):
            return EXPECTING_S
        left_s = (self._first_ns + self._period_ns - self._early_ns - now_ns) / 1e9
        if self._is_steady and self._period_ns <= LONGEST_PERIOD_NS and left_s > 0:
            return min(RESTING_S, max(STREAMING_S, left_s))
        return STREAMING_S if self._quiet_turns < QUIET_AFTER_TURNS else QUIET_S

    @property
    def _early_ns(self) -> int:
        return min(EARLY_NS, self._period_ns // 8)

    def _is_due(self, now_ns: int) -> bool:
        if self._period_ns > LONGEST_PERIOD_NS:
            return False
        late_ns = now_ns - self._first_ns - self._period_ns
        return -self._early_ns <= late_ns <= min(LATE_NS, self._period_ns // 8)
