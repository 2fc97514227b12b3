"""`rigdriver verify` with artefacts before a live simulated rig: guided positions, report, history, lock.

In: a small rig before which a plate is held in three positions, three looks each. Out: positions, their images and
proofs, and the same figures again from the images. At 640 x 480 the limits are wider than the rig's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rigdriver.calibration.file import load, save
from rigdriver.cli.verbs import app
from rigdriver.config import load as load_rig
from rigdriver_sim.program.launch import launch
from rigdriver_sim.scenario import load as load_scenario
from rigdriver_sim.scene.render import Renderer
from tests.rig.played import LOCKSTEP
from tests.stereo_truth import calibration_of

pytestmark = pytest.mark.sim

SIZE, POSITIONS = (640, 480), 3
SCENARIO = f"plate?width={SIZE[0]}&height={SIZE[1]}&scene.bank.views={POSITIONS}"
FLATNESS_UM = 300
"""At a third of the rig's resolution: one pixel of disparity is 1350 um here."""


def verify(*words: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, words)])


@pytest.fixture(scope="module")
def plate_rig() -> Iterator[Path]:
    with launch(f"{SCENARIO}&{LOCKSTEP}") as running:
        yield Path(running.rig_file)


@pytest.fixture(scope="module")
def calibration(plate_rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = load_scenario(SCENARIO).scene_spec
    assert scene is not None
    path = tmp_path_factory.mktemp("calibration") / "calibration.json"
    save(calibration_of(Renderer(scene, *SIZE).pods.cameras, load_rig(plate_rig)), path)
    return path


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify") / "acceptance"


@pytest.fixture(scope="module")
def told(plate_rig: Path, calibration: Path, out: Path) -> dict[str, Any]:
    words = ["--rig", plate_rig, "-c", calibration, "--take", "plate", "--positions", POSITIONS, "-o", out, "--json"]
    done = verify(*words, "--max-flatness", FLATNESS_UM)
    assert done.exit_code in (0, 1), done.output
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def test_each_position_is_taken_once_with_images_and_proofs(told, out):
    assert told["plate_positions"] == POSITIONS
    assert told["missing"] == ["ball bar"]
    assert told["passed"], told["characteristics"]
    frame_sets = json.loads((out / "plate" / "proofs.json").read_text())["frame_sets"]
    assert {f["proof"]["verdict"] for f in frame_sets} == {"proved"}
    # Three looks a position, so positions that were taken twice would be pulses of one view.
    assert len({f["proof"]["pulse_index"] // 3 % POSITIONS for f in frame_sets}) == POSITIONS
    assert len(list((out / "plate" / "left_upper").glob("*.png"))) == POSITIONS
    page = (out / "acceptance.html").read_text()
    assert page.count("data:image/png") == POSITIONS
    assert "No ball bar was measured" in page


def test_the_same_images_give_the_same_figures(told, out, calibration, tmp_path):
    done = verify("-c", calibration, "--plate", out / "plate", "-o", tmp_path, "--json", "--max-flatness", FLATNESS_UM)
    again = json.loads(done.stdout)["characteristics"]
    for name, line in told["characteristics"].items():
        assert again[name]["worst_um"] == pytest.approx(line["worst_um"], abs=0.01)


def test_positions_are_not_written_over_others(told, out, plate_rig, calibration):
    done = verify("--rig", plate_rig, "-c", calibration, "--take", "plate", "-o", out)
    assert done.exit_code == 2
    assert "holds positions already" in done.stderr


def test_a_locked_rig_measures_only_with_the_calibration_that_passed(told, out, plate_rig, calibration, tmp_path):
    locked = plate_rig.with_name("locked.toml")
    history = (out / "history.jsonl").as_posix()
    locked.write_text(plate_rig.read_text() + f'\n[acceptance]\nhistory = "{history}"\nlock_days = 3\n')
    words = ["reconstruct", "--rig", str(locked), "-n", "1", "--no-pictures", "-o", str(tmp_path / "out"), "-c"]
    assert CliRunner().invoke(app, [*words, str(calibration)]).exit_code in (0, 1)
    newer = tmp_path / "newer.json"
    save(replace(load(calibration), created="2026-02-02T00:00:00Z"), newer)
    words[words.index("-o") + 1] = str(tmp_path / "other")
    refused = CliRunner().invoke(app, [*words, str(newer)])
    assert refused.exit_code == 2
    assert "run `rigdriver verify` with it" in refused.stderr


def test_nothing_before_the_rig_ends_with_what_was_seen(calibration, tmp_path, launch_rig):
    nothing = launch_rig("plate", width=SIZE[0], height=SIZE[1], **{"scene.kind": "empty", "scene.bank.views": 1})
    words = ["--rig", nothing.rig_file, "-c", calibration, "--take", "plate", "--patience", 2, "-o", tmp_path]
    done = verify(*words)
    assert done.exit_code == 2
    assert "0 of 7 positions, then no new one for 2 s" in done.stderr
    assert not (tmp_path / "history.jsonl").exists()
