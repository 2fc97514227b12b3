"""`python tools/bench_simulator.py`: can the simulated rig show a face live, and what does it cost?

In: a scenario with a scene, a rate, seconds. Out: frame sets that came late or with gaps, the CPU that the simulator's
process and the driver's two processes took, and how long they waited for a core, as text or JSON. Rendering the bank
is not counted: it is done once and kept on disk. Late: handed out more than half a period after its turn, the first
frame set set aside. Each late frame set stands in the answer with what its processes waited for a core since the one
before it, and what the machine's other guests stole: what those do not explain is the simulator's or the driver's own.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from rigdriver.config import load
from rigdriver.rig import Rig
from rigdriver_sim.program.launch import RunningRig, launch

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds that threads were ready to run and did not: since they began, or since an earlier look."""

    simulator_ms: float
    driver_ms: float
    host_ms: float
    stolen_ms: float
    """Time that other guests of the machine took, all cores together."""

    def since(self, before: Waits) -> Waits:
        return Waits(
            round(self.simulator_ms - before.simulator_ms, 1),
            round(self.driver_ms - before.driver_ms, 1),
            round(self.host_ms - before.host_ms, 1),
            round(self.stolen_ms - before.stolen_ms, 1),
        )


@dataclass(frozen=True, slots=True)
class Late:
    """A frame set that came late, and what happened between the one before it and this one."""

    index: int
    late_ms: float
    waits: Waits


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
    waits: Waits
    late: tuple[Late, ...]


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of one rig and its driver."""

    simulator: int
    driver: int
    host: int

    def waits(self) -> Waits:
        # The eighth number of the line `cpu` is the time that other guests took (proc(5)).
        steal = int(Path("/proc/stat").read_text().split(maxsplit=9)[8])
        return Waits(_waited_ms(self.simulator), _waited_ms(self.driver), _waited_ms(self.host), steal * TICK_MS)


def _waited_ms(pid: int) -> float:
    # The second number is the time, in ns, that a thread waited on a run queue (the kernel's sched-stats).
    return sum(int(p.read_text().split()[1]) for p in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


class Cpu:
    """CPU time of one process since it was made, in percent of one core."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
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
            # As an application that minds 40 ms would: what is loaded by now is no garbage.
            gc.collect()
            gc.freeze()
            return _run(rig, running, spec, round(seconds * config.schedule.rate_hz))


def _run(rig: Rig, running: RunningRig, spec: str, frames: int) -> Figures:
    processes = Processes(running.pid, os.getpid(), rig.cameras.process_pid)
    with running.control() as control:
        before, waits = control.get("status"), processes.waits()
        cpu = [Cpu(pid) for pid in (processes.simulator, processes.driver, processes.host)]
        complete, count, worst_ms, rates = 0, 0, 0.0, []
        late: list[Late] = []
        while count < frames:
            run = rig.run(frames=min(frames - count, rig.config.light.max_train_flashes))
            arrivals = []
            looks = []
            for frame_set in run:
                arrivals.append((frame_set.pulse_index, time.monotonic_ns()))
                complete += frame_set.is_complete
                looks.append(processes.waits())
            late_ms = lateness_ms(arrivals, 1e9 / rig.config.schedule.rate_hz)
            for at, by_ms in enumerate(late_ms, start=1):
                worst_ms = max(worst_ms, by_ms)
                if by_ms > 500 / rig.config.schedule.rate_hz:
                    late.append(Late(count + at, round(by_ms, 1), looks[at].since(looks[at - 1])))
            rates.append(run.statistics.rate_hz)
            count += len(arrivals)
        used = [c.percent() for c in cpu]
        after = control.get("status")
        waited = processes.waits().since(waits)
    actions = after["pacing"]["actions"] - before["pacing"]["actions"]
    late_actions = after["pacing"]["late_actions"] - before["pacing"]["late_actions"]
    return Figures(
        scenario=spec,
        frame_sets=count,
        complete=complete,
        late_frame_sets=len(late),
        worst_late_ms=round(worst_ms, 2),
        rate_hz=round(sum(rates) / len(rates), 4),
        simulator_cpu_percent=round(used[0], 1),
        driver_cpu_percent=round(used[1], 1),
        host_cpu_percent=round(used[2], 1),
        late_actions_percent=round(100 * late_actions / max(1, actions), 2),
        frames_dropped=sum(after["frames_dropped"].values()) - sum(before["frames_dropped"].values()),
        waits=waited,
        late=tuple(late),
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
