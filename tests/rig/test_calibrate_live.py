"""Guided capture on the simulated rig, from the trigger box to a calibration, scored against the scene's truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from rigdriver.calibration.file import load
from rigdriver.cli.calibrate import app
from rigdriver.config import load as load_rig
from rigdriver.errors import CalibrationMismatch
from rigdriver_sim.scenario import load as load_scenario
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.score import CalibratedCamera, score_calibration
from tests.rig.played import LOCKSTEP

WIDTH, HEIGHT, VIEWS = 640, 480, 14
SCENARIO = f"board?width={WIDTH}&height={HEIGHT}&scene.bank.views=16&scene.bank.pulses_a_view=2&{LOCKSTEP}"
POINT_UM, STEP_UM, SCALE_PPM = 30.0, 45.0, 150.0
"""At a third of the rig's resolution and a third of its views; full size has its own bounds in the benchmark."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calibration") / "views"


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    words = ["capture", "--sim", "--scenario", SCENARIO, "--rate", "5", "--views", str(VIEWS)]
    done = CliRunner().invoke(app, [*words, "--out", str(folder), "--solve", "--json"])
    assert done.exit_code in (0, 1), done.output
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.mark.sim
def test_each_view_is_a_proved_frame_set_of_all_cameras(told, folder):
    assert (told["views"], told["ended"]) == (VIEWS, "as many as were asked for")
    frame_sets = json.loads((folder / "proofs.json").read_text())["frame_sets"]
    assert [f["index"] for f in frame_sets] == list(range(VIEWS))
    assert {f["proof"]["verdict"] for f in frame_sets} == {"proved"}
    starts = [[p["exposure_start_ticks"] for p in f["proof"]["frames"].values()] for f in frame_sets]
    assert max(np.ptp(start) for start in starts) < 100, "all cameras expose together, so a hand-held board is one"
    lamps = {flash["lamp"] for f in frame_sets for flash in f["proof"]["flashes"]}
    assert lamps == {"left_white", "right_white"}
    assert all(len(list((folder / camera).glob("*.png"))) == VIEWS for camera in frame_sets[0]["proof"]["frames"])


@pytest.mark.sim
def test_the_calibration_is_as_true_as_it_says(told, folder):
    known = load(folder / "calibration.json")
    scene = load_scenario(SCENARIO).scene_spec
    assert scene is not None
    cameras = {c.name: CalibratedCamera(c.K, tuple(c.distortion), c.T_cam_world) for c in known}
    score = score_calibration(cameras, Renderer(scene, WIDTH, HEIGHT).pods)
    assert score.point_rms_um < POINT_UM
    assert score.pod_step_rms_um < STEP_UM
    assert abs(score.scale_ppm) < SCALE_PPM
    assert known.accuracy is not None
    assert score.point_rms_um < known.accuracy.point_um_95
    assert told["result"]["rms_px"] < 0.1
    assert (folder / "report" / "index.html").is_file()


@pytest.mark.sim
def test_the_calibration_names_the_rig_and_fits_no_other(told, folder, launch_rig):
    known = load(folder / "calibration.json")
    assert {c.name: (c.serial, c.pod, c.role) for c in known}["left_colour"] == ("SIM0003", "left", "texture")
    with pytest.raises(CalibrationMismatch, match="is of rig 'board'; expected rig 'default', as in the rig file"):
        known.check_rig(load_rig(launch_rig().rig_file))


@pytest.mark.sim
def test_solving_the_folder_again_finds_the_same_cameras(told, folder, tmp_path):
    done = CliRunner().invoke(app, ["solve", str(folder), "-o", str(tmp_path / "again.json"), "--json"])
    assert done.exit_code in (0, 1), done.output
    again, known = load(tmp_path / "again.json"), load(folder / "calibration.json")
    assert set(again.cameras) == set(known.cameras)

    def distance_mm(calibration, camera):
        return np.linalg.norm(calibration[camera].centre_mm - calibration["left_upper"].centre_mm)

    for camera in known.cameras:
        assert distance_mm(again, camera) == pytest.approx(distance_mm(known, camera), abs=0.5)
