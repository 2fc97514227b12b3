"""A client that keeps no rule at the ports of a simulated box: raw bytes on a pty, and on a socket as a second host.

In: bytes and lines. Out: the limits that broke, judged from the edges of the lamp outputs in the simulator's record
(bench/truth.py) alone. Simulated time stands still while bytes travel. Not here: what is tried (see the tests).
"""

from __future__ import annotations

import json
import os
import select
import socket
from contextlib import suppress
from pathlib import Path

from rigdriver_sim.bench.lamps import LampLog
from rigdriver_sim.bench.truth import Truth
from rigdriver_sim.bench.wires import Wires
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.states import BoxState
from tests.unit.sim.trigger_box.box_host import MS, write
from tests.unit.sim.trigger_box.light_judge import FACTS, HARD, INTERLOCK, Client, Lit, broken_by_lamp

TICK_NS = 100
PATIENCE_S = 60.0


class CountingBox(SimulatedBox):
    """Counts the bytes that it took, so that a test knows when all have arrived."""

    taken = 0

    def _receive(self, data: bytes) -> None:
        self.taken += len(data)
        super()._receive(data)


class PortClient(Client):
    """A client whose box is behind real descriptors; `is_second` sends as the second host."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.wall_ns = 0
        self.engine = EventEngine(pace=0, wall_ns=lambda: self.wall_ns)
        self.truth = Truth(folder / "truth.jsonl")
        self._file = folder / "truth.jsonl"
        self._port = folder / "box"
        self.box = CountingBox(BoxSetup(FACTS, self._port, has_tcp=True, input_levels=1 << INTERLOCK), self.engine)
        wires = Wires((), LampLog([6, 7]), self.engine, self.truth, seed=1)
        wires.connect(self.box, {}, lambda: self.box.committed_generation)
        self.box.on_outputs = wires.outputs_changed
        self.is_second = False
        self.boots: list[int] = [0]
        self.sessions: list[int] = []
        self.opened: list[tuple[int, int]] = []
        """Ticks at which the interlock input moved, and its level."""
        self._pty = os.open(self._port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._tcp = self._connected()

    # -- what it does ------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Let bytes arrive, all of them, before anything else happens."""
        self.sent.append(data)
        due = self.box.taken + len(data)
        while data:
            data = data[self._give(data) :]
            self._serve()
        while self.box.taken < due:
            assert select.select(list(self.engine._readers), [], [], PATIENCE_S)[0], "nothing arrives at the box"
            self._serve()
        self._note_boot()

    def write(self, address: int, *values: int) -> bool:
        """Write a register. Whether the box obeys is not looked at, but for a new light session by PROTOCOL 4."""
        is_at_rest = self.box.state not in (BoxState.ARMED, BoxState.RUNNING)
        self.send(write(address, *values))
        if address == r.REG_LIGHT_SESSION and is_at_rest and not any(values):
            self.sessions.append(self.tick)
        return True

    def wait(self, ticks: int, feed_every: int = 400 * MS) -> None:
        """Let simulated time pass; without feeding, the box's host is silent on its wall clock, too."""
        self.wall_ns += 0 if feed_every else ticks * TICK_NS
        until_ns = self.engine.now_ns + ticks * TICK_NS
        while self.engine.now_ns < until_ns:
            part_ns = min(self.engine.now_ns + (feed_every or ticks) * TICK_NS, until_ns)
            self.engine.at(part_ns, lambda: None)
            while self.engine.now_ns < part_ns:
                self.engine.step()
                self._drain()
            if feed_every:
                self.write(r.REG_WATCHDOG_FEED, 1)

    def until_lit(self) -> None:
        """Let time pass until a lamp output is high, and has been for 10 us."""
        for _ in range(1000):
            if self.box.output_levels:
                self.wait(100)
                return
            self.engine.step()
        raise AssertionError("no lamp was lit")

    def line(self, line: int, level: int) -> None:
        """Move an input line."""
        self.box.input_edge(line, level, self.engine.now_ns)
        if line == INTERLOCK:
            self.opened.append((self.tick, level))

    def reset_line(self) -> None:
        """Pull the reset line."""
        self.box.reset()
        self._note_boot()

    def lose_link(self) -> None:
        """Pull the plug and end the connection; come back by both."""
        self.box.unplug()
        os.close(self._pty)
        self._tcp.close()
        self._let_happen()
        self.box.replug()
        self._pty = os.open(self._port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._tcp = self._connected()

    @property
    def committed(self) -> int:
        """Generation of the committed program, or 0."""
        return self.box.committed_generation

    @property
    def tick(self) -> int:
        """Simulated time in ticks since the first boot."""
        return self.engine.now_ns // TICK_NS

    def close(self) -> None:
        """End everything."""
        os.close(self._pty)
        self._tcp.close()
        self.box.close()
        self.truth.close()
        self.engine.close()

    # -- what it finds -----------------------------------------------------------------------------------------------

    def flashes(self) -> dict[int, list[Lit]]:
        """Return every flash of the simulator's record, by lamp output; one that is not over counts to now."""
        self.truth.flush()
        found: dict[int, list[Lit]] = {6: [], 7: []}
        rose: dict[int, int] = {}
        for line in map(json.loads, self._file.read_text(encoding="utf-8").splitlines()):
            if line["what"] == "lamp" and line["level"]:
                rose[line["output"]] = line["t_ns"] // TICK_NS
            elif line["what"] == "lamp":
                found[line["output"]].append(self._flash(rose.pop(line["output"]), line["t_ns"] // TICK_NS))
        for output, tick in rose.items():
            found[output].append(self._flash(tick, self.tick))
        return found

    def verdict(self) -> list[str]:
        """Return every limit that broke, and every rise while the interlock was open."""
        found = []
        for output, flashes in self.flashes().items():
            found += broken_by_lamp(output, flashes, FACTS.hard_light)
            found += [f"output {output} rose at {f.rise}, interlock open" for f in flashes if self._is_open(f.rise)]
        return found

    def _flash(self, rise: int, fall: int) -> Lit:
        session = sum(tick <= rise for tick in self.sessions)
        return Lit(rise, fall, HARD, session, max(tick for tick in self.boots if tick <= rise))

    def _is_open(self, tick: int) -> bool:
        return [1, *(level for at, level in self.opened if at <= tick)][-1] == 0

    # -- inside ------------------------------------------------------------------------------------------------------

    def _connected(self) -> socket.socket:
        assert self.box.tcp_port is not None
        client = socket.create_connection(("127.0.0.1", self.box.tcp_port), timeout=PATIENCE_S)
        self._let_happen()
        client.setblocking(False)
        return client

    def _give(self, data: bytes) -> int:
        with suppress(BlockingIOError):
            return self._tcp.send(data) if self.is_second else os.write(self._pty, data)
        return 0

    def _let_happen(self) -> None:
        """Let the box see that a connection began or ended."""
        assert select.select(list(self.engine._readers), [], [], PATIENCE_S)[0], "the box sees no change"
        self.engine._serve_descriptors(0.0)

    def _serve(self) -> None:
        """Let the box take what has arrived; no time passes."""
        self.engine._serve_descriptors(0.0)
        self._drain()

    def _note_boot(self) -> None:
        if (booted := self.box.clock.boot_ns // TICK_NS) != self.boots[-1]:
            self.boots.append(booted)

    def _drain(self) -> None:
        """Take what has come to both hosts: nobody is to wait for room."""
        with suppress(BlockingIOError):
            os.read(self._pty, 65_536)
        with suppress(BlockingIOError):
            self._tcp.recv(65_536)
