"""Meshes with places much finer than the rest: pairs of vertices must not grow with the square of how fine they are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import rigdriver.stereo.measure.uncertainty as module
from rigdriver.stereo.measure.uncertainty import MOST_NEAR, PointErrors
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from tests.unit.stereo.measure.shapes import grid, wrap


def uneven(finer: int) -> SurfaceMesh:
    """Return a wavy sheet of cells of 1 mm, of which a square of 2 mm is cut so many times finer."""

    def wave(x, y):
        return 0.4 * np.sin(0.8 * x) * np.cos(0.7 * y)

    vertices, faces = grid(61, 61, 1.0, wave)
    fine, fine_faces = grid(2 * finer + 1, 2 * finer + 1, 1 / finer, lambda x, y: wave(x + 30, y + 30))
    middle = vertices[faces].mean(axis=1)
    is_square = (np.abs(middle[:, 0] - 31) < 1) & (np.abs(middle[:, 1] - 31) < 1)
    joined = np.concatenate([vertices, fine + np.array([30, 30, 0])])
    return wrap(joined, np.concatenate([faces[~is_square], fine_faces + len(vertices)]))


def test_a_fine_place_makes_no_crowd_of_pairs():
    mesh = uneven(25)
    window = PointErrors(mesh)._window
    kept = window.nnz if scipy.sparse.issparse(window) else 0
    assert kept <= MOST_NEAR * len(mesh.vertices_mm)


def test_grouped_neighbours_give_the_uncertainty_of_pairs(monkeypatch):
    mesh = uneven(8)
    x, y = mesh.vertices_mm[:, 0], mesh.vertices_mm[:, 1]
    places = [np.hypot(x - a, y - b) < size for a, b, size in ((31, 31, 0.9), (31, 31, 6.0), (15, 40, 4.0))]
    gradients = [np.where(near[:, None], [0.0, 0.0, 1.0], 0.0) / near.sum() for near in places]
    paired = PointErrors(mesh)
    monkeypatch.setattr(module, "MOST_NEAR", 0)
    grouped = PointErrors(mesh)
    for gradient in gradients:
        assert grouped.sigma_of(gradient) == pytest.approx(paired.sigma_of(gradient), rel=0.1)
    seen = [float(np.sqrt((e.detail_mm**2).sum(axis=1).mean())) for e in (paired, grouped)]
    assert seen[1] == pytest.approx(seen[0], rel=0.1)
