"""Pictures of surfaces: any mesh, upright, lit from the viewer, with legends that say what white and grey mean."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import trimesh

from rigdriver.errors import UsageError
from rigdriver.images.picture_file import PICTURE_SUFFIXES, write_picture
from rigdriver.procedures.demo_face import sheet_of
from rigdriver.procedures.measure import MeasureOptions, measure_mesh
from rigdriver.stereo.cells import CELL_PX
from rigdriver.stereo.geometry.rectify import find_pairs, make_pair, working_volume
from rigdriver.stereo.mesh.files import write_mesh
from rigdriver.stereo.mesh.pictures import draw_map, draw_shaded
from rigdriver.stereo.mesh.reading import read_mesh
from rigdriver.stereo.mesh.stance import axes, stance_in, stance_text
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.missing import MISSING, draw_missing
from tests.unit.stereo.measure.shapes import box, bumpy, grid, wrap

ITSELF = np.eye(3)
CAMERA = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
"""Stance of a surface in the frame of a camera: y runs down, and z away from the viewer."""


def face(sigma_mm: float = 0.01, world: np.ndarray = ITSELF) -> SurfaceMesh:
    """A hill like a face with an atlas, y up and facing +z, or turned into a world that has other axes."""
    mesh = bumpy()
    mesh = wrap(mesh.vertices_mm @ world, mesh.faces, sigma_mm)
    places = mesh.vertices_mm[:, :2] / 200.0
    atlas = np.full((8, 8, 3), 90, np.uint8)
    return SurfaceMesh(
        mesh.vertices_mm, mesh.faces, mesh.normals, mesh.sigma_mm, np.full((len(places), 3), 90, np.uint8), places,
        atlas, stance=world,
    )  # fmt: skip


@pytest.mark.parametrize("sigma_mm", [0.01, np.nan])
@pytest.mark.parametrize("shape", [box((60, 40, 20)), bumpy(), wrap([[0, 0, 0], [90, 0, 0], [0, 90, 0]], [[0, 1, 2]])])
def test_any_mesh_is_drawn_with_sigma_or_without(shape, sigma_mm):
    mesh = wrap(shape.vertices_mm, shape.faces, sigma_mm)
    shaded = draw_shaded(mesh, 120)
    coloured = draw_map(mesh, mesh.vertices_mm[:, 0], "x", "mm", (0, 90), 120)
    for picture in (shaded, coloured[34:154, : shaded.shape[1]]):
        assert (picture < 245).any(axis=2).mean() > 0.2


def test_a_deviation_map_of_meshes_without_sigma_is_written(tmp_path):
    trimesh.creation.box((60, 40, 20)).export(tmp_path / "a.stl")
    trimesh.creation.box((60.2, 40.2, 20.2)).export(tmp_path / "b.stl")
    options = MeasureOptions(other=tmp_path / "b.stl", picture=tmp_path / "map.png")
    found = measure_mesh(tmp_path / "a.stl", options)
    assert found.quantities["deviation, median"].value == pytest.approx(-0.1, abs=1e-3)
    assert cv2.imread(str(tmp_path / "map.png")) is not None


@pytest.mark.parametrize("name", ["map.foo", "map", "map.svg", "map.pdf"])
def test_a_picture_of_no_kind_is_refused_in_one_sentence_before_the_work(name):
    with pytest.raises(
        UsageError, match=r"does not have the ending of a picture file; expected a name that ends in one of \.png"
    ) as told:
        MeasureOptions(other=name, picture=SimpleNamespace(suffix=name[3:], __str__=lambda _: name))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("suffix", [*PICTURE_SUFFIXES, ".PNG"])
def test_every_kind_of_picture_that_is_offered_can_be_written(tmp_path, suffix):
    path = tmp_path / f"map{suffix}"
    write_picture(path, np.full((20, 30, 3), 200, np.uint8))
    assert cv2.imread(str(path)).shape == (20, 30, 3)


def test_a_picture_too_large_for_its_kind_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"map\.jpg: cannot hold a picture of 70000 x 2 px; .*\.png"):
        write_picture(tmp_path / "map.jpg", np.zeros((2, 70000, 3), np.uint8))


def test_no_side_that_is_seen_is_black():
    ball = trimesh.creation.icosphere(4, 50.0)
    ball.update_faces(ball.triangles_center[:, 2] > 0.5)
    ball.remove_unreferenced_vertices()
    picture = draw_shaded(wrap(ball.vertices, ball.faces), 200)
    on_ball = picture[(picture < 249).any(axis=2)]
    assert on_ball.max(axis=1).min() > 60
    # Shape still shows: the middle is clearly brighter than the rim.
    assert np.ptp(on_ball.max(axis=1).astype(int)) > 80


@pytest.mark.parametrize("world", [np.eye(3), CAMERA, axes(np.array([1.0, 0.2, 0]), np.array([0, 0.1, -1.0]))])
def test_pictures_stand_upright_in_every_calibrations_world(world):
    mesh = face(world=world)
    high = bumpy().vertices_mm[:, 1] > 120
    values = np.where(high, 0.0, np.nan)
    picture = draw_map(mesh, values, "top", "um", (0, 1), 150)
    marked = np.nonzero(np.ptp(picture[34:184, :110].astype(int), axis=2) > 25)[0]
    assert 0 < marked.mean() < 40


def test_a_scan_that_was_left_in_a_cameras_frame_stands_upright_too():
    hill = bumpy().vertices_mm @ CAMERA
    mesh = wrap(hill, bumpy().faces, np.nan)
    picture = draw_map(mesh, np.where(bumpy().vertices_mm[:, 1] > 120, 0.0, np.nan), "top", "um", (0, 1), 150)
    marked = np.nonzero(np.ptp(picture[34:184, :110].astype(int), axis=2) > 25)[0]
    assert 0 < marked.mean() < 40


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl", ".glb", ".gltf"])
def test_a_mesh_file_tells_how_it_stands_and_where_it_lies(tmp_path, suffix):
    mesh = face(world=CAMERA)
    if suffix == ".stl":
        closed = box((60, 40, 20))
        mesh = SurfaceMesh(closed.vertices_mm, closed.faces, closed.normals, closed.sigma_mm, stance=CAMERA)
    write_mesh(mesh, tmp_path / f"face{suffix}")
    back = read_mesh(tmp_path / f"face{suffix}")
    assert np.allclose(back.stance, CAMERA, atol=1e-4)
    assert np.allclose(back.vertices_mm.min(axis=0), mesh.vertices_mm.min(axis=0), atol=1e-3)
    assert np.allclose(back.vertices_mm.max(axis=0), mesh.vertices_mm.max(axis=0), atol=1e-3)


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_gltf_is_y_up_and_faces_z(tmp_path, suffix):
    write_mesh(face(world=CAMERA), tmp_path / f"face{suffix}")
    # Another program knows nothing of this package's extras.
    seen = trimesh.load(tmp_path / f"face{suffix}", process=False, force="mesh")
    assert seen.vertex_normals.mean(axis=0)[2] > 0.5
    nose = seen.vertices[np.argmax(seen.vertices[:, 2])]
    wanted = bumpy().vertices_mm[np.argmax(bumpy().vertices_mm[:, 2])]
    assert np.allclose(1e3 * nose, wanted, atol=1e-2)


def test_axes_that_are_none_are_not_believed():
    assert stance_in(b"comment view_axes" + b" 1.0000" * 9) is None
    assert stance_in(b"comment view_axes 1.0 0.0") is None
    assert stance_in(stance_text(np.diag([1.0, 1.0, -1.0])).encode()) is None
    assert np.allclose(stance_in(stance_text(CAMERA).encode()), CAMERA)
    assert len(stance_text(-CAMERA)) < 80


def test_the_texture_of_an_obj_is_not_the_name_of_a_picture_of_it(tmp_path):
    report = tmp_path / "face.png"
    write_picture(report, np.zeros((4, 5, 3), np.uint8))
    before = report.read_bytes()
    write_mesh(face(), tmp_path / "face.obj")
    assert report.read_bytes() == before
    named = [line.split()[1] for line in (tmp_path / "face.mtl").read_text().splitlines() if line.startswith("map_Kd")]
    assert named == ["face-texture.png"]
    assert (tmp_path / named[0]).is_file()


def test_legends_say_what_white_and_grey_mean(mocker):
    spy = mocker.spy(cv2, "putText")
    mesh = wrap(*grid(30, 30, 2.0))
    draw_map(mesh, np.where(mesh.vertices_mm[:, 0] > 30, 1.0, np.nan), "error", "um", (-2, 2), 150, "no truth")
    told = [call.args[1] for call in spy.call_args_list]
    assert "white: nothing measured" in told
    assert "grey: no truth" in told
    spy.reset_mock()
    draw_map(mesh, mesh.vertices_mm[:, 0], "all known", "mm", (0, 20), 150)
    told = [call.args[1] for call in spy.call_args_list]
    assert not any(word.startswith("grey") for word in told)
    # Values beyond the end of the bar have the colour of its end, which says so.
    assert ">20" in told


def test_no_colour_of_a_scale_is_white_or_grey():
    mesh = wrap(*grid(40, 40, 2.0))
    for limits in ((-1, 1), (0, 1)):
        values = np.linspace(*limits, len(mesh.vertices_mm))
        picture = draw_map(mesh, values, "scale", "um", limits, 150)[34:184, :150].reshape(-1, 3).astype(int)
        on_surface = picture[(picture < 249).any(axis=1)]
        assert (np.ptp(on_surface, axis=1) > 20).mean() > 0.99


def test_bars_of_sigma_and_error_share_a_scale(mocker):
    drawn = mocker.spy(__import__("rigdriver.procedures.demo_face", fromlist=["draw_map"]), "draw_map")
    mesh = face(sigma_mm=0.012)
    sheet_of(mesh, np.linspace(-70, 70, len(mesh.vertices_mm), dtype=np.float32), [])
    (sigma, error) = (call.args[4] for call in drawn.call_args_list)
    assert sigma == (0.0, error[1])
    assert error[0] == -error[1]


def test_what_is_lit_and_was_not_measured_is_shown_upright_with_its_share(head, mocker):
    spy = mocker.spy(cv2, "putText")
    names = next(iter(find_pairs(head.calibration).values()))
    pair = make_pair(head.calibration, "left", names, working_volume(head.calibration))
    rows, columns = pair.size_px[1] // CELL_PX, pair.size_px[0] // CELL_PX
    up = np.array([0.0, 1.0, 0.0])
    # The upper half of what the pod sees is missing; up runs along the rectified rows or columns.
    local = pair.R_pair_world @ up
    keep = np.ones((rows, columns), np.uint8)
    place = np.stack(np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-1, 1, rows)))
    keep[place[0] * local[0] + place[1] * local[1] > 0] = 0
    surface = SimpleNamespace(pair=pair, keep=keep)
    figures = SimpleNamespace(pods=[SimpleNamespace(pod="left", kept_share=0.5)])
    picture = draw_missing(surface, head.images, figures, up, 200)
    marked = np.nonzero(np.abs(picture[34:234].astype(int) - np.array(MISSING)).sum(axis=2) < 200)[0]
    assert len(marked) > 500
    assert marked.mean() < 110
    (title,) = [call.args[1] for call in spy.call_args_list if "of what is lit was measured" in call.args[1]]
    assert title == "left: 50.0% of what is lit was measured"
    assert draw_missing(surface, {}, figures, up, 200) is None
