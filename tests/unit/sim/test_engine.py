"""The loop, with a fake wall clock: order, pace, leaps, gates, descriptors, lateness.

In: due times, descriptors and gates. Out: what was called and when, in simulated time. Nothing here sleeps.
"""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from typing import Any

import pytest

from rigdriver_sim.engine import LATE_NS, MAX_WAIT_S, STEP_NS, STEP_POLL_S, EventEngine

MS = 1_000_000


class FakeWall(selectors.BaseSelector):
    """A wall clock that only `select` moves on, and the selector that moves it."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000
        self.waits: list[float] = []
        self.ready: list[tuple[selectors.SelectorKey, int]] = []
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def __call__(self) -> int:
        return self.ns

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None
        self.waits.append(timeout)
        ready, self.ready = [(k, m) for k, m in self.ready if k.fileobj in self._keys], []
        if not ready:
            self.ns += round(timeout * 1e9)
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def readable(self, fd: int) -> None:
        self.ready.append((self._keys[fd], selectors.EVENT_READ))


@pytest.fixture
def wall() -> FakeWall:
    return FakeWall()


def engine_of(wall: FakeWall, pace: float) -> EventEngine:
    return EventEngine(pace, wall_ns=wall, selector=wall)


def test_actions_run_in_time_order_and_ties_in_the_order_of_the_calls(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[tuple[str, int]] = []
    for name, t_ns in (("c", 30), ("a", 10), ("b1", 20), ("b2", 20)):
        engine.at(t_ns, lambda name=name: seen.append((name, engine.now_ns)))  # type: ignore[misc]
    for _ in range(4):
        engine.step()
    assert seen == [("a", 10), ("b1", 20), ("b2", 20), ("c", 30)]


def test_an_action_for_a_past_time_runs_without_turning_time_back(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[int] = []
    engine.at(100, lambda: engine.at(50, lambda: seen.append(engine.now_ns)))
    engine.step()
    engine.step()
    assert seen == [100]


def test_pace_two_takes_half_the_wall_time(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=2.0)
    began = wall.ns
    ran_after: list[int] = []
    engine.at(80 * MS, lambda: ran_after.append(wall.ns - began))
    while not ran_after:
        engine.step()
    assert ran_after[0] == pytest.approx(40 * MS, abs=1000)
    assert engine.now_ns == 80 * MS


def test_no_wait_is_longer_than_its_bound(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    engine.step()
    engine.at(3600 * 1_000_000_000, lambda: None)
    engine.step()
    assert wall.waits
    assert max(wall.waits) <= MAX_WAIT_S


def test_time_follows_the_wall_clock_when_nothing_is_scheduled_at_pace_zero(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    engine.step()
    engine.step()
    assert engine.now_ns == 2 * round(MAX_WAIT_S * 1e9)


def test_pace_zero_leaps_to_the_next_driving_action_without_waiting(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    began = wall.ns
    seen: list[int] = []
    engine.at(10_000 * MS, lambda: seen.append(engine.now_ns))
    engine.step()
    assert seen == [10_000 * MS]
    assert wall.ns == began


def test_a_background_action_does_not_make_pace_zero_leap(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[int] = []
    engine.at(120 * MS, lambda: seen.append(wall.ns), is_background=True)
    began = wall.ns
    while not seen:
        engine.step()
    assert seen[0] - began == pytest.approx(120 * MS, abs=1000)


def test_a_background_action_keeps_its_place_among_driving_ones(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[str] = []
    engine.at(20, lambda: seen.append("background"), is_background=True)
    engine.at(10, lambda: seen.append("first"))
    engine.at(30, lambda: seen.append("last"))
    for _ in range(3):
        engine.step()
    assert seen == ["first", "background", "last"]


def test_a_closed_gate_holds_time_at_pace_zero_while_descriptors_are_served(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[str] = []
    has_room = False
    engine.add_gate(lambda: has_room)
    engine.add_reader(7, lambda: seen.append(f"read at {engine.now_ns}"))
    engine.at(1000, lambda: seen.append("delivered"))
    for _ in range(50):
        engine.step()
    wall.readable(7)
    engine.step()
    assert seen == ["read at 0"]
    has_room = True
    engine.step()
    assert seen == ["read at 0", "delivered"]
    assert engine.now_ns == 1000


def test_time_held_back_by_a_gate_does_not_leap_when_the_last_action_is_gone(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    has_room = False
    engine.add_gate(lambda: has_room)
    engine.at(1000, lambda: None)
    for _ in range(500):
        engine.step()
    has_room = True
    engine.step()
    engine.step()
    assert engine.now_ns <= 1000 + round(MAX_WAIT_S * 1e9)


def test_gates_do_not_hold_a_paced_simulation(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    engine.add_gate(lambda: False)
    seen: list[int] = []
    engine.at(MS, lambda: seen.append(engine.now_ns))
    for _ in range(3):
        engine.step()
    assert seen == [MS]


def test_input_never_happens_after_an_action_that_is_still_due(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    read_at: list[int] = []
    engine.add_reader(7, lambda: read_at.append(engine.now_ns))
    engine.at(10 * MS, lambda: None)
    wall.ns += 500 * MS  # the machine was busy elsewhere
    wall.readable(7)
    engine.step()
    assert read_at == [10 * MS]


def test_descriptors_are_polled_between_any_two_actions(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[str] = []
    engine.add_reader(7, lambda: seen.append("read"))

    def paint(n: int) -> None:
        seen.append(f"painted {n}")
        wall.readable(7)

    engine.at(1, lambda: paint(1))
    engine.at(1, lambda: paint(2))
    for _ in range(3):
        engine.step()
    assert seen == ["painted 1", "read", "painted 2", "read"]


def test_a_callback_may_remove_a_descriptor_that_is_ready_too(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    seen: list[int] = []

    def remove_the_other() -> None:
        seen.append(7)
        engine.remove_reader(8)

    engine.add_reader(7, remove_the_other)
    engine.add_reader(8, lambda: seen.append(8))
    wall.readable(7)
    wall.readable(8)
    engine.step()
    assert seen == [7]


def test_a_reader_and_a_writer_share_one_descriptor(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    engine.add_reader(7, lambda: None)
    engine.add_writer(7, lambda: None)
    assert wall.get_map()[7].events == selectors.EVENT_READ | selectors.EVENT_WRITE
    engine.remove_reader(7)
    assert wall.get_map()[7].events == selectors.EVENT_WRITE
    engine.remove_writer(7)
    engine.remove_writer(7)
    assert not wall.get_map()


def test_late_actions_are_counted(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    engine.at(MS, lambda: None)
    engine.at(2 * MS, lambda: None)
    wall.ns += MS
    engine.step()
    wall.ns += MS + 2 * LATE_NS
    engine.step()
    assert engine.pacing.actions == 2
    assert engine.pacing.late_actions == 1
    assert engine.pacing.worst_late_ns == pytest.approx(2 * LATE_NS, abs=1000)


def test_time_spent_on_setting_up_does_not_count_as_simulated(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=1.0)
    wall.ns += 3000 * MS
    engine.begin()
    engine.at(MS, lambda: None)
    engine.step()
    assert engine.now_ns == MS
    assert engine.pacing.late_actions == 0


def test_stop_ends_the_run_after_the_action_under_way(wall: FakeWall) -> None:
    engine = engine_of(wall, pace=0)
    seen: list[int] = []
    engine.at(1, lambda: seen.append(1))
    engine.at(1, engine.stop)
    engine.at(2, lambda: seen.append(2))
    engine.run()
    assert seen == [1]


def test_closing_twice_is_harmless() -> None:
    engine = EventEngine()
    engine.close()
    engine.close()


def test_a_negative_pace_is_refused() -> None:
    with pytest.raises(ValueError, match="pace -1"):
        EventEngine(pace=-1)


# ---------------------------------------------------------------- in lockstep


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
