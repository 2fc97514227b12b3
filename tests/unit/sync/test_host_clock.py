"""The box's clock on this computer's clock, from simulated round trips whose true delays are known."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import combinations

import pytest

from rigdriver.sync.host_clock import RATE_BOUND, WANDER, HostClock, RoundTrip

TICKS = 10_000_000
S = 1_000_000_000


@dataclass
class World:
    """A box and a computer with a line between them; the delays on it are unequal, and now and then very long."""

    seed: int
    there_us: float = 120
    back_us: float = 180
    stall_share: float = 0.2
    drift_ppm: float = 40
    t_ns: int = 0
    step_ticks: int = 0
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.boot_ticks = self.rng.randrange(10**12)

    def tick(self, t_ns: float) -> int:
        return int(self.boot_ticks + t_ns * (1 + self.drift_ppm * 1e-6) * TICKS / S) + self.step_ticks

    def delay_ns(self, least_us: float) -> float:
        stall_us = self.rng.expovariate(1 / 8000) if self.rng.random() < self.stall_share else 0.0
        return (least_us + self.rng.expovariate(1 / 40) + stall_us) * 1000

    def trip(self) -> RoundTrip:
        sent = self.t_ns
        read = sent + self.delay_ns(self.there_us)
        received = read + self.delay_ns(self.back_us)
        self.t_ns = int(received)
        return RoundTrip(sent, int(received), self.tick(read))

    def probed(self, clock: HostClock, seconds: int) -> None:
        """Probe as a run does: eight times at once, then once a second."""
        for _ in range(8):
            clock.add(self.trip())
        for _ in range(seconds):
            self.t_ns += S
            clock.add(self.trip())

    def error_ns(self, clock: HostClock, t_ns: int) -> float:
        told = clock.host_ns(self.tick(t_ns))
        assert told is not None
        return abs(told - t_ns)


@pytest.mark.parametrize("seconds", [0, 1, 10, 100])
def test_the_truth_lies_within_the_stated_bound_now_and_until_the_next_probe(seconds: int) -> None:
    for seed in range(25):
        rng = random.Random(seed)
        world = World(
            seed, there_us=rng.uniform(20, 800), back_us=rng.uniform(20, 800), drift_ppm=rng.uniform(-150, 150)
        )
        clock = HostClock(TICKS)
        world.probed(clock, seconds)
        for later_ns in (0, S // 10, S):
            t_ns = world.t_ns + later_ns
            bound_ns = clock.bound_ns(world.tick(t_ns))
            assert world.error_ns(clock, t_ns) <= bound_ns + 200  # a tick is 100 ns, rounded down
        # No more than half of the shortest trip, and what the rate leaves open until the next one.
        assert clock.bound_ns(world.tick(world.t_ns)) < 2e6


@pytest.mark.parametrize("seed", range(10))
def test_box_time_is_known_to_100_us_when_every_fifth_reply_is_stalled_for_milliseconds(seed: int) -> None:
    world, clock = World(seed), HostClock(TICKS)
    world.probed(clock, 60)
    assert world.error_ns(clock, world.t_ns) < 100_000
    assert world.error_ns(clock, world.t_ns + S) < 100_000
    assert clock.resets == 0


def test_a_long_round_trip_changes_nothing_but_the_reach() -> None:
    world, clock = World(1, stall_share=0), HostClock(TICKS)
    world.probed(clock, 20)
    tick = world.tick(world.t_ns)
    before = clock.host_ns(tick)
    sent = world.t_ns
    clock.add(RoundTrip(sent, sent + 50_000_000, world.tick(sent + 49_000_000)))
    after = clock.host_ns(tick)
    assert before is not None
    assert after is not None
    assert abs(after - before) < 10_000
    assert clock.resets == 0


@pytest.mark.parametrize("step_ticks", [-(10**9), -8000, 8000, 10**9])
def test_a_step_of_either_clock_is_noticed_and_never_averaged(step_ticks: int) -> None:
    world, clock = World(3, stall_share=0), HostClock(TICKS)
    world.probed(clock, 30)
    world.step_ticks = step_ticks
    world.t_ns += S
    clock.add(world.trip())
    assert clock.resets == (step_ticks == -(10**9))  # a tick that runs back says all by itself
    assert clock.is_in_doubt == (clock.resets == 0)
    assert world.error_ns(clock, world.t_ns) <= clock.bound_ns(world.tick(world.t_ns)) + 200
    clock.add(world.trip())
    assert (clock.resets, clock.is_in_doubt) == (1, False)
    assert world.error_ns(clock, world.t_ns) < 300_000
    assert world.error_ns(clock, world.t_ns) <= clock.bound_ns(world.tick(world.t_ns)) + 200
    world.probed(clock, 10)
    assert clock.resets == 1
    assert world.error_ns(clock, world.t_ns) < 100_000


@pytest.mark.parametrize("early_ticks", [-30_000, 30_000])
def test_a_single_reading_that_cannot_be_is_an_outlier_and_changes_nothing(early_ticks: int) -> None:
    world, clock = World(6, stall_share=0), HostClock(TICKS)
    world.probed(clock, 20)
    before = clock.host_ns(world.tick(world.t_ns))
    world.t_ns += S
    trip = world.trip()
    clock.add(RoundTrip(trip.t_sent_ns, trip.t_received_ns, trip.t_box_ticks + early_ticks))
    assert clock.is_in_doubt
    assert clock.host_ns(world.tick(world.t_ns)) is not None
    world.t_ns += S
    clock.add(world.trip())
    assert (clock.is_in_doubt, clock.outliers, clock.resets) == (False, 1, 0)
    assert before is not None
    assert world.error_ns(clock, world.t_ns) < 100_000


def test_a_box_that_begins_anew_is_noticed() -> None:
    world, clock = World(4), HostClock(TICKS)
    world.probed(clock, 10)
    world.boot_ticks = -world.tick(world.t_ns) + world.boot_ticks + 1000
    clock.add(world.trip())
    assert clock.resets == 1


def test_drift_is_learned_from_the_extremes() -> None:
    world, clock = World(5, stall_share=0.5, drift_ppm=80), HostClock(TICKS)
    world.probed(clock, 100)
    assert clock.fit is not None
    assert clock.fit.drift_ppm == pytest.approx(-80, abs=3)


def test_without_a_probe_nothing_is_known() -> None:
    clock = HostClock(TICKS)
    assert (clock.fit, clock.host_ns(5), clock.bound_ns(5)) == (None, None, float("inf"))


def exact_bound_ns(trips: list[RoundTrip], at_ticks: int, told_ns: float, newest: RoundTrip) -> float:
    """Return how far the lines through all trips lie from `told_ns` at a tick: each extreme line touches two limits."""
    nominal = S / TICKS
    x = [t.t_box_ticks - newest.t_box_ticks for t in trips]
    wander = [WANDER * nominal * -one for one in x]
    early = [t.t_sent_ns - newest.t_sent_ns - w for t, w in zip(trips, wander, strict=True)]
    late = [t.t_received_ns - newest.t_sent_ns + w for t, w in zip(trips, wander, strict=True)]
    limits = [(a, y) for a, pair in zip(x, zip(early, late, strict=True), strict=True) for y in pair]
    lines = [((b - a) / (v - u), a, u) for (u, a), (v, b) in combinations(limits, 2) if u != v]
    lines += [(nominal * (1 + sign * RATE_BOUND), a, u) for u, a in limits for sign in (-1, 1)]
    ends = [
        y + rate * (at_ticks - newest.t_box_ticks - u)
        for rate, y, u in lines
        if abs(rate / nominal - 1) <= RATE_BOUND * (1 + 1e-12)
        and all(low - 1e-4 <= y + rate * (a - u) <= high + 1e-4 for a, low, high in zip(x, early, late, strict=True))
    ]
    middle = told_ns - newest.t_sent_ns
    return max(max(ends) - middle, middle - min(ends))


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_that_of_the_lines_through_all_round_trips_to_the_nanosecond(seed: int) -> None:
    """Worked out here from the corners of what the round trips allow, without a search."""
    world, clock = World(seed), HostClock(TICKS)
    trips = []
    for _ in range(12):
        world.t_ns += S
        trips.append(world.trip())
        clock.add(trips[-1])
    later_ticks = trips[-1].t_box_ticks + 60 * TICKS
    assert clock.fit is not None
    exact_ns = exact_bound_ns(trips, later_ticks, clock.fit.map(later_ticks), trips[-1])
    assert clock.bound_ns(later_ticks) == pytest.approx(exact_ns, abs=1.0)
