"""A disk that is full: no half files, and an error that names the file."""

from __future__ import annotations

import errno
import resource

import numpy as np
import pytest

from rigdriver.errors import FileNotWritten, UsageError
from rigdriver.stereo.cloud import PointCloud
from rigdriver.stereo.mesh.files import write_cloud, write_mesh
from rigdriver.stereo.mesh.reading import read_mesh
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

LIMIT = 1024
"""Size of a file at which the disk is full."""


@pytest.fixture
def full_disk():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def cloud_of(n: int) -> PointCloud:
    return PointCloud(
        np.zeros((n, 3), np.float32), np.ones(n, np.float32), np.zeros((n, 3), np.float32), np.ones(n, np.float32),
        np.zeros(n, np.uint8), ("left",),
    )  # fmt: skip


def test_half_a_cloud_is_removed_and_its_file_named(tmp_path, full_disk):
    path = tmp_path / "000000.ply"
    with pytest.raises(FileNotWritten, match=r"000000\.ply: cannot be written") as told:
        write_cloud(cloud_of(1000), path)
    assert told.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb", ".gltf"])
def test_an_older_mesh_stays_when_a_new_one_does_not_fit(tmp_path, suffix, request):
    path = tmp_path / f"face{suffix}"
    vertices = np.random.default_rng(1).normal(size=(300, 3))
    faces = np.arange(300, dtype=np.int32).reshape(-1, 3)
    mesh = SurfaceMesh(vertices, faces, np.ones((300, 3), np.float32), np.ones(300, np.float32))
    path.write_text("older")
    request.getfixturevalue("full_disk")
    with pytest.raises(FileNotWritten, match="cannot be written: File too large"):
        write_mesh(mesh, path)
    assert path.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_mesh_whose_faces_name_points_that_are_not_there_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "face.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_text(head + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2000000\n")
    with pytest.raises(
        UsageError, match=r"face\.ply: cannot be read as a mesh: its triangles name vertices .*name a whole PLY"
    ):
        read_mesh(path)
