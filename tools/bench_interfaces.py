"""Benchmark: `rigdriver list` and the opening of a rig, with many interfaces of which none, one or all are slow.

    .venv/bin/python tools/bench_interfaces.py [--repeat 3] [--json FILE]

In: simulated producers with 1, 2, 4 and 8 interfaces; slow ones take 3 s of the wall's time to look for devices. Where
one is slow, it is the one that sees the cameras, so that it must be waited for. Out: a table of median times, each with
its ratio to the same case with one interface, and exit status 1 where more interfaces cost more than half of what one
slow interface takes: asked one after the other, each slow one would cost all of it. Not here: producers of vendors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch

INTERFACES = (1, 2, 4, 8)
SLOW = ("none", "one", "all")
SLOW_S = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Median times of one producer."""

    interfaces: int
    slow: str
    list_s: float
    open_s: float


def main() -> int:
    """Measure all producers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="times that each is measured (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file")
    asked = parser.parse_args()
    jobs = [(slow, count) for slow in SLOW for count in INTERFACES]
    bar = track(jobs, "interfaces", console=Console(stderr=True), disable=not sys.stderr.isatty())
    figures = {(slow, count): measure(slow, count, asked.repeat) for slow, count in bar}
    if asked.json:
        asked.json.write_text(json.dumps([asdict(m) for m in figures.values()], indent=1) + "\n", encoding="utf-8")
    Console().print(_table(figures))
    beyond = [(m, figures[m.slow, 1]) for m in figures.values()]
    is_good = all(max(m.list_s - one.list_s, m.open_s - one.open_s) < SLOW_S / 2 for m, one in beyond)
    return 0 if is_good else 1


def measure(slow: str, interfaces: int, repeat: int) -> Measured:
    """Return the median times of a producer with that many interfaces."""
    slow_ones = {"none": [], "one": [interfaces - 1], "all": list(range(interfaces))}[slow]
    keys = f"producer.interfaces={interfaces}&producer.cameras=last&producer.slow_s={SLOW_S:g}"
    keys += f"&producer.slow_interfaces={json.dumps(slow_ones, separators=(',', ':'))}"
    with launch(f"default?width=320&height=240&{keys}") as running:
        list_s = median(_timed(lambda: _list(running)) for _ in range(repeat))
        open_s = median(_timed(lambda: Rig.open(running.rig_file).close()) for _ in range(repeat))
    return Measured(interfaces, slow, list_s, open_s)


def _timed(act: Callable[[], None]) -> float:
    begun_s = time.monotonic()
    act()
    return time.monotonic() - begun_s


def _list(running: RunningRig) -> None:
    command = [sys.executable, "-m", "rigdriver.cli", "list", "--producer", str(running.producer)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _table(figures: dict[tuple[str, int], Measured]) -> Table:
    table = Table("slow", "interfaces", "list", "x", "open", "x", title=f"a slow interface takes {SLOW_S:g} s")
    for (slow, count), m in figures.items():
        one = figures[slow, 1]
        times = [(m.list_s, m.list_s / one.list_s), (m.open_s, m.open_s / one.open_s)]
        row = [text for t_s, ratio in times for text in (f"{t_s:.2f} s", f"{ratio:.2f}")]
        table.add_row(slow, str(count), *row, end_section=count == INTERFACES[-1])
    return table


if __name__ == "__main__":
    sys.exit(main())
