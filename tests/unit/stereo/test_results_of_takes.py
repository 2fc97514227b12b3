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
    names = [[str(Path(file).relative_to(Path.cwd())) for file in t["files"]] for t in run("subject", "show", ID)["takes"]]
    return [{name for name in some if not name.startswith(("head", "plate"))} for some in names]


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run("subject", "new", ID)


@pytest.mark.usefixtures("subject")
def test_clouds_meshes_and_pictures_are_of_the_take_that_they_come_from(head, tmp_path: Path) -> None:
    save(head.calibration, tmp_path / "calibration.json")
    for take in ("head1", "head2"):
        run("subject", "add", ID, written(tmp_path / take, head.images))
    run("reconstruct", "head1", "-c", "calibration.json", "-o", "out", "--mesh", "ply", "--no-pictures")
    first = {"out/0.ply", "out/0-mesh.ply", "out/figures.json"}
    assert noted() == [first, set()]
    run("measure", "out/0-mesh.ply", "--to", "out/0-mesh.ply", "--picture", "self.png")
    assert noted() == [{*first, "self.png"}, set()]
    run("subject", "add", ID, "--take", 2, written(tmp_path / "head3", head.images))
    (tmp_path / "other.ply").write_bytes((tmp_path / "out" / "0-mesh.ply").read_bytes())
    run("subject", "add", ID, "--take", 2, "other.ply")
    run("measure", "out/0-mesh.ply", "--to", "other.ply", "--picture", "map.png")
    assert noted() == [{*first, "self.png", "map.png"}, {"other.ply", "map.png"}]
    for take in (1, 2):
        (erased,) = run("subject", "erase", ID, "--take", take, "--yes")["erased"]
        assert erased["is_proved"], erased
        left = {path.name for path in tmp_path.iterdir()}
        assert not {"out", "self.png", "map.png"} & left
    assert left == {"home", "calibration.json"}


@pytest.mark.usefixtures("subject")
def test_the_report_of_an_acceptance_test_is_of_the_take_that_shows_the_artefact(render, tmp_path: Path) -> None:
    views = render({"kind": "plate", "seed": 21}, index=2)
    save(views.calibration, tmp_path / "calibration.json")
    run("subject", "add", ID, written(tmp_path / "plate", views.images))
    run("verify", "-c", "calibration.json", "--plate", "plate", "-o", "acceptance")
    assert noted() == [{"acceptance/acceptance.html", "acceptance/history.jsonl"}]
