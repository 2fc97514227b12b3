"""Benchmark: how well a run knows box time on a loaded machine, against the simulated rig's truth.

    python tools/bench_clock.py [--burners 2 --seconds 30 --width 2048 --height 1536] [--json]

In: the simulated rig in real time, and processes that keep cores busy meanwhile. Out: for each frame set, how far the
host time of its pulse's start is from the truth, beside the bound that the driver states for that moment; percentiles,
and the share of moments at which the truth lies within the bound. The simulator's own loop is late when the machine is
loaded, and then answers a probe with a tick that is past: such readings cannot be, and are counted as outliers.
The tool prints figures and has no limits.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import bench_rig
from rigdriver.rig import Rig
from rigdriver.run.run import Run
from rigdriver_sim.program.launch import RunningRig, launch

TARGET_US = 100.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One pulse's start as the driver has it."""

    t_box_ticks: int
    t_host_ns: int
    bound_ns: float


def moments(running: RunningRig, pulses: int) -> tuple[list[Moment], Run]:
    """Run the rig and ask its clock at each frame set."""
    seen = []
    with Rig.open(running.rig_file) as rig:
        run = rig.run(frames=pulses)
        assert isinstance(run, Run)
        for frame_set in run:
            tick = frame_set.proof.start_ticks
            seen.append(Moment(tick, frame_set.t_host_ns, run.host_clock.bound_ns(tick)))
    return seen, run


def errors_us(running: RunningRig, seen: list[Moment]) -> list[float]:
    """Return how late the driver's host time is at each moment."""
    with running.control() as control:
        origin_wall_ns = control.get("status")["origin_wall_ns"]
    (box,) = (line for line in running.truth() if line["what"] == "box")
    # By the truth a tick of 100 ns of the box's crystal lasts 100 / (1 + drift) ns.
    rate = 1 + box["drift_ppb"] / 1e9
    return [(m.t_host_ns - origin_wall_ns - box["boot_ns"] - m.t_box_ticks * 100 / rate) / 1e3 for m in seen]


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Run once and return all figures."""
    with launch(bench_rig.spec(arguments)) as running, bench_rig.burning(arguments.burners):
        seen, run = moments(running, round(arguments.seconds * 10))
        late_us = errors_us(running, seen)
    away = np.abs(late_us)
    bounds = np.array([m.bound_ns / 1e3 for m in seen])
    return {
        "moments": len(seen),
        "error_us_p50": float(np.percentile(away, 50)),
        "error_us_p99": float(np.percentile(away, 99)),
        "error_us_max": float(away.max()),
        "share_within_100_us": float((away <= TARGET_US).mean()),
        "bound_us_p50": float(np.percentile(bounds, 50)),
        "share_within_bound": float((away <= bounds).mean()),
        "outliers": run.host_clock.outliers,
        "resets": run.host_clock.resets,
    }


def print_table(figures: Mapping[str, float]) -> None:
    """Print the figures for people."""
    for name, value in figures.items():
        print(f"{name:24}{value:12.4g}")
    print(f"{'target, error_us':24}{TARGET_US:12.4g}")


def main() -> int:
    """Measure and print."""
    parser = bench_rig.options(__doc__, burners=2)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the run, s, at ten pulses per second")
    arguments = parser.parse_args()
    figures = measure(arguments)
    bench_rig.tell(arguments, figures, lambda: print_table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
