"""A simulated box in a thread of this process, and a link that damages bytes.

In: how the box is made, or a seed and how often to damage. Out: URLs to open, and a port between host and box. What the
simulation is asked to do runs in its own loop.
"""

import queue
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.devices.serial_port import SerialPort
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.trigger_box.box import BoxSetup, SimulatedBox
from rigdriver_sim.trigger_box.facts import BoxFacts

WAIT_S = 10.0


@dataclass(frozen=True)
class BoxWorld:
    """One box in its loop; `do` runs an act there and waits for it."""

    box: SimulatedBox
    urls: dict[str, str]
    do: Callable[[Callable[[], None]], None]
    now_ns: Callable[[], int]


@contextmanager
def simulated_box(folder: Path, facts: BoxFacts = BoxFacts()) -> Iterator[BoxWorld]:  # noqa: B008 - frozen
    engine = EventEngine(pace=1.0)
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
        )
    finally:
        engine.stop()
        thread.join(WAIT_S)
        box.close()
        engine.close()
        bell.close()
        ear.close()


@dataclass
class DamagingPort:
    """Flips, loses and inserts bytes, one in `one_in`, both ways, while `is_on`."""

    port: SerialPort
    one_in: int
    seed: int
    is_on: bool = False
    damaged: int = 0
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = self.port.url
        self._to_box = random.Random(self.seed)
        self._from_box = random.Random(self.seed + 1)

    def read(self) -> bytes:
        return self._damage(self.port.read(), self._from_box)

    def write(self, data: bytes) -> None:
        self.port.write(self._damage(data, self._to_box))

    def flush_input(self) -> None:
        self.port.flush_input()

    def close(self) -> None:
        self.port.close()

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
