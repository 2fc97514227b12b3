"""Small meshes whose sizes are known, made for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import trimesh

from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh


def wrap(vertices, faces, sigma_mm: float = 0.01) -> SurfaceMesh:
    """Return a mesh with one sigma for all vertices."""
    body = trimesh.Trimesh(vertices, faces, process=False)
    return SurfaceMesh(
        np.array(body.vertices, np.float64), np.array(body.faces, np.int32),
        np.array(body.vertex_normals, np.float32), np.full(len(body.vertices), sigma_mm, np.float32),
    )  # fmt: skip


def grid(nx: int, ny: int, step: float, height: Callable[..., Any] = lambda x, y: 0 * x):
    """Return vertices and triangles of a height field over x and y from 0 on."""
    x, y = np.meshgrid(np.arange(nx) * step, np.arange(ny) * step)
    vertices = np.stack([x.ravel(), y.ravel(), height(x, y).ravel()], 1)
    i, j = np.meshgrid(np.arange(nx - 1), np.arange(ny - 1))
    a = (j * nx + i).ravel()
    return vertices, np.concatenate([np.stack([a, a + 1, a + nx + 1], 1), np.stack([a, a + nx + 1, a + nx], 1)])


def without(vertices, faces, is_hole: Callable[..., Any]) -> SurfaceMesh:
    """Return the mesh without the triangles whose middle (x, y) is in the hole."""
    middle = vertices[faces].mean(axis=1)
    return wrap(vertices, faces[~is_hole(middle[:, 0], middle[:, 1])])


def box(size) -> SurfaceMesh:
    """Return a box of 12 triangles about 0, as a CAD program writes it."""
    body = trimesh.creation.box(size)
    return wrap(body.vertices, body.faces)


def bumpy(seed: int = 0) -> SurfaceMesh:
    """Return a face-like hill with a nose and the roughness of a scan."""
    rng = np.random.default_rng(seed)

    def height(x, y):
        x, y = x - 60, y - 70
        return (
            55 * np.sqrt(np.clip(1 - (x / 90) ** 2 - (y / 105) ** 2, 0, 1))
            + 20 * np.exp(-((x / 9) ** 2 + ((y + 8) / 15) ** 2))
            - 8 * np.exp(-(((np.abs(x) - 22) / 8) ** 2 + ((y - 18) / 6) ** 2))
            + rng.normal(0, 0.02, x.shape)
        )

    return wrap(*grid(97, 113, 1.25, height))
