"""The distance of one surface to another.

In: two meshes in one world. Out: signed distances of the first one's vertices to the second one's triangles, with their
uncertainty, and how much of the first surface they stand for. Not here: how they are drawn (see ../mesh/pictures.py).
"""

from __future__ import annotations

import numpy as np

from rigdriver.arrays import Array, Mask
from rigdriver.stereo.mesh.nearest import Nearest, NearestOnSurface
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.topology import edges_of

REACH_MM = 5.0
"""Largest distance that counts as a deviation, in mm."""
ASKEW = 0.7
"""Least cosine, beside a border, between the way to the nearest point and the surface's normal there."""
LEAST_PLACES, MOST_PLACES = 20_000, 200_000
"""Least and largest number of places at which whole surfaces are compared."""
ON_EDGE = 1e-9
"""Share of a triangle's corner below which a point lies on the opposite edge."""


def deviations(mesh: SurfaceMesh, other: SurfaceMesh, reach_mm: float = REACH_MM) -> tuple[Array, Array]:
    """Return the signed distance of each vertex to another mesh, (V,) mm, and its standard uncertainty, (V,).

    It is above 0 where this mesh lies outside the other, and NaN where the other ends or is farther than `reach_mm`.
    """
    return _deviations_at(mesh.vertices_mm, mesh.sigma_mm.astype(np.float64), other, reach_mm)


def deviations_over(mesh: SurfaceMesh, other: SurfaceMesh, reach_mm: float = REACH_MM) -> tuple[Array, Array]:
    """Return the same at places, (N,), that stand for equal areas of the whole mesh, however coarse its triangles."""
    corners = mesh.vertices_mm[mesh.faces]
    double = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    count = int(np.clip(len(mesh.vertices_mm), LEAST_PLACES, MOST_PLACES))
    summed = np.cumsum(double)
    face = np.searchsorted(summed, (np.arange(count) + 0.5) / count * summed[-1])
    # An additive sequence of two irrational steps fills each triangle evenly (Roberts 2018).
    u, v = np.mod(np.arange(count)[:, None] * np.array([0.7548776662466927, 0.5698402909980532]), 1.0).T
    root = np.sqrt(u)
    shares = np.stack([1 - root, root * (1 - v), root * v], axis=1)
    places = np.einsum("nk,nkc->nc", shares, corners[face])
    sigma = np.einsum("nk,nk->n", shares, mesh.sigma_mm[mesh.faces[face]].astype(np.float64))
    return _deviations_at(places, sigma, other, reach_mm)


def _deviations_at(places: Array, own: Array, other: SurfaceMesh, reach_mm: float) -> tuple[Array, Array]:
    near = NearestOnSurface(other.vertices_mm, other.faces)(places)
    corners = other.faces[near.faces]
    off = places - near.points_mm
    out = _normals_at(other, near)
    along = np.einsum("ij,ij->i", off, out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-300))
    # Beyond a border the nearest point lies askew on it: that is no deviation.
    beyond = _on_border(other, near) & (np.abs(along) < ASKEW * near.away_mm - 1e-6)
    known = (near.away_mm <= reach_mm) & ~beyond
    found = np.where(known, np.copysign(near.away_mm, along), np.nan)
    # The point between three vertices has their sigma in shares; neighbours err together.
    theirs = np.einsum("ij,ij->i", near.shares, other.sigma_mm[corners].astype(np.float64))
    return found, np.where(known, np.hypot(own, theirs), np.nan)


def _normals_at(mesh: SurfaceMesh, near: Nearest) -> Array:
    """Return which way is out at points of a mesh, (N, 3), not of unit length.

    Within a triangle its normal says so, on an edge the sum of both triangles' normals, at a corner that of all about
    it, weighted by their angles: with these the sign is right everywhere (Baerentzen, Aanaes 2005).
    """
    points = mesh.vertices_mm[mesh.faces]
    normal = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    edges = edges_of(mesh.faces)
    at_edge, at_corner = np.zeros((len(edges.ends), 3)), np.zeros_like(mesh.vertices_mm)
    for k in range(3):
        u, v = points[:, (k + 1) % 3] - points[:, k], points[:, (k + 2) % 3] - points[:, k]
        angle = np.arctan2(np.linalg.norm(np.cross(u, v), axis=1), np.einsum("ij,ij->i", u, v))
        np.add.at(at_corner, mesh.faces[:, k], angle[:, None] * normal)
        np.add.at(at_edge, edges.of_face[:, k], normal)
    out = normal[near.faces]
    for k in range(3):
        # Edge k joins corners k and k + 1; a point on it has no share of corner k + 2.
        on_edge = near.shares[:, (k + 2) % 3] < ON_EDGE
        out[on_edge] = at_edge[edges.of_face[near.faces[on_edge], k]]
    for k in range(3):
        at = near.shares[:, k] > 1 - ON_EDGE
        out[at] = at_corner[mesh.faces[near.faces[at], k]]
    return out


def _on_border(mesh: SurfaceMesh, near: Nearest) -> Mask:
    """Return which points, (N,), lie on an open border of the mesh."""
    edges = edges_of(mesh.faces)
    is_border = edges.is_border[edges.of_face[near.faces]]
    return np.asarray((is_border & (near.shares[:, [2, 0, 1]] < ON_EDGE)).any(axis=1))
