"""`rigdriver sim score`: points against the truth of the pulse that they were measured in."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rigdriver_sim.program.score_verb import main
from rigdriver_sim.scenario import load
from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.score import visible_surface

SIZE = (320, 240)
SCENARIO = f"plate?width={SIZE[0]}&height={SIZE[1]}"


@pytest.fixture
def truth(tmp_path):
    """The true surface of the second view as points, the true cameras as a calibration file."""
    scenario = load(SCENARIO)
    renderer = Renderer(scenario.scene_spec, *SIZE)
    points = visible_surface(renderer.still(scenario.scene_spec.dwell_s), renderer.pods).points_mm
    np.save(tmp_path / "points.npy", points)
    cameras = {
        name: {
            "K": model.lens.matrix.tolist(),
            "distortion": list(model.lens.distortion),
            "T_cam_world": model.T_cam_world.tolist(),
        }
        for name, model in renderer.pods.cameras.items()
    }
    (tmp_path / "calibration.json").write_text(json.dumps({"cameras": cameras}))
    return tmp_path


def words(folder, points="points.npy"):
    return [SCENARIO, "--points", str(folder / points), "--calibration", str(folder / "calibration.json")]


def test_the_true_surface_scores_nothing_at_its_own_pulse(truth, capsys):
    # Three pulses a view: 3, 4 and 5 show the second one.
    assert main([*words(truth), "--pulse", "4"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rms_um"] < 1
    assert told["completeness"] > 0.99
    # The depth map that the points came from is single precision: 0.1 um at 900 mm.
    assert told["median_um"] < 0.2


def test_a_map_holds_a_signed_distance_for_each_vertex(truth, capsys):
    assert main([*words(truth), "--pulse", "5", "--map", str(truth / "points.npy"), "--out", str(truth / "e.npy")]) == 0
    error_um = np.load(truth / "e.npy")
    assert len(error_um) == len(np.load(truth / "points.npy"))
    assert np.abs(error_um).max() < 5
    capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"points": "nowhere.ply"}, "no such file"),
        ({"points": "calibration.json"}, "error: "),
        ({"scenario": "default"}, "has no [scene]"),
        ({"scenario": "nonsense"}, "no scenario 'nonsense'"),
    ],
)
def test_what_cannot_be_scored_is_one_line(truth, capsys, change, told):
    line = words(truth, change.get("points", "points.npy"))
    line[0] = change.get("scenario", line[0])
    assert main(line) == 2
    assert told in capsys.readouterr().err
