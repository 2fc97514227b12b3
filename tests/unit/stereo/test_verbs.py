"""The verbs `measure`, `verify` and `reconstruct`, on small files."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import trimesh
import typer
from typer.testing import CliRunner

from rigdriver.calibration.file import save
from rigdriver.cli.measure import measure
from rigdriver.cli.reconstruct import reconstruct
from rigdriver.cli.verify import verify
from rigdriver.stereo.files import read_mesh, write_mesh
from rigdriver.stereo.mesh import SurfaceMesh


@pytest.fixture
def run():
    app = typer.Typer()
    for act in (measure, verify, reconstruct):
        app.command()(act)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def ball(tmp_path):
    body = trimesh.creation.icosphere(subdivisions=4, radius=50.0)
    vertices = np.array(body.vertices)
    mesh = SurfaceMesh(
        vertices, np.array(body.faces, np.int32), np.array(body.vertex_normals, np.float32),
        np.full(len(vertices), 0.02, np.float32),
    )  # fmt: skip
    write_mesh(mesh, tmp_path / "ball.ply")
    return tmp_path / "ball.ply"


def test_a_mesh_file_carries_its_uncertainty(ball):
    assert np.allclose(read_mesh(ball).sigma_mm, 0.02)


def test_measure_prints_values_with_their_uncertainty(run, ball):
    done = run("measure", ball, "--point", "0,0,60", "--point", "0,60,0", "--volume", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["distance"]["value"] == pytest.approx(50 * np.sqrt(2), abs=0.1)
    assert told["distance along the surface"]["value"] == pytest.approx(25 * np.pi, rel=5e-3)
    assert told["volume"]["value"] == pytest.approx(4 / 3 * np.pi * 50**3, rel=5e-3)
    assert 0.01 < told["distance"]["sigma"] < 0.04


def test_measure_refuses_words_where_numbers_belong(run, ball):
    done = run("measure", ball, "--point", "a,b,c", "--point", "0,60,0")
    assert done.exit_code == 2
    assert "expected 3 numbers" in done.stderr


def test_measure_draws_the_deviation_between_two_meshes(run, ball, tmp_path):
    done = run("measure", ball, "--to", ball, "--picture", tmp_path / "map.png", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["deviation, RMS"]["value"] < 1e-6
    assert cv2.imread(str(tmp_path / "map.png")) is not None


def test_measure_names_a_file_that_is_no_mesh(run, tmp_path):
    (tmp_path / "x.ply").write_text("nothing")
    done = run("measure", tmp_path / "x.ply")
    assert done.exit_code == 2
    assert "x.ply" in done.stderr


def test_verify_measures_positions_and_leaves_a_report(run, render, tmp_path):
    views = render({"kind": "plate", "seed": 21}, index=2)
    save(views.calibration, tmp_path / "calibration.json")
    for name, image in views.images.items():
        (tmp_path / "plate" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "plate" / name / "0.png"), image)
    words = (
        "verify",
        "-c",
        tmp_path / "calibration.json",
        "--plate",
        tmp_path / "plate",
        "-o",
        tmp_path / "out",
        "--json",
    )
    done = run(*words)
    told = json.loads(done.stdout)
    # 640 x 480: a plate of 180 mm is flat to some 0.1 mm here, about the limit.
    assert 5 < told["characteristics"]["flatness"]["worst_um"] < 250
    assert done.exit_code == (0 if told["passed"] else 1)
    assert "flatness" in (tmp_path / "out" / "acceptance.html").read_text()
    assert len((tmp_path / "out" / "history.jsonl").read_text().splitlines()) == 1


def test_reconstruct_a_folder_from_the_command_line(run, head, tmp_path):
    save(head.calibration, tmp_path / "calibration.json")
    for name, image in head.images.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "in" / name / "0.png"), image)
    done = run("reconstruct", tmp_path / "in", "-c", tmp_path / "calibration.json", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["reconstructed"] == 1
    assert (tmp_path / "out" / "0.ply").exists()
