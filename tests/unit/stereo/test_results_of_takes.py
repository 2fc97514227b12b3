"""Clouds, meshes, pictures and reports that are made from a subject's images go when the subject is erased.

In: images of a head and of a plate as takes of a subject. Out: the files that the catalogue names, and none after an
erasure. Not here: other verbs (see tests/unit/cli/test_derived_results.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner

from rigdriver.calibration.file import save
from rigdriver.cli.verbs import app

ID = "K7Q2M9X4"


def run(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code in {0, 1}, done.output
    return dict(json.loads(done.stdout))


def written(folder: Path, images: Mapping[str, np.ndarray]) -> Path:
    for name, image in images.items():
        (folder / name).mkdir(parents=True)
        assert cv2.imwrite(str(folder / name / "0.png"), image)
    return folder


def noted() -> list[set[str]]:
    """Return the files of each take without its images, from the working folder on."""
    names = [
        [str(Path(file).relative_to(Path.cwd())) for file in t["files"]] for t in run("subject", "show", ID)["takes"]
    ]
    return [{name for name in some if not name.startswith(("head", "plate"))} for some in names]


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run("subject", "new", ID)


@pytest.mark.usefixtures("subject")
def test_clouds_and_meshes_are_of_the_take_that_they_come_from_and_go_with_it(head, tmp_path: Path) -> None:
    save(head.calibration, tmp_path / "calibration.json")
    run("subject", "add", ID, written(tmp_path / "head", head.images))
    run("reconstruct", "head", "-c", "calibration.json", "-o", "out", "--mesh", "ply", "--no-pictures")
    assert noted() == [{"out/0.ply", "out/0-mesh.ply", "out/figures.json"}]
    (erased,) = run("subject", "erase", ID, "--yes")["erased"]
    assert erased["is_proved"], erased
    assert {path.name for path in tmp_path.iterdir()} == {"home", "calibration.json"}


@pytest.mark.usefixtures("subject")
def test_a_cut_is_of_its_meshs_take_and_a_picture_of_two_meshes_is_of_both_takes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        trimesh.creation.icosphere(subdivisions=3, radius=50.0).export(tmp_path / f"{name}.ply")
        run("subject", "add", ID, f"{name}.ply")
    run("measure", "one.ply", "--section", "0,0,1,0,0,1", "--lines", "cut.csv")
    assert noted() == [{"one.ply", "cut.csv"}, {"two.ply"}]
    run("measure", "one.ply", "--to", "two.ply", "--picture", "map.png")
    assert noted() == [{"one.ply", "cut.csv", "map.png"}, {"two.ply", "map.png"}]
    for take, left in ((2, {"home", "one.ply", "cut.csv"}), (1, {"home"})):
        (erased,) = run("subject", "erase", ID, "--take", take, "--yes")["erased"]
        assert erased["is_proved"], erased
        assert {path.name for path in tmp_path.iterdir()} == left


@pytest.mark.usefixtures("subject")
def test_the_report_of_an_acceptance_test_is_of_the_take_that_shows_the_artefact(render, tmp_path: Path) -> None:
    views = render({"kind": "plate", "seed": 21}, index=2)
    save(views.calibration, tmp_path / "calibration.json")
    run("subject", "add", ID, written(tmp_path / "plate", views.images))
    run("verify", "-c", "calibration.json", "--plate", "plate", "-o", "acceptance")
    assert noted() == [{"acceptance/acceptance.html", "acceptance/history.jsonl"}]
