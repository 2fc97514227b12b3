"""`python tools/bench_simulator.py`: can the simulated rig show a face live, and what does it cost?

In: a scenario with a scene, a rate, seconds. Out: frame sets that came late or with gaps, and the CPU that the
simulator's process and the driver's two processes took, as text or JSON. Rendering the bank is not counted: it is done
once and kept on disk. Late: handed out more than half a period after its turn, the first frame set set aside.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass

import psutil

from rigdriver.config import load
from rigdriver.rig import Rig
from rigdriver_sim.launch import RunningRig, launch


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured."""

    scenario: str
    frame_sets: int
    complete: int
    late_frame_sets: int
    worst_late_ms: float
    rate_hz: float
    simulator_cpu_percent: float
    driver_cpu_percent: float
    host_cpu_percent: float
    late_actions_percent: float
    frames_dropped: int


class Cpu:
    """CPU time of one process since `begin`, in percent of one core."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.begin()

    def begin(self) -> None:
        self._used_s, self._at_s = self._now(), time.monotonic()

    def percent(self) -> float:
        return 100 * (self._now() - self._used_s) / (time.monotonic() - self._at_s)

    def _now(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def measure(spec: str, seconds: float) -> Figures:
    """Launch the rig, run it, and return the figures."""
    with launch(spec) as running:
        config = load(running.rig_file)
        # Without lamps in the plan the scene would be dark, so the train is cut into runs that the box allows.
        with Rig.open(config) as rig:
            return _run(rig, running, spec, round(seconds * config.schedule.rate_hz))


def _run(rig: Rig, running: RunningRig, spec: str, frames: int) -> Figures:
    with running.control() as control:
        before = control.get("status")
        cpu = [Cpu(pid) for pid in (running.pid, psutil.Process().pid, rig.cameras.host_pid)]
        left, complete, count, rates = frames, 0, 0, []
        late_ms: list[float] = []
        while left > 0:
            part = min(left, rig.config.light.max_train_pulses)
            run = rig.run(frames=part)
            arrivals = []
            for frame_set in run:
                arrivals.append((frame_set.index, time.monotonic_ns()))
                complete += frame_set.is_complete
            late_ms += lateness_ms(arrivals, 1e9 / rig.config.schedule.rate_hz)
            rates.append(run.statistics.rate_hz)
            count += len(arrivals)
            left -= part
        used = [c.percent() for c in cpu]
        after = control.get("status")
    actions = after["pacing"]["actions"] - before["pacing"]["actions"]
    late_actions = after["pacing"]["late_actions"] - before["pacing"]["late_actions"]
    half_ms = 500 / rig.config.schedule.rate_hz
    return Figures(
        scenario=spec,
        frame_sets=count,
        complete=complete,
        late_frame_sets=sum(1 for late in late_ms if late > half_ms),
        worst_late_ms=round(max(late_ms, default=float("nan")), 2),
        rate_hz=round(sum(rates) / len(rates), 4),
        simulator_cpu_percent=round(used[0], 1),
        driver_cpu_percent=round(used[1], 1),
        host_cpu_percent=round(used[2], 1),
        late_actions_percent=round(100 * late_actions / max(1, actions), 2),
        frames_dropped=sum(after["frames_dropped"].values()) - sum(before["frames_dropped"].values()),
    )


def lateness_ms(arrivals: list[tuple[int, int]], period_ns: float) -> list[float]:
    """Return how late each frame set came after its turn, the earliest one relative to its turn being on time."""
    offsets = [t_ns - index * period_ns for index, t_ns in arrivals[1:]]
    return [(offset - min(offsets)) / 1e6 for offset in offsets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="smile", help="with overrides: 'smile?rate_hz=5'")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = asdict(measure(options.scenario, options.seconds))
    print(json.dumps(figures) if options.json else "\n".join(f"{name:24} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
