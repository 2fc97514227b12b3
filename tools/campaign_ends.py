"""Time `close()` while devices hang, and interrupt captures at random moments.

In: how often each fault is tried, and how many interrupts. Out: a table of the times of `close()`, a line for each
interrupt that left anything behind, a progress bar on a terminal, and exit status 1 when an end took 5 s or something
was left. Times are this computer's. Not here: how soon a fault is noticed and raised.

    .venv/bin/python tools/campaign_ends.py --times 10 --interrupts 300
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rigdriver.config import load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch

SCENARIO = "default?width=320&height=240&lockstep=false"
CLOSE_LIMIT_S = 5.0
RUNS_S = 1.0
LATEST_INTERRUPT_S = 8.0
WAIT_S = 60.0


def _hang_cameras(count: int) -> Callable[[Rig, RunningRig], None]:
    def plant(rig: Rig, running: RunningRig) -> None:
        with running.control() as control:
            for camera in rig.config.cameras[:count]:
                control.fault("camera.hang", camera.name)

    return plant


def _act(name: str) -> Callable[[Rig, RunningRig], None]:
    def plant(_rig: Rig, running: RunningRig) -> None:
        with running.control() as control:
            control.fault(name)

    return plant


def _stop_simulator(_rig: Rig, running: RunningRig) -> None:
    os.kill(running.pid, signal.SIGSTOP)


def _stop_camera_process(rig: Rig, _running: RunningRig) -> None:
    os.kill(rig.cameras.process_pid, signal.SIGSTOP)


FAULTS: dict[str, Callable[[Rig, RunningRig], None]] = {
    **{f"{n} hung cameras": _hang_cameras(n) for n in range(1, 7)},
    "hung producer": _act("producer.hang"),
    "stopped camera process": _stop_camera_process,
    "stopped simulator": _stop_simulator,
    "box unplugged": _act("box.unplug"),
}


def _seconds(act: Callable[[], Any]) -> tuple[float, str]:
    begun = time.monotonic()
    try:
        act()
    except Exception as exc:  # noqa: BLE001 - the table names it
        return time.monotonic() - begun, type(exc).__name__
    return time.monotonic() - begun, ""


def timed_close(fault: str) -> tuple[float, str]:
    """Return how long `close()` of a running rig takes behind the fault, and the error that it raised."""
    with launch(SCENARIO) as running:
        rig = Rig.open(running.rig_file)
        run = rig.run(frames=1000)
        run.start()
        time.sleep(RUNS_S)
        FAULTS[fault](rig, running)
        return _seconds(rig.close)


def interrupted(moment_s: float, folder: Path, running: RunningRig) -> str:
    """Interrupt a capture at that moment; return what was wrong afterwards, or nothing."""
    words = ["capture", "--rig", str(running.rig_file), "--frames", "40", "--no-images", "--out", str(folder)]
    child = subprocess.Popen([sys.executable, "-c", "from rigdriver.cli import main; main()", *words],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    time.sleep(moment_s)
    family = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=WAIT_S)
    if child.returncode not in (0, 130) or "Traceback" in told:
        return f"status {child.returncode}: {told[-300:]}"
    if psutil.wait_procs(family, timeout=WAIT_S)[1]:
        return "a process is left"
    with TriggerBox.open(load(running.rig_file).required_box()) as box:
        levels = box.status().output_levels
    return f"outputs 0x{int(levels):x} are high" if levels else ""


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10, help="tries of each fault (default 10)")
    parser.add_argument("--interrupts", type=int, default=300, help="interrupts at random moments (default 300)")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="this fault alone")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    console = Console()
    bar = Console(stderr=True)
    table = Table("fault", "tries", "close(), longest s", "median s", "errors")
    is_good = True
    faults = [asked.fault] if asked.fault else list(FAULTS)
    jobs = [(fault, n) for fault in faults for n in range(asked.times)]
    took: dict[str, list[tuple[float, str]]] = {fault: [] for fault in FAULTS}
    for fault, _ in track(jobs, "closing", console=bar, disable=not bar.is_terminal):
        took[fault].append(timed_close(fault))
    for fault, times in took.items():
        if times:
            ordered = sorted(time_s for time_s, _ in times)
            is_good &= ordered[-1] < CLOSE_LIMIT_S
            errors = ", ".join(sorted({name for _, name in times if name}))
            middle = ordered[len(ordered) // 2]
            table.add_row(fault, str(len(times)), f"{ordered[-1]:.2f}", f"{middle:.2f}", errors)
    console.print(table)
    return 0 if is_good & interrupts(asked.interrupts, asked.seed, console, bar) else 1


def interrupts(count: int, seed: int, console: Console, bar: Console) -> bool:
    """Interrupt captures at random moments, print what went wrong, and return whether nothing did."""
    moments = random.Random(seed)
    wrong: list[str] = []
    with launch(SCENARIO) as running, tempfile.TemporaryDirectory() as folder:
        for n in track(range(count), "interrupting", console=bar, disable=not bar.is_terminal):
            moment_s = moments.uniform(0.3, LATEST_INTERRUPT_S)
            if seen := interrupted(moment_s, Path(folder) / str(n), running):
                wrong.append(f"interrupt {n} at {moment_s:.3f} s: {seen}")
                console.print(wrong[-1], highlight=False, soft_wrap=True)
    console.print(f"{count} interrupts, {len(wrong)} wrong")
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
