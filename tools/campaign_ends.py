"""Time the end of a rig and the news of a fault while devices hang, and interrupt captures at random moments.

In: how often each fault, and each combination of faults, is tried, and how many interrupts. Out: a table of the times,
a line for each interrupt that left anything behind, a progress bar on a terminal, every try with `--json`, and exit
status 1 when an end took 5 s, a fault reached the loop after 1 s, or something was left. Times are this computer's.

    .venv/bin/python tools/campaign_ends.py --times 10 --combined 1 --interrupts 300 --json ends.json

A try plants its faults in a run of some frame sets and either closes the rig at once ("close"), or takes frame sets
until the loop raises, and closes the rig then ("raise"). Where cameras alone hang the run goes on; then
the interlock is opened, and its fault is the one that the loop waits for.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rigdriver.config import load
from rigdriver.devices.box.serial_port import SerialPort
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import LaunchError, RunningRig, launch

SCENARIO = "default?width=160&height=120&lockstep=false"
CLOSE_LIMIT_S, RAISE_LIMIT_S = 5.0, 1.0
WARM_UP_FRAME_SETS = 5
LATEST_PLANT_S = 0.2
LATEST_INTERRUPT_S = 8.0
WAIT_S = 60.0
LONG_S = "60"
MOST_TRIES = 5
TOLD_EVERY = 25
BEFORE = "before the first line of the program"
"""Moment at which Python itself still starts; no line of the driver can answer for it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What hangs at once; nothing by default."""

    hung_cameras: int = 0
    producer: str = ""
    """`hung`, or `stopped` for the camera process."""
    is_simulator_stopped: bool = False
    wire: str = ""
    """`unplugged`, or the dead direction: `to_box`, `to_host`."""

    def __str__(self) -> str:
        told = [f"{self.hung_cameras} hung cameras"] if self.hung_cameras else []
        told += [{"hung": "hung producer", "stopped": "stopped camera process"}[self.producer]] if self.producer else []
        told += ["stopped simulator"] if self.is_simulator_stopped else []
        told += ["box unplugged" if self.wire == "unplugged" else f"wire {self.wire} dead"] if self.wire else []
        return ", ".join(told)

    @property
    def ends_a_run(self) -> bool:
        """Whether a run ends by itself; cameras that do not expose are gaps."""
        return self != Faults(hung_cameras=self.hung_cameras)

    @property
    def ways(self) -> Sequence[str]:
        """Ways of ending that are timed; a process that was stopped from outside is given 5 s to go on."""
        return ("close",) if self.producer == "stopped" else ("close", "raise")

    def plant(self, rig: Rig, running: RunningRig) -> None:
        """Let it all happen; what stops the simulator comes last."""
        with running.control() as control:
            for camera in rig.config.cameras[: self.hung_cameras]:
                control.fault("camera.hang", camera.name)
            if self.producer == "hung":
                control.fault("producer.hang")
            if self.wire == "unplugged":
                control.fault("box.unplug")
            elif self.wire:
                control.fault("serial_side", self.wire)
                control.fault("cut_serial_s", LONG_S)
                control.fault("cut_serial")
        if self.producer == "stopped":
            os.kill(rig.cameras.process_pid, signal.SIGSTOP)
        if self.is_simulator_stopped:
            os.kill(running.pid, signal.SIGSTOP)


SINGLE = [
    *(Faults(hung_cameras=n) for n in range(1, 7)),
    *(Faults(producer=kind) for kind in ("hung", "stopped")),
    Faults(is_simulator_stopped=True),
    *(Faults(wire=kind) for kind in ("unplugged", "to_box", "to_host")),
]
COMBINED = [
    faults
    for parts in itertools.product(range(7), ("", "hung"), (False, True), ("", "to_box", "to_host"))
    if (faults := Faults(*parts)) not in (Faults(), *SINGLE)
]


@dataclass(frozen=True, slots=True)
class Try:
    """One end, timed."""

    faults: str
    way: str
    """`close`, or `raise`."""
    close_s: float
    raise_s: float | None
    """Time from the fault to its error in the loop; None where the rig was closed at once."""
    error: str
    """Error that the loop or `close()` raised."""
    left: str
    """What was left behind."""

    @property
    def is_good(self) -> bool:
        """Whether it was in time, and nothing was left."""
        return self.close_s < CLOSE_LIMIT_S and (self.raise_s or 0.0) < RAISE_LIMIT_S and not self.left


def ended(faults: Faults, way: str, chance: random.Random) -> Try:
    """Let a rig run, plant the faults, end it in that way, and time it."""
    with launch(SCENARIO) as running, Rig.open(running.rig_file) as rig:
        camera_process = rig.cameras.process_pid
        loop = iter(rig.run(frames=1000))
        for _ in range(WARM_UP_FRAME_SETS):
            next(loop)
        time.sleep(chance.uniform(0, LATEST_PLANT_S))
        raise_s, error = (None, "") if way == "close" else _until_raised(loop, faults, rig, running)
        if way == "close":
            faults.plant(rig, running)
        close_s, error_of_close = _seconds(rig.close)
        left = _left(rig, camera_process)
        if faults.is_simulator_stopped:
            os.kill(running.pid, signal.SIGCONT)
        return Try(str(faults), way, close_s, raise_s, error or error_of_close, left)


def _until_raised(loop: object, faults: Faults, rig: Rig, running: RunningRig) -> tuple[float, str]:
    """Take frame sets until the loop raises; return the time since the fault that it raises, and the error."""
    planted_s: list[float] = []

    def plant() -> None:
        planted_s.append(time.monotonic())
        faults.plant(rig, running)
        if not faults.ends_a_run:
            planted_s.append(time.monotonic())
            with running.control() as control:
                control.fault("interlock.open")

    planter = threading.Thread(target=plant)
    planter.start()
    try:
        for _ in loop:  # type: ignore[attr-defined]
            pass
    except RigError as exc:
        raised_s, error = time.monotonic(), type(exc).__name__
    else:
        raised_s, error = time.monotonic(), "none"
    planter.join(WAIT_S)
    happened_s = planted_s[-1]
    if faults.wire.startswith("to_"):  # a line dies at the second pulse from then
        happened_s = _died_s(running, happened_s + 1 / rig.config.schedule.rate_hz, faults)
    return raised_s - happened_s, error


def _died_s(running: RunningRig, earliest_s: float, faults: Faults) -> float:
    """Return when the line died, by the rig's own record; the earliest moment where the rig stands still."""
    if faults.is_simulator_stopped:
        return earliest_s
    with running.control() as control:
        origin_ns = int(control.get("status")["origin_wall_ns"])
    cuts = [line["t_ns"] for line in running.truth() if line.get("fault") == "cut_serial"]
    return (origin_ns + int(cuts[-1])) / 1e9 if cuts else earliest_s


def _seconds(act: Callable[[], None]) -> tuple[float, str]:
    begun = time.monotonic()
    try:
        act()
    except Exception as exc:  # noqa: BLE001 - the table names it
        return time.monotonic() - begun, type(exc).__name__
    return time.monotonic() - begun, ""


def _left(rig: Rig, camera_process: int) -> str:
    """Return what a closed rig has left behind."""
    with suppress(psutil.NoSuchProcess):
        child = psutil.Process(camera_process)
        if child.status() != psutil.STATUS_ZOMBIE and psutil.wait_procs([child], timeout=1)[1]:
            return "the camera process"
    try:
        SerialPort(rig.config.required_box().url).close()
    except RigError as exc:
        return "" if "no such port" in str(exc) else f"the port: {exc}"
    return ""


def interrupted(moment_s: float, folder: Path, running: RunningRig) -> str:
    """Interrupt a capture at that moment; return what was wrong afterwards, or nothing."""
    words = ["capture", "--rig", str(running.rig_file), "--frames", "40", "--no-images", "--out", str(folder)]
    child = subprocess.Popen([sys.executable, "-m", "rigdriver.cli", *words],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    time.sleep(moment_s)
    family = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
    child.send_signal(signal.SIGINT)
    begun = time.monotonic()
    try:
        _, told = child.communicate(timeout=WAIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return f"it lived {WAIT_S:g} s longer"
    took_s = time.monotonic() - begun
    if child.returncode in (1, -signal.SIGINT) and not re.search(
        r"cli/__init__.py\", line \d+, in main|^error: ", told, re.MULTILINE
    ):
        return BEFORE
    if child.returncode not in (0, 130) or "Traceback" in told or "left to itself" in told:
        return f"status {child.returncode}: {told[-300:]}"
    if took_s > CLOSE_LIMIT_S:
        return f"it took {took_s:.1f} s"
    if psutil.wait_procs(family, timeout=WAIT_S)[1]:
        return "a process is left"
    with TriggerBox.open(load(running.rig_file).required_box()) as box:
        levels = box.status().output_levels
    return f"outputs 0x{int(levels):x} are high" if levels else ""


def interrupts(count: int, seed: int, console: Console, bar: Console) -> list[str]:
    """Interrupt captures at random moments, print what went wrong, and return it."""
    moments = random.Random(seed)
    wrong: list[str] = []
    early = 0
    if not count:
        return wrong
    with launch(SCENARIO) as running, tempfile.TemporaryDirectory() as folder:
        for n in track(range(count), "interrupting", console=bar, disable=not bar.is_terminal):
            moment_s = moments.uniform(0.05, LATEST_INTERRUPT_S)
            seen = interrupted(moment_s, Path(folder) / str(n), running)
            early += seen == BEFORE
            if seen not in ("", BEFORE):
                wrong.append(f"interrupt {n} at {moment_s:.3f} s: {seen}")
                console.print(wrong[-1], highlight=False, soft_wrap=True)
            if not (n + 1) % TOLD_EVERY:
                console.print(f"{n + 1} interrupts, {early} {BEFORE}, {len(wrong)} wrong")
    return wrong


def summary(tries: Sequence[Try]) -> Table:
    """Return the table of all tries: one row per fault and way."""
    table = Table("faults", "way", "tries", "raised, longest s", "close(), longest s", "median s", "errors", "left")
    for key in dict.fromkeys((one.faults, one.way) for one in tries):
        mine = [one for one in tries if (one.faults, one.way) == key]
        closes = sorted(one.close_s for one in mine)
        raised = [one.raise_s for one in mine if one.raise_s is not None]
        told = [", ".join(sorted({text for text in texts if text})) for texts in (
            [one.error for one in mine], [one.left for one in mine])]  # fmt: skip
        middle = closes[len(closes) // 2]
        longest = f"{max(raised):.2f}" if raised else ""
        table.add_row(*key, str(len(mine)), longest, f"{closes[-1]:.2f}", f"{middle:.2f}", *told)
    return table


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10, help="tries of each single fault in each way (default 10)")
    parser.add_argument("--combined", type=int, default=1, help="tries of each combination (default 1)")
    parser.add_argument("--interrupts", type=int, default=300, help="interrupts at random moments (default 300)")
    parser.add_argument("--fault", choices=[str(faults) for faults in SINGLE], help="this fault alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every try into this file")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    # A shell starts jobs in the background with SIGINT ignored, and their children would ignore it, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    console, bar = Console(), Console(stderr=True)
    single = [faults for faults in SINGLE if asked.fault in (None, str(faults))]
    jobs = [*single * asked.times, *([] if asked.fault else COMBINED * asked.combined)]
    tries: list[Try] = []
    chance = random.Random(asked.seed)
    wrong: list[str] = []
    try:
        ends = [(faults, way) for faults in jobs for way in faults.ways]
        for faults, way in track(ends, "ending", console=bar, disable=not bar.is_terminal):
            tries.append(_made(faults, way, chance, console))
            if not tries[-1].is_good:
                console.print(tries[-1], highlight=False, soft_wrap=True)
        wrong = interrupts(asked.interrupts, asked.seed, console, bar)
    finally:
        console.print(summary(tries))
        if asked.json:
            told = {"tries": [asdict(one) for one in tries], "interrupts": asked.interrupts, "wrong": wrong}
            asked.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong or not all(one.is_good for one in tries) else 0


def _made(faults: Faults, way: str, chance: random.Random, console: Console) -> Try:
    """Return the try; one that does not come to its fault (on a computer with no time for it) is made again."""
    told = ""
    for _ in range(MOST_TRIES):
        try:
            return ended(faults, way, chance)
        except (RigError, LaunchError) as exc:
            told = f"no try: {type(exc).__name__}: {exc}"
            console.print(f"{faults}, {way}: {told}", highlight=False, soft_wrap=True)
    return Try(str(faults), way, 0.0, None, "", told)


if __name__ == "__main__":
    sys.exit(main())
