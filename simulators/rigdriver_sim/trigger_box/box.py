"""The simulated box in its world: the machine, its clock, its ports and its wires, in the simulation's loop.

In: bytes from a port, input edges at true times, resets and unplugging. Out: bytes, and output changes at true times.
Its lie: the answer to a request takes no time, unless a driver follows (lockstep). Not here: what hangs on the lines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rigdriver_sim.engine import EventEngine
from rigdriver_sim.trigger_box.behaviour import OutputChange
from rigdriver_sim.trigger_box.box_clock import BoxClock
from rigdriver_sim.trigger_box.contract import TICK_NS
from rigdriver_sim.trigger_box.event_damage import EventDamage, EventLink
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.line_noise import Damage, LineNoise
from rigdriver_sim.trigger_box.links import Link, PtyLink, TcpLink
from rigdriver_sim.trigger_box.machine import Machine
from rigdriver_sim.trigger_box.non_volatile import NonVolatile
from rigdriver_sim.trigger_box.states import BoxState

LINK_NS = 200_000
"""Time that the link takes from the box to the host, in ns, where time is modelled for both."""


@dataclass(frozen=True, slots=True)
class BoxSetup:
    """How one box is set up."""

    facts: BoxFacts
    port: Path
    """Place of the link to the pty."""
    booted_ago_ns: int = 0
    drift_ppb: int = 0
    has_tcp: bool = False
    input_levels: int = 0x40
    """Levels at boot: the interlock is closed (high)."""
    seed: int = 0
    """Seed of the damage on the serial line."""


class SimulatedBox:
    """One box; `on_outputs` gets each output change with its true time."""

    def __init__(self, setup: BoxSetup, engine: EventEngine) -> None:
        self.on_outputs: Callable[[int, OutputChange], None] = lambda _t_ns, _change: None
        self._setup = setup
        self._engine = engine
        self._input_levels = setup.input_levels
        self._run_wake_ns: int | None = None
        self._timer_wake_ns: int | None = None
        self._fed_wall_ns = 0
        self._from_host = LineNoise(setup.seed, "to_box")
        self._to_host = LineNoise(setup.seed, "to_host")
        self._events = EventLink(setup.seed)
        self._on_the_line = bytearray()
        """Bytes that are sent, and damaged where that is planned, but not yet taken by the port."""
        self._under_way: deque[tuple[int, bytes]] = deque()
        """Bytes that the link carries in lockstep, with the time at which they arrive."""
        self._pty = self._plug_in()
        self._tcp = TcpLink(engine, self._receive_by_tcp, self._pump, self._tcp_lost) if setup.has_tcp else None
        self._is_host_on_tcp = False
        """Whether the host's bytes came by TCP last; a client that says nothing is no host."""
        self.clock = BoxClock(engine.now_ns - setup.booted_ago_ns, setup.drift_ppb)
        self._memory = NonVolatile(setup.facts)
        self._machine = self._boot()

    @property
    def state(self) -> BoxState:
        """The state of the machine."""
        return self._machine.behaviour.state

    @property
    def committed_generation(self) -> int:
        """Generation of the committed program, or 0."""
        return self._machine.behaviour.committed_generation

    @property
    def output_levels(self) -> int:
        """Levels of the outputs now."""
        return self._machine.behaviour.output_levels

    @property
    def counters(self) -> tuple[int, ...]:
        """What the register `Counters` holds, in its order."""
        return self._machine.counters()

    @property
    def tcp_port(self) -> int | None:
        """TCP port of the box, where it has one."""
        return self._tcp.port if self._tcp else None

    @property
    def events_damaged(self) -> int:
        """Events that were lost, doubled or overtaken whole."""
        return self._events.hits

    @property
    def bytes_damaged(self) -> int:
        """Bytes that were flipped, lost or inserted, in both directions."""
        return self._from_host.hits + self._to_host.hits

    def damage_line(self, to_box: Damage, to_host: Damage) -> None:
        """Damage the serial line from now on."""
        self._from_host.damage, self._to_host.damage = to_box, to_host

    def damage_events(self, damage: EventDamage) -> None:
        """Lose, double and overtake whole events from now on."""
        self._events.damage = damage

    def cut(self) -> None:
        """Let the line carry nothing, while the port stays."""
        self._from_host.is_cut = self._to_host.is_cut = True

    def mend(self) -> None:
        """Let the line carry what is sent from now on."""
        self._from_host.is_cut = self._to_host.is_cut = False

    def has_room(self) -> bool:
        """The host keeps up with the events (a gate for pace 0): several would still fit."""
        return self._machine.outbox.has_event_room(4096)

    def input_edge(self, line: int, level: int, t_ns: int) -> None:
        """An input changes now; `t_ns` is not in the future and not before anything the box has done."""
        bit = 1 << line
        # Kept here as well: the world outside does not change when the machine boots anew.
        self._input_levels = self._input_levels | bit if level else self._input_levels & ~bit
        self._machine.input_edge(line, level, self.clock.ticks(t_ns))
        self._settle()

    def reset(self) -> None:
        """Pull the reset line: outputs low, all forgotten but what is non-volatile, ticks from 0."""
        self._machine.behaviour.stop(1, self._now_ticks())
        self._tell_outputs()
        # Unlike the reset that a host asks for (PROTOCOL 2.5), a pulled line owes nobody a reply.
        self._machine.outbox.waiting.clear()
        self._reboot()

    def unplug(self) -> None:
        """Pull the USB plug; the box itself has its own power and runs on until its watchdog trips."""
        self._pty.close()
        # What was in the cable is lost: the next host must not read the tail of an old message.
        self._on_the_line.clear()
        self._under_way.clear()
        self._link_lost()

    def replug(self) -> None:
        """Put the plug back, under the same port name."""
        if not self._pty.is_open:
            self._pty = self._plug_in()

    def close(self) -> None:
        """Take the ports away; closing twice is harmless."""
        self._pty.close()
        if self._tcp is not None:
            self._tcp.close()

    # ---------------------------------------------------------------- inside

    def _link_lost(self) -> None:
        self._events.forget()
        self._machine.link_lost()

    def _tcp_lost(self) -> None:
        if self._is_host_on_tcp:
            self._is_host_on_tcp = False
            self._link_lost()

    def _plug_in(self) -> PtyLink:
        return PtyLink(self._engine, self._setup.port, self._receive_by_pty, self._pump)

    def _boot(self) -> Machine:
        machine = Machine(self._setup.facts, self._input_levels, self._memory, self._events)
        machine.behaviour.may_expire = self._is_host_silent
        # A probe is stamped by a clock that is never late (PROTOCOL 9):
        # simulated time waits for overdue actions, a crystal does not.
        machine.read_clock_by(lambda t_ticks: max(t_ticks, self.clock.ticks(self._engine.clock_ns)))
        return machine

    def _reboot(self) -> None:
        self.clock = BoxClock(self._engine.now_ns, self._setup.drift_ppb)
        waiting = self._machine.outbox.waiting
        self._machine = self._boot()
        # The reply to the request for a reset is still on its way.
        self._machine.outbox.waiting += waiting
        self._settle()

    def _now_ticks(self) -> int:
        return self.clock.ticks(self._engine.now_ns)

    def _is_host_silent(self) -> bool:
        """Where simulated time outruns wall time, silence counts only when wall time has passed as well."""
        if 0 < self._engine.pace <= 1 or self._engine.is_in_step:
            return True
        silent_ns = self._engine.wall_ns() - self._fed_wall_ns
        return silent_ns >= self._machine.behaviour.watchdog_timeout_ticks * TICK_NS

    def _receive_by_pty(self, data: bytes) -> None:
        self._is_host_on_tcp = False
        self._receive(data)

    def _receive_by_tcp(self, data: bytes) -> None:
        self._is_host_on_tcp = True
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        feeds = self._machine.behaviour.feeds
        self._machine.receive(self._from_host.carry(data), self._now_ticks())
        if self._machine.behaviour.feeds != feeds:
            self._fed_wall_ns = self._engine.wall_ns()
        self._settle()

    def _wake_for_run(self) -> None:
        if self._run_wake_ns is not None and self._run_wake_ns <= self._engine.now_ns:
            self._run_wake_ns = None
        self._machine.advance(self._now_ticks())
        self._settle()

    def _wake_for_timer(self) -> None:
        if self._timer_wake_ns is not None and self._timer_wake_ns <= self._engine.now_ns:
            self._timer_wake_ns = None
        self._machine.advance(self._now_ticks())
        self._settle()

    def _settle(self) -> None:
        """Let the world see what the machine has done, then plan when it must be woken."""
        self._tell_outputs()
        if self._machine.wants_reboot:
            self._reboot()
            return
        self._pump()
        self._plan()

    def _tell_outputs(self) -> None:
        for change in self._machine.take_changes():
            self.on_outputs(self.clock.true_ns(change.t_ticks), change)

    def _pump(self) -> None:
        if self._engine.is_in_step:
            self._send_under_way()
            return
        self._write(self._machine.outbox.waiting)

    def _send_under_way(self) -> None:
        """Let the link carry what waits, unless the port is full: then it waits on."""
        waiting = self._machine.outbox.waiting
        if waiting and not self._on_the_line:
            due_ns = self._engine.now_ns + LINK_NS
            self._under_way.append((due_ns, bytes(waiting)))
            waiting.clear()
            self._engine.at(due_ns, self._arrive, is_carried=True)
        elif self._on_the_line:
            self._write(bytearray())

    def _arrive(self) -> None:
        arrived = bytearray()
        while self._under_way and self._under_way[0][0] <= self._engine.now_ns:
            arrived += self._under_way.popleft()[1]
        self._write(arrived)
        self._engine.delivered()  # the driver takes the time at which reports and answers come

    def _write(self, waiting: bytearray) -> None:
        # The box speaks to one host at a time: to the one that has spoken last.
        link: Link = self._tcp if self._tcp is not None and self._is_host_on_tcp else self._pty
        line = self._on_the_line
        while waiting or line:
            if not line:
                # Damaged once, as it goes onto the line: what the port takes later must not be drawn for again.
                line += self._to_host.carry(bytes(waiting))
                waiting.clear()
            del line[: link.write(bytes(line))]
            if line:
                return  # the port calls again when it has room

    def _plan(self) -> None:
        """Wakes cannot be taken back; a needless one does no harm, so only earlier ones are added."""
        now_ns = self._engine.now_ns
        if (run_due := self._machine.next_run_ticks) is not None:
            t_ns = max(now_ns, self.clock.true_ns(run_due))
            if self._run_wake_ns is None or t_ns < self._run_wake_ns:
                self._run_wake_ns = t_ns
                self._engine.at(t_ns, self._wake_for_run)
        if (timer_due := self._machine.next_timer_ticks) is not None:
            t_ns = max(now_ns, self.clock.true_ns(timer_due))
            if self._timer_wake_ns is None or t_ns < self._timer_wake_ns:
                self._timer_wake_ns = t_ns
                # In the background: a time-out alone gives pace 0 no reason to leap ahead of its host.
                self._engine.at(t_ns, self._wake_for_timer, is_background=True)
