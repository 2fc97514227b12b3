"""The box in its loop: over a pty and a socket, driven step by step with real descriptors and a fake wall clock.

In: bytes on a port, and a wall clock that the test moves. Out: replies, wires and counters. The box's registers and
states are judged elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver_sim.engine import EventEngine
from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.behaviour import OutputChange
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.states import BoxState
from tests.unit.sim.trigger_box.box_host import Answer, Bench, Step, edge_event, read, split, whole_messages, write

NS = 1_000_000_000
PATIENCE_S = 60.0


class Port:
    """A host on the pty."""

    def __init__(self, path: Path, engine: EventEngine) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._engine = engine
        self._rest = b""
        self.events: list[Answer] = []

    def send(self, data: bytes) -> None:
        """Write, and wait until it has arrived: the kernel carries bytes over a pty in a thread of its own."""
        os.write(self.fd, data)
        assert select.select(list(self._engine._readers), [], [], PATIENCE_S)[0], "nothing has arrived at the box"

    def ask(self, data: bytes) -> list[Answer]:
        """Send requests; return their replies."""
        self.send(data)
        for _ in range(5):
            self._engine.step()
        replies = self.take()
        while len(replies) < len(whole_messages(data)):
            assert select.select([self.fd], [], [], PATIENCE_S)[0], f"no more than {len(replies)} replies have come"
            replies += self.take()
        return replies

    def take(self) -> list[Answer]:
        with contextlib.suppress(BlockingIOError):
            self._rest += os.read(self.fd, 65_536)
        data = b"".join(whole_messages(self._rest))
        self._rest = self._rest[len(data) :]
        answers = split(data)
        self.events += [a for a in answers if a.kind == 3]
        return [a for a in answers if a.kind != 3]

    def close(self) -> None:
        os.close(self.fd)


class Wall:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def engine(wall: Wall) -> Iterator[EventEngine]:
    engine = EventEngine(pace=0, wall_ns=wall)
    yield engine
    engine.close()


@pytest.fixture
def box(engine: EventEngine, tmp_path: Path) -> Iterator[SimulatedBox]:
    setup = BoxSetup(BoxFacts(), tmp_path / "box", booted_ago_ns=7 * NS, drift_ppb=40_000, has_tcp=True)
    box = SimulatedBox(setup, engine)
    yield box
    box.close()


@pytest.fixture
def host(box: SimulatedBox, engine: EventEngine, tmp_path: Path) -> Iterator[Port]:
    host = Port(tmp_path / "box", engine)
    yield host
    host.close()


def start(host: Port, generation: int = 7, pulses: int = 3) -> None:
    """Run a short schedule of triggers at 100 Hz."""
    bench = Bench()
    count, crc = bench.stage((Step(0x3F, 0, 1000),), period=100_000, pulses=pulses)
    host.ask(write(r.REG_OPERATION_CONTROL, 1))
    host.ask(write(r.REG_STAGE_HEADER, 100_000, pulses, 1, 0) + write(r.REG_STAGE_STEP, 0, 0x3F, 0, 1000))
    commands = write(r.REG_COMMIT, generation, count, crc) + write(r.REG_WATCHDOG_FEED, 1)
    commands += write(r.REG_ARM, generation) + write(r.REG_START, generation)
    # The replies are read before time leaps on.
    host.send(commands)
    host._engine.step()


def step_until(engine: EventEngine, host: Port, box: SimulatedBox, state: BoxState) -> None:
    for _ in range(2000):
        engine.step()
        host.take()
        if box.state is state:
            return
    raise AssertionError(f"box is {box.state.name}, not {state.name}")


def test_the_box_answers_over_the_pty(host: Port) -> None:
    assert host.ask(read(r.REG_TICK_RATE))[0].values == (10_000_000,)


def test_bytes_reach_the_box_as_they_were_sent(host: Port) -> None:
    """A cooked terminal would translate, swallow or echo some of these."""
    for value in (0x03, 0x0A, 0x0D, 0x11, 0x13, 0x7F, 0x0D0A0D0A, 0xFFFFFFFF):
        reply = host.ask(write(r.REG_WATCHDOG_FEED, value))
        assert [a.values for a in reply] == [(value,)]


def test_the_clock_of_the_box_runs_by_its_own_crystal(host: Port, wall: Wall, engine: EventEngine) -> None:
    ticks = []
    for seconds in (0, 100):
        wall.ns = seconds * NS
        engine.step()
        low, high = host.ask(write(r.REG_CLOCK_PROBE, 1, 0, 0, 0))[0].values[2:]
        ticks.append(high << 32 | low)
    assert ticks[0] == pytest.approx(7 * 10_000_400, abs=1)
    assert ticks[1] - ticks[0] == pytest.approx(100 * 10_000_400, abs=1)


def test_output_changes_reach_the_wires_at_their_true_time(host: Port, box: SimulatedBox, engine: EventEngine) -> None:
    heard: list[tuple[int, OutputChange, int]] = []
    box.on_outputs = lambda t_ns, change: heard.append((t_ns, change, engine.now_ns))
    start(host)
    step_until(engine, host, box, BoxState.COMMITTED)
    assert [change.levels for _, change, _ in heard] == [0x3F, 0] * 3
    assert [change.pulse_index for _, change, _ in heard] == [0, 0, 1, 1, 2, 2]
    assert all(t_ns == now_ns for t_ns, _, now_ns in heard)
    assert heard[2][0] - heard[0][0] == pytest.approx(10_000_000 / (1 + 40e-6), abs=2)
    stamped = [edge.t_ticks for event in host.events if event.address == 60 for edge in edge_event(event.payload).edges]
    assert stamped == [box.clock.ticks(t_ns) for t_ns, _, _ in heard]


def test_an_input_edge_is_stamped_with_the_box_clock(host: Port, box: SimulatedBox, engine: EventEngine) -> None:
    host.ask(write(r.REG_OPERATION_CONTROL, 1))
    box.input_edge(2, 1, engine.now_ns)
    stamp = box.clock.ticks(engine.now_ns)
    assert host.ask(read(r.REG_INPUT_LEVELS))[0].values == (0x44,)
    box.input_edge(2, 0, engine.now_ns)
    host.ask(write(r.REG_STAGE_CLEAR, 1))
    assert box.state is BoxState.IDLE
    box._machine.advance(stamp + 100_000)
    box._pump()
    host.take()
    assert edge_event(host.events[0].payload).edges[0].t_ticks == stamp


def test_a_reset_forgets_the_commit_and_restarts_the_ticks(
    host: Port, box: SimulatedBox, engine: EventEngine, wall: Wall
) -> None:
    start(host, pulses=0)
    step_until(engine, host, box, BoxState.RUNNING)
    levels: list[int] = []
    box.on_outputs = lambda _t, change: levels.append(change.levels)
    while not box.output_levels:
        engine.step()
        host.take()
        host.ask(write(r.REG_WATCHDOG_FEED, 1))
    box.reset()
    assert levels[-1] == 0
    host.take()
    assert host.ask(read(r.REG_COMMITTED_GENERATION))[0].values == (0,)
    assert host.ask(read(r.REG_BOX_STATE))[0].values == (0,)
    assert host.ask(write(r.REG_CLOCK_PROBE, 1, 0, 0, 0))[0].values[2] < 10_000


def test_a_reset_by_command_is_answered(host: Port, box: SimulatedBox) -> None:
    replies = host.ask(write(r.REG_RESET_DEVICE, 1))
    assert [(a.kind, a.address) for a in replies] == [(2, r.REG_RESET_DEVICE)]
    assert host.ask(write(r.REG_CLOCK_PROBE, 1, 0, 0, 0))[0].values[2] < 10_000


def test_a_saved_name_and_saved_values_outlive_a_pull_of_the_reset_line(host: Port, box: SimulatedBox) -> None:
    host.ask(write(r.REG_TIMESTAMP_OFFSET, 5))
    host.ask(write(r.REG_RESET_DEVICE, r.RESET_BITS_SAVE))
    host.ask(write(r.REG_DEVICE_NAME, *b"Left rig".ljust(25, b"\0")))
    box.reset()
    host.take()
    assert host.ask(read(r.REG_RESET_DEVICE))[0].values == (r.RESET_BITS_BOOT_FROM_EEPROM,)
    assert host.ask(read(r.REG_TIMESTAMP_OFFSET))[0].values == (5,)
    assert host.ask(read(r.REG_DEVICE_NAME))[0].payload.rstrip(b"\0") == b"Left rig"


def test_an_unplugged_box_is_gone_and_comes_back_under_its_name(
    host: Port, box: SimulatedBox, engine: EventEngine, tmp_path: Path
) -> None:
    box.unplug()
    box.unplug()
    assert not (tmp_path / "box").exists()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(host.fd, b"x")
    box.replug()
    again = Port(tmp_path / "box", engine)
    assert again.ask(read(r.REG_TICK_RATE))[0].values == (10_000_000,)
    again.close()


def test_a_host_that_does_not_read_costs_bounded_memory_and_loses_counted_events(
    host: Port, box: SimulatedBox, engine: EventEngine
) -> None:
    host.ask(write(r.REG_OPERATION_CONTROL, 1))
    for n in range(20_000):
        engine._now_ns += 1_000_000  # the loop is not run: nobody drains
        box.input_edge(0, (n + 1) % 2, engine.now_ns)
    assert len(box._machine.outbox.waiting) <= 65_536
    assert not box.has_room()
    host.send(read(r.REG_COUNTERS))
    replies: list[Answer] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not replies and time.monotonic() < deadline_s:
        engine.step()
        select.select([host.fd], [], [], 0.01)
        replies += host.take()
    assert box.has_room()
    counters = replies[0].values
    assert counters[1] > 0
    numbers = [struct.unpack_from("<I", a.payload)[0] for a in host.events]
    assert numbers == sorted(set(numbers))
    assert counters[0] == len(numbers) + counters[1]


def test_a_silent_wall_clock_keeps_the_watchdog_from_tripping_in_a_simulation_that_runs_ahead(
    host: Port, box: SimulatedBox, engine: EventEngine, wall: Wall
) -> None:
    start(host, pulses=200)
    step_until(engine, host, box, BoxState.COMMITTED)
    assert engine.now_ns > 1.5 * NS, "three watchdog times of simulated time"


def test_a_silent_host_trips_the_watchdog_also_in_a_simulation_that_runs_ahead(
    host: Port, box: SimulatedBox, engine: EventEngine, wall: Wall
) -> None:
    start(host, pulses=2000)
    step_until(engine, host, box, BoxState.RUNNING)
    wall.ns += NS
    step_until(engine, host, box, BoxState.FAULT)
    assert box.output_levels == 0


def test_only_a_feed_keeps_the_watchdog_quiet_in_a_simulation_that_runs_ahead(
    host: Port, box: SimulatedBox, engine: EventEngine, wall: Wall
) -> None:
    start(host, pulses=2000)
    step_until(engine, host, box, BoxState.RUNNING)
    wall.ns += NS
    host.ask(read(r.REG_TICK_RATE))
    step_until(engine, host, box, BoxState.FAULT)


def test_the_box_answers_a_socket_while_a_client_is_connected(
    host: Port, box: SimulatedBox, engine: EventEngine
) -> None:
    assert box.tcp_port is not None
    with socket.create_connection(("127.0.0.1", box.tcp_port), timeout=60) as client:
        client.sendall(read(r.REG_TICK_RATE))
        for _ in range(5):
            engine.step()
        assert split(client.recv(100))[0].values == (10_000_000,)
        with socket.create_connection(("127.0.0.1", box.tcp_port), timeout=60) as second:
            engine.step()
            assert second.recv(100) == b"", "a second client is turned away"
    for _ in range(3):
        engine.step()
    assert host.ask(read(r.REG_TICK_RATE))[0].values == (10_000_000,)


def test_a_socket_client_that_says_nothing_takes_the_box_from_nobody(
    host: Port, box: SimulatedBox, engine: EventEngine
) -> None:
    start(host, pulses=2000)
    step_until(engine, host, box, BoxState.RUNNING)
    assert box.tcp_port is not None
    with socket.create_connection(("127.0.0.1", box.tcp_port), timeout=60):
        replies = host.ask(read(r.REG_TICK_RATE))
        for _ in range(50):
            engine.step()
            replies += host.take()
        assert [a.values for a in replies] == [(10_000_000,)]
    for _ in range(3):
        engine.step()
        host.take()
    assert box.state is BoxState.RUNNING, "its leaving stops nothing"


def test_closing_twice_is_harmless(box: SimulatedBox, tmp_path: Path) -> None:
    box.close()
    box.close()
    assert not (tmp_path / "box").is_symlink()
