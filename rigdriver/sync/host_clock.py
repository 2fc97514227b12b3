"""The trigger box's clock on this computer's clock, from round trips.

In: probes, each with the host times of sending and receiving and the box's tick in between. Out: host time of a tick,
with the bound that the round trips give. The shortest round trips say most: the others are left out. This file refuses
to know the link.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rigdriver.clock import ClockEstimator, ClockFit

WINDOW = 64
"""Probes remembered; one a second is a minute, in which a crystal is a straight line."""
SPREAD = 1.5
"""Round trips up to so many times the shortest one count."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One probe."""

    t_sent_ns: int
    t_received_ns: int
    t_box_ticks: int

    @property
    def duration_ns(self) -> int:
        """From sending to receiving."""
        return self.t_received_ns - self.t_sent_ns


class HostClock:
    """Box ticks to host nanoseconds (time.monotonic_ns)."""

    def __init__(self, tick_rate_hz: int) -> None:
        self._nominal = 1e9 / tick_rate_hz
        self._trips: deque[RoundTrip] = deque(maxlen=WINDOW)
        self._fit: ClockFit | None = None

    def add(self, trip: RoundTrip) -> None:
        """Take one more round trip. A tick that runs back means that the box was reset: all before is forgotten."""
        if self._trips and trip.t_box_ticks <= self._trips[-1].t_box_ticks:
            self._trips.clear()
        self._trips.append(trip)
        shortest = min(t.duration_ns for t in self._trips)
        estimator = ClockEstimator("box", "host", self._nominal, sigma_floor=shortest / 4, window=WINDOW)
        for t in self._trips:
            if t.duration_ns <= SPREAD * shortest:
                estimator.add(t.t_box_ticks, t.t_sent_ns + t.duration_ns // 2)
        self._fit = estimator.fit()

    @property
    def fit(self) -> ClockFit | None:
        """The line, or None before the first probe."""
        return self._fit

    def host_ns(self, t_box_ticks: int) -> int | None:
        """Return the host time of a tick, or None before the first probe."""
        return None if self._fit is None else round(self._fit.map(t_box_ticks))

    @property
    def bound_ns(self) -> float:
        """Half the shortest round trip: the offset cannot be further off, whatever the way there and back took."""
        return min((t.duration_ns for t in self._trips), default=0) / 2
