"""The point of a surface that is nearest to a place: on its triangles, not only at its vertices.

In: vertices and triangles, places. Out: for each place the nearest point, its triangle, its shares of the triangle's
corners, and its distance. libigl's tree of boxes finds it. Not here: whether a place is near enough (see
../measure/places.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import igl
import numpy as np

from rigdriver.arrays import Array, Ints32, Ints64


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Points on a surface; one row per place."""

    points_mm: Array
    """(N, 3) float64."""
    faces: Ints64
    """(N,): the triangle that each point lies on."""
    shares: Array
    """(N, 3) float64: share of each corner of that triangle; they add up to 1."""
    away_mm: Array
    """(N,) float64: distance of the place."""


class NearestOnSurface:
    """Finds nearest points on triangles."""

    def __init__(self, vertices_mm: Array, faces: Ints32) -> None:
        self._vertices = np.ascontiguousarray(vertices_mm, np.float64)
        self._faces = np.ascontiguousarray(faces, np.int64)
        self._tree = igl.AABB()
        self._tree.init(self._vertices, self._faces)

    def __call__(self, places_mm: Array) -> Nearest:
        """Return the nearest point of each place, (N, 3) mm."""
        places = np.ascontiguousarray(places_mm, np.float64).reshape(-1, 3)
        squares, found, points = self._tree.squared_distance(self._vertices, self._faces, places)
        faces, points = np.ravel(found).astype(np.int64), np.asarray(points, np.float64).reshape(-1, 3)
        shares = shares_of(self._vertices[self._faces[faces]], points)
        return Nearest(points, faces, shares, np.sqrt(np.maximum(np.ravel(squares), 0.0)))


def shares_of(corners_mm: Array, points_mm: Array) -> Array:
    """Return barycentric coordinates, (N, 3), of points that lie on triangles, (N, 3, 3); they are within 0 and 1."""
    a, b = corners_mm[:, 1] - corners_mm[:, 0], corners_mm[:, 2] - corners_mm[:, 0]
    p = points_mm - corners_mm[:, 0]
    # Ericson, Real-Time Collision Detection, 3.4: two equations from the dot products with both edges.
    aa, ab, bb = (np.einsum("ij,ij->i", u, v) for u, v in ((a, a), (a, b), (b, b)))
    pa, pb = np.einsum("ij,ij->i", p, a), np.einsum("ij,ij->i", p, b)
    size = aa * bb - ab * ab
    flat = size <= 0
    size = np.where(flat, 1.0, size)
    second, third = (bb * pa - ab * pb) / size, (aa * pb - ab * pa) / size
    # A triangle without an area is a line: its first corner stands for it.
    second, third = np.where(flat, 0.0, second), np.where(flat, 0.0, third)
    shares = np.clip(np.stack([1.0 - second - third, second, third], axis=1), 0.0, 1.0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
