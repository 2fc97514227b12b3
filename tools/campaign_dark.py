"""Kill, stop or hang an application whose lamps flash, at random moments, and see when the box is dark.

In: how many tries of each kind, a seed. Each is an application in a process of its own that runs a simulated rig with
light by the computer's clock. Out: a table with the longest time from the act until the box had faulted with all
outputs low, asked of the simulated box every few milliseconds; every try with `--json`, and exit status 1 when one took
longer than it may: `box.watchdog_s` for a killed or stopped program, `box.busy_s` more for one that hangs. Not here:
what is told of it (see campaign_signals.py).

    .venv/bin/python tools/campaign_dark.py --times 25 --json dark.json
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from rigdriver.config import load
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch

SCENARIO = "default?width=160&height=120&lockstep=false&pace=1"
KILL, STOP, HANG = KINDS = ("kill", "stop", "hang")
PLAY = "--play"
"""Word that makes this file the application of a try."""
FIRST_FRAME_SETS = 5
LATEST_S = 3.0
LOOK_S = 0.005
SLACK_S = 0.1
"""What a look, the signal and a busy computer may add, in s."""
WAIT_S = 60.0
HANG_S = 20


@dataclass(frozen=True, slots=True)
class Try:
    """One act, and how long the box was not dark after it."""

    kind: str
    moment_s: float
    dark_after_s: float
    limit_s: float

    @property
    def is_late(self) -> bool:
        """Whether it took longer than it may."""
        return self.dark_after_s > self.limit_s + SLACK_S


def application(rig_file: Path) -> None:
    """Run with light until the end; hang at the signal USR1."""
    signal.signal(signal.SIGUSR1, lambda *_: ctypes.PyDLL(None).usleep(HANG_S * 1_000_000))
    with Rig.open(load(rig_file)) as rig, rig.run(frames=90) as run:
        for number, _ in enumerate(run):
            if number == FIRST_FRAME_SETS:
                print("lit", flush=True)


def tried(kind: str, moment_s: float, running: RunningRig) -> Try:
    """Start the application, act when its lamps have flashed for a while, and wait for darkness."""
    config = load(running.rig_file).required_box()
    words = [sys.executable, __file__, PLAY, str(running.rig_file)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child,
        running.control() as control,
    ):
        assert child.stdout is not None
        try:
            if child.stdout.readline().strip() != "lit":
                raise SystemExit("the application gave no frame set")
            time.sleep(moment_s)
            child.send_signal({KILL: signal.SIGKILL, STOP: signal.SIGSTOP, HANG: signal.SIGUSR1}[kind])
            begun_s = time.monotonic()
            while True:
                status = control.get("status")
                now_s = time.monotonic()
                if status["box_state"] == "FAULT" and status["output_levels"] == 0:
                    break
                if now_s - begun_s > WAIT_S:
                    break
                time.sleep(LOOK_S)
        finally:
            child.kill()
    limit_s = config.watchdog_s + (config.busy_s if kind == HANG else 0.0)
    return Try(kind, moment_s, now_s - begun_s, limit_s)


def campaign(times: int, seed: int, console: Console) -> list[Try]:
    """Try each kind that often."""
    chance = random.Random(seed)
    jobs = [kind for _ in range(times) for kind in KINDS]
    tries = []
    with launch(SCENARIO) as running:
        for kind in track(jobs, "acting", console=console, disable=not console.is_terminal):
            one = tried(kind, chance.uniform(0.0, LATEST_S), running)
            tries.append(one)
            if one.is_late:
                console.print(one, highlight=False, soft_wrap=True)
    return tries


def summary(tries: Sequence[Try]) -> Table:
    """Return the table of all tries: one row per kind."""
    table = Table("act", "tries", "dark after, longest s", "allowed s", "late")
    for kind in KINDS:
        mine = [one for one in tries if one.kind == kind]
        if mine:
            longest, late = max(one.dark_after_s for one in mine), sum(one.is_late for one in mine)
            table.add_row(kind, str(len(mine)), f"{longest:.3f}", f"{mine[0].limit_s:g}", str(late))
    return table


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=25, help="tries of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for every try")
    parser.add_argument(PLAY, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        application(options.play)
        return 0
    console = Console()
    tries = campaign(options.times, options.seed, console)
    console.print(summary(tries))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in tries], indent=1) + "\n", encoding="utf-8")
    return int(any(one.is_late for one in tries))


if __name__ == "__main__":
    sys.exit(main())
