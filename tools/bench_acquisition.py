"""Benchmark: this driver's acquisition path beside a plain harvesters program, on the same simulated cameras.

    python tools/bench_acquisition.py [--width 2048 --height 1536 --rate 10 --seconds 10 --rounds 3] [--json]

In: one simulated rig whose cameras run freely. Out: CPU seconds per frame (all processes of the contender, not the
simulator's), lateness of a 1 ms sleeper in the application's process, frames lost; medians over alternated rounds, and
their ratios. Each contender is a fresh process. The tool prints figures and has no limits.

The rival is what harvesters' own documentation shows, made as good as it gets: one thread per camera around `fetch`,
the buffers raised from 3 to as many as this driver announces, automatic chunk updates as they come, and one copy of the
pixels before the buffer goes back, without which no application can keep an image.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from rigdriver.config import RigConfig, load
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent
from rigdriver.frames import Frame

CONTENDERS = ("rigdriver", "harvesters")
SETTLE_S = 1.0
SLEEP_S = 0.001
FETCH_TIMEOUT_S = 3.0
STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one contender needed in one round."""

    frames: int
    lost: int
    cpu_s_per_frame: float
    late_ms_median: float
    late_ms_p99: float


class Ids:
    """Frame ids as they come, in the time that counts; what is missing between them was lost."""

    def __init__(self) -> None:
        self._ids: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self.is_counting = False

    def add(self, camera: str, frame_id: int) -> None:
        """Count a frame."""
        if self.is_counting:
            with self._lock:
                self._ids.setdefault(camera, []).append(frame_id)

    def totals(self) -> tuple[int, int]:
        """Return the frames that came and those that did not."""
        with self._lock:
            came = sum(len(ids) for ids in self._ids.values())
            lost = sum(max(0, b - a - 1) for ids in self._ids.values() for a, b in pairwise(ids))
        return came, lost


def measure(ids: Ids, processes: Sequence[psutil.Process], seconds: float) -> Figures:
    """Sleep in steps of a millisecond in the application's main thread, beside its acquisition, and count."""
    time.sleep(SETTLE_S)
    late: list[float] = []
    before = cpu_s(processes)
    ids.is_counting = True
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        time.sleep(SLEEP_S)
        late.append((time.perf_counter() - start - SLEEP_S) * 1e3)
    ids.is_counting = False
    used = cpu_s(processes) - before
    frames, lost = ids.totals()
    return Figures(frames, lost, used / max(1, frames), median(late), float(np.percentile(late, 99)))


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Return user and system time that the processes have used so far."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


# ---------------------------------------------------------------- the contenders


def free_running(config: RigConfig, rate_hz: float) -> dict[str, dict[str, bool | int | float | str]]:
    """Return the features that make every camera run by itself at that rate."""
    features: dict[str, bool | int | float | str] = {
        "TriggerMode": "Off",
        "ExposureTime": 2000.0,
        "AcquisitionFrameRateEnable": True,
        "AcquisitionFrameRate": rate_hz,
    }
    return {camera.name: features for camera in config.cameras}


def run_rigdriver(config: RigConfig, rate_hz: float, seconds: float) -> Figures:
    """Acquire through `Cameras`: a camera process, shared-memory slots, events on one thread."""
    ids = Ids()

    def sink(event: CameraEvent) -> None:
        if isinstance(event, Frame):
            ids.add(event.camera, event.frame_id)

    with Cameras.open(config.genicam, config.cameras, free_running(config, rate_hz)) as cameras:
        cameras.start(sink)
        figures = measure(ids, [psutil.Process(), psutil.Process(cameras.process_pid)], seconds)
        cameras.stop()
    return figures


def run_harvesters(config: RigConfig, rate_hz: float, seconds: float) -> Figures:
    """Acquire as harvesters' documentation shows, with a thread for each camera."""
    from harvesters.core import Harvester  # noqa: PLC0415 - only the rival's process loads the binding

    ids, is_over = Ids(), threading.Event()
    wanted = free_running(config, rate_hz)
    harvester = Harvester()
    for producer in config.genicam.producers:
        harvester.add_file(str(producer))
    harvester.update()
    acquirers = {camera.name: harvester.create({"serial_number": camera.serial}) for camera in config.cameras}
    threads = []
    for name, acquirer in acquirers.items():
        for feature, value in wanted[name].items():
            getattr(acquirer.remote_device.node_map, feature).value = value
        acquirer.num_buffers = config.genicam.buffers
        acquirer.start()
        work = fetch_loop(name, acquirer, ids, is_over)
        threads.append(threading.Thread(target=work, name=name, daemon=True))
    for thread in threads:
        thread.start()
    figures = measure(ids, [psutil.Process()], seconds)
    is_over.set()
    for thread in threads:
        thread.join(FETCH_TIMEOUT_S + STOP_S)
    for acquirer in acquirers.values():
        acquirer.stop()
        acquirer.destroy()
    harvester.reset()
    return figures


def fetch_loop(name: str, acquirer: object, ids: Ids, is_over: threading.Event) -> Callable[[], None]:
    """Return the loop of one camera's thread."""

    def loop() -> None:
        while not is_over.is_set():
            with acquirer.fetch(timeout=FETCH_TIMEOUT_S) as buffer:  # type: ignore[attr-defined]
                component = buffer.payload.components[0]
                image = component.data.reshape(component.height, component.width).copy()
                ids.add(name, buffer.frame_id if image.size else -1)

    return loop


# ---------------------------------------------------------------- the race


def race(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the contenders in turns on one simulated rig and sum up."""
    launch = next(iter(entry_points(group="rigdriver.rigs", name="sim"))).load()
    spec = f"default?width={arguments.width}&height={arguments.height}&rate_hz={arguments.rate}"
    rounds: dict[str, list[Figures]] = {contender: [] for contender in CONTENDERS}
    with launch(spec) as rig:
        for number in range(arguments.rounds):
            # The order alternates, so that a machine that grows busier or warmer favours nobody.
            for contender in CONTENDERS if number % 2 == 0 else CONTENDERS[::-1]:
                figures = run_contender(contender, rig.rig_file, arguments)
                rounds[contender].append(figures)
                print(f"round {number + 1}, {contender}: {figures}", file=sys.stderr, flush=True)
    return summary(rounds)


def run_contender(contender: str, rig_file: Path, arguments: argparse.Namespace) -> Figures:
    """Run one contender in a process of its own."""
    words = ["--contender", contender, "--rig-file", str(rig_file)]
    words += ["--rate", str(arguments.rate), "--seconds", str(arguments.seconds)]
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, timeout=60 + 2 * arguments.seconds, check=True
    )
    return Figures(**json.loads(done.stdout))


def summary(rounds: dict[str, list[Figures]]) -> dict[str, object]:
    """Return medians of every figure and the rival's share of ours."""
    medians = {
        contender: {field: median(asdict(figures)[field] for figures in each) for field in Figures.__slots__}
        for contender, each in rounds.items()
    }
    ours, theirs = (medians[contender] for contender in CONTENDERS)
    fields = ("cpu_s_per_frame", "late_ms_median", "late_ms_p99")
    ratios = {field: ours[field] / theirs[field] if theirs[field] else None for field in fields}
    lost = {contender: sum(figures.lost for figures in each) for contender, each in rounds.items()}
    return {"medians": medians, "lost_in_all_rounds": lost, "ratios_rigdriver_to_harvesters": ratios}


def print_summary(result: dict[str, object]) -> None:
    """Print the figures as a table."""
    medians, ratios, lost = result["medians"], result["ratios_rigdriver_to_harvesters"], result["lost_in_all_rounds"]
    assert isinstance(medians, dict)
    assert isinstance(ratios, dict)
    assert isinstance(lost, dict)
    print(f"{'median of the rounds':24}{CONTENDERS[0]:>12}{CONTENDERS[1]:>12}{'ratio':>8}")
    for field, unit, scale in (
        ("cpu_s_per_frame", "CPU ms per frame", 1e3),
        ("late_ms_median", "sleeper late, median ms", 1),
        ("late_ms_p99", "sleeper late, p99 ms", 1),
    ):
        values = "".join(f"{medians[contender][field] * scale:12.3f}" for contender in CONTENDERS)
        ratio = "-" if ratios[field] is None else f"{ratios[field]:.3f}"
        print(f"{unit:24}{values}{ratio:>8}")
    print(f"{'frames':24}" + "".join(f"{medians[contender]['frames']:12.0f}" for contender in CONTENDERS))
    print(f"{'frames lost, all rounds':24}" + "".join(f"{lost[contender]:12d}" for contender in CONTENDERS))


def main() -> int:
    """Run the race, or one contender of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=2048, help="pixels")
    parser.add_argument("--height", type=int, default=1536, help="pixels")
    parser.add_argument("--rate", type=float, default=10.0, help="frames per second and camera")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--rig-file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contenders = {"rigdriver": run_rigdriver, "harvesters": run_harvesters}
        config = load(arguments.rig_file)
        print(json.dumps(asdict(contenders[arguments.contender](config, arguments.rate, arguments.seconds))))
        return 0
    result = race(arguments)
    if arguments.json:
        print(json.dumps(result))
    else:
        print_summary(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
