"""Meshes, their files, textures, printing and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from rigdriver.errors import UsageError
from rigdriver.stereo.measure.areas import area_of
from rigdriver.stereo.mesh.files import write_cloud, write_mesh
from rigdriver.stereo.mesh.pictures import draw_map, draw_shaded
from rigdriver.stereo.mesh.solid import close_for_printing
from rigdriver.stereo.mesh.surface_mesh import make_mesh
from rigdriver.stereo.reconstruct import CellReconstructor


@pytest.fixture(scope="module")
def made(head):
    with CellReconstructor(head.calibration) as reconstructor:
        return reconstructor.reconstruct_surfaces(head.images)


@pytest.fixture(scope="module")
def mesh(head, made):
    return make_mesh(made[1], head.calibration, head.images)


@pytest.fixture(scope="module")
def body(mesh):
    return close_for_printing(mesh, step_mm=2.0)


def test_vertices_of_the_mesh_lie_on_the_true_surface(head, mesh):
    errors = 1e3 * np.abs(head.distance_mm(mesh.vertices_mm))
    assert np.median(errors) < 40
    # One pixel of disparity is 1350 um here.
    assert np.percentile(errors, 99) < 1350


def test_triangles_face_outwards(mesh):
    corners = mesh.vertices_mm[mesh.faces]
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", outwards, mesh.normals[mesh.faces[:, 0]]) > 0).mean() > 0.999


def test_where_both_pods_measured_only_one_layer_of_triangles_is_left(made, head, mesh):
    alone = [make_mesh([surface], head.calibration) for surface in made[1]]
    assert area_of(mesh).value < 0.97 * sum(area_of(m).value for m in alone)
    # One layer: a line of sight along the mean normal meets about one surface at the seam.
    seam = np.abs(mesh.vertices_mm[:, 0]) < 15
    near = mesh.vertices_mm[mesh.faces].mean(axis=1)[:, 0]
    corners = mesh.vertices_mm[mesh.faces[np.abs(near) < 15]]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    height = np.ptp(mesh.vertices_mm[seam, 1])
    assert area < 1.6 * 30 * height


def test_texture_shows_the_colour_that_the_camera_saw(head, mesh):
    assert mesh.colours is not None
    assert mesh.atlas is not None
    assert mesh.atlas.shape == (480, 1280, 3)
    lit = mesh.colours[mesh.colours.max(axis=1) > 40].astype(float)
    red, green, blue = np.median(lit, axis=0)
    assert red > green > blue


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb", ".gltf"])
def test_mesh_files_come_back_with_the_same_vertices(mesh, tmp_path, suffix):
    path = tmp_path / f"face{suffix}"
    write_mesh(mesh, path)
    back = trimesh.load(path, process=False, force="mesh")
    assert len(back.faces) == len(mesh.faces)
    # A glTF is in metres and was turned to stand upright.
    wanted = 1e-3 * mesh.vertices_mm @ mesh.stance.T if suffix.startswith(".gl") else mesh.vertices_mm
    assert np.allclose(np.sort(back.vertices[:, 1])[::97], np.sort(wanted[:, 1])[::97], rtol=1e-5, atol=1e-3)


def test_obj_names_its_material_and_picture(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "face.obj")
    names = {path.suffix for path in tmp_path.iterdir()}
    assert {".obj", ".mtl", ".png"} <= names
    assert "mtllib face.mtl" in (tmp_path / "face.obj").read_text()


def test_an_open_mesh_is_refused_as_stl(mesh, tmp_path):
    with pytest.raises(UsageError, match="open"):
        write_mesh(mesh, tmp_path / "face.stl")


def test_the_printed_body_is_watertight_and_has_the_measured_front(head, body, tmp_path):
    write_mesh(body, tmp_path / "face.stl")
    back = trimesh.load(tmp_path / "face.stl")
    assert back.is_watertight
    assert back.volume > 1e6
    measured = np.isfinite(body.sigma_mm)
    assert 0.2 < measured.mean() < 0.95
    off = 1e3 * np.abs(head.distance_mm(body.vertices_mm[measured]))
    assert np.median(off) < 100


def test_an_unknown_suffix_is_refused_by_name(mesh, tmp_path):
    with pytest.raises(UsageError, match=r"\.xyz.*expected one of \.ply"):
        write_mesh(mesh, tmp_path / "face.xyz")


def test_cloud_file_carries_sigma_and_pod(made, tmp_path):
    cloud = made[0]
    write_cloud(cloud, tmp_path / "cloud.ply")
    data = trimesh.load(tmp_path / "cloud.ply").metadata["_ply_raw"]["vertex"]["data"]
    assert np.array_equal(np.ravel(data["sigma_mm"]), cloud.sigma_mm)
    assert np.array_equal(np.ravel(data["pod"]), cloud.pod)


def test_nothing_to_mesh_is_told(head):
    with pytest.raises(UsageError, match="empty"):
        make_mesh([], head.calibration)


def test_pictures_show_the_face_and_its_scale(mesh):
    shaded = draw_shaded(mesh, height_px=200)
    assert shaded.shape[0] == 200
    covered = (shaded < 240).any(axis=2).mean()
    assert 0.3 < covered < 0.95
    picture = draw_map(mesh, 1e3 * mesh.sigma_mm, "sigma", "um", (0, 50), height_px=200)
    assert picture.shape[1] > shaded.shape[1]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_a_map_shows_signs_by_hue(mesh):
    picture = draw_map(mesh, np.full(len(mesh.vertices_mm), -1.0), "all inside", "um", (-1, 1), height_px=120)
    inner = picture[60:110, 30:80].reshape(-1, 3).astype(int)
    coloured = inner[np.ptp(inner, axis=1) > 40]
    assert len(coloured) > 100
    assert (coloured[:, 2] > coloured[:, 0]).all()


@pytest.mark.parametrize("suffix", [".obj", ".gltf", ".glb"])
def test_two_textured_meshes_of_one_folder_keep_their_own_textures(mesh, tmp_path, suffix):
    other = replace(mesh, atlas=np.ascontiguousarray(mesh.atlas[..., ::-1]))
    for name, one in (("a", mesh), ("b", other)):
        write_mesh(one, tmp_path / f"{name}{suffix}")
    for name, one in (("a", mesh), ("b", other)):
        back = trimesh.load(tmp_path / f"{name}{suffix}", process=False, force="mesh")
        material = back.visual.material
        picture = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        assert np.array_equal(np.asarray(picture.convert("RGB")), one.atlas)
        assert np.allclose(np.sort(back.visual.uv[:, 0])[::97], np.sort(one.places[:, 0])[::97], atol=1e-5)
