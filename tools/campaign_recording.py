"""Campaign: recordings that are killed, damaged, or written to a slow disk, and whether what was promised holds.

    .venv/bin/python tools/campaign_recording.py [--kills 50] [--flips 1000] [--slow-disk 20] [--seed 1] [--folder DIR]

In: numbers of trials. Out: one table per kind, and exit status 1 when a promise was broken. A kill: a program records,
and SIGKILL ends it at a random moment; every frame set that it had called safe must be read back to the bit. A flip:
one random bit of a whole recording is changed; it must be found, and no changed image may be decoded. A slow disk: each
write takes longer than a frame set's period; the recorder must ask for the end before one is lost, and all that it took
must be in the file. Lies: SIGKILL leaves the system alive, so that nothing here is about power cuts; the slow disk is a
delay before each write. Not here: cameras (see the tests in tests/rig).
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict
from rigdriver.recording.recorder import ON_THE_WAY, Recorder, Trouble
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import Plan, SealState

CAMERAS = ("left", "right", "colour")
SHAPE = (120, 160)
SYNC_S = 0.05
PERIOD_S = 0.01
"""Time between two frame sets of a killed recording."""
LONGEST_LIFE_S = 2.0
QUEUE = 20
SLOW_PERIOD_S = 0.005


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one trial."""

    figures: tuple[str, ...]
    is_kept: bool
    """Whether the promise was kept."""


def main() -> int:
    """Make the trials that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=0, help="recordings that are killed")
    parser.add_argument("--flips", type=int, default=0, help="bits that are changed")
    parser.add_argument("--slow-disk", type=int, default=0, help="recordings to a slow disk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="folder on the disk to use (default: the temporary one)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child is not None:
        record_until_killed(chosen.child)
    chance = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        kinds: list[tuple[str, int, Sequence[str], Callable[[int], Trial]]] = [
            ("kill", chosen.kills, ("life s", "called safe", "read back"), lambda k: _kill(folder, k, chance)),
            ("flip", chosen.flips, ("bit", "found by", "images decoded"), _flips(folder, chance)),
            ("slow disk", chosen.slow_disk, ("stopped at", "taken", "in the file", "seal"), _slow(folder, chance)),
        ]
        broken = sum(_shown(kind, count, columns, act) for kind, count, columns, act in kinds if count)
    return 1 if broken else 0


def _shown(kind: str, count: int, columns: Sequence[str], act: Callable[[int], Trial]) -> int:
    """Make the trials of a kind and print them; return how many broke their promise."""
    trials = [act(number) for number in range(count)]
    table = Table("no.", *columns, "promise", title=f"{count} x {kind}")
    # A thousand good lines tell nobody anything.
    shown = [(n, t) for n, t in enumerate(trials) if n < 20 or not t.is_kept]
    for number, trial in shown:
        table.add_row(str(number), *trial.figures, "kept" if trial.is_kept else "BROKEN")
    broken = sum(not trial.is_kept for trial in trials)
    console = Console()
    console.print(table)
    console.print(f"{kind}: {count - broken} of {count} kept")
    return broken


def made(index: int) -> FrameSet:
    """Return the frame set of that index, the same whenever it is asked for."""
    rng = np.random.default_rng(index)
    frames = {
        name: Frame(name, index, index, index, "Mono8", rng.integers(0, 256, SHAPE, np.uint8)) for name in CAMERAS
    }
    proof = Proof(index, 1, 0, 10**7, MappingProxyType({}), 0.0, ProofVerdict.UNPROVED)
    return FrameSet(index, index, 10**18 + index * 10**8, MappingProxyType(frames), MappingProxyType({}), proof)


def plan(frame_sets: int | None) -> Plan:
    """Return the plan of a recording of these cameras."""
    return Plan(rig="campaign", cameras=CAMERAS, t_utc_ns=10**18, frame_sets=frame_sets, sync_interval_s=SYNC_S)


def record_until_killed(path: Path) -> None:
    """Record, and say after each frame set how many are safe."""
    with Recorder(path, plan(None)) as recorder:
        index = 0
        while True:
            recorder.write(made(index))
            print(recorder.safe, flush=True)
            index += 1
            time.sleep(PERIOD_S)


def _kill(folder: Path, number: int, chance: random.Random) -> Trial:
    path, life_s = folder / f"kill{number}.mcap", chance.uniform(0.05, LONGEST_LIFE_S)
    words = [sys.executable, str(Path(__file__)), "--child", str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it was asked for"
        process.stdout.readline()  # the recording has begun
        time.sleep(life_s)
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().split()
    # The last line may have been cut by the kill.
    safe = max((int(line) for line in told[:-1]), default=0)
    good = _same_from_the_first_on(path)
    path.unlink()
    return Trial((f"{life_s:.2f}", str(safe), str(good)), good >= safe)


def _same_from_the_first_on(path: Path) -> int:
    """Return how many frame sets of a recording are as they were made, up to the first that is not."""
    with Recording(path) as recording:
        for place in range(len(recording)):
            try:
                if not _is_same(recording[place].frame_set, place):
                    return place
            except RecordingDamaged:
                return place
        return len(recording)


def _is_same(frame_set: FrameSet, index: int) -> bool:
    wanted = made(index)
    return frame_set.frames.keys() == wanted.frames.keys() and all(
        np.array_equal(frame.pixels, wanted[frame.camera].pixels) for frame in frame_set
    )


def _flips(folder: Path, chance: random.Random) -> Callable[[int], Trial]:
    path = folder / "whole.mcap"
    with Recorder(path, plan(4)) as recorder:
        for index in range(4):
            recorder.write(made(index))
    whole = path.read_bytes()

    def flip(_number: int) -> Trial:
        bit = chance.randrange(8 * len(whole))
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        path.write_bytes(raw)
        found, decoded = _told_of(path)
        return Trial((str(bit), found, str(decoded)), bool(found) and decoded == 0)

    return flip


def _told_of(path: Path) -> tuple[str, int]:
    """Return who found the damage, and how many images came back that were never made."""
    try:
        recording = Recording(path)
    except UsageError:
        return "opening", 0
    with recording:
        found = "verify" if any(True for _ in recording.check()) else ""
        wrong = 0
        for place in range(len(recording)):
            try:
                taken = recording[place]
            except RecordingDamaged:
                continue
            wrong += not _is_same(taken.frame_set, taken.index)
        return found, wrong


def _slow(folder: Path, chance: random.Random) -> Callable[[int], Trial]:
    real = os.writev

    def one(number: int) -> Trial:
        delay_s = SLOW_PERIOD_S * chance.uniform(1.5, 6)

        def writev(handle: int, parts: Sequence[bytes]) -> int:
            time.sleep(delay_s)
            return real(handle, parts)

        path = folder / f"slow{number}.mcap"
        with patch.object(os, "writev", writev):
            stopped_at, taken = _record_to_slow_disk(path)
        good = _same_from_the_first_on(path)
        with Recording(path) as recording:
            state = recording.state
            reason = recording.seal.reason if recording.seal else ""
        path.unlink()
        is_kept = good == taken and state is SealState.INCOMPLETE and Trouble.FULL.value in reason
        return Trial((str(stopped_at), str(taken), str(good), state.value), is_kept)

    return one


def _record_to_slow_disk(path: Path) -> tuple[int, int]:
    """Record until the recorder asks for the end; return when that was, and how many frame sets it took."""
    with Recorder(path, plan(100_000), QUEUE) as recorder:
        taken = 0
        while (trouble := recorder.trouble) is None or not trouble.ends_the_run:
            recorder.write(made(taken))
            taken += 1
            time.sleep(SLOW_PERIOD_S)
        stopped_at = taken
        for _ in range(ON_THE_WAY):
            recorder.write(made(taken))
            taken += 1
        recorder.close()
    return stopped_at, taken


if __name__ == "__main__":
    raise SystemExit(main())
