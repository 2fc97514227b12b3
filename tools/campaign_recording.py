"""Campaign: recordings that are killed, damaged, or written to a faulty disk, and whether what was promised holds.

    .venv/bin/python tools/campaign_recording.py [--kills 50] [--flips 1000] [--slow-disk 20] [--short-writes 100]
        [--stalls 4] [--failed-syncs 20] [--full-disk 4] [--slow-rig 20] [--seed 1] [--folder DIR]

In: numbers of trials. Out: one table per kind, and exit status 1 when a promise was broken. A program records, and
SIGKILL ends it at a random moment, or its disk has the fault (faulty_disk.c, a small tmpfs). What is judged: every
frame set that was called safe is in the file to the bit, also in the part of it that the disk had kept before it
failed; what is missing after a kill is not older than the stated interval; the seal says what the file holds; a disk
that is too slow ends the recording before a frame set is lost; a flipped bit is found and never decoded. `--slow-rig`
records a simulated rig by the verb itself. Lies: SIGKILL leaves the system alive, so that nothing here is about power
cuts. Not here: how long and how fast (see campaign_long_recording.py, bench_recording.py).
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zlib import crc32

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import faulty_disk
from faulty_disk import DiskFault
from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict
from rigdriver.recording.recorder import ON_THE_WAY, Recorder, Trouble
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import Plan, SealState
from rigdriver_sim.program.launch import launch
from rigdriver_sim.score import read_checksums

CAMERAS = ("left", "right", "colour")
SHAPE = (120, 160)
STATED_S = 1.0
"""Stated interval of a recording that is killed, in s: that of the product."""
SYNC_S = 0.1
"""Stated interval of the others, so that a short one is put on the disk some times."""
PERIOD_S = 0.01
LONGEST_LIFE_S = 4.0
STALL_MS = 5000
STALL_PERIOD_S = 0.05
QUEUE = 20
LONG_QUEUE = 200
"""Queue that holds what comes while a disk stands still."""
FULL_MB = 24
RIG = "default?width=160&height=120&rate_hz=20&checksums=true"
RIG_DELAYS_US = (100_000, 400_000)
"""Times of a write, in us, that make a disk too slow for that rig: its frame sets come every 50 ms."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one trial."""

    figures: tuple[str, ...]
    is_kept: bool
    """Whether the promise was kept."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a recording program told while it lived."""

    safe: int
    """Most frame sets that it called safe."""
    handed_ns: tuple[int, ...]
    """Time of each frame set at which the recorder had it, ns of the monotonic clock."""
    end: dict[str, Any]
    """Its last words; empty after a kill."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a file."""

    good: int
    """Number of frame sets, from the first on, that are as they were made."""
    state: SealState
    reason: str
    sealed: int
    """Number of frame sets that the seal counts; -1 without one."""
    safe: int
    """Number of frame sets that the seal calls safe; 0 without one."""


def main() -> int:
    """Make the trials that were asked for."""
    chosen = _chosen()
    if chosen.child is not None:
        record_and_tell(chosen.child, plan(chosen.frames, chosen.interval), chosen.period, chosen.queue)
        return 0
    chance = random.Random(chosen.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.folder)))
        library = faulty_disk.compiled(folder)
        on_disk = partial(_on_faulty_disk, folder, library)
        faulty = ("fault", "called safe", "kept for certain", "in the file", "seal")
        kinds: list[tuple[str, int, Sequence[str], Callable[[int], Trial]]] = [
            (
                "kill",
                chosen.kills,
                ("life s", "safe", "read back", "oldest missing ms"),
                partial(_kill, folder, chance),
            ),
            ("flip", chosen.flips, ("bit", "found by", "images decoded"), _flips(folder, chance)),
            ("slow disk", chosen.slow_disk, faulty, lambda k: on_disk(k, *_slow(chance))),
            ("short writes", chosen.short_writes, faulty, lambda k: on_disk(k, *_short(chance))),
            ("stall", chosen.stalls, faulty, lambda k: on_disk(k, *_stall(k, chance))),
            ("failed sync", chosen.failed_syncs, faulty, lambda k: on_disk(k, *_failed_sync(chance))),
            ("full disk", chosen.full_disk, ("safe", "in the file", "seal"), partial(_full, folder)),
            (
                "slow rig",
                chosen.slow_rig,
                ("delay ms", "in the file", "as painted", "seal", "outputs"),
                partial(_slow_rig, folder, library, chance),
            ),
        ]
        broken = sum(_shown(kind, count, columns, act) for kind, count, columns, act in kinds if count)
    return 1 if broken else 0


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, what in (
        ("--kills", "recordings that are killed"), ("--flips", "bits that are changed"),
        ("--slow-disk", "recordings to a slow disk"), ("--short-writes", "recordings to a disk that takes parts"),
        ("--stalls", "recordings to a disk that stands still for 5 s"),
        ("--failed-syncs", "recordings to a disk that forgets once"),
        ("--full-disk", f"recordings to a disk of {FULL_MB} MB (needs unshare(1) and user namespaces)"),
        ("--slow-rig", "recordings of a simulated rig to a slow disk"),
    ):  # fmt: skip
        parser.add_argument(name, type=int, default=0, help=what)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="folder on the disk to use (default: the temporary one)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--period", type=float, default=PERIOD_S, help=argparse.SUPPRESS)
    parser.add_argument("--interval", type=float, default=SYNC_S, help=argparse.SUPPRESS)
    parser.add_argument("--queue", type=int, default=QUEUE, help=argparse.SUPPRESS)
    return parser.parse_args()


def _shown(kind: str, count: int, columns: Sequence[str], act: Callable[[int], Trial]) -> int:
    """Make the trials of a kind and print them; return how many broke their promise."""
    console = Console(stderr=True)
    trials = [act(number) for number in track(range(count), kind, console=console, disable=not console.is_terminal)]
    table = Table("no.", *columns, "promise", title=f"{count} x {kind}")
    # A thousand good lines tell nobody anything.
    shown = [(n, t) for n, t in enumerate(trials) if n < 20 or not t.is_kept]
    for number, trial in shown:
        table.add_row(str(number), *trial.figures, "kept" if trial.is_kept else "BROKEN")
    broken = sum(not trial.is_kept for trial in trials)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    print(f"{kind}: {count - broken} of {count} kept", flush=True)
    return broken


# ---------------------------------------------------------------- the program that records


def made(index: int) -> FrameSet:
    """Return the frame set of that index, the same whenever it is asked for."""
    rng = np.random.default_rng(index)
    frames = {
        name: Frame(name, index, index, index, "Mono8", rng.integers(0, 256, SHAPE, np.uint8)) for name in CAMERAS
    }
    proof = Proof(index, 1, 0, 10**7, MappingProxyType({}), 0.0, ProofVerdict.UNPROVED)
    return FrameSet(index, index, 10**18 + index * 10**8, MappingProxyType(frames), MappingProxyType({}), proof)


def plan(frame_sets: int | None, interval_s: float = SYNC_S) -> Plan:
    """Return the plan of a recording of these cameras."""
    return Plan(rig="campaign", cameras=CAMERAS, t_utc_ns=10**18, frame_sets=frame_sets, sync_interval_s=interval_s)


def record_and_tell(path: Path, planned: Plan, period_s: float, queue: int) -> None:
    """Record as the verb does; print after each frame set how many are safe and the time, and at the end what came."""
    recorder, taken = Recorder(path, planned, queue), 0
    try:
        with recorder:
            wanted = float("inf") if planned.frame_sets is None else planned.frame_sets
            while taken < wanted:
                recorder.write(made(taken))
                taken += 1
                print(recorder.safe, time.monotonic_ns(), flush=True)
                if recorder.trouble is Trouble.FULL:
                    wanted = min(wanted, taken + ON_THE_WAY)
                time.sleep(period_s)
    except OSError as exc:
        print(json.dumps({"taken": taken, "error": str(exc)}))
    else:
        print(json.dumps({"taken": taken}))


def _command(path: Path, *options: object) -> list[str]:
    return [sys.executable, str(Path(__file__)), "--child", str(path), *map(str, options)]


def _told(lines: Sequence[str]) -> Told:
    """Return what a program told; its last line may have been cut by a kill."""
    end = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    claims = [line.split() for line in lines if not line.startswith("{")]
    pairs = [(int(safe), int(at)) for safe, at in (claim for claim in claims if len(claim) == 2)]
    return Told(max((safe for safe, _ in pairs), default=0), tuple(at for _, at in pairs), end)


def _read(path: Path) -> Found:
    with Recording(path) as recording:
        good, seal = _good(recording), recording.seal
        if seal is None:
            return Found(good, recording.state, "", -1, 0)
        return Found(good, recording.state, seal.reason, seal.frame_sets, seal.safe)


def _good(recording: Recording) -> int:
    """Return how many frame sets of a recording are as they were made, up to the first that is not."""
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


# ---------------------------------------------------------------- kills and flipped bits


def _kill(folder: Path, chance: random.Random, number: int) -> Trial:
    path, life_s = folder / f"kill{number}.mcap", chance.uniform(0.05, LONGEST_LIFE_S)
    with subprocess.Popen(_command(path, "--interval", STATED_S), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it was asked for"
        first = process.stdout.readline()  # the recording has begun
        time.sleep(life_s)
        process.send_signal(signal.SIGKILL)
        killed_ns = time.monotonic_ns()
        *lines, _cut = [first, *process.stdout.read().split("\n")]
    told, found = _told(lines), _read(path)
    path.unlink()
    missing_ms = max(0.0, (killed_ns - told.handed_ns[found.good]) / 1e6) if found.good < len(told.handed_ns) else 0.0
    is_kept = found.good >= told.safe and missing_ms <= 1e3 * STATED_S
    return Trial((f"{life_s:.2f}", str(told.safe), str(found.good), f"{missing_ms:.0f}"), is_kept)


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
        found, decoded = _damage_in(path)
        return Trial((str(bit), found, str(decoded)), bool(found) and decoded == 0)

    return flip


def _damage_in(path: Path) -> tuple[str, int]:
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


# ---------------------------------------------------------------- disks


@dataclass(frozen=True, slots=True)
class Setting:
    """How a program records."""

    frames: int = 100
    period_s: float = PERIOD_S
    queue: int = QUEUE

    @property
    def options(self) -> tuple[object, ...]:
        """Options of the program."""
        return "--frames", self.frames, "--period", self.period_s, "--queue", self.queue


def _slow(chance: random.Random) -> tuple[DiskFault, Setting, str]:
    delay_us = round(1e6 * PERIOD_S * chance.uniform(1.5, 6))
    return DiskFault(delay_us=delay_us), Setting(frames=100_000), Trouble.FULL.value


def _short(chance: random.Random) -> tuple[DiskFault, Setting, str]:
    return DiskFault(short_seed=chance.randrange(1, 2**31)), Setting(), ""


def _stall(number: int, chance: random.Random) -> tuple[DiskFault, Setting, str]:
    """Every second queue is long enough for the stall."""
    is_long = number % 2 == 1
    setting = Setting(150, STALL_PERIOD_S, LONG_QUEUE if is_long else QUEUE)
    return (
        DiskFault(stall_at=chance.randrange(5, 40), stall_ms=STALL_MS),
        setting,
        "" if is_long else Trouble.FULL.value,
    )


def _failed_sync(chance: random.Random) -> tuple[DiskFault, Setting, str]:
    return DiskFault(fail_at=chance.randrange(1, 8)), Setting(), "Input/output error"


def _on_faulty_disk(
    folder: Path, library: Path, number: int, fault: DiskFault, setting: Setting, reason: str
) -> Trial:  # fmt: skip
    """Record to a faulty disk; `reason` must stand in the seal, and without one the recording must be complete."""
    path, log = folder / f"faulty{number}.mcap", folder / "kept.txt"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        _command(path, *setting.options), env=faulty_disk.environment(library, fault, log), check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    told, found = _told(done.stdout.splitlines()), _read(path)
    with path.open("r+b") as file:
        file.truncate(faulty_disk.kept_bytes(log))
    kept = _read(path).good
    path.unlink()
    safe = max(told.safe, found.safe)
    is_sealed = found.state is (SealState.INCOMPLETE if reason else SealState.COMPLETE) and reason in found.reason
    # A disk that is only slow loses nothing that was taken.
    has_all = found.good == found.sealed and (fault.fail_at >= 0 or found.good == told.end["taken"])
    figures = (_text_of(fault), str(safe), str(kept), f"{found.good} of {told.end['taken']}", found.state.value)
    return Trial(figures, is_sealed and has_all and safe <= kept)


def _text_of(fault: DiskFault) -> str:
    usual = DiskFault()
    told = {name: getattr(fault, name) for name in DiskFault.__slots__}
    return " ".join(f"{name} {value}" for name, value in told.items() if value != getattr(usual, name))


def _full(folder: Path, number: int) -> Trial:
    small, path = folder / f"small{number}", folder / f"full{number}.mcap"
    small.mkdir()
    script = f'mount -t tmpfs -o size={FULL_MB}m none "$0" && "$@" && cp "$0"/take.mcap "{path}"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(small)]
    record = _command(small / "take.mcap", "--frames", 100_000, "--period", 0)
    done = subprocess.run([*words, *record], check=True, text=True, stdout=subprocess.PIPE)
    told, found = _told(done.stdout.splitlines()), _read(path)
    path.unlink()
    # A full disk forgets nothing: what it took is safe.
    is_sealed = found.state is SealState.INCOMPLETE and "No space left" in found.reason
    is_kept = is_sealed and found.good == found.sealed == found.safe >= told.safe > 0
    return Trial((str(max(told.safe, found.safe)), f"{found.good} of {told.end['taken']}", found.state.value), is_kept)


def _slow_rig(folder: Path, library: Path, chance: random.Random, number: int) -> Trial:
    """Record a rig by the verb to a disk that is too slow: it ends in order, and all before the stop is there."""
    path, log, delay_us = folder / f"rig{number}.mcap", folder / "kept.txt", chance.randrange(*RIG_DELAYS_US)
    with launch(RIG) as rig:
        words = ["record", "--rig", str(rig.rig_file), "--frames", "5000", "--out", str(path)]
        subprocess.run(
            [sys.executable, "-m", "rigdriver.cli", *words], check=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=faulty_disk.environment(library, DiskFault(delay_us=delay_us), log),
        )  # fmt: skip
        with rig.control() as control:
            control.do("truth.flush")
            outputs = control.get("status")["output_levels"]
        truth = read_checksums(rig.truth_file)
    with Recording(path) as recording:
        seal, as_painted = recording.seal, sum(_is_as_painted(taken.frame_set, truth) for taken in recording)
        is_in_a_row = [taken.index for taken in recording] == list(range(len(recording)))
        figures = (f"{delay_us / 1e3:.0f}", str(len(recording)), str(as_painted), recording.state.value, str(outputs))
        is_whole = is_in_a_row and as_painted == len(recording) and outputs == 0
    path.unlink()
    reason = seal.reason if seal else ""
    is_told = Trouble.FULL.value in reason and "could not be written" not in reason and "lack a camera" not in reason
    return Trial(figures, is_whole and is_told)


def _is_as_painted(frame_set: FrameSet, truth: Any) -> bool:
    run = frame_set.proof.generation
    painted = {frame.camera: truth.get((run, frame_set.pulse_index, frame.camera)) for frame in frame_set}
    return frame_set.is_complete and all(crc32(frame.pixels.data) == painted[frame.camera] for frame in frame_set)


if __name__ == "__main__":
    raise SystemExit(main())
