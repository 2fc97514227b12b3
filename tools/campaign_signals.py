"""Kill, or stop and continue, each process of a running rig at random moments, and count what was told falsely.

In: how many tries. Each is an application in a process of its own that runs frame sets by the computer's clock, one of
its processes (application, camera process, simulated rig), and a moment between its first line and its end. Out: a
table, a line for each try that went wrong, every try with `--json`, and exit status 1 when any did. Wrong are: a frame
whose own stamp names another pulse, a camera called lost although it was not, an error that nothing explains, a process
that is left, an output that is high, and a next run that does not work. Not here: Ctrl-C (see campaign_ends.py).

    .venv/bin/python tools/campaign_signals.py --times 100 --json signals.json
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

# The application of a try plays and judges as the tests do.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rigdriver.config import load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import dark, play

SCENARIO = "default?width=160&height=120&lockstep=false&pace=1"
APPLICATION, CAMERAS, SIMULATOR = PROCESSES = ("application", "camera process", "simulated rig")
PLAY = "--play"
"""Word that makes this file the application of a try."""
FRAMES, NEXT_FRAMES = 30, 5
LATEST_S = 6.0
"""Latest moment after the start of the application, which runs for about 3 s after it has opened the rig."""
SHORTEST_STOP_S, LONGEST_STOP_S = 0.05, 7.0
OF_AN_END = frozenset({"NO_SLOT", "LOST_ON_THE_WAY", "EDGES_LOST", "NOT_DELIVERED", "STOPPED"})
"""Reasons of gaps in a run that a stop has ended: frames that had not come by then."""
OF_ERRORS = {
    "BoxFault": frozenset({"NOT_TRIGGERED", "NOT_EXPOSED"}),
    "CameraProcessLost": frozenset({"CAMERA_LOST"}),
}
"""Error -> further reasons: the box turned everything off in a pulse, or a silent camera process was given up."""
OF_A_LOSS = frozenset({"NO_SLOT", "LOST_ON_THE_WAY", "NOT_DELIVERED", "AMBIGUOUS", "STOPPED"})
"""Reasons of gaps in a run that goes on after its cameras had no buffer for some frames."""
DOUBTFUL, CAMERAS_OF_THE_RIG = 8, 6
"""Number of late frames per camera, right before those that were lost, whose places may stay in doubt: as many as the
simulated cameras have buffers, where the run ends before another frame comes in time."""
OF_A_CAMERA = frozenset({"CameraMissing", "CameraError", "CameraSilent", "CameraProcessLost", "ProducerError"})
"""Errors that blame a camera or its process."""
CAMERA_SILENCE_S = 1.0
"""Time without a word after which a camera process may rightly be called lost."""
WAIT_S = 60.0
TOLD_EVERY = 25
MOST_MISSES = 8
"""Largest number of tries for one signal: at many moments there is nothing to hit yet, or any more."""


@dataclass(frozen=True, slots=True)
class Try:
    """One signal, and what came of it."""

    process: str
    moment_s: float
    stopped_s: float | None
    """Time for which the process stood still; None: it was killed."""
    missed: bool = False
    """Whether the application had ended, or the process did not exist yet, at that moment."""
    frame_sets: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    error: str = ""
    told: str = ""
    dropped: int = 0
    """Number of frames that the simulated cameras had no buffer for, because nobody read."""
    wrong: str = ""


def application(rig_file: Path) -> None:
    """Run frame sets and print what came of them."""
    told: dict[str, Any] = {"frame_sets": 0, "gaps": {}, "shifted": [], "error": "", "told": ""}
    try:
        with Rig.open(dark(load(rig_file))) as rig:
            played = play(rig, FRAMES)
        gaps = Counter(gap.reason.name for gap in played.gaps.values())
        told |= {"frame_sets": len(played.indices), "gaps": gaps, "shifted": played.shifted}
        error: RigError | None = played.error
    except RigError as exc:
        error = exc
    print(json.dumps({**told, "error": type(error).__name__ if error else "", "told": str(error or "")}))


def tried(process: str, stopped_s: float | None, moment_s: float, running: RunningRig) -> Try:
    """Start the application, signal the process at that moment, and judge what comes of it."""
    words = [sys.executable, __file__, PLAY, str(running.rig_file)]
    dropped = _dropped(running)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            time.sleep(moment_s)
            family = _family(child)
            hit = _hit(process, child, family, running, stopped_s)
            out, err = child.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return Try(process, moment_s, stopped_s, wrong=f"the application lived {WAIT_S:g} s longer")
        finally:
            child.kill()
    one = Try(process, moment_s, stopped_s, not hit)
    complaints = []
    if "Traceback" in err:
        complaints.append(f"traceback: {err[-400:]}")
    if psutil.wait_procs(family, timeout=WAIT_S)[1]:
        complaints.append("a process is left")
    if out.strip():
        told = json.loads(out)
        complaints += [f"frame in the wrong set: {shift}" for shift in told.pop("shifted")]
        lost = 0 if process == SIMULATOR and stopped_s is None else _dropped(running) - dropped
        one = Try(process, moment_s, stopped_s, not hit, **told, dropped=lost)
        complaints += _false(one)
    elif not (hit and process == APPLICATION and stopped_s is None):
        complaints.append(f"the application said nothing: {err[-400:]}")
    if process != SIMULATOR or stopped_s is not None:
        complaints += _next_run(running)
    return Try(**{**asdict(one), "wrong": "; ".join(complaints)})


def _dropped(running: RunningRig) -> int:
    """Return the number of frames that the rig's cameras have dropped so far."""
    with running.control() as control:
        return sum(control.get("status")["frames_dropped"].values())


def _family(child: subprocess.Popen[str]) -> Sequence[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(child.pid).children(recursive=True)
    return ()


def _hit(
    process: str,
    child: subprocess.Popen[str],
    family: Sequence[psutil.Process],
    running: RunningRig,
    stopped_s: float | None,
) -> bool:
    """Kill it, or stop and continue it; return False when it is not there."""
    if child.poll() is not None:
        return False
    if process == CAMERAS:
        victims = [one for one in family if "camera_process" in " ".join(one.cmdline())]
    else:
        victims = [psutil.Process(child.pid if process == APPLICATION else running.pid)]
    if not victims:
        return False
    try:
        victims[0].suspend() if stopped_s else victims[0].kill()
    except psutil.NoSuchProcess:
        return False
    if stopped_s:
        time.sleep(stopped_s)
        with suppress(psutil.NoSuchProcess):  # the driver ends a camera process that is silent for too long
            victims[0].resume()
    return True


def _false(one: Try) -> list[str]:
    """Return what the driver told that is not so."""
    if one.missed:
        return [f"nothing was done, but: {one.error or one.gaps}"] if one.error or one.gaps else []
    if one.stopped_s is None:
        # A killed camera process or rig ends the run, unless the run was over.
        return [] if one.error or one.frame_sets == FRAMES else [f"{one.frame_sets} frame sets, and no error"]
    found = []
    # A run that goes on has every frame for which its camera had a buffer.
    allowed: frozenset[str] = frozenset()
    if one.error:
        allowed = OF_AN_END | OF_ERRORS.get(one.error, allowed)
    elif one.dropped:
        allowed = OF_A_LOSS
    if strange := set(one.gaps) - allowed:
        found.append(f"gaps that a stop does not make: {sorted(strange)}")
    elif not one.error and sum(one.gaps.values()) > one.dropped + (DOUBTFUL * CAMERAS_OF_THE_RIG if one.dropped else 0):
        found.append(f"{sum(one.gaps.values())} gaps, and {one.dropped} frames were dropped")
    if one.error in OF_A_CAMERA and (one.process == APPLICATION or one.stopped_s < CAMERA_SILENCE_S):
        found.append(f"a camera is blamed: {one.told}")
    if not one.error and one.frame_sets != FRAMES:
        found.append(f"{one.frame_sets} frame sets, and no error")
    return found


def _next_run(running: RunningRig) -> list[str]:
    """Return what is wrong with the next run of the same rig."""
    config = dark(load(running.rig_file))
    try:
        with Rig.open(config) as rig:
            played = play(rig, NEXT_FRAMES)
        with TriggerBox.open(config.required_box()) as box:
            levels = int(box.status().output_levels)
    except RigError as exc:
        return [f"the next run: {exc}"]
    found = [f"the next run: {played.error or dict(played.gaps)}"] if played.error or played.gaps else []
    return [*found, *([f"outputs 0x{levels:x} are high"] if levels else [])]


def campaign(times: int, seed: int, processes: Sequence[str], console: Console, bar: Console) -> list[Try]:
    """Try each process that often at random moments; half of the tries kill it, half stop and continue it."""
    chance = random.Random(seed)
    jobs = [(process, is_kill) for _ in range((times + 1) // 2) for is_kill in (True, False) for process in processes]
    tries: list[Try] = []
    done = 0
    running: RunningRig | None = None
    try:
        for process, is_kill in track(jobs, "signalling", console=bar, disable=not bar.is_terminal):
            running = running or launch(SCENARIO)
            for _ in range(MOST_MISSES):
                tries.append(_one(process, is_kill, chance, running))
                if tries[-1].wrong:
                    console.print(tries[-1], highlight=False, soft_wrap=True)
                if not tries[-1].missed:
                    break
            done += 1
            if not done % TOLD_EVERY:
                console.print(f"{done} of {len(jobs)} signals, {sum(bool(one.wrong) for one in tries)} tries wrong")
            if process == SIMULATOR and is_kill:
                running.close()
                running = None
    finally:
        if running is not None:
            running.close()
    return tries


def _one(process: str, is_kill: bool, chance: random.Random, running: RunningRig) -> Try:
    """Try once at a random moment; the lengths of stops are spread evenly on a logarithmic scale."""
    moment_s = chance.uniform(0.0, LATEST_S)
    stopped_s = None if is_kill else SHORTEST_STOP_S * (LONGEST_STOP_S / SHORTEST_STOP_S) ** chance.random()
    return tried(process, stopped_s, moment_s, running)


def summary(tries: Sequence[Try]) -> Table:
    """Return the table of all tries: one row per process and act."""
    table = Table("process", "act", "tries", "nothing to hit", "complete", "with gaps", "errors", "wrong")
    for process in PROCESSES:
        for act, is_kill in (("kill", True), ("stop, continue", False)):
            mine = [one for one in tries if one.process == process and (one.stopped_s is None) is is_kill]
            if not mine:
                continue
            errors = Counter(one.error for one in mine if one.error)
            told = ", ".join(f"{name} {count}" for name, count in sorted(errors.items()))
            whole = sum(one.frame_sets == FRAMES and not one.gaps for one in mine)
            numbers = (len(mine), sum(one.missed for one in mine), whole, sum(bool(one.gaps) for one in mine))
            table.add_row(process, act, *map(str, numbers), told, str(sum(bool(one.wrong) for one in mine)))
    return table


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="tries of each process (default 100)")
    parser.add_argument("--process", choices=PROCESSES, action="append", help="this process alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every try into this file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(PLAY, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.play is not None:
        application(asked.play)
        return 0
    console, bar = Console(), Console(stderr=True)
    tries = campaign(asked.times, asked.seed, asked.process or PROCESSES, console, bar)
    console.print(summary(tries))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(one) for one in tries], indent=1) + "\n", encoding="utf-8")
    return 1 if any(one.wrong for one in tries) else 0


if __name__ == "__main__":
    sys.exit(main())
