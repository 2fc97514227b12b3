"""From a program to edges, and the box's clock.

In: steps and a period, in ticks. Out: edges with levels and ticks, the same in every pulse. No registers and no link.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rigdriver_sim.trigger_box.box_clock import BoxClock
from rigdriver_sim.trigger_box.executor import OutputEdge, pulse_edges
from rigdriver_sim.trigger_box.program import Program, Step


def program(*steps: Step) -> Program:
    return Program(1, 1_000_000, 0, False, steps)


def test_outputs_of_one_step_change_at_one_tick() -> None:
    edges = pulse_edges(program(Step(0x3F, 0, 1000)), 5_000)
    assert edges == (OutputEdge(5_000, 0x3F, 0), OutputEdge(6_000, 0, 0x3F))


def test_edges_of_several_steps_at_one_tick_are_one_edge() -> None:
    edges = pulse_edges(program(Step(1, 0, 500), Step(2, 500, 500), Step(4, 500, 500)), 0)
    assert edges == (OutputEdge(0, 1, 0), OutputEdge(500, 6, 1), OutputEdge(1000, 0, 6))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 400_000), st.integers(10, 400_000)), min_size=1, max_size=16),
    st.integers(0, 2**40),
)
def test_every_pulse_has_the_same_edges_shifted_and_ends_dark(rows: list[tuple[int, int, int]], start: int) -> None:
    seen: set[int] = set()
    steps = []
    for output, delay, width in rows:
        if output not in seen:  # one step an output: they cannot overlap
            seen.add(output)
            steps.append(Step(1 << output, delay, width))
    edges = pulse_edges(program(*steps), start)
    first = pulse_edges(program(*steps), 0)
    assert [(e.t_ticks - start, e.rising, e.falling) for e in edges] == [
        (e.t_ticks, e.rising, e.falling) for e in first
    ]
    assert [e.t_ticks for e in edges] == sorted({e.t_ticks for e in edges})
    levels = 0
    for edge in edges:
        levels = levels & ~edge.falling | edge.rising
    assert levels == 0


@settings(max_examples=300, deadline=None)
@given(st.integers(-(10**13), 10**13), st.integers(-500_000, 500_000), st.integers(0, 10**13))
def test_an_edge_planned_for_a_tick_is_never_stamped_before_it(boot_ns: int, drift_ppb: int, ticks: int) -> None:
    clock = BoxClock(boot_ns, drift_ppb)
    t_ns = clock.true_ns(ticks)
    assert clock.ticks(t_ns) == ticks
    assert clock.ticks(t_ns - 1) == ticks - 1


def test_a_clock_that_is_fast_by_twelve_ppm_gains_120_ticks_in_a_second() -> None:
    assert BoxClock(0, 12_000).ticks(1_000_000_000) == 10_000_120
