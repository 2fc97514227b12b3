"""What the simulated box turns off by itself: light beyond its limits, a silent host, an open interlock, lost events.

In: runs in box time, and what goes wrong in them. Out: a fault with its cause, all outputs low, and exact counters.
"""

from __future__ import annotations

import pytest

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.states import BoxState
from tests.unit.sim.trigger_box.box_host import CAMERAS_ONLY, MS, Bench, Step


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_hard_limits_cannot_be_raised_in_any_field(bench: Bench) -> None:
    hard = bench.read(r.REG_HARD_LIGHT_LIMITS).values
    assert bench.obeyed(r.REG_LIGHT_LIMITS, *hard)
    for field in (0, 1, 2, 4, 5):
        assert not bench.obeyed(r.REG_LIGHT_LIMITS, *(v + (i == field) for i, v in enumerate(hard)))
    assert bench.read(r.REG_LIGHT_LIMITS).values == hard


def test_a_pause_shorter_than_the_hard_one_is_refused() -> None:
    hard = (50_000, 200, 100, 1000, 10_000, 100_000)
    facts = BoxFacts()
    bench = Bench(BoxFacts(hard_light=type(facts.hard_light)(*hard)))
    assert not bench.obeyed(r.REG_LIGHT_LIMITS, *hard[:3], 999, *hard[4:])
    assert bench.obeyed(r.REG_LIGHT_LIMITS, *hard[:3], 1001, *hard[4:])


def test_the_box_boots_with_limits_that_protect_people(bench: Bench) -> None:
    assert bench.read(r.REG_LIGHT_LIMITS).values == (20_000, 50, 100, 50_000_000, 3000, 15_000)


def test_a_train_that_is_too_long_faults_before_its_light(bench: Bench) -> None:
    bench.allow_light(max_train_flashes=3, min_train_pause_ticks=5_000 * MS)
    bench.run()
    bench.wait(1000 * MS)
    assert bench.state == BoxState.FAULT
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert sum(edge.levels & 0xC0 == 0xC0 for edge in bench.edges) == 3
    assert bench.counter("Flashes") == 3
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)


def test_a_second_start_goes_on_with_the_same_train_unless_the_pause_was_long_enough(bench: Bench) -> None:
    bench.allow_light(max_train_flashes=3, min_train_pause_ticks=1000 * MS)
    bench.run(pulses=2)
    bench.wait(300 * MS)
    assert bench.read(r.REG_LIGHT_SESSION).values == (2, 2)
    bench.write(r.REG_ARM, 7)
    bench.write(r.REG_START, 7)
    bench.wait(300 * MS)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("Flashes") == 3
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    bench.wait(1500 * MS)
    assert bench.read(r.REG_LIGHT_SESSION).values == (3, 0)
    bench.run(pulses=3)
    bench.wait(400 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("Flashes") == 6


def test_a_new_session_does_not_end_the_train(bench: Bench) -> None:
    bench.allow_light(max_train_flashes=3, min_train_pause_ticks=50_000 * MS)
    bench.wait(40_000 * MS)  # no train has ended later than the boot
    bench.run(pulses=3)
    bench.wait(500 * MS)
    assert bench.write(r.REG_LIGHT_SESSION, 0, 0).values == (0, 0)
    assert bench.read(r.REG_LIGHT_SESSION).values == (0, 3)


def test_a_session_that_is_spent_while_running_faults(bench: Bench) -> None:
    bench.allow_light(max_session_flashes=4)
    bench.run()
    bench.wait(1000 * MS)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("Flashes") == 4


def test_an_external_pulse_that_follows_a_lit_one_too_soon_faults() -> None:
    bench = Bench()
    bench.allow_light(max_rate_millihertz=10_000)
    bench.run(mode=1, pulses=1)
    bench.input(7, 1)
    bench.wait(20 * MS)
    bench.input(7, 0)
    bench.write(r.REG_STOP, 1)
    bench.write(r.REG_ARM, 7)
    bench.write(r.REG_START, 7)
    bench.input(7, 1)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_LIGHT_LIMIT,)
    assert bench.counter("Flashes") == 1


def test_pulses_without_light_are_not_counted_as_light(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY, pulses=150)
    bench.wait(16_000 * MS)
    assert bench.state == BoxState.COMMITTED
    assert bench.counter("Flashes") == 0


# ---- watchdog, interlock, lost events ----


def test_a_silent_host_trips_the_watchdog_and_all_outputs_fall(bench: Bench) -> None:
    assert bench.obeyed(r.REG_WATCHDOG_TIMEOUT, 100_000)  # 10 ms
    bench.run()
    fed = bench.t
    bench.wait(6 * MS, feed=False)
    assert bench.read(r.REG_OUTPUT_LEVELS).values != (0,)
    bench.wait(200 * MS, feed=False)
    assert bench.state == BoxState.FAULT
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_WATCHDOG_EXPIRED,)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.statuses[-1].tick == fed + 100_000
    assert bench.counter("WatchdogTrips") == 1


def test_the_watchdog_cuts_a_pulse_short(bench: Bench) -> None:
    assert bench.obeyed(r.REG_WATCHDOG_TIMEOUT, 100_000)
    bench.run((Step(0x3F, 0, 200_000),))
    bench.wait(100 * MS, feed=False)
    assert [(e.mask, e.levels) for e in bench.edges] == [(0x3F, 0x3F), (0x3F, 0)]
    assert bench.edges[1].t_ticks - bench.edges[0].t_ticks == 100_000 - 50_000


def test_nothing_rises_in_the_tick_in_which_the_watchdog_expires(bench: Bench) -> None:
    assert bench.obeyed(r.REG_WATCHDOG_TIMEOUT, 150_000)
    bench.run(CAMERAS_ONLY, period=100_000)
    bench.wait(100 * MS, feed=False)
    expired = bench.statuses[-1].tick
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_WATCHDOG_EXPIRED,)
    assert expired == bench.edges[0].t_ticks + 100_000, "where the second pulse would have begun"
    assert max(edge.t_ticks for edge in bench.edges) < expired


def test_the_watchdog_watches_while_armed_but_not_at_rest(bench: Bench) -> None:
    assert bench.commit()
    bench.feed()
    bench.wait(3000 * MS, feed=False)
    assert bench.state == BoxState.COMMITTED
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)
    bench.wait(600 * MS, feed=False)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_WATCHDOG_EXPIRED,)


def test_a_fed_watchdog_never_trips(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY)
    bench.wait(5000 * MS)
    assert bench.state == BoxState.RUNNING


def test_an_opened_interlock_turns_everything_off_at_once(bench: Bench) -> None:
    bench.run()
    bench.wait(5 * MS + 10_000)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0xC0,)
    bench.input(6, 0)
    assert bench.read(r.REG_OUTPUT_LEVELS).values == (0,)
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_INTERLOCK_OPEN,)
    assert bench.statuses[-1].pulse_index == 0
    assert bench.statuses[-1].tick == bench.t
    assert bench.counter("InterlockTrips") == 1


def test_the_interlock_does_not_matter_to_a_schedule_without_light(bench: Bench) -> None:
    bench.run(CAMERAS_ONLY)
    bench.input(6, 0)
    bench.wait(300 * MS)
    assert bench.state == BoxState.RUNNING


def test_a_cleared_fault_forgets_the_commit_and_a_cause_that_persists_refuses_the_next_arm(bench: Bench) -> None:
    bench.run()
    bench.input(6, 0)
    assert not bench.obeyed(r.REG_ARM, 7)
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    assert bench.state == BoxState.IDLE
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (0,)
    assert bench.read(r.REG_FAULT).values == (0,)
    assert bench.commit()
    bench.feed()
    assert not bench.obeyed(r.REG_ARM, 7)


def test_clearing_no_fault_is_harmless(bench: Bench) -> None:
    assert bench.commit()
    assert bench.obeyed(r.REG_CLEAR_FAULT, 1)
    assert bench.state == BoxState.COMMITTED


def test_a_host_that_does_not_read_loses_events_counted_and_faults_the_run(bench: Bench) -> None:
    bench.run((Step(0x3F, 0, 100),), period=1000)
    for _ in range(200):
        bench.t += MS
        bench.machine.advance(bench.t)
    assert bench.machine.behaviour.output_levels == 0
    assert len(bench.machine.outbox.waiting) <= 65_536
    bench.send(b"")
    assert bench.read(r.REG_FAULT).values == (r.FAULTS_EVENTS_LOST,)
    dropped = bench.counter("EventsDropped")
    assert dropped > 0
    assert len({event.counter for event in bench.events}) == len(bench.events)
    assert bench.counter("EventsSent") == len(bench.events) + dropped
