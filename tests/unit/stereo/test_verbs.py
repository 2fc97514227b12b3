"""The verbs `measure`, `verify` and `reconstruct`, on small files."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh
import typer
from typer.testing import CliRunner

from rigdriver.calibration.file import save
from rigdriver.cli.measure import measure
from rigdriver.cli.mesh import mesh
from rigdriver.cli.reconstruct import reconstruct
from rigdriver.cli.verify import verify
from rigdriver.stereo.mesh.files import write_mesh
from rigdriver.stereo.mesh.reading import read_mesh
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh


@pytest.fixture
def run():
    app = typer.Typer()
    for act in (measure, mesh, verify, reconstruct):
        app.command()(act)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def ball(tmp_path):
    # Edges of 1.7 mm: detail that matching takes is judged by their length, and those of a scan are shorter still.
    body = trimesh.creation.icosphere(subdivisions=5, radius=50.0)
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
    done = run("measure", ball, "--point", "0,0,51", "--point", "0,51,0", "--volume", "--json")
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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--point", "900,0,0", "--point", "0,50,0"), "the surface is 850 mm away"),
        (("--section", "0,0,0,0,0,0"), "expected a direction"),
        (("--section", "0,500,0,0,1,0"), "does not meet the mesh"),
        (("--point", "0,0,50"), "given 1 times; expected twice"),
        (("--picture", "x.png"), "name that with --to"),
        (("--lines", "x.csv"), "ask for one with --point twice or --section"),
        (("--within", "0,0,0,3"), "no surface within 3 mm"),
    ],
)
def test_measure_refuses_what_has_no_answer(run, ball, words, told):
    done = run("measure", ball, *words)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("face.png", b"\x89PNG", "does not have the ending of a mesh file"),
        ("cut.ply", b"ply\nformat binary_little_endian 1.0\nelement vertex 9\nproperty float x\n", "cannot be read"),
        ("cut.stl", b"solid\n", "cut.stl"),
        ("nothing.obj", b"", "holds no triangles"),
    ],
)
def test_measure_names_the_file_and_what_is_wrong_with_it(run, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    done = run("measure", tmp_path / name)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert name in done.stderr


def test_measure_writes_the_way_and_the_section(run, ball, tmp_path):
    words = ("--point", "0,0,50", "--point", "0,50,0", "--section", "0,0,1,0,0,1", "--lines", tmp_path / "lines.csv")
    assert run("measure", ball, *words).exit_code == 0
    rows = [line.split(",") for line in (tmp_path / "lines.csv").read_text().splitlines()[1:]]
    for name, z in (("way", None), ("section", 1.0)):
        points = np.array([[float(v) for v in row[2:]] for row in rows if row[0] == name])
        assert np.allclose(np.linalg.norm(points, axis=1), 50.0, atol=0.2)
        assert z is None or np.allclose(points[:, 2], z, atol=1e-3)


def test_a_face_is_no_plate_and_no_ball_bar(run, head, tmp_path):
    save(head.calibration, tmp_path / "calibration.json")
    for name, image in head.images.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "in" / name / "0.png"), image)
    for option, told in (("--plate", "is no plane"), ("--ball-bar", "0 spheres of 40 mm found")):
        done = run("verify", "-c", tmp_path / "calibration.json", option, tmp_path / "in", "-o", tmp_path / "out")
        assert done.exit_code == 2
        assert told in done.stderr
        assert "in, index 0" in done.stderr
    assert not (tmp_path / "out").exists()


def test_reconstruct_refuses_what_does_not_belong_together(run, head, tmp_path):
    save(head.calibration, tmp_path / "calibration.json")
    (tmp_path / "in").mkdir()
    for words, told in (
        (("in", "--live"), "a folder of images was given together with --live"),
        (("in", "--mosaic", "Foo8"), "expected one of BGR8, BGRa8, BayerBG10"),
        (("in",), "holds no images"),
        (("nowhere",), "is no folder"),
        (("in", "--lock", tmp_path / "none.jsonl"), "no acceptance test yet"),
    ):
        source, *rest = words
        done = run("reconstruct", tmp_path / source, "-c", tmp_path / "calibration.json", "-o", tmp_path / "out", *rest)
        assert done.exit_code == 2, words
        assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_coarse_mesh_is_compared_over_its_whole_surface(run, tmp_path):
    body = trimesh.creation.box((100, 100, 100))
    body.export(tmp_path / "cube.stl")
    body.apply_scale(1.002)
    body.export(tmp_path / "larger.stl")
    done = run("measure", tmp_path / "larger.stl", "--to", tmp_path / "cube.stl", "--json")
    told = json.loads(done.stdout)
    # At its eight corners alone the distance would be 0.17 mm.
    assert told["deviation, median"]["value"] == pytest.approx(0.1, abs=1e-4)
    assert told["deviation, share of this mesh that has one"]["value"] == pytest.approx(100)


def test_a_mesh_file_carries_the_uncertainty_of_the_scale(run, ball, tmp_path):
    write_mesh(replace(read_mesh(ball), scale_ppm=500.0), tmp_path / "scaled.ply")
    asked = ([tmp_path / "scaled.ply"], [ball, "--scale-ppm", "500"], [ball])
    told = [json.loads(run("measure", *words, "--json").stdout)["area"] for words in asked]
    assert told[0]["sigma"] == pytest.approx(told[1]["sigma"], rel=1e-3)
    assert told[0]["sigma"] > told[0]["value"] * 1e-3 > told[2]["sigma"]


def test_mesh_tells_where_it_lies(run, ball):
    done = run("mesh", ball)
    assert done.exit_code == 0
    assert "x -50 to 50 mm" in done.stdout
    assert "closed: it has a volume" in done.stdout
    assert json.loads(run("mesh", ball, "--json").stdout)["parts"] == 1
    assert "one of m, cm, mm" in run("mesh", ball, "--unit", "feet").stderr
