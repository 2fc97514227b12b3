"""What the box does: commits, runs pulses, watches interlock, watchdog and light, and reports edges and states.

In: commands, input edges and time, all with the box tick at which they happen. Out: output changes and events.
Everything due up to a tick is done before anything else that happens at it. Not here: addresses of registers (see
register_space.py), bytes of messages (see messages.py), and simulated or wall time (see machine.py and links.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.executor import NO_PULSE, EdgeBatcher, pulse_edges
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.light import LightLimits, check_light
from rigdriver_sim.trigger_box.light_ledger import KeptLight, LightLedger
from rigdriver_sim.trigger_box.program import Program, Refusal, Staging, check_program
from rigdriver_sim.trigger_box.run import Run
from rigdriver_sim.trigger_box.states import Act, BoxState, Fault, after

START_DELAY_TICKS = 50_000
"""Delay from Start to pulse 0, in ticks (5 ms)."""


@dataclass(frozen=True, slots=True)
class OutputChange:
    """Outputs changed; `pulse_index` is None outside pulses."""

    t_ticks: int
    changed: int
    levels: int
    pulse_index: int | None


@dataclass(slots=True)
class BoxCounts:
    """Counters of what the box did since boot."""

    pulses_started: int = 0
    output_edges: int = 0
    input_edges: int = 0
    inputs_ignored: int = 0
    watchdog_trips: int = 0
    interlock_trips: int = 0


class EventSink(Protocol):
    """Where events go; their counter and header are the sink's business."""

    def __call__(self, address: int, body: bytes, t_ticks: int) -> bool:
        """Send; False when the event was lost."""
        ...


class Behaviour:
    """One box between two resets."""

    def __init__(self, facts: BoxFacts, sink: EventSink, input_levels: int, kept_light: KeptLight) -> None:
        """`kept_light` outlives this box's resets."""
        self.facts = facts
        self.state = BoxState.IDLE
        self.fault = Fault.NONE
        self.refusal = Refusal(r.REFUSAL_REASONS_NONE, 0)
        self.staging = Staging()
        self.program: Program | None = None
        self.light = LightLedger(facts.lamp_outputs, facts.hard_light, facts.boot_light, kept_light)
        self.watchdog_timeout_ticks = 5_000_000
        self.feeds = 0
        """Number of times that the host has fed the watchdog."""
        self.output_levels = 0
        self.input_levels = input_levels
        self.counts = BoxCounts()
        self.changes: list[OutputChange] = []
        """Output changes that nobody has taken yet, in time order."""
        self.may_expire: Callable[[], bool] = lambda: True
        """Function that is asked before the watchdog trips: a simulation may outrun a host that is not silent."""
        self._sink = sink
        self._batcher = EdgeBatcher(self._send_edges, input_levels)
        self._run: Run | None = None
        self._pulses_in_run = 0
        self._fed_ticks: int | None = None
        self._input_edge_ticks: dict[int, int] = {}
        self._has_lost_event = False

    @property
    def committed_generation(self) -> int:
        """Generation of the committed program, or 0."""
        return self.program.generation if self.program else 0

    @property
    def pulse_index(self) -> int | None:
        """Index of the pulse under way, or None."""
        return self._run.pulse_index if self._run else None

    # ---------------------------------------------------------------- commands; each returns whether it was obeyed

    def commit(self, generation: int, step_count: int, crc32: int, t_ticks: int) -> bool:
        """Make the staged schedule the committed one."""
        result = self._checked(generation, step_count, crc32)
        if isinstance(result, Refusal):
            self.refusal = result
            return False
        self.refusal = Refusal(r.REFUSAL_REASONS_NONE, 0)
        self.program = result
        self._enter(Act.COMMIT, t_ticks)
        return True

    def arm(self, generation: int, t_ticks: int) -> bool:
        """Make ready to start."""
        refusal = self._arm_refusal(generation, t_ticks)
        if refusal is not None:
            self.refusal = refusal
            return False
        self.refusal = Refusal(r.REFUSAL_REASONS_NONE, 0)
        self._pulses_in_run = 0
        self._enter(Act.ARM, t_ticks)
        return True

    def start(self, generation: int, t_ticks: int) -> bool:
        """Begin the armed run."""
        refusal = self._start_refusal(generation, t_ticks)
        if refusal is not None or self.program is None:
            self.refusal = refusal or self.refusal
            return False
        self.refusal = Refusal(r.REFUSAL_REASONS_NONE, 0)
        self._run = Run(self.program, None if self.program.is_external else t_ticks + START_DELAY_TICKS)
        self._batcher.set_generation(generation, t_ticks)
        self._enter(Act.START, t_ticks)
        return True

    def stop(self, mode: int, t_ticks: int) -> None:
        """End the run, now or after the pulse under way; nothing to do when none runs."""
        # A run that waits for an external edge has no pulse under way: it ends at once.
        if mode == r.STOP_MODES_AFTER_PULSE and self._run and self._run.pulse_end_ticks is not None:
            self._run.is_last_pulse = True
        elif self.state in (BoxState.ARMED, BoxState.RUNNING):
            self._end_run(Act.FINISH, t_ticks)

    def clear_fault(self, t_ticks: int) -> None:
        """Leave state Fault and forget the commit; harmless in other states."""
        if self.state is BoxState.FAULT:
            self.program = None
            # The commit was forgotten with the fault, so that no single command makes light again (PROTOCOL 8.4).
            self.fault = Fault.NONE
            self._enter(Act.CLEAR, t_ticks)

    def feed(self, t_ticks: int) -> None:
        """Feed the watchdog."""
        self._fed_ticks = t_ticks
        self.feeds += 1

    def set_limits(self, limits: LightLimits) -> bool:
        """Take new limits on light, unless they pass the hard ones or a run is near."""
        return self.state in (BoxState.IDLE, BoxState.COMMITTED) and self.light.set_limits(limits)

    def light_wait_ticks(self, t_ticks: int) -> int:
        """Return for how long a Start of the committed program would be refused for its light."""
        program = self.program
        # From outside a pulse may come at any time: each is judged when its edge comes.
        if program is None or program.is_external or not program.makes_light(self.facts.lamp_outputs):
            return 0
        return self.light.start_wait_ticks(program, t_ticks + START_DELAY_TICKS)

    def begin_light_session(self) -> bool:
        """Count the light session's flashes from zero."""
        if self.state in (BoxState.ARMED, BoxState.RUNNING):
            return False
        self.light.begin_session()
        return True

    # ---------------------------------------------------------------- the world outside

    def input_edge(self, line: int, level: int, t_ticks: int) -> None:
        """An input changed."""
        bit = 1 << line
        if line >= self.facts.inputs or bool(self.input_levels & bit) == bool(level):
            return
        self.advance(t_ticks)
        self.input_levels ^= bit
        # Before the edge is recorded, so that the edge which starts a pulse is reported within it.
        self._begin_external_pulse(bit if level else 0, t_ticks)
        last = self._input_edge_ticks.get(line)
        self._input_edge_ticks[line] = t_ticks
        if last is not None and t_ticks - last < self.facts.min_edge_gap_ticks:
            # The new level was taken above: later records show the
            # outcome of edges that were too fast to stamp (PROTOCOL 6.7).
            self.counts.inputs_ignored += 1
        else:
            self.counts.input_edges += 1
            self._batcher.record(t_ticks, bit, self.input_levels, is_input=True)
        # After the record: the edge that opened the interlock must be reported before the fault (PROTOCOL 4.1).
        if bit & self.facts.interlock_inputs and not level:
            self._interlock_opened(t_ticks)
        self._trip_when_events_were_lost(t_ticks)

    @property
    def next_run_ticks(self) -> int | None:
        """When the run needs the box next."""
        run = self._run
        if run is None:
            return None
        if run.edges:
            return run.edges[0].t_ticks
        return run.pulse_end_ticks if run.pulse_end_ticks is not None else run.next_start_ticks

    @property
    def next_timer_ticks(self) -> int | None:
        """When a time-out or a flush is due next."""
        dues = [due for due in (self._watchdog_ticks(), self._batcher.flush_due_ticks) if due is not None]
        return min(dues, default=None)

    def advance(self, t_ticks: int) -> None:
        """Do everything that is due up to then, in time order; at ties the watchdog, the run, the flush."""
        while True:
            run_due, timer_due = self.next_run_ticks, self.next_timer_ticks
            if run_due is not None and run_due <= t_ticks and self._is_run_first(run_due, timer_due):
                self._do_run(run_due)
            elif timer_due is not None and timer_due <= t_ticks:
                self._do_timer(timer_due)
            else:
                return
            self._trip_when_events_were_lost(t_ticks)

    # ---------------------------------------------------------------- inside

    def _is_run_first(self, run_due: int, timer_due: int | None) -> bool:
        if timer_due is None or run_due < timer_due:
            return True
        return run_due == timer_due != self._watchdog_ticks()  # nothing rises with the watchdog's end

    def _checked(self, generation: int, step_count: int, crc32: int) -> Program | Refusal:
        if after(self.state, Act.COMMIT) is None:
            return Refusal(r.REFUSAL_REASONS_WRONG_STATE, self.state)
        program = self.staging.program(generation, step_count, crc32, self.facts.max_steps)
        if isinstance(program, Refusal):
            return program
        return (
            check_program(program, self.facts.outputs, self.facts.sync_inputs) or self._too_bright(program) or program
        )

    def _too_bright(self, program: Program) -> Refusal | None:
        return check_light(program, self.facts.lamp_outputs, self.light.limits)

    def _arm_refusal(self, generation: int, t_ticks: int) -> Refusal | None:
        program = self.program
        if after(self.state, Act.ARM) is None or program is None:
            return Refusal(r.REFUSAL_REASONS_WRONG_STATE, self.state)
        if generation != program.generation:
            return Refusal(r.REFUSAL_REASONS_GENERATION_INVALID, program.generation)
        if self._fed_ticks is None or t_ticks - self._fed_ticks >= self.watchdog_timeout_ticks:
            return Refusal(r.REFUSAL_REASONS_WATCHDOG_NOT_FED, 0)
        if not program.makes_light(self.facts.lamp_outputs):
            return None
        if is_open := self.facts.interlock_inputs & ~self.input_levels:
            return Refusal(r.REFUSAL_REASONS_INTERLOCK_OPEN, is_open.bit_length() - 1)
        if not self.light.fits_session(program):
            return Refusal(r.REFUSAL_REASONS_LIGHT_SESSION_SPENT, self.light.session_flashes)
        # The limits may have been lowered since the commit.
        return self._too_bright(program)

    def _start_refusal(self, generation: int, t_ticks: int) -> Refusal | None:
        if after(self.state, Act.START) is None or self.program is None:
            return Refusal(r.REFUSAL_REASONS_WRONG_STATE, self.state)
        if generation != self.program.generation:
            return Refusal(r.REFUSAL_REASONS_GENERATION_INVALID, self.program.generation)
        wait_ticks = self.light_wait_ticks(t_ticks)
        return Refusal(r.REFUSAL_REASONS_LIGHT_PAUSE_DUE, wait_ticks) if wait_ticks else None

    def _watchdog_ticks(self) -> int | None:
        if self.state not in (BoxState.ARMED, BoxState.RUNNING) or self._fed_ticks is None:
            return None
        return self._fed_ticks + self.watchdog_timeout_ticks

    def _do_timer(self, t_ticks: int) -> None:
        if self._watchdog_ticks() == t_ticks:
            if self.may_expire():
                self.counts.watchdog_trips += 1
                self._trip(Fault.WATCHDOG_EXPIRED, t_ticks)
            else:
                # Counted anew from here: simulated time has outrun a host that is not silent by its own clock.
                self._fed_ticks = t_ticks
        else:
            self._batcher.flush(t_ticks)

    def _do_run(self, t_ticks: int) -> None:
        run = self._run
        if run is None:
            return
        if run.edges:
            edge = run.edges.popleft()
            self._set_outputs(self.output_levels & ~edge.falling | edge.rising, edge.t_ticks)
        elif run.pulse_end_ticks is not None:
            self._end_pulse(run, t_ticks)
        else:
            self._begin_pulse(run, t_ticks)

    def _begin_external_pulse(self, rising: int, t_ticks: int) -> None:
        run = self._run
        if run and run.program.is_external and run.pulse_end_ticks is None and rising & self.facts.sync_inputs:
            self._begin_pulse(run, t_ticks)
            # A step without delay rises with the edge itself.
            self.advance(t_ticks)

    def _begin_pulse(self, run: Run, t_ticks: int) -> None:
        if run.program.makes_light(self.facts.lamp_outputs):
            if not self.light.admits(run.program, t_ticks):
                # A pulse that would break a limit must not start (PROTOCOL 7.2): nothing of it has risen yet.
                self._trip(Fault.LIGHT_LIMIT, t_ticks)
                return
            self.light.begin_pulse(t_ticks)
        run.pulse_end_ticks = t_ticks + run.program.pulse_period_ticks
        run.next_start_ticks = None
        run.edges.extend(pulse_edges(run.program, t_ticks))
        run.pulses_started += 1
        run.is_last_pulse = run.is_last_pulse or run.pulses_started == run.program.pulse_count
        self._pulses_in_run = run.pulses_started
        self.counts.pulses_started += 1
        self._batcher.begin_pulse(run.program.generation, run.pulses_started - 1, t_ticks)

    def _end_pulse(self, run: Run, t_ticks: int) -> None:
        self._batcher.end_pulse(t_ticks)
        run.pulse_end_ticks = None
        if run.is_last_pulse:
            self._end_run(Act.FINISH, t_ticks)
        # At the very tick of the end: pulse n starts exactly n periods after pulse 0 (PROTOCOL 5.7).
        elif not run.program.is_external:
            self._begin_pulse(run, t_ticks)

    def _set_outputs(self, levels: int, t_ticks: int) -> None:
        changed = self.output_levels ^ levels
        if not changed:
            return
        self.light.note(changed, levels, t_ticks)
        self.output_levels = levels
        self.counts.output_edges += 1
        self.changes.append(OutputChange(t_ticks, changed, levels, self.pulse_index))
        self._batcher.record(t_ticks, changed, levels, is_input=False)

    def _end_run(self, act: Act, t_ticks: int) -> None:
        """Turn everything off, report the edges, then the state."""
        # In the order of PROTOCOL 4.3 and 6.6: outputs low, their edges and PulseEnd, and only then the state.
        self._set_outputs(0, t_ticks)
        pulse_index = self.pulse_index
        self._batcher.end_pulse(t_ticks)
        self._batcher.set_generation(0, t_ticks)
        self._run = None
        self._enter(act, t_ticks, pulse_index)

    def _trip(self, fault: Fault, t_ticks: int) -> None:
        if after(self.state, Act.TRIP) is not None:
            self.fault = fault
            self._end_run(Act.TRIP, t_ticks)

    def _interlock_opened(self, t_ticks: int) -> None:
        is_near = self.state in (BoxState.ARMED, BoxState.RUNNING)
        if is_near and self.program and self.program.makes_light(self.facts.lamp_outputs):
            self.counts.interlock_trips += 1
            self._trip(Fault.INTERLOCK_OPEN, t_ticks)

    def _trip_when_events_were_lost(self, t_ticks: int) -> None:
        if self._has_lost_event:
            self._has_lost_event = False
            self._trip(Fault.EVENTS_LOST, t_ticks)
            # Its own report may be lost as well; the host reads the fault from the register.
            self._has_lost_event = False

    def _enter(self, act: Act, t_ticks: int, pulse_index: int | None = None) -> None:
        self._batcher.flush(t_ticks)
        state = after(self.state, act)
        assert state is not None, f"{act} in {self.state}: the caller has checked"
        if state is self.state:
            return
        previous, self.state = self.state, state
        body = struct.pack(
            "<IQQBBHIHBx",
            self.committed_generation,
            NO_PULSE if pulse_index is None else pulse_index,
            t_ticks,
            state,
            previous,
            self.fault,
            self._pulses_in_run,
            self.output_levels,
            self.input_levels,
        )
        self._has_lost_event |= not self._sink(r.REG_STATUS_EVENT, body, t_ticks)

    def _send_edges(self, body: bytes, t_ticks: int) -> None:
        self._has_lost_event |= not self._sink(r.REG_EDGE_EVENT, body, t_ticks)
