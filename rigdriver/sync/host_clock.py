"""The trigger box's clock on this computer's clock, from round trips.

In: probes, each with the host times of sending and receiving and the box's tick in between. Out: the host time of a
tick, and its error bound. Host time is nearly a straight line over box ticks. The box reads its clock between sending
and receiving, so this line passes through the interval of every round trip, and no delay can break the bound. All lines
that pass through all intervals are kept; short round trips bound them most. When no line passes through a new round
trip and the earlier ones, the next round trip decides. If it fits the earlier ones, the doubtful one was an outlier and
is dropped. If it fits the doubtful one, a clock has stepped or restarted, and all earlier ones are forgotten. Nothing
is averaged over a step. Not here: the link (see devices/box/link.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rigdriver.clock import ClockFit

WINDOW = 64
"""Number of probes kept: those that bound most, by their duration and age."""
OLDEST_S = 100
"""Largest age of a probe that is kept, in s; a crystal's rate is nearly constant over this time."""
RATE_BOUND = 300e-6
"""Largest difference between two rates: two crystals of 150 ppm each, the worst in boxes and computers."""
WANDER = 0.2e-6
"""Change of a crystal's rate over the window: old intervals are widened by it for each second of age."""
SEARCH_STEPS = 30
"""Number of search steps for a tick before the newest trip; they leave 0.0003 ppm of the rate open."""
GOLDEN = 0.6180339887498949

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One probe."""

    t_sent_ns: int
    t_received_ns: int
    t_box_ticks: int

    @property
    def duration_ns(self) -> int:
        """Time from sending to receiving."""
        return self.t_received_ns - self.t_sent_ns


@dataclass(frozen=True, slots=True)
class _ClockLines:
    """All lines through the round trips: box ticks to host nanoseconds, both as differences to the newest trip."""

    x: _Floats
    early: _Floats
    """Lower bound of the true line at `x`."""
    late: _Floats
    rates: tuple[float, float]
    """Smallest and largest rate that a line may have."""
    x0: int
    y0: int
    """Tick and sending time of the newest trip."""

    def lowest(self, x: float, rate: float) -> float:
        """Return the smallest value at x of the lines with that rate."""
        return float((self.early + rate * (x - self.x)).max())

    def highest(self, x: float, rate: float) -> float:
        """Return the largest value at x of the lines with that rate."""
        return float((self.late + rate * (x - self.x)).min())

    def interval(self, x: float) -> tuple[float, float]:
        """Return between which values all lines lie at x. The lower end is convex in the rate, the upper concave."""
        if x >= 0:  # behind the newest trip every line rises with its rate, so its rates' ends need no search
            return self.lowest(x, self.rates[0]), self.highest(x, self.rates[1])
        lowest = self.lowest(x, _least(lambda rate: self.lowest(x, rate), self.rates))
        highest = self.highest(x, _least(lambda rate: -self.highest(x, rate), self.rates))
        return lowest, highest


class HostClock:
    """Box ticks to host nanoseconds (time.monotonic_ns)."""

    def __init__(self, tick_rate_hz: int) -> None:
        self._nominal = 1e9 / tick_rate_hz
        self._trips: list[RoundTrip] = []
        self._known: tuple[_ClockLines, ClockFit] | None = None
        self._doubted: RoundTrip | None = None
        self.resets = 0
        """Number of times that a clock had stepped or begun anew."""
        self.outliers = 0
        """Number of round trips that contradicted those before and after."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether the newest round trip contradicts those before, so that the next probe is due soon."""
        return self._doubted is not None

    def add(self, trip: RoundTrip) -> None:
        """Take one more round trip."""
        doubted, self._doubted = self._doubted, None
        if self._trips and trip.t_box_ticks <= self._trips[-1].t_box_ticks:
            self._begin_with([trip])  # a tick that runs back: the box has begun anew
        elif (lines := self._lines_through([*self._best(trip), trip])) is not None:
            self.outliers += doubted is not None
            self._take(trip, lines)
        elif doubted is not None and self._follows(doubted, trip):
            self._begin_with([doubted, trip])
        else:
            self.outliers += doubted is not None
            self._doubted = trip

    def _follows(self, doubted: RoundTrip, trip: RoundTrip) -> bool:
        """Whether both may be of one clock: its ticks only rise."""
        return doubted.t_box_ticks < trip.t_box_ticks and self._lines_through([doubted, trip]) is not None

    def _best(self, newest: RoundTrip) -> list[RoundTrip]:
        """Return the trips that are worth keeping beside the newest one."""
        young = [t for t in self._trips if newest.t_sent_ns - t.t_sent_ns < OLDEST_S * 1_000_000_000]
        if len(young) < WINDOW:
            return young
        worst = max(young, key=lambda t: t.duration_ns + 2 * WANDER * (newest.t_sent_ns - t.t_sent_ns))
        return [t for t in young if t is not worst]

    def _begin_with(self, trips: list[RoundTrip]) -> None:
        self.resets += 1
        self._trips.clear()
        for n in range(len(trips)):
            lines = self._lines_through(trips[: n + 1])
            assert lines is not None, "the caller has looked"
            self._take(trips[n], lines)

    def _take(self, trip: RoundTrip, lines: _ClockLines) -> None:
        self._trips = [*self._best(trip), trip]
        self._known = lines, self._middle(lines)  # at once, for other threads read it

    @property
    def fit(self) -> ClockFit | None:
        """Middle one of all lines, None before the first probe; `sigma` is about a third of the newest bound."""
        return None if self._known is None else self._known[1]

    def host_ns(self, t_box_ticks: int) -> int | None:
        """Return the host time of a tick, or None before the first probe."""
        return None if self._known is None else round(self._known[1].map(t_box_ticks))

    def bound_ns(self, t_box_ticks: int) -> float:
        """Return how far `host_ns` may be off at that tick: half the spread of all lines; infinite in doubt."""
        if self._known is None or self._doubted is not None:
            return float("inf")
        lines, fit = self._known
        lowest, highest = lines.interval(float(t_box_ticks - lines.x0))
        middle = fit.map(t_box_ticks) - lines.y0
        return max(highest - middle, middle - lowest)

    def _lines_through(self, trips: list[RoundTrip]) -> _ClockLines | None:
        """Return the lines that pass through all trips, whose ticks rise; None when there is none."""
        newest = trips[-1]
        x = np.array([t.t_box_ticks - newest.t_box_ticks for t in trips], dtype=np.float64)
        slack = WANDER * self._nominal * -x
        early = np.array([t.t_sent_ns - newest.t_sent_ns for t in trips], dtype=np.float64) - slack
        late = np.array([t.t_received_ns - newest.t_sent_ns for t in trips], dtype=np.float64) + slack
        low, high = self._nominal * (1 - RATE_BOUND), self._nominal * (1 + RATE_BOUND)
        lines = _ClockLines(x, early, late, (low, high), newest.t_box_ticks, newest.t_sent_ns)

        rates = _rates_through(lines)
        return None if rates is None else replace(lines, rates=rates)

    def _middle(self, lines: _ClockLines) -> ClockFit:
        """Return the line in the middle: of the rates that pass, and of the lines with that rate."""
        rate = sum(lines.rates) / 2
        low, high = lines.lowest(0.0, rate), lines.highest(0.0, rate)
        return ClockFit(
            source="box",
            target="host",
            x0=lines.x0,
            y0=lines.y0 + (low + high) / 2,
            rate=rate,
            nominal_rate=self._nominal,
            sigma=(high - low) / 6,
            samples=len(self._trips),
            mean_x=float(lines.x.mean()),
            sum_xx=max(1.0, float(((lines.x - lines.x.mean()) ** 2).sum())),
            span=float(-lines.x[0]),
        )


def _least(convex: Callable[[float], float], within: tuple[float, float]) -> float:
    """Return where a convex function is least (golden section; flat parts are fine)."""
    # Kiefer's search (1953): each step asks the function once and keeps 0.618 of the interval.
    low, high = within
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a, at_b = convex(a), convex(b)
    for _ in range(SEARCH_STEPS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = convex(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = convex(b)
    return (low + high) / 2


def _rates_through(lines: _ClockLines) -> tuple[float, float] | None:
    """Return the smallest and the largest rate within `lines.rates` of a line through all trips; None without one."""
    # A line of rate r passes where the greatest of early - r x lies below the least of late - r x, that is, where for
    # each two trips i, j: early_i - late_j <= r (x_i - x_j). So each pair bounds r on one side, and together they are
    # exact (Helly's theorem in one dimension). The ticks of the trips rise, so x_i - x_j > 0 for j < i.
    later, earlier = np.tril_indices(len(lines.x), -1)
    between = lines.x[later] - lines.x[earlier]
    low = np.max((lines.early[later] - lines.late[earlier]) / between, initial=lines.rates[0])
    high = np.min((lines.late[later] - lines.early[earlier]) / between, initial=lines.rates[1])
    return (float(low), float(high)) if low <= high else None
