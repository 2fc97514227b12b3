"""The shortest way, found by halves where edge flips alone end in a longer one.

In: a `Patch`. Out: the shortest way between its ends. Between places that lie nearly opposite on a closed body many
ways are straight and nearly as short as the shortest. The least lengths from both ends tell how much longer a way over
a point is than the shortest. A point that no way is longer for lies on the shortest way, which then consists of the two
halves, and they are found alike. Halves of a shortest way have fewer rivals, so few halvings are needed. Not here: the
two methods (see patch.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse.csgraph

from rigdriver.arrays import Array, Ints64
from rigdriver.errors import UsageError
from rigdriver.stereo.measure.patch import Patch, graph_of, in_reach, least_lengths, length_of, straightened
from rigdriver.stereo.mesh.topology import edges_of, split_bow_ties

HALVINGS = 8
"""Largest number of times that a part of a way is halved."""
ROUNDS = 4
"""Largest number of times that points on edges are taken closer together."""
PARTS = 8
"""Number of parts that a piece of an edge is divided into, per round."""
KEPT = 16
"""Number of points about which the next round looks: as many ways as can rival for the shortest."""
END_SHARE = 1e-6
"""Least distance of a point from an edge's ends, as a share of the edge: nearer ones make needles."""


@dataclass(frozen=True, slots=True, eq=False)
class _EdgePoints:
    """Points on edges of a patch."""

    ends: Ints64
    """(N, 2): vertices of the edge."""
    shares: Array
    """(N,): how far the point lies from the first vertex to the second."""

    def chosen(self, which: Ints64) -> _EdgePoints:
        return _EdgePoints(self.ends[which], self.shares[which])


def shortest_on(patch: Patch, least: float, within: float, left: int = HALVINGS) -> Array:
    """Return the way, (N, 3) mm, that is longer than the least length by no more than the share `within`.

    Where there is none to be found, the shortest that was: the caller compares.
    """
    ways = [straightened(patch)]
    if length_of(ways[0]) <= least * (1 + within) or left == 0:
        return ways[0]
    finer, middle, lengths = _with_middle(patch, least, 0.5 * within)
    ways += _over(finer, middle)
    if length_of(ways[-1]) > least * (1 + within):
        halves = zip(((patch.ends[0], middle), (middle, patch.ends[1])), lengths, strict=True)
        found = [shortest_on(_between(finer, *half), half[1], 0.5 * within, left - 1) for half in halves]
        ways.append(np.concatenate([found[0], found[1][1:]]))
    return min(ways, key=length_of)


def _over(patch: Patch, middle: int) -> list[Array]:
    """Return the straight way from one over the middle, where there is one."""
    try:
        return [straightened(patch, middle)]
    except UsageError:
        # Edge flips refuse a way that comes back along the edge on which it came to the middle.
        return []


def _with_middle(patch: Patch, least: float, within: float) -> tuple[Patch, int, Array]:
    """Return the patch with a vertex midway on the shortest way, that vertex, and the lengths of both halves, (2,)."""
    edges = _midway(patch)
    corners = np.setdiff1d(edges, patch.ends)
    halves = _halves(patch, corners)
    detours = halves.sum(axis=0) - least
    if detours.min() <= within * least:
        nearest = int(np.argmin(detours))
        return patch, int(corners[nearest]), halves[:, nearest]
    points = _first_points(patch, edges, dict(zip(corners.tolist(), detours.tolist(), strict=True)))
    point, lengths = _least_detour(patch, points, least * (1 + within))
    return _split(patch, point), len(patch.vertices_mm), lengths


def _least_detour(
    patch: Patch, points: _EdgePoints, enough: float, gap: float = 1.0 / PARTS, left: int = ROUNDS
) -> tuple[_EdgePoints, Array]:
    """Return the point that the shortest way comes closest to, and the lengths of both halves over it, (2,).

    Closer points about the best are tried until a way over one is no longer than `enough`.
    """
    numbers = len(patch.vertices_mm) + np.arange(len(points.shares), dtype=np.int64)
    halves = _halves(_split(patch, points), numbers)
    order = np.argsort(halves.sum(axis=0))[:KEPT].astype(np.int64)
    if left == 0 or halves[:, order[0]].sum() <= enough:
        return points.chosen(order[:1]), halves[:, order[0]]
    return _least_detour(patch, _points_about(points.chosen(order), gap), enough, gap / PARTS, left - 1)


def _between(patch: Patch, ends: tuple[int, int], least: float) -> Patch:
    """Return what a way of the least length between two vertices can touch."""
    first, last = (patch.vertices_mm[end] for end in ends)
    chosen = in_reach(patch.vertices_mm, patch.faces, first, last, least * (1 + 1e-9))
    used, faces = _renamed(patch.faces[chosen])
    while (tied := np.bincount(split_bow_ties(faces, len(used))[1]) > 1).any():
        # Triangles that the cut left with a vertex alone in common get back what lay between them.
        chosen |= np.isin(patch.faces, used[tied]).any(axis=1)
        used, faces = _renamed(patch.faces[chosen])
    numbers = np.searchsorted(used, ends)
    return Patch(np.ascontiguousarray(patch.vertices_mm[used]), faces, (int(numbers[0]), int(numbers[1])))


def _renamed(faces: Ints64) -> tuple[Ints64, Ints64]:
    """Return the vertices that triangles use, and the triangles with their numbers among those."""
    used, numbers = np.unique(faces, return_inverse=True)
    return used, np.ravel(numbers).astype(np.int64).reshape(-1, 3)


def _midway(patch: Patch) -> Ints64:
    """Return the edges, (N, 2), of the triangles that part the vertices nearer to one end from those of the other.

    Each way passes through such a triangle, so it meets one of these edges, whatever measure of nearness is taken.
    """
    away = scipy.sparse.csgraph.dijkstra(graph_of(patch.vertices_mm, patch.faces), indices=patch.ends)
    is_first = away[0] < away[1]
    of_first = is_first[patch.faces].sum(axis=1)
    return edges_of(patch.faces[(of_first > 0) & (of_first < 3)]).ends


def _halves(patch: Patch, wanted: Ints64) -> Array:
    """Return the least lengths from both ends to each vertex, (2, N) mm."""
    return np.stack([least_lengths(patch, end, wanted) for end in patch.ends])


def _first_points(patch: Patch, edges: Ints64, detours: dict[int, float]) -> _EdgePoints:
    """Return points on those edges that the shortest way can meet: a detour grows by twice the distance at most."""
    lengths = np.linalg.norm(patch.vertices_mm[edges[:, 0]] - patch.vertices_mm[edges[:, 1]], axis=1)
    mean = np.array([0.5 * (detours.get(u, 0.0) + detours.get(v, 0.0)) for u, v in edges.tolist()])
    reached = edges[mean <= lengths * (1 + 1e-9)]
    steps = np.arange(1, PARTS) / PARTS
    return _EdgePoints(np.repeat(reached, len(steps), axis=0), np.tile(steps, len(reached)))


def _points_about(points: _EdgePoints, gap: float) -> _EdgePoints:
    """Return points on the same edges, closer together about these."""
    steps = np.arange(-PARTS, PARTS + 1) / PARTS * gap
    shares = np.clip((points.shares[:, None] + steps).ravel(), END_SHARE, 1 - END_SHARE)
    keyed = np.column_stack([np.repeat(points.ends, len(steps), axis=0), shares.round(12)])
    found = np.unique(keyed, axis=0)
    return _EdgePoints(found[:, :2].astype(np.int64), found[:, 2])


def _split(patch: Patch, points: _EdgePoints) -> Patch:
    """Return the same surface with points on edges as further vertices, in their order.

    A triangle with points on its edges becomes a fan about its middle.
    """
    first, second = (patch.vertices_mm[points.ends[:, k]] for k in (0, 1))
    added = first + points.shares[:, None] * (second - first)
    on_edge: dict[tuple[int, int], list[int]] = {}
    for k in np.argsort(points.shares, kind="stable"):
        u, v = points.ends[k].tolist()
        on_edge.setdefault((u, v), []).append(len(patch.vertices_mm) + int(k))
    ends = edges_of(patch.faces)
    is_split = np.array([tuple(pair) in on_edge for pair in ends.ends.tolist()])
    touched = is_split[ends.of_face].any(axis=1)
    middles = patch.vertices_mm[patch.faces[touched]].mean(axis=1)
    grown = np.concatenate([patch.vertices_mm, added, middles])
    fans = [
        fan
        for k, face in enumerate(patch.faces[touched].tolist())
        for fan in _fan(face, on_edge, len(patch.vertices_mm) + len(added) + k)
    ]
    faces = np.concatenate([patch.faces[~touched], np.array(fans, np.int64).reshape(-1, 3)])
    return Patch(grown, faces, patch.ends)


def _fan(face: list[int], on_edge: dict[tuple[int, int], list[int]], middle: int) -> list[list[int]]:
    rim: list[int] = []
    for u, v in zip(face, face[1:] + face[:1], strict=True):
        between = on_edge.get((min(u, v), max(u, v)), [])
        rim += [u, *(between if u < v else between[::-1])]
    return [[u, v, middle] for u, v in zip(rim, rim[1:] + rim[:1], strict=True)]
