"""The seam between two pods: one layer, no gap, and the area that the true surface has there."""

from __future__ import annotations

import numpy as np
import pytest

from rigdriver.stereo.measure.areas import Ball, area_of
from rigdriver.stereo.measure.way import distance_along
from rigdriver.stereo.mesh.repair import layers, mend
from rigdriver.stereo.mesh.surface_mesh import make_mesh
from rigdriver.stereo.mesh.topology import edges_of
from rigdriver.stereo.reconstruct import CellReconstructor
from tests.unit.stereo.measure.shapes import wrap

RADIUS_MM = 10.0


@pytest.fixture(scope="module")
def surfaces(head):
    with CellReconstructor(head.calibration) as reconstructor:
        return reconstructor.reconstruct_surfaces(head.images)[1]


@pytest.fixture(scope="module")
def mesh(head, surfaces):
    return make_mesh(surfaces, head.calibration)


def along_the_seam(mesh, surfaces, head):
    """Places where triangles of both pods meet and no border is near."""
    alone = make_mesh(surfaces[:1], head.calibration)
    first = {tuple(p) for p in np.round(alone.vertices_mm, 9)}
    of_first = np.array([tuple(p) in first for p in np.round(mesh.vertices_mm, 9)])
    shares = of_first[mesh.faces].mean(axis=1)
    both = mesh.vertices_mm[mesh.faces[(shares > 0) & (shares < 1)]].mean(axis=1)
    edges = edges_of(mesh.faces)
    rim = mesh.vertices_mm[edges.ends[edges.is_border]].mean(axis=1)
    gap = np.linalg.norm(both[:, None] - rim[None], axis=2).min(axis=1)
    free = both[gap > RADIUS_MM + 1]
    assert len(free) > 20
    return free[:: max(len(free) // 6, 1)][:6]


def truth(head, mesh, step_mm=0.01):
    """The same triangles with their vertices moved onto the true surface, along the slope of the distance to it."""
    points = mesh.vertices_mm.copy()
    for _ in range(3):
        slope = np.stack(
            [head.distance_mm(points + step) - head.distance_mm(points - step) for step in step_mm * np.eye(3)], axis=1
        ) / (2 * step_mm)
        points -= (head.distance_mm(points) / (slope**2).sum(axis=1))[:, None] * slope
    return wrap(points, mesh.faces)


def test_both_pods_make_one_layer_that_hangs_together(mesh):
    found = mend(mesh.vertices_mm, mesh.faces.astype(np.int64))[1]
    assert found.crowded_edges == 0
    assert found.layered_share < 1e-4
    assert found.largest_part > 0.99


def test_area_across_the_seam_is_that_of_the_surface(head, mesh, surfaces):
    true = truth(head, mesh)
    for place in along_the_seam(mesh, surfaces, head):
        ball = Ball((float(place[0]), float(place[1]), float(place[2])), RADIUS_MM)
        measured, wanted = area_of(mesh, ball), area_of(true, ball)
        # Roughness of this small rig adds up to a per cent; the seam lay twice before, 19 % more.
        assert measured.value == pytest.approx(wanted.value, rel=1.5e-2)


def test_areas_across_the_seam_lie_within_their_uncertainty(head, mesh, surfaces):
    true = truth(head, mesh)
    off, share = [], []
    for place in along_the_seam(mesh, surfaces, head):
        ball = Ball((float(place[0]), float(place[1]), float(place[2])), RADIUS_MM)
        measured = area_of(mesh, ball)
        off.append(abs(measured.value - area_of(true, ball).value) / measured.sigma)
        share.append(measured.sigma / measured.value)
    assert max(off) < 2
    # Too large an uncertainty would hold anything.
    assert np.median(share) < 0.005


def test_a_way_leads_over_the_seam(head, mesh, surfaces):
    true = truth(head, mesh)
    for place in along_the_seam(mesh, surfaces, head)[::2]:
        off = mesh.vertices_mm - place
        near = np.flatnonzero(np.linalg.norm(off, axis=1) < 8)
        a, b = (mesh.vertices_mm[near[k]] for k in (np.argmin(off[near, 0]), np.argmax(off[near, 0])))
        found, _ = distance_along(mesh, a, b)
        assert found.value == pytest.approx(distance_along(true, a, b)[0].value, rel=1e-2)


def test_a_third_pod_adds_no_layer_either(head, surfaces, mesh):
    three = make_mesh([*surfaces, surfaces[0]], head.calibration)
    found = mend(three.vertices_mm, three.faces.astype(np.int64))[1]
    assert found.layered_share < 5e-3
    assert area_of(three).value < 1.02 * area_of(mesh).value


def test_layers_of_old_meshes_are_seen(head, surfaces):
    both = [make_mesh([surface], head.calibration) for surface in surfaces]
    points = np.concatenate([m.vertices_mm for m in both])
    faces = np.concatenate([both[0].faces, both[1].faces + len(both[0].vertices_mm)]).astype(np.int64)
    assert layers(points, faces).mean() > 0.05
