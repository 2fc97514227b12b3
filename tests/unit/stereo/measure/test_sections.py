"""Sections against the plain way, which cuts every triangle of the mesh, on small meshes of many kinds."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from rigdriver.stereo.measure.sections import section_of
from rigdriver.stereo.measure.uncertainty import PointErrors
from tests.unit.stereo.measure.shapes import box, bumpy, grid, without, wrap


def cylinder():
    body = trimesh.creation.cylinder(radius=20.0, height=50.0, sections=48)
    return wrap(body.vertices, body.faces, 0.2)


def torn():
    return without(
        *grid(40, 40, 1.0, lambda x, y: 3 * np.sin(x / 4) + 0 * y), lambda x, y: np.hypot(x - 20, y - 22) < 6
    )


def ball():
    body = trimesh.creation.icosphere(3, 40.0)
    return wrap(body.vertices, body.faces, 0.3)


MESHES = {
    "ball": ball,
    "box": lambda: box((10.0, 20.0, 30.0)),
    "cylinder": cylinder,
    "face": bumpy,
    "torn": torn,
}


def lengths_of(vertices, faces, place, normal):
    """Cut every triangle: where its edges pass the plane; a corner on the plane counts as above."""
    height = (vertices - place) @ normal
    lengths = []
    for face in faces:
        ends = []
        for a, b in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
            if (height[a] >= 0) != (height[b] >= 0):
                ends.append(vertices[a] + height[a] / (height[a] - height[b]) * (vertices[b] - vertices[a]))
        if ends:
            lengths.append(np.linalg.norm(ends[1] - ends[0]))
    return np.array(lengths)


@pytest.mark.parametrize("kind", list(MESHES))
@pytest.mark.parametrize("normal", [(0.0, 1.0, 0.0), (0.6, 0.0, 0.8)])
def test_a_section_and_its_uncertainty_are_those_of_the_plain_way(kind, normal):
    mesh = MESHES[kind]()
    place, normal = mesh.vertices_mm.mean(axis=0) + np.array([0.1, 0.2, 0.3]), np.array(normal)
    found, pieces = section_of(mesh, place, normal)
    plain = lengths_of(mesh.vertices_mm, mesh.faces, place, normal)
    assert found.value == pytest.approx(plain.sum(), rel=1e-12)
    assert np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1) == pytest.approx(plain, rel=1e-9, abs=1e-9)
    # What moved vertices make of it: each draw cuts other triangles.
    errors = PointErrors(mesh)
    drawn = [lengths_of(mesh.vertices_mm + moves, mesh.faces, place, normal).sum() for moves in errors.draws()[:2]]
    moved = [wrap(mesh.vertices_mm + moves, mesh.faces) for moves in errors.draws()[:2]]
    assert [section_of(m, place, normal)[0].value for m in moved] == pytest.approx(drawn, rel=1e-12)


@pytest.mark.parametrize("kind", ["face", "cylinder"])
def test_measures_share_the_errors_of_a_mesh_and_stay_the_same(kind):
    mesh = MESHES[kind]()
    place, errors = mesh.vertices_mm.mean(axis=0), PointErrors(mesh)
    errors.draws()
    for normal in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)):
        assert section_of(mesh, place, normal, errors=errors)[0] == section_of(mesh, place, normal)[0]
