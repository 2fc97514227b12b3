"""Campaign: a long recording of the simulated rig by the product: is all of it on the disk, as painted, and in time?

    .venv/bin/python tools/campaign_long_recording.py [--frames 3000] [--width 2048] [--height 1536] [--rate 10]
        [--modelled] [--force] [--folder DIR] [--json FILE]

In: number and size of the frame sets; the rig runs in a process of its own, in real time. `--modelled` lets its time
wait for the driver, so that many small frame sets take less than their length; nothing is late then. Out: a table, and
exit status 1 when a figure misses what is wanted. All images are read back and compared with the checksums of the
pixels that the simulator painted. Needed on the disk: frames * 6 * width * height bytes, all removed at the end. A
frame set is late when it is written more than the stated interval (1 s) after its pulse. Memory is that of this process
and of the camera process, once a second. Not here: rivals (see bench_recording.py), faulty disks (see
campaign_recording.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from unittest.mock import patch
from zlib import crc32

import psutil
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from rigdriver.procedures.record import RecordOptions, record
from rigdriver.recording.mcap.writer import McapMessage, McapWriter
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import Seal
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.score import read_checksums

LATE_S = 1.0
"""Time after its pulse, in s, at which a frame set must be written: the stated interval of a recording."""
MOST_CPU = 0.20
"""Share of a core that writing may take."""
MOST_P99_MS = 50.0
FLAT_MB = 32.0
"""Growth of the memory, in MB, from the second tenth of the recording to the last, that still counts as flat."""
SAMPLE_S = 1.0


@dataclass(slots=True)
class Cost:
    """What writing cost."""

    times_s: list[float] = field(default_factory=list)
    """Time in which each frame set was handed to the system."""
    delays_s: list[float] = field(default_factory=list)
    """Time from each pulse to the end of its write."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """CPU time by thread."""
    memory_mb: list[float] = field(default_factory=list)
    begun_s: float = 0.0
    ended_s: float = 0.0

    @property
    def cpu_share(self) -> float:
        """CPU time of the recorder's threads per second."""
        return sum(self.cpu_s.values()) / max(self.ended_s - self.begun_s, 1e-9)

    @property
    def growth_mb(self) -> float:
        """Growth of the memory from the second tenth of the recording to the last."""
        tenth = max(1, len(self.memory_mb) // 10)
        return median(self.memory_mb[-tenth:]) - median(self.memory_mb[tenth : 2 * tenth] or self.memory_mb)


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, what is wanted, and whether it is so."""

    name: str
    measured: str
    wanted: str
    is_good: bool


def main() -> int:
    """Record, read back, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=3000, help="frame sets (default 3000: 5 minutes at 10 Hz)")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--height", type=int, default=1536)
    parser.add_argument("--rate", type=float, default=10.0, help="frame sets per second")
    parser.add_argument("--modelled", action="store_true", help="let the rig's time wait for the driver")
    parser.add_argument("--force", action="store_true", help="begin although the disk is too slow or too small")
    parser.add_argument("--folder", type=Path, help="folder on the disk to use (default: the temporary one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        lines = _recorded(Path(name) / "take.mcap", chosen)
    table = Table("figure", "measured", "wanted", "", title=f"{chosen.frames} frame sets, {_spec(chosen)}")
    for line in lines:
        table.add_row(line.name, line.measured, line.wanted, "good" if line.is_good else "MISSED")
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n", encoding="utf-8")
    return 0 if all(line.is_good for line in lines) else 1


def _spec(chosen: argparse.Namespace) -> str:
    pace = "&lockstep=true&pace=0" if chosen.modelled else ""
    return f"default?width={chosen.width}&height={chosen.height}&rate_hz={chosen.rate:g}&checksums=true{pace}"


def _recorded(path: Path, chosen: argparse.Namespace) -> list[Line]:
    cost = Cost()
    with launch(_spec(chosen)) as running, Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task("recording", total=chosen.frames)
        options = RecordOptions(
            path, chosen.frames, is_forced=chosen.force, watch=lambda _frame_set: shown.advance(task)
        )  # fmt: skip
        with measured(cost, running):
            seal = record(running.rig_file, options).seal
        with running.control() as control:
            control.do("truth.flush")
        truth = read_checksums(running.truth_file)
    frame_sets, images, as_painted = compared(path, truth)
    late = sum(delay_s > LATE_S for delay_s in cost.delays_s)
    wanted = chosen.frames
    timely = Line("late", f"{late} (latest {1e3 * max(cost.delays_s):.0f} ms)", "0, within 1000 ms", late == 0)
    p99_ms = 1e3 * quantiles(cost.times_s, n=100)[98]
    return [
        *_sealed(seal, wanted),
        Line("frame sets read back", f"{frame_sets} of {wanted}", "all", frame_sets == wanted),
        Line("images as painted", f"{as_painted} of {images}", "all", as_painted == images == 6 * wanted),
        # In modelled time no wall clock says what is late.
        *([] if chosen.modelled else [timely]),
        Line("CPU of the writer", f"{cost.cpu_share:.1%} of a core", f"{MOST_CPU:.0%}", cost.cpu_share <= MOST_CPU),
        Line("write of a frame set, p99", f"{p99_ms:.1f} ms", f"{MOST_P99_MS:g} ms", p99_ms < MOST_P99_MS),
        Line("memory, most", f"{max(cost.memory_mb):.0f} MB", "", True),
        Line("memory, growth", f"{cost.growth_mb:+.1f} MB", f"{FLAT_MB:g} MB", cost.growth_mb <= FLAT_MB),
        Line("length of the recording", f"{cost.ended_s - cost.begun_s:.0f} s", "", True),
    ]


def _sealed(seal: Seal, wanted: int) -> list[Line]:
    told = f"{seal.state}{': ' if seal.reason else ''}{seal.reason}"
    return [
        Line("seal", told, "complete", seal.state == "complete"),
        Line("frame sets with all cameras", f"{seal.complete} of {seal.frame_sets}", "all", seal.complete == wanted),
        Line("known to be on the disk", str(seal.safe), "all", seal.safe == wanted),
    ]


@contextmanager
def measured(cost: Cost, running: RunningRig) -> Iterator[None]:
    """Measure what the recorder's threads do meanwhile, and the memory once a second."""
    write, sync, over = McapWriter.write_chunk, McapWriter.sync, threading.Event()

    def write_chunk(self: McapWriter, messages: Sequence[McapMessage]) -> None:
        begun_s = time.monotonic()
        write(self, messages)
        _note_thread(cost)
        if len(messages) > 1:  # a frame set; what the rig says besides comes alone or at the ends
            cost.ended_s = time.monotonic()
            cost.begun_s = cost.begun_s or begun_s
            cost.times_s.append(cost.ended_s - begun_s)
            cost.delays_s.append((time.time_ns() - messages[0].log_time_ns) / 1e9)

    def synced(self: McapWriter) -> None:
        sync(self)
        _note_thread(cost)

    sampler = threading.Thread(target=_sample, args=(cost, running.pid, over), name="memory", daemon=True)
    with patch.object(McapWriter, "write_chunk", write_chunk), patch.object(McapWriter, "sync", synced):
        sampler.start()
        try:
            yield
        finally:
            over.set()
            sampler.join()


def _note_thread(cost: Cost) -> None:
    # The disk of a recording is tried on the main thread before it begins.
    if (name := threading.current_thread().name).startswith("recording"):
        cost.cpu_s[name] = time.thread_time()


def _sample(cost: Cost, rig_pid: int, over: threading.Event) -> None:
    own = psutil.Process()
    while not over.wait(SAMPLE_S):
        with suppress(psutil.NoSuchProcess):
            rig = {rig_pid, *(child.pid for child in psutil.Process(rig_pid).children(recursive=True))}
            ours = [own, *(child for child in own.children(recursive=True) if child.pid not in rig)]
            cost.memory_mb.append(sum(process.memory_info().rss for process in ours) / 1e6)


def compared(path: Path, truth: Mapping[tuple[int, int, str], int]) -> tuple[int, int, int]:
    """Read a recording; return how many frame sets and images it holds, and how many of these are as painted."""
    frame_sets = images = as_painted = 0
    console = Console(stderr=True)
    with Recording(path) as recording:
        for taken in track(recording, "comparing", len(recording), console=console, disable=not console.is_terminal):
            frame_set = taken.frame_set
            frame_sets += 1
            for frame in frame_set:
                images += 1
                key = frame_set.proof.generation, frame_set.pulse_index, frame.camera
                as_painted += crc32(frame.pixels.data) == truth.get(key)
    return frame_sets, images, as_painted


if __name__ == "__main__":
    sys.exit(main())
