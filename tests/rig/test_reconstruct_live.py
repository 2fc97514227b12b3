"""`rigdriver reconstruct` on a simulated rig that shows a face: live and captured first, with gaps, drops and Ctrl-C.

In: a small rig with one view of a face, the true calibration of its cameras. Out: clouds, figures.json and exit
statuses. Nothing here asks how long anything took.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner, Result

from rigdriver.calibration.file import load, save
from rigdriver.cli.verbs import app
from rigdriver.config import load as load_rig
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver_sim.program.launch import launch
from rigdriver_sim.scenario import load as load_scenario
from rigdriver_sim.scene.render import Renderer
from tests.rig.played import LOCKSTEP
from tests.stereo_truth import calibration_of

pytestmark = pytest.mark.sim

SIZE = (640, 480)
SCENARIO = f"smile?width={SIZE[0]}&height={SIZE[1]}&scene.bank.views=1&{LOCKSTEP}"
WAIT_S = 120.0


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The true cameras of that scenario, under the rig's name and serial numbers."""
    path = tmp_path_factory.mktemp("calibration") / "calibration.json"
    scene = load_scenario(SCENARIO).scene_spec
    assert scene is not None
    with launch(SCENARIO) as running:
        config = load_rig(Path(running.rig_file))
    save(calibration_of(Renderer(scene, *SIZE).pods.cameras, config), path)
    return path


@pytest.fixture(scope="module")
def face_rig() -> Iterator[Path]:
    with launch(SCENARIO) as running:
        yield Path(running.rig_file)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["reconstruct", *map(str, words)])


def figures(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return told


def test_live_every_frame_set_is_measured_or_counted_as_dropped(face_rig, calibration, tmp_path):
    done = run("--live", "--rig", face_rig, "-c", calibration, "-n", 12, "-o", tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert told["frame_sets"] + told["dropped_frame_sets"] == 12
    assert told["reconstructed"] == told["frame_sets"] >= 1
    rows = figures(tmp_path / "out")["frame_sets"]
    assert [row["index"] for row in rows] == sorted({row["index"] for row in rows})
    points = trimesh.load(tmp_path / "out" / f"{rows[0]['index']}.ply").vertices
    assert len(points) == rows[0]["points"] > 3000


def test_live_a_consumer_that_stalls_loses_whole_frame_sets_and_is_told_how_many(
    face_rig, calibration, tmp_path, monkeypatch
):
    from rigdriver.stereo.reconstruct import CellReconstructor

    real, stalled = CellReconstructor.reconstruct, []

    class Watched(FlashTrains):
        def __init__(self, rig, *rest):
            super().__init__(rig, *rest)
            stalled.append(rig)

    def stall(self, images):
        if len(stalled) == 1:
            stalled.append(True)
            deadline = time.monotonic() + WAIT_S
            while sum(r.statistics.dropped_frame_sets for r in stalled[0]._runs) < 5:
                assert time.monotonic() < deadline, "nothing was dropped"
                stalled[0].timebase.sleep(0.05)
        return real(self, images)

    monkeypatch.setattr("rigdriver.procedures.reconstruct.FlashTrains", Watched)
    monkeypatch.setattr(CellReconstructor, "reconstruct", stall)
    done = run("--live", "--rig", face_rig, "-c", calibration, "-n", 15, "-o", tmp_path / "out", "--json")
    told = json.loads(done.stdout)
    assert told["dropped_frame_sets"] >= 5
    assert told["frame_sets"] + told["dropped_frame_sets"] == 15
    assert figures(tmp_path / "out")["summary"]["dropped_frame_sets"] == told["dropped_frame_sets"]


def test_captured_first_keeps_images_and_proofs_and_measures_every_frame_set(face_rig, calibration, tmp_path):
    words = ["--rig", face_rig, "-c", calibration, "-n", 3, "-o", tmp_path / "out", "--tracks", "--no-pictures"]
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["reconstructed"] == 3
    assert len(list((tmp_path / "out" / "images" / "left_upper").glob("*.png"))) == 3
    assert (tmp_path / "out" / "images" / "proofs.csv").exists()
    # The face stands still in this rig, so its points must, too: noise of three frame sets, a third of a pixel.
    rows = figures(tmp_path / "out")["frame_sets"]
    assert rows[2]["tracks"]["kept"] > 0.8 * rows[0]["tracks"]["points"]
    assert rows[2]["tracks"]["moved_mm_median"] < 0.16
    again = run(*words)
    assert again.exit_code == 2
    assert "holds a reconstruction already" in again.stderr


def test_a_pulled_camera_leaves_the_other_pod_and_is_named(calibration, tmp_path):
    with launch(f"{SCENARIO}&faults.unplug_camera.left_lower=[4]") as running:
        done = run("--live", "--rig", running.rig_file, "-c", calibration, "-n", 12, "-o", tmp_path / "out", "--json")
    told, rows = json.loads(done.stdout), figures(tmp_path / "out")["frame_sets"]
    assert done.exit_code == 0, done.output
    early = [row for row in rows if int(row["index"]) < 4]
    late = [row for row in rows if int(row["index"]) > 5]
    assert all(set(row["pods"]) == {"left", "right"} for row in early)
    assert late
    assert all(set(row["pods"]) == {"right"} and row["points"] > 1000 for row in late)
    assert any("left_lower" in text for text in told["warnings"])
    assert "left_lower" in done.stderr


def test_a_frame_set_without_any_pod_is_a_reason_and_no_face(calibration, tmp_path):
    with launch(f"{SCENARIO}&faults.lose_frame.left_lower=[2]&faults.lose_frame.right_upper=[2]") as running:
        done = run("--rig", running.rig_file, "-c", calibration, "-n", 4, "-o", tmp_path / "out", "--no-pictures")
    rows = {row["index"]: row for row in figures(tmp_path / "out")["frame_sets"]}
    assert done.exit_code == 1
    assert rows["000002"]["points"] == 0
    assert "left_lower" in rows["000002"]["reason"]
    assert "right_upper" in rows["000002"]["reason"]
    assert not (tmp_path / "out" / "000002.ply").exists()
    assert rows["000001"]["points"] > 3000


def test_a_rig_without_calibration_and_one_of_another_rig_are_refused(face_rig, calibration, tmp_path):
    none = run("--live", "--rig", face_rig, "-o", tmp_path / "out")
    assert none.exit_code == 2
    assert "names no calibration; give one with --calibration" in none.stderr
    other = calibration.with_name("other.json")
    known = load(calibration)
    save(known.with_camera(replace(known["left_lower"], serial="SIM7")), other)
    wrong = run("--live", "--rig", face_rig, "-c", other, "-o", tmp_path / "out")
    assert wrong.exit_code == 2
    assert "left_lower" in wrong.stderr
    assert not (tmp_path / "out").exists()


def test_a_rig_set_to_another_image_size_is_refused_before_any_light(calibration, tmp_path):
    # The same cameras before nothing: that needs no rendering.
    with launch(f"default?width=320&height=240&name=smile&{LOCKSTEP}") as running:
        done = run("--live", "--rig", running.rig_file, "-c", calibration, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "images of 320x240 px; expected 640x480 px, as calibrated" in done.stderr


def test_ctrl_c_keeps_what_was_measured(face_rig, calibration, tmp_path):
    out = tmp_path / "out"
    words = ["reconstruct", "--live", "--rig", face_rig, "-c", calibration, "-n", 600, "-o", out]
    process = subprocess.Popen([sys.executable, "-m", "rigdriver.cli", *map(str, words)], stderr=subprocess.PIPE)
    wait_for(lambda: len(list(out.glob("*.ply"))) >= 2, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, told
    assert b"Traceback" not in told
    rows = figures(out)["frame_sets"]
    assert len(rows) == len(list(out.glob("*.ply"))) >= 2


def wait_for(is_there: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


def test_a_face_scores_well_against_the_truth_of_its_pulse(face_rig, calibration, tmp_path):
    done = run("--live", "--rig", face_rig, "-c", calibration, "-n", 1, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    from rigdriver.procedures.simulator import answer_of

    words = [SCENARIO, "--points", str(tmp_path / "out" / "000000.ply"), "--calibration", str(calibration)]
    mapped = ["--map", str(tmp_path / "out" / "000000.ply"), "--out", str(tmp_path / "error.npy")]
    told = answer_of("score", [*words, *mapped])
    error_um = np.load(tmp_path / "error.npy")
    assert told["points"] == len(error_um)
    # 640 x 480: 0.02 px are 27 um.
    assert told["median_um"] < 40
    assert np.median(np.abs(error_um)) == pytest.approx(told["median_um"], abs=0.5)
    assert told["share_within_200um"] > 0.9
