"""The usual time from an exposure to the arrival of its frame, and what the arrival of one frame can say.

In: frames with their exposures, as they were matched. Out: whether a frame arrives as usual, surely so, or earlier than
any frame of an exposure can. A frame may be late by any amount, so a late one says little; none comes before its time.
Not here: time stamps and frame ids (see track.py).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from rigdriver.frames import Frame
from rigdriver.sync.exposures import Exposure

USUAL = 65
"""Number of newest frames that give a camera's usual latency: the median time from an exposure to the arrival of
its frame."""
ARRIVAL_SHARE = 0.4
"""Share of a pulse period by which an arrival may differ from the usual one and still identify its pulse."""
LEAST_SHARE = 0.05
"""Share of a pulse period by which an arrival may always differ from the usual one, however little arrivals scatter."""
SURE = 4.0
"""Number of standard errors of a difference of medians that must fit into that share."""
FEW = 8
"""Least number of arrivals that show their true spread."""
FEW_STRAGGLERS, MANY_STRAGGLERS = 10, 4
"""One arrival in so many may be late without making the rest look less steady, on either side. Few may where the
arrivals alone name a pulse: frames that wait for each other are late together."""
SPREAD = {FEW_STRAGGLERS: 2.5, MANY_STRAGGLERS: 1.35}
"""Standard deviations of a normal distribution between its tenths, and between its quarters."""
SPELL = 16
"""Largest number of late frames in a row that are a computer's bad spell; more of them are usual from now on."""
LEAST = 3
"""Least number of arrivals that show what is usual."""


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the newest latencies say, until the next frame is matched."""

    middle_ns: float
    single_ns: float
    """Time by which their median may differ by chance from a single arrival."""


class Arrivals:
    """Usual latency of one camera."""

    def __init__(self, ticks_per_ns: float) -> None:
        self._ticks_per_ns = ticks_per_ns
        self._latencies_ns: deque[int] = deque()
        """The newest latencies in the order of their frames."""
        self._ordered_ns: list[int] = []
        """The same latencies, the least first."""
        self._known: _Usual | None = None
        self._period_ns = self._reach_ns = 0.0
        self._late_in_a_row = 0

    def clear(self) -> None:
        """Forget what is usual."""
        self._latencies_ns.clear()
        self._ordered_ns.clear()
        self._known = None
        self._late_in_a_row = 0

    def expect(self, period_ticks: int) -> None:
        """Take the pulse period: arrivals name a pulse when they are off by less than a share of it."""
        self._period_ns = period_ticks / self._ticks_per_ns
        self._reach_ns = ARRIVAL_SHARE * self._period_ns

    def add(self, frame: Frame, exposure: Exposure) -> None:
        """Learn from a matched frame.

        While this computer is behind, frames are late and say nothing of what is usual. Were that learned, arrivals
        would scatter, and scattered ones show no header that lags.
        """
        latency_ns = self.latency_ns(frame, exposure)
        is_late = self.are_steady and latency_ns > self._usual.middle_ns + self._sure_ns
        self._late_in_a_row = self._late_in_a_row + 1 if is_late else 0
        if is_late and self._late_in_a_row <= SPELL:
            return
        if len(self._latencies_ns) == USUAL:
            del self._ordered_ns[bisect_left(self._ordered_ns, self._latencies_ns.popleft())]
        self._latencies_ns.append(latency_ns)
        insort(self._ordered_ns, latency_ns)
        self._known = None

    def latency_ns(self, frame: Frame, exposure: Exposure) -> int:
        """Return the time from exposure to arrival, on two clocks: only its changes mean something.

        Not from the report of the exposure: on a damaged line reports come late, and the frames do not.
        """
        return frame.t_host_ns - round(exposure.start_ticks / self._ticks_per_ns)

    @property
    def are_steady(self) -> bool:
        """Whether arrivals scatter so little that a single one names its pulse."""
        return len(self._ordered_ns) >= LEAST and self._usual.single_ns < self._reach_ns

    @property
    def _usual(self) -> _Usual:
        # Several questions are asked of each frame, between its last byte and the consumer, so the answer is kept.
        if self._known is None:
            self._known = _Usual(median(self._ordered_ns), self._error_ns([0]))
        return self._known

    @property
    def _sure_ns(self) -> float:
        """Time by which a single arrival may differ from the usual one by chance."""
        return max(self._usual.single_ns, LEAST_SHARE * self._period_ns)

    def is_usual(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether a single frame arrived at the usual time; that is enough to name a reason, not to place the frame."""
        if len(self._ordered_ns) < LEAST:
            return False
        return abs(self.latency_ns(frame, exposure) - self._usual.middle_ns) < self._reach_ns

    def is_surely_usual(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether the arrival confirms a single frame; it can do so only where arrivals are steady.

        It must lie within what arrivals scatter: a second exposure in the period is off by less than a pulse.
        """
        if not self.are_steady:
            return False
        return abs(self.latency_ns(frame, exposure) - self._usual.middle_ns) <= self._sure_ns

    def is_surely_earlier(self, latency_ns: int, before_ns: int) -> bool:
        """Whether a frame came with a shorter latency than one before it, by more than a steady camera's frames do."""
        return latency_ns < before_ns - LEAST_SHARE * self._period_ns

    def is_too_early(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether the frame came so early after the exposure as none before it: then it is an earlier one's.

        Arrivals scatter to the late side alone, so this holds where they are not steady, too.
        """
        if len(self._ordered_ns) < LEAST:
            return False
        return self.latency_ns(frame, exposure) < self._ordered_ns[0] - self._reach_ns

    def may_be_later(self, frame: Frame, exposure: Exposure) -> bool:
        """Whether the frame came so late after the exposure that it may be of a later one."""
        if len(self._ordered_ns) < LEAST:
            return True
        return self.latency_ns(frame, exposure) > self._ordered_ns[0] + self._period_ns - self._reach_ns

    def latest_start_ticks(self, frame: Frame) -> float:
        """Return the latest time in box ticks at which an exposure can have begun whose frame has come by now."""
        early_ns = min(self._sure_ns, self._reach_ns)
        return (frame.t_host_ns - self._ordered_ns[0] + early_ns) * self._ticks_per_ns

    def confirm(self, heard: Sequence[int], enough: int, is_alone: bool) -> bool:
        """Return whether the latencies of several frames are surely the usual one; `is_alone`: nothing else says so."""
        if len(heard) < enough or len(self._ordered_ns) < LEAST:
            return False
        unusual = abs(median(heard) - self._usual.middle_ns)
        return max(self._error_ns(heard, FEW_STRAGGLERS if is_alone else MANY_STRAGGLERS), unusual) < self._reach_ns

    def _error_ns(self, heard: Sequence[int], stragglers: int = MANY_STRAGGLERS) -> float:
        """Return by how much the median of these arrivals may differ from the usual one by chance."""
        # The standard error of a difference is s sqrt(1/n + 1/m).
        usual = self._ordered_ns
        scatter_ns = max(_scatter(usual, stragglers), _scatter(sorted(heard), stragglers))
        return SURE * scatter_ns * sqrt(1 / len(heard) + 1 / len(usual))


def _scatter(ordered: Sequence[int], stragglers: int) -> float:
    """Return about one standard deviation, whatever that part of stragglers does; of few values the whole spread."""
    if len(ordered) < FEW:
        return float(ordered[-1] - ordered[0])
    cut = len(ordered) // stragglers
    return (ordered[-1 - cut] - ordered[cut]) / SPREAD[stragglers]
