"""The simulated box in a thread of this process, in lockstep with the test, and a link that damages bytes.

In: how the box is made, or a seed and how often to damage. Out: a made box (see box_makers.py) whose link, watchdog and
host go by one time, and a port between host and box. What the simulation is asked to do runs in its own loop. The
test's own thread takes part in that time (`Host`): it must wait by it, or call `idle` where it waits for bytes.
"""

import queue
import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.devices.box.serial_port import SerialPort
from rigdriver.timebase import Timebase, open_timebase
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.reach.timebase_page import TimebasePage
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.facts import BoxFacts
from tests.conformance.box_makers import WAIT_S, Host, MadeBox


@dataclass(frozen=True)
class PythonModel:
    """The maker of the simulated box, reached over a pty or a socket."""

    link: str

    @property
    def name(self) -> str:
        return self.link

    @property
    def has_outside(self) -> bool:
        # The model's plug is that of its pty; nobody pulls a TCP connection.
        return self.link == "pty"

    @contextmanager
    def make(self, folder: Path, facts: BoxFacts | None = None) -> Iterator[MadeBox]:
        with simulated_box(folder, facts or BoxFacts()) as world, world.timebase.take_part("test"):
            yield MadeBox(Host(world.urls[self.link], world.timebase), world if self.has_outside else None)


@dataclass(frozen=True)
class BoxWorld:
    """One box in its loop; `do` runs an act there and waits for it. It is what a test may do to the model's outside."""

    box: SimulatedBox
    urls: dict[str, str]
    do: Callable[[Callable[[], None]], None]
    now_ns: Callable[[], int]
    timebase: Timebase

    def set_input(self, line: int, level: int) -> None:
        self.do(lambda: self.box.input_edge(line, level, self.now_ns()))

    def unplug(self) -> None:
        self.do(self.box.unplug)

    def replug(self) -> None:
        self.do(self.box.replug)


@contextmanager
def simulated_box(folder: Path, facts: BoxFacts = BoxFacts()) -> Iterator[BoxWorld]:  # noqa: B008 - frozen
    page = TimebasePage(folder / "timebase")
    engine = EventEngine(pace=0, follower=page)
    box = SimulatedBox(BoxSetup(facts, folder / "port", has_tcp=True), engine)
    acts: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
    bell, ear = socket.socketpair()

    def hear() -> None:
        ear.recv(1)
        act, done = acts.get_nowait()
        act()
        done.set()

    def do(act: Callable[[], None]) -> None:
        done = threading.Event()
        acts.put((act, done))
        bell.send(b"!")
        assert done.wait(WAIT_S), "the simulation did not get round to it"

    engine.add_reader(ear.fileno(), hear)
    thread = threading.Thread(target=engine.run, name="simulated box")
    thread.start()
    try:
        yield BoxWorld(
            box,
            {"pty": str(folder / "port"), "socket": f"socket://127.0.0.1:{box.tcp_port}"},
            do,
            lambda: engine.now_ns,
            open_timebase(folder / "timebase"),
        )
    finally:
        engine.stop()
        thread.join(WAIT_S)
        box.close()
        engine.close()
        page.close()
        bell.close()
        ear.close()


@dataclass
class PassingPort:
    """Passes on to the port below what a test does not change."""

    port: SerialPort
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = self.port.url

    def read(self) -> bytes:
        return self.port.read()

    def write(self, data: bytes) -> None:
        self.port.write(data)

    def flush_input(self) -> None:
        self.port.flush_input()

    def close(self) -> None:
        self.port.close()


@dataclass
class LatePort(PassingPort):
    """Gives bytes only after so many reads without any, as a pseudo terminal does on a busy computer."""

    reads: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._held = b""
        self._left = 0

    def read(self) -> bytes:
        if data := super().read():
            self._left = self._left if self._held else self.reads
            self._held += data
        self._left -= 1
        if self._left > 0:
            return b""
        data, self._held = self._held, b""
        return data

    def flush_input(self) -> None:
        super().flush_input()
        self._held = b""


@dataclass
class LateWritesPort(PassingPort):
    """Hands written bytes on only after so many reads, as a pseudo terminal does on a busy computer."""

    reads: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reads_done = 0
        self._held: deque[tuple[int, bytes]] = deque()

    def read(self) -> bytes:
        data = super().read()
        self._reads_done += 1
        while self._held and self._held[0][0] <= self._reads_done:
            super().write(self._held.popleft()[1])
        return data

    def write(self, data: bytes) -> None:
        self._held.append((self._reads_done + self.reads, data))


@dataclass
class DamagingPort(PassingPort):
    """Flips, loses and inserts bytes, one in `one_in`, both ways, while `is_on`."""

    one_in: int
    seed: int
    is_on: bool = False
    damaged: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._to_box = random.Random(self.seed)
        self._from_box = random.Random(self.seed + 1)

    def read(self) -> bytes:
        return self._damage(super().read(), self._from_box)

    def write(self, data: bytes) -> None:
        super().write(self._damage(data, self._to_box))

    def _damage(self, data: bytes, dice: random.Random) -> bytes:
        if not self.is_on:
            return data
        out = bytearray()
        for byte in data:
            if dice.randrange(self.one_in):
                out.append(byte)
                continue
            self.damaged += 1
            kind = dice.randrange(3)
            if kind == 0:
                out.append(byte ^ 1 << dice.randrange(8))
            elif kind == 1:
                out += bytes((byte, dice.randrange(256)))
        return bytes(out)
