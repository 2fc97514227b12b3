"""Benchmark: from the last byte of a pulse's last frame to the proved frame set in the consumer's hands.

    python tools/bench_latency.py [--width 2048 --height 1536 --rate 10 --frames 300] [--burners N] [--json]

In: the simulated rig in real time, in a process of its own. Out: per pulse, the wall time (time.monotonic_ns, one clock
for all processes of a machine) at which the loop over the run got the frame set, minus the wall time at which the
simulator handed the pulse's last frame to the producer; percentiles of that, and of its parts: until the camera process
has taken that frame from the producer, and from there to the consumer. The bytes of a frame went into the producer's
buffer before that, while the simulated link carried them, if both processes were in time; else they still do after it.
The consumer only looks at its clock. Frame sets with gaps are counted, not measured. The tool prints figures beside the
targets.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

import bench_rig
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch

TARGETS_MS = {"p50": 1.0, "p99": 5.0}
PERCENTILES = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
SETTLE = 10
"""Number of frame sets at the start that do not count, because caches are cold."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One frame set as the consumer saw it."""

    pulse: int
    generation: int
    t_handed_ns: int
    t_fetched_ns: int
    """Time at which the camera process had taken the newest of its frames from the producer."""


def arrivals(rig_file: Path, frames: int) -> tuple[list[Arrival], int]:
    """Run the rig; return its complete frame sets, and how many were not."""
    complete, gaps = [], 0
    with Rig.open(rig_file) as rig:
        for frame_set in rig.run(frames=frames):
            # First of all: what follows is the benchmark's own time.
            t_handed_ns = time.monotonic_ns()
            gaps += not frame_set.is_complete
            if frame_set.is_complete and frame_set.pulse_index >= SETTLE:
                fetched = max(frame.t_host_ns for frame in frame_set)
                complete.append(Arrival(frame_set.pulse_index, frame_set.proof.generation, t_handed_ns, fetched))
    return complete, gaps


def published(running: RunningRig) -> dict[tuple[int, int], int]:
    """Return (generation, pulse) -> wall time at which the pulse's last frame was handed to the producer."""
    last: dict[tuple[int, int], int] = {}
    for line in running.truth():
        if line["what"] == "published" and line["pulse"] is not None:
            # Pulses are counted anew in each run, and the preamble is one.
            key = (line["run"], line["pulse"])
            last[key] = max(last.get(key, 0), line["t_host_ns"])
    return last


def percentiles_ms(spans_ns: list[int]) -> dict[str, float]:
    """Return the percentiles in milliseconds."""
    return {name: float(np.percentile(spans_ns, share)) / 1e6 for name, share in PERCENTILES.items()}


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    """Run once and return all figures."""
    spec = bench_rig.spec(arguments, rate_hz=arguments.rate)
    with launch(spec) as running, bench_rig.burning(arguments.burners):
        seen, gaps = arrivals(running.rig_file, arguments.frames)
        last = published(running)
    pairs = [(a, last[a.generation, a.pulse]) for a in seen]
    return {
        "frame_sets": len(pairs),
        "with_gaps": gaps,
        "whole_ms": percentiles_ms([a.t_handed_ns - t for a, t in pairs]),
        "until_taken_ms": percentiles_ms([a.t_fetched_ns - t for a, t in pairs]),
        "from_there_ms": percentiles_ms([a.t_handed_ns - a.t_fetched_ns for a, _ in pairs]),
        "median_ms": median((a.t_handed_ns - t) / 1e6 for a, t in pairs),
    }


def print_table(figures: dict[str, object]) -> None:
    """Print the figures for people."""
    print(f"{figures['frame_sets']} complete frame sets, {figures['with_gaps']} with gaps")
    print(f"{'milliseconds':44}" + "".join(f"{name:>8}" for name in PERCENTILES))
    for key, text in (
        ("until_taken_ms", "last byte -> taken from the producer"),
        ("from_there_ms", "-> matched, proved, in the loop"),
        ("whole_ms", "last byte -> frame set in the loop"),
    ):
        row = figures[key]
        assert isinstance(row, dict)
        print(f"{text:44}" + "".join(f"{row[name]:8.2f}" for name in PERCENTILES))
    targets = "".join(f"{TARGETS_MS[name]:8.2f}" if name in TARGETS_MS else " " * 8 for name in PERCENTILES)
    print(f"{'target':44}{targets}".rstrip())


def main() -> int:
    """Measure and print."""
    parser = bench_rig.options(__doc__, burners=0)
    parser.add_argument("--rate", type=float, default=10.0, help="pulses per second")
    parser.add_argument("--frames", type=int, default=300, help="frame sets")
    arguments = parser.parse_args()
    figures = measure(arguments)
    bench_rig.tell(arguments, figures, lambda: print_table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
