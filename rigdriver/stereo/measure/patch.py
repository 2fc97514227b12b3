"""A part of a mesh with both ends of a way among its vertices, and the two methods that find the way.

In: triangles. Out: the least length over all ways (Mitchell, Mount, Papadimitriou 1987; libigl), and a way that is
straight on the triangles (edge flips: Sharp, Crane 2020; potpourri3d), which may run on the wrong side of a hill. Not
here: what is done when both differ (see halving.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import igl
import numpy as np
import potpourri3d
import scipy.sparse

from rigdriver.arrays import Array, Ints32, Ints64, Mask
from rigdriver.errors import UsageError
from rigdriver.stereo.mesh.topology import edges_of

CENTRE_SHARE = 1.0 / math.sqrt(3.0)
"""Largest distance of a point of a triangle from the nearest corner, as a share of the longest edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A part of a mesh with both places as vertices."""

    vertices_mm: Array
    faces: Ints64
    ends: tuple[int, int]


def no_way(seen: str, expected: str, remedy: str) -> UsageError:
    """Return the refusal of a way."""
    return UsageError(device="way between two points", seen=seen, expected=expected, remedy=remedy)


def length_of(way: Array) -> float:
    """Return the length of a line of points, (N, 3)."""
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


def in_reach(vertices: Array, faces: Ints32 | Ints64, first: Array, last: Array, most: float) -> Mask:
    """Return which triangles, (F,), a way between two points can touch that is no longer than `most`."""
    through = np.linalg.norm(vertices - first, axis=1) + np.linalg.norm(vertices - last, axis=1)
    corners = vertices[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    return np.asarray(through[faces].min(axis=1) <= most + 2 * CENTRE_SHARE * longest)


def graph_of(vertices: Array, faces: Ints32 | Ints64) -> scipy.sparse.csr_matrix:
    """Return the edges with their lengths."""
    ends = edges_of(faces).ends
    lengths = np.linalg.norm(vertices[ends[:, 0]] - vertices[ends[:, 1]], axis=1)
    # A weight of 0 would mean that there is no edge.
    weights = np.maximum(np.concatenate([lengths, lengths]), 1e-12)
    both = np.concatenate([ends, ends[:, ::-1]])
    return scipy.sparse.coo_matrix((weights, both.T), shape=(len(vertices), len(vertices))).tocsr()


def straightened(patch: Patch, *over: int) -> Array:
    """Return a way, (N, 3) mm, that is straight on the triangles, sought from one along edges over given vertices."""
    try:
        solver = potpourri3d.EdgeFlipGeodesicSolver(patch.vertices_mm, patch.faces)
        way = solver.find_geodesic_path_poly([patch.ends[0], *over, patch.ends[1]])
    except (RuntimeError, ValueError) as exc:
        raise no_way(
            f"the triangles about it cannot be unfolded: {exc}", "a surface in one layer", "mend the mesh"
        ) from exc
    return np.asarray(way, np.float64)


def least_length(patch: Patch) -> float:
    """Return the least length of a way between the ends."""
    return float(least_lengths(patch, patch.ends[0], np.array(patch.ends[1:], np.int64))[0])


def least_lengths(patch: Patch, start: int, wanted: Ints64) -> Array:
    """Return the least length from one vertex to each of others; the time goes with the number of those."""
    try:
        found = igl.exact_geodesic(patch.vertices_mm, patch.faces, VS=np.array([start], np.int64), VT=wanted)
    except (RuntimeError, MemoryError, ValueError) as exc:
        raise no_way(f"its least length cannot be found: {exc}", "triangles with an area", "mend the mesh") from exc
    return np.ravel(np.asarray(found, np.float64))
