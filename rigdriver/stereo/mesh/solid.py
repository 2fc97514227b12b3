"""A closed body for printing, from an open measured surface.

In: a `SurfaceMesh`. Out: a watertight one. The surface is read as a distance over all directions from a point behind
it (spherical coordinates), holes and the unseen back are filled smoothly, and the grid is closed at the poles, so the
body is watertight by construction. Limits: there is one distance per direction, so undercuts (behind ears, in nostrils)
are bridged; what was filled was not measured, and its sigma is NaN. Not here: file formats (see files.py).
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import trimesh

from rigdriver.arrays import Array, Ints32
from rigdriver.errors import UsageError
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

BEHIND_MM = 75.0
"""Distance of the centre of the directions behind the surface's middle, in mm."""


def close_for_printing(mesh: SurfaceMesh, step_mm: float = 1.0, behind_mm: float = BEHIND_MM) -> SurfaceMesh:
    """Return a watertight body whose front is the measured surface, on a grid of about `step_mm`.

    Raises:
        UsageError: the surface is empty, or too large for the step.
    """
    if not len(mesh.faces):
        raise UsageError(device="mesh", seen="holds no triangles to close", remedy="reconstruct a surface first")
    # The surface faces along the mean normal; the centre lies behind its middle.
    axis = mesh.normals.mean(axis=0).astype(np.float64)
    axis /= max(float(np.linalg.norm(axis)), 1e-9)
    centre = np.median(mesh.vertices_mm, axis=0) - behind_mm * axis
    frame = _frame(axis)
    local = (mesh.vertices_mm - centre) @ frame.T
    radius = np.linalg.norm(local, axis=1)
    rows = int(np.clip(np.pi * np.median(radius) / step_mm, 16, 1500))
    columns = 2 * rows
    grid = _sample(local, radius, mesh.faces, rows, columns)
    filled = _fill(grid)
    vertices = _to_points(filled) @ frame + centre
    sigma = np.append(np.where(np.isfinite(grid), float(np.median(mesh.sigma_mm)), np.nan).ravel(), [np.nan, np.nan])
    body = trimesh.Trimesh(vertices, _grid_faces(rows, columns), process=False)
    if not body.is_watertight or body.volume <= 0:
        raise UsageError(
            device="mesh",
            seen=f"cannot be closed from {behind_mm:g} mm behind its middle",
            expected="a point that all of the surface faces away from",
            remedy="choose another `behind_mm`",
        )
    return SurfaceMesh(
        vertices, np.asarray(body.faces, np.int32), np.array(body.vertex_normals, np.float32),
        sigma.astype(np.float32), stance=mesh.stance,
    )  # fmt: skip


def _frame(axis: Array) -> Array:
    """Return the rows x, y, and z along the axis. The poles lie aside, where a face has least detail."""
    side = np.cross([0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [1.0, 0.0, 0.0], axis)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(axis, side), axis])


def _sample(local: Array, radius: Array, faces: Ints32, rows: int, columns: int) -> Array:
    """Return the mean distance in each direction, (rows, columns); NaN where nothing was measured."""
    # Middles and edges of the triangles count, too, so that the lattice has no holes between vertices.
    corners = local[faces]
    lengths = radius[faces]
    shares = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [1 / 3] * 3])
    total, count = np.zeros(rows * columns), np.zeros(rows * columns)
    for share in shares:
        point = np.einsum("k,fkc->fc", share, corners)
        distance = np.linalg.norm(point, axis=1) if share.max() < 1 else lengths @ share
        # Polar angle from y, azimuth from z: the measured front lies in the middle of the grid.
        polar = np.arccos(np.clip(point[:, 1] / distance, -1, 1))
        azimuth = np.arctan2(point[:, 0], point[:, 2])
        j = np.clip((polar / np.pi * rows).astype(int), 0, rows - 1)
        i = ((azimuth / (2 * np.pi) + 0.5) * columns).astype(int) % columns
        np.add.at(total, j * columns + i, distance)
        np.add.at(count, j * columns + i, 1)
    with np.errstate(invalid="ignore"):
        return (total / np.where(count > 0, count, np.nan)).reshape(rows, columns)


def _fill(grid: Array) -> Array:
    """Continue the measured distances over the other directions: the nearest one, smoothed more the farther it is."""
    # Three copies side by side: the azimuth is periodic, the distance transform is not.
    wide = np.concatenate([grid] * 3, axis=1)
    known = np.isfinite(wide)
    distance, (j, i) = scipy.ndimage.distance_transform_edt(~known, return_indices=True)
    nearest = wide[j, i]
    smooth, far = nearest, nearest
    for size in (4.0, 16.0, 48.0):
        far = scipy.ndimage.gaussian_filter(nearest, size, mode=("nearest", "wrap"))
        share = np.clip(distance / size, 0, 1)
        smooth = (1 - share) * smooth + share * far
    middle = slice(grid.shape[1], 2 * grid.shape[1])
    filled = np.where(known, wide, smooth)[:, middle]
    # All directions meet at a pole: what is not measured there becomes one distance.
    polar = (np.arange(len(grid))[:, None] + 0.5) / len(grid) * np.pi
    share = np.exp(-((np.minimum(polar, np.pi - polar) / 0.35) ** 2)) * np.clip(distance[:, middle] / 20, 0, 1)
    return np.asarray((1 - share) * filled + share * filled.mean(axis=1, keepdims=True))


def _to_points(radii: Array) -> Array:
    """Return the points of a grid of distances, row by row, and then the two poles."""
    rows, columns = radii.shape
    polar = (np.arange(rows)[:, None] + 0.5) / rows * np.pi
    azimuth = ((np.arange(columns)[None, :] + 0.5) / columns - 0.5) * 2 * np.pi
    directions = np.stack(
        np.broadcast_arrays(np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)), axis=-1
    )
    poles = np.array([[0, radii[0].mean(), 0], [0, -radii[-1].mean(), 0]])
    return np.concatenate([(directions * radii[..., None]).reshape(-1, 3), poles])


def _grid_faces(rows: int, columns: int) -> Ints32:
    """Return the triangles of the grid, closed around and at the poles, counter-clockwise seen from outside."""
    j, i = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    a, b = j * columns + i, j * columns + (i + 1) % columns
    c, d = a + columns, b + columns
    # Two triangles per cell of the grid, then one fan at each pole.
    sides = np.concatenate([np.stack([a, c, d], -1).reshape(-1, 3), np.stack([a, d, b], -1).reshape(-1, 3)])
    n, top = np.arange(columns), rows * columns
    following = (n + 1) % columns
    first = np.stack([np.full(columns, top), n, following], axis=1)
    last = (rows - 1) * columns
    second = np.stack([np.full(columns, top + 1), last + following, last + n], axis=1)
    return np.concatenate([sides, first, second]).astype(np.int32)
