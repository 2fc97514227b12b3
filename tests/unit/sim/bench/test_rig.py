"""The assembled rig in one process, with cameras that only listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rigdriver.wire.registers import CountersRecord
from rigdriver_sim.bench import stamp
from rigdriver_sim.bench.rig import CameraBank, SimulatedRig
from rigdriver_sim.camera.faults import CameraFaults, is_hit
from rigdriver_sim.camera.outages import Outages
from rigdriver_sim.camera.shared_link import SharedLink
from rigdriver_sim.camera.spec import CameraSpec, Exposure
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.reach import acts
from rigdriver_sim.scenario import ScenarioError, load
from rigdriver_sim.trigger_box.behaviour import OutputChange

MS = 1_000_000


class ListeningCamera:
    """Counts edges, exposes for 2 ms."""

    def __init__(self, spec: CameraSpec) -> None:
        self.spec = spec
        self.faults = CameraFaults()
        self.on_exposure: Callable[[Exposure], None]
        self.on_published: Callable[[Exposure, int], None]
        self.painter: Callable[[Exposure, npt.NDArray[Any]], None]
        self.is_light_known: Callable[[Exposure], bool]
        self.exposures: list[Exposure] = []
        self.shared_link: SharedLink | None = None
        self.is_plugged = True
        self.room = True

    def trigger(self, t_ns: int, *, is_rising: bool = True) -> Exposure | None:
        if not is_rising:
            return None
        exposure = Exposure(
            self.spec.name,
            len(self.exposures),
            t_ns,
            t_ns + 2 * MS,
            t_ns + 3 * MS,
            2000.0,
            t_ns,
            width=self.spec.width,
            height=self.spec.height,
        )
        self.exposures.append(exposure)
        self.on_exposure(exposure)
        return exposure

    def has_room(self) -> bool:
        return self.room

    def set_temperature(self, sensor_c: float | None) -> None:
        """Nobody reads it here."""

    @property
    def outages(self) -> Outages:
        raise NotImplementedError("no test of this file plants one")

    def unplug(self) -> None:
        self.is_plugged = False

    def replug(self) -> None:
        self.is_plugged = True


class Bench:
    def __init__(self, folder: Path, spec: str) -> None:
        self.engine = EventEngine(pace=0, wall_ns=lambda: 0)
        self.closed = 0
        self.cameras: list[ListeningCamera] = []
        self.rig = SimulatedRig(load(spec), self.engine, folder, self._make_cameras)

    def _make_cameras(self, specs: Sequence[CameraSpec], folder: Path, engine: EventEngine, seed: int) -> CameraBank:
        self.cameras = [ListeningCamera(spec) for spec in specs]
        return CameraBank(self.cameras, self._close, lambda: [3] * len(specs))

    def _close(self) -> None:
        self.closed += 1

    def outputs(self, changed: int, levels: int, pulse: int) -> None:
        self.rig.wires.outputs_changed(self.engine.now_ns, OutputChange(0, changed, levels, pulse))

    def run(self, until_ns: int) -> None:
        self.engine.at(until_ns, lambda: None)
        while self.engine.now_ns < until_ns:
            self.engine.step()

    def painted(self, camera: ListeningCamera) -> npt.NDArray[np.uint8]:
        out = np.zeros((camera.spec.height, camera.spec.width), np.uint8)
        camera.painter(camera.exposures[-1], out)
        return out


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, "default?width=320&height=160&faults.lose_frame.left_lower=[3]&faults.incomplete_every=7")
    yield bench
    bench.rig.close()
    bench.engine.close()


def test_exposure_lines_reach_the_inputs_of_the_box(bench: Bench) -> None:
    bench.outputs(0b100001, 0b100001, pulse=0)
    bench.run(MS)
    assert bench.rig.box._machine.behaviour.input_levels == 0b1100001
    bench.run(3 * MS)
    assert bench.rig.box._machine.behaviour.input_levels == 0b1000000


def test_a_frame_is_as_bright_as_its_own_pods_lamps_made_it(bench: Bench) -> None:
    left, right = bench.cameras[0], bench.cameras[3]
    bench.outputs(0b1001001, 0b1001001, pulse=5)  # both upper cameras, left_pattern
    bench.run(MS)
    bench.outputs(0b1001001, 0, pulse=5)
    bench.run(4 * MS)
    lit, dark = bench.painted(left), bench.painted(right)
    assert stamp.read(lit) == stamp.Stamp(0, 0, 5)
    assert stamp.read(dark) == stamp.Stamp(3, 0, 5)
    assert lit[100:].mean() > 5 * dark[100:].mean()


def test_planted_faults_reach_the_cameras(bench: Bench) -> None:
    hit = [[n for n in range(70) if is_hit(camera.faults.incomplete, n)] for camera in bench.cameras]
    assert sum(len(ordinals) for ordinals in hit) == 10
    assert is_hit(bench.cameras[1].faults.lose_frame, 3)
    assert not any(is_hit(camera.faults.lose_frame, 3) for camera in bench.cameras if camera is not bench.cameras[1])
    bench.rig.set_fault("lose_frame", {})
    assert not is_hit(bench.cameras[1].faults.lose_frame, 3)


def test_an_impossible_fault_changes_nothing(bench: Bench) -> None:
    before = bench.rig.wires.faults
    with pytest.raises(ScenarioError, match=r"faults\.incomplete_every = -3"):
        bench.rig.set_fault("incomplete_every", -3)
    assert bench.rig.wires.faults is before


def test_a_full_camera_holds_simulated_time(bench: Bench) -> None:
    bench.cameras[2].room = False
    bench.engine.at(MS, lambda: None)
    for _ in range(20):
        bench.engine.step()
    assert bench.engine.now_ns == 0
    bench.cameras[2].room = True
    bench.run(MS)


def test_acts_reach_box_and_cameras(bench: Bench) -> None:
    acts.handle(bench.rig, bench.engine, {"do": "camera.unplug", "camera": "right_lower"})
    assert not bench.cameras[4].is_plugged
    acts.handle(bench.rig, bench.engine, {"do": "interlock.open"})
    assert bench.rig.box._machine.behaviour.input_levels == 0
    acts.handle(bench.rig, bench.engine, {"do": "sync.pulse"})
    assert bench.rig.box._machine.behaviour.input_levels == 0x80
    bench.run(MS)
    assert bench.rig.box._machine.behaviour.input_levels == 0


def test_cameras_that_cannot_be_made_leave_no_port_behind(tmp_path: Path) -> None:
    engine = EventEngine(pace=0)

    def fail(*_: object) -> CameraBank:
        raise RuntimeError("no producer")

    with pytest.raises(RuntimeError, match="no producer"):
        SimulatedRig(load(""), engine, tmp_path, fail)
    assert not (tmp_path / "box").is_symlink()
    engine.close()


def test_the_status_holds_the_counters_that_the_box_answers_with(bench: Bench) -> None:
    bench.outputs(0b100001, 0b100001, pulse=0)
    bench.run(3 * MS)
    counters = CountersRecord(*bench.rig.status()["box_counters"])
    assert counters == CountersRecord(*bench.rig.box._machine.counters())
    assert counters.input_edges == 4  # both edges of two exposure lines


def test_the_status_tells_what_was_dropped(bench: Bench) -> None:
    assert bench.rig.status()["frames_dropped"]["left_upper"] == 3


def test_closing_twice_closes_the_cameras_once(bench: Bench) -> None:
    bench.rig.close()
    bench.rig.close()
    assert bench.closed == 1
