"""The loop, with a fake wall clock: order, pace, leaps, gates, descriptors, lateness.

In: due times, descriptors and gates. Out: what was called and when, in simulated time. Nothing here sleeps. Not here:
a loop that waits for its driver (see test_engine_in_lockstep.py).
"""

from __future__ import annotations

import selectors

import pytest

from rigdriver_sim.engine import LATE_NS, MAX_WAIT_S, EventEngine
from tests.unit.sim.fake_wall import FakeWall, engine_of

MS = 1_000_000


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
