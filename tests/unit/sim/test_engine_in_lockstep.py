"""The loop in lockstep: time goes on only as far as the driver has followed.

In: due times, a follower whose horizon the test sets, and a fake wall clock. Out: what was called and when, and what
the follower was given. Not here: how a driver follows (see ../test_timebase.py), a loop alone (see test_engine.py).
"""

from __future__ import annotations

import pytest

from rigdriver_sim.engine import STEP_NS, STEP_POLL_S, EventEngine
from tests.unit.sim.fake_wall import FakeWall, engine_of

MS = 1_000_000


class FakeFollower:
    """A driver that has followed as far as the test says."""

    def __init__(self, horizon_ns: int | None) -> None:
        self.horizon = horizon_ns
        self.published: list[int] = []
        self.deliveries: list[int] = []

    def publish(self, t_ns: int) -> None:
        self.published.append(t_ns)

    def host_ns(self, t_ns: int) -> int:
        return 77_000 * MS + t_ns

    def delivered(self, t_ns: int) -> None:
        self.deliveries.append(t_ns)

    def horizon_ns(self) -> int | None:
        return self.horizon


def followed(wall: FakeWall, follower: FakeFollower, pace: float = 0) -> EventEngine:
    return EventEngine(pace, wall_ns=wall, selector=wall, follower=follower)


def test_time_in_lockstep_never_goes_beyond_the_horizon(wall: FakeWall) -> None:
    follower = FakeFollower(12 * MS)
    engine = followed(wall, follower)
    seen: list[int] = []
    for t_ns in (5 * MS, 10 * MS, 30 * MS):
        engine.at(t_ns, lambda: seen.append(engine.now_ns))
    for _ in range(1000):
        engine.step()
    assert seen == [5 * MS, 10 * MS]
    assert engine.now_ns == max(follower.published) == 12 * MS
    follower.horizon = 31 * MS
    for _ in range(100):
        engine.step()
    assert seen == [5 * MS, 10 * MS, 30 * MS]


def test_what_is_carried_to_the_driver_arrives_even_where_time_waits_for_the_driver(wall: FakeWall) -> None:
    # A request that came late finds the box as far ahead as it may be; the driver waits for the reply to just that.
    engine = followed(wall, FakeFollower(12 * MS))
    seen: list[str] = []
    engine.at(30 * MS, lambda: seen.append("later"))
    while engine.now_ns < 12 * MS:
        engine.step()
    engine.at(12 * MS + MS // 5, lambda: seen.append("reply"), is_carried=True)
    for _ in range(100):
        engine.step()
    assert seen == ["reply"]
    assert engine.now_ns == 12 * MS + MS // 5


def test_time_in_lockstep_leaps_in_steps_and_takes_no_wall_time(wall: FakeWall) -> None:
    follower = FakeFollower(1000 * MS)
    engine = followed(wall, follower)
    seen: list[int] = []
    engine.at(50 * MS, lambda: seen.append(engine.now_ns))
    began = wall.ns
    while not seen:
        engine.step()
    steps = [after - before for before, after in zip([0, *follower.published], follower.published, strict=False)]
    assert seen == [50 * MS]
    assert set(steps) == {STEP_NS}, "each millisecond, what comes in is looked for"
    assert wall.ns == began


def test_input_in_lockstep_is_taken_within_a_step_of_the_time_at_which_it_came(wall: FakeWall) -> None:
    engine = followed(wall, FakeFollower(1000 * MS))
    read_at: list[int] = []
    engine.add_reader(7, lambda: read_at.append(engine.now_ns))
    engine.at(50 * MS, lambda: None)
    for _ in range(20):
        engine.step()
    came_ns = engine.now_ns
    wall.readable(7)
    engine.step()
    assert came_ns == 20 * STEP_NS
    assert read_at == [came_ns]


def test_time_in_lockstep_follows_the_wall_clock_while_nobody_follows(wall: FakeWall) -> None:
    engine = followed(wall, FakeFollower(None))
    ran_after: list[int] = []
    began = wall.ns
    engine.at(50 * MS, lambda: ran_after.append(wall.ns - began))
    while not ran_after:
        engine.step()
    assert ran_after[0] == pytest.approx(50 * MS, abs=2 * round(STEP_POLL_S * 1e9))
    assert engine.now_ns == 50 * MS


def test_a_background_action_does_not_make_time_in_lockstep_leap(wall: FakeWall) -> None:
    engine = followed(wall, FakeFollower(1000 * MS))
    ran_after: list[int] = []
    began = wall.ns
    engine.at(50 * MS, lambda: ran_after.append(wall.ns - began), is_background=True)
    while not ran_after:
        engine.step()
    assert ran_after[0] == pytest.approx(50 * MS, abs=2 * round(STEP_POLL_S * 1e9))


@pytest.mark.parametrize("pace", [0, 1])
def test_what_time_has_waited_for_in_lockstep_is_not_made_up_for(wall: FakeWall, pace: float) -> None:
    follower = FakeFollower(10 * MS)
    engine = followed(wall, follower, pace)
    engine.at(2000 * MS, lambda: None, is_background=True)
    while engine.now_ns < 10 * MS:
        engine.step()
    wall.ns += 500 * MS  # the driver is held up
    engine.step()
    assert engine.now_ns == 10 * MS
    follower.horizon = 1000 * MS
    for _ in range(5):
        engine.step()
    assert engine.now_ns <= 10 * MS + 5 * STEP_NS


def test_pace_one_in_lockstep_is_no_faster_than_the_wall_clock(wall: FakeWall) -> None:
    engine = followed(wall, FakeFollower(1000 * MS), pace=1)
    ran_after: list[int] = []
    began = wall.ns
    engine.at(50 * MS, lambda: ran_after.append(wall.ns - began))
    while not ran_after:
        engine.step()
    assert ran_after[0] == pytest.approx(50 * MS, abs=2 * round(STEP_POLL_S * 1e9))


def test_a_closed_gate_holds_time_in_lockstep(wall: FakeWall) -> None:
    engine = followed(wall, FakeFollower(1000 * MS))
    seen: list[int] = []
    has_room = False
    engine.add_gate(lambda: has_room)
    engine.at(5 * MS, lambda: seen.append(engine.now_ns))
    for _ in range(100):
        engine.step()
    assert engine.now_ns == 0
    has_room = True
    for _ in range(100):
        engine.step()
    assert seen == [5 * MS]


def test_the_follower_says_what_the_host_reads_and_hears_of_deliveries(wall: FakeWall) -> None:
    follower = FakeFollower(1000 * MS)
    engine = followed(wall, follower)
    engine.at(3 * MS, engine.delivered)
    for _ in range(10):
        engine.step()
    assert follower.deliveries == [3 * MS]
    assert engine.host_ns() == 77_000 * MS + engine.now_ns
    assert engine.is_in_step
    assert not engine_of(wall, pace=1.0).is_in_step
    assert engine_of(wall, pace=1.0).host_ns() == wall.ns
