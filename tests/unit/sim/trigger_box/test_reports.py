"""The events of the simulated box: edges, pulses, and the counter that shows a lost one.

In: runs and input edges in box time. Out: event messages in time order, each edge owned by its pulse or by none.
"""

from __future__ import annotations

import pytest

from rigdriver_sim.trigger_box import registers as r
from tests.unit.sim.trigger_box.box_host import CAMERAS_ONLY, MS, NO_PULSE, TEN_HZ, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_event_counters_have_no_gap_over_edge_and_status_events(bench: Bench) -> None:
    bench.run(pulses=5)
    bench.wait(700 * MS)
    assert [event.counter for event in bench.events] == list(range(len(bench.events)))
    assert bench.counter("EventsSent") == len(bench.events)


def test_sixteen_records_are_sent_at_once_and_the_rest_after_two_milliseconds(bench: Bench) -> None:
    for n in range(18):
        bench.t += 20
        bench.input(n % 6, 1 if n % 12 < 6 else 0)
    assert [len(event.edges) for event in bench.edge_events] == [16]
    oldest = bench.t - 20
    bench.wait(oldest + 2 * MS - 1 - bench.t, feed=False)
    assert len(bench.edge_events) == 1
    bench.wait(1, feed=False)
    assert [len(event.edges) for event in bench.edge_events] == [16, 2]


def test_records_outside_pulses_name_no_pulse_and_no_generation(bench: Bench) -> None:
    assert bench.commit()
    bench.input(2, 1)
    bench.wait(3 * MS)
    event = bench.edge_events[-1]
    assert (event.pulse_index, event.generation, event.pulse_start, event.flags) == (NO_PULSE, 0, 0, 0)
    assert event.edges[0].is_input
    assert (event.edges[0].mask, event.edges[0].levels, event.input_levels) == (4, 0x44, 0x44)


def test_each_pulse_begins_and_ends_once_and_owns_the_edges_between(bench: Bench) -> None:
    bench.run(pulses=3)
    for _ in range(310):
        bench.wait(MS)
        bench.input(0, bench.t // MS % 2)
    by_pulse: dict[int, list[int]] = {}
    for event in bench.edge_events:
        by_pulse.setdefault(event.pulse_index, []).append(event.flags)
        if event.pulse_index != NO_PULSE:
            assert event.generation == 7
            assert all(event.pulse_start <= e.t_ticks < event.pulse_start + TEN_HZ for e in event.edges)
    for pulse in range(3):
        flags = by_pulse[pulse]
        assert flags[0] & 1
        assert flags[-1] & 2
        assert not any(f & 1 for f in flags[1:])
        assert not any(f & 2 for f in flags[:-1])


def test_a_pulse_without_edges_still_ends_with_an_event(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, mode=1, pulses=1)
    bench.input(7, 1)
    bench.wait(200 * MS)
    assert bench.edge_events[-1].edges == ()
    assert bench.edge_events[-1].flags == r.EDGE_FLAGS_PULSE_END


def test_waiting_edges_are_told_before_the_state_that_follows_them(bench: Bench) -> None:
    bench.input(2, 1)
    assert bench.commit()
    assert [type(event).__name__ for event in bench.events] == ["EdgeEvent", "Status"]


def test_edges_come_in_time_order(bench: Bench) -> None:
    bench.run(pulses=3)
    for _ in range(300):
        bench.t += MS + 7
        bench.feed()
        bench.input(1, bench.t // MS % 2)
    ticks = [edge.t_ticks for edge in bench.edges]
    assert ticks == sorted(ticks)


def test_an_input_that_changes_faster_than_the_box_can_stamp_is_counted_only(bench: Bench) -> None:
    bench.input(0, 1)
    bench.t += 5
    bench.input(0, 0)
    bench.wait(3 * MS)
    assert len(bench.edges) == 1
    assert bench.counter("InputsIgnored") == 1
    assert bench.counter("InputEdges") == 1
    assert bench.read(r.REG_INPUT_LEVELS).values == (0x40,)


def test_a_level_that_does_not_change_is_no_edge(bench: Bench) -> None:
    bench.input(6, 1)
    bench.input(9, 1)
    bench.wait(3 * MS)
    assert not bench.edges


def test_nothing_is_reported_in_standby_and_the_counter_stands_still(bench: Bench) -> None:
    bench.write(r.REG_OPERATION_CONTROL, 0)
    bench.run(pulses=2)
    bench.wait(300 * MS)
    assert not bench.events
    assert bench.counter("EventsSent") == 0
    assert bench.counter("PulsesStarted") == 2
