"""One surface where two pods meet: each place has one owner, and the other pod's triangles are cut at its border.

In: the sheets of two pods, in one world: triangles on a grid of cells. Out: one set of triangles. A triangle of the
second pod is cut along the lines of the first one's grid; what lies in a patch that the first one keeps, at the same
place, is dropped. The cut ends are moved onto the first pod's edges (by what the two differ, some micrometres) and
become corners of its triangles, too, so the seam is closed: no gap, no overlap. Not here: which pod owns what (see
surface_mesh.py), and how triangles are cut (see seam_cut.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.csgraph
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, Ints64, Mask
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.kernel import kernel
from rigdriver.stereo.mesh.seam_cut import MOST_CORNERS, Pieces, cut_along, in_grid

AT_NODE = 0.05
"""Share of a grid's edge within which a cut end is moved to the end of the edge: it would leave a needle."""
CUT_MM = 1e-6
"""Distance of two cut ends that are the same one, in mm."""


@dataclass(slots=True, eq=False)
class Sheet:
    """Triangles of one pod."""

    surface: Surface
    points: Array
    """(V, 3) mm."""
    normals: Array
    sigma: Floats32
    faces: Ints32
    patches: Bytes
    """(h, w): 1 where the pod keeps its patch."""
    number: Ints32
    """(h, w): vertex of each cell; -1 where there is none."""
    pod: Ints32
    """(V,): which pod measured each point."""


def join(first: Sheet, second: Sheet) -> Sheet:
    """Return both sheets as one, the second one cut where the first one keeps its patches.

    The grid of the second one is not asked, so it may be one that was joined before.
    """
    places, depth = in_grid(first.surface, second.points)
    state, pieces = cut_along(first.surface, first.patches, second.faces, places, depth)
    offset = len(first.points)
    whole = second.faces[state == 0] + offset
    made = _corners_of_pieces(first, second, places, pieces, state > 0)
    top = offset + len(second.points) + len(made.points)
    faces, own = _split(np.concatenate([first.faces, whole, made.faces]), made.on_edges, top)
    return replace(
        first,
        points=_with_middles([first.points, second.points, made.points], own),
        normals=_with_middles([first.normals, second.normals, made.normals], own),
        sigma=_with_middles([first.sigma, second.sigma, made.sigma], own),
        faces=faces,
        pod=_with_middles([first.pod, second.pod, made.pod], own[:, :1]),
    )


def _with_middles(parts: Sequence[Array | Floats32 | Ints32], own: Ints64) -> Any:
    """Return the values of all vertices as one array, and behind them the mean of those between which a middle stands.

    They are written into one array: fresh memory costs more than the sums.
    """
    count = sum(len(part) for part in parts)
    out = np.empty((count + len(own), *parts[0].shape[1:]), parts[0].dtype)
    np.concatenate(parts, out=out[:count])
    out[count:] = out[own].mean(axis=1)
    return out


@dataclass(slots=True, eq=False)
class _OnEdges:
    """New vertices on edges that stood before, (E,) each: edge by edge, from the edge's smaller vertex to the other."""

    lower: Ints64
    upper: Ints64
    """The edge's vertices."""
    vertex: Ints64


@dataclass(slots=True, eq=False)
class _Made:
    points: Array
    normals: Array
    sigma: Floats32
    pod: Ints32
    faces: Ints32
    on_edges: _OnEdges


def _corners_of_pieces(first: Sheet, second: Sheet, places: Array, pieces: Pieces, is_cut: Mask) -> _Made:
    """Give the pieces' corners vertices: those of a grid where they lie at one, else new ones."""
    is_used = np.arange(MOST_CORNERS) < pieces.corner_count[:, None]
    where, kind = pieces.corners[is_used], pieces.on_edge[is_used]
    face = np.repeat(pieces.face, pieces.corner_count)
    corners = second.faces[face]
    shares = _shares_in_plane(places[corners], where)
    offset, start = len(first.points), len(first.points) + len(second.points)
    # The two ends of the grid's edge that a corner lies on, and the share of the way.
    low = np.floor(where).astype(np.int64)
    high = low + np.stack([kind == 2, kind == 1], axis=1)
    along = np.where(kind == 1, where[:, 1] - low[:, 1], np.where(kind == 2, where[:, 0] - low[:, 0], 0.0))
    h, w = first.number.shape
    clipped = [np.clip(end, 0, [w - 1, h - 1]) for end in (low, high)]
    ends = np.stack([first.number[c[:, 1], c[:, 0]] for c in clipped], axis=1).astype(np.int64)
    is_snapped = (kind > 0) & (ends >= 0).all(axis=1)
    along = np.where(along < AT_NODE, 0.0, np.where(along > 1 - AT_NODE, 1.0, along))
    number = np.full(len(where), -1, np.int64)
    at_node = is_snapped & ((along == 0.0) | (along == 1.0))
    number[at_node] = ends[at_node, (along[at_node] == 1.0).astype(int)]
    # A corner of the triangle itself.
    least, most = np.minimum.reduce(shares.T), np.maximum.reduce(shares.T)
    own = (most > 1 - 1e-9) & (number < 0) & ~is_snapped
    number[own] = corners[own, np.argmax(shares[own], axis=1)] + offset
    new = np.flatnonzero(number < 0)
    on_first = is_snapped[new]
    points = np.einsum("nk,nkc->nc", shares[new], second.points[corners[new]])
    t = along[new[on_first], None]
    points[on_first] = (1 - t) * first.points[ends[new[on_first], 0]] + t * first.points[ends[new[on_first], 1]]
    kept, lead = _welded(points)
    number[new] = start + kept
    # Ends on an edge of the second pod's triangle: its neighbour there may be whole.
    on_own = np.flatnonzero((least < 1e-9) & (most < 1 - 1e-9))
    k, row = np.argmin(shares[on_own], axis=1), np.arange(len(on_own))
    own_ends = np.stack([corners[on_own][row, (k + step) % 3] for step in (1, 2)], axis=1)
    is_beside = _is_edge_of(second.faces, is_cut, own_ends, len(second.points))
    on_own, own_ends = on_own[is_beside], own_ends[is_beside] + offset
    own_along = shares[on_own, (k[is_beside] + 2) % 3]
    table = _by_edge(
        np.concatenate([ends[new[on_first]], own_ends]), np.concatenate([along[new[on_first]], own_along]),
        np.concatenate([number[new[on_first]], number[on_own]]),
    )  # fmt: skip
    chosen = new[lead]
    faces = _fans(pieces.corner_count, number)
    return _Made(
        points[lead], np.einsum("nk,nkc->nc", shares[chosen], second.normals[corners[chosen]]),
        np.einsum("nk,nk->n", shares[chosen], second.sigma[corners[chosen]]).astype(np.float32),
        second.pod[corners[chosen, 0]], faces, table,
    )  # fmt: skip


def _is_edge_of(faces: Ints32, is_cut: Mask, ends: Ints64, count: int) -> Mask:
    """Return which pairs of vertices, (N, 2), are an edge of one of the triangles that are not cut."""
    is_end = np.zeros(count, np.uint8)
    is_end[ends.ravel()] = 1
    near = _with_two_ends(faces, is_end)
    whole = faces[near[~is_cut[near]]]
    return np.asarray(np.isin(_keys(ends, count), _keys(whole[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), count)))


def _keys(ends: npt.NDArray[np.integer], count: int) -> Ints64:
    """Return one number per pair of vertices, whichever way round."""
    return np.asarray(ends.min(axis=1).astype(np.int64) * count + ends.max(axis=1))


def _by_edge(ends: Ints64, along: Array, vertex: Ints64) -> _OnEdges:
    """Return the vertices on each edge, each once, in their order along the edge."""
    lower, upper = ends.min(axis=1), ends.max(axis=1)
    share = np.where(ends[:, 0] > ends[:, 1], 1.0 - along, along)
    order = np.lexsort((vertex, upper, lower))
    lower, upper, vertex, share = lower[order], upper[order], vertex[order], share[order]
    once = np.ones(len(order), bool)
    once[1:] = (np.diff(lower) != 0) | (np.diff(upper) != 0) | (np.diff(vertex) != 0)
    lower, upper, vertex, share = lower[once], upper[once], vertex[once], share[once]
    order = np.lexsort((vertex, share, upper, lower))
    return _OnEdges(lower[order], upper[order], vertex[order])


def _shares_in_plane(triangles: Array, where: Array) -> Array:
    """Return barycentric coordinates, (N, 3), of places, (N, 2), in triangles of a plane, (N, 3, 2)."""
    a, b, p = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0], where - triangles[:, 0]
    size = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    second = (p[:, 0] * b[:, 1] - p[:, 1] * b[:, 0]) / size
    third = (a[:, 0] * p[:, 1] - a[:, 1] * p[:, 0]) / size
    return np.clip(np.stack([1 - second - third, second, third], axis=1), 0.0, 1.0)


def _welded(points: Array) -> tuple[Ints64, Ints64]:
    """Return the number of each point among the distinct ones, and one point of each."""
    if not len(points):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = cKDTree(points, balanced_tree=False, compact_nodes=False).query_pairs(CUT_MM, output_type="ndarray")
    graph = scipy.sparse.coo_matrix((np.ones(len(pairs), np.int8), pairs.T), shape=(len(points), len(points)))
    count, number = scipy.sparse.csgraph.connected_components(graph, directed=False)
    distinct = np.zeros(count, np.int64)
    distinct[number[::-1]] = np.arange(len(points))[::-1]
    return number.astype(np.int64), distinct


def _fans(count: Ints64, number: Ints64) -> Ints32:
    """Return the triangles, (F, 3), of convex pieces; those that have become lines are left out."""
    begin = np.cumsum(count) - count
    made = []
    for k in range(1, MOST_CORNERS - 1):
        there = begin[count > k + 1]
        made.append(np.stack([number[there], number[there + k], number[there + k + 1]], axis=1))
    faces = np.concatenate(made)
    is_line = (faces[:, 0] == faces[:, 1]) | (faces[:, 1] == faces[:, 2]) | (faces[:, 0] == faces[:, 2])
    return np.asarray(faces[~is_line], np.int32)


def _split(faces: Ints32, on_edges: _OnEdges, top: int) -> tuple[Ints32, Ints64]:
    """Make vertices that lie on triangles' edges corners of them, by a fan about a new middle.

    Returns the triangles, and for each new middle, numbered from `top` on, the corners that it stands between, (M, 3).
    """
    if not len(on_edges.vertex):
        return faces, np.zeros((0, 3), np.int64)
    keys = on_edges.lower * top + on_edges.upper
    is_end = np.zeros(top, np.uint8)
    is_end[on_edges.lower] = 1
    is_end[on_edges.upper] = 1
    near = _with_two_ends(faces, is_end)
    sides = _keys(faces[near][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), top).reshape(-1, 3)
    # Where the vertices of each side begin and end in the table.
    begin, end = np.searchsorted(keys, sides), np.searchsorted(keys, sides, side="right")
    some = (end > begin).any(axis=1)
    hit = near[some]
    split = faces[hit]
    made = np.zeros((int((3 + (end - begin)[some].sum(axis=1)).sum()), 3), np.int32)
    count = _fill_fans(split, begin[some], end[some], on_edges.vertex, top, made)
    is_whole = np.ones(len(faces), bool)
    is_whole[hit] = False
    return np.concatenate([faces[is_whole], made[:count]]), split.astype(np.int64)


def _with_two_ends(faces: Ints32, is_end: Bytes) -> Ints64:
    """Return the numbers of the triangles of which at least two corners are marked."""
    found = np.zeros(len(faces), np.bool_)
    _mark_two_ends(faces, is_end, found)
    return np.flatnonzero(found)


@kernel
def _mark_two_ends(faces: Ints32, is_end: Bytes, found: Mask) -> None:
    for f in range(faces.shape[0]):
        found[f] = is_end[faces[f, 0]] + is_end[faces[f, 1]] + is_end[faces[f, 2]] >= 2


@kernel
def _fill_fans(faces: Ints32, begin: Ints64, end: Ints64, vertex: Ints64, top: int, made: Ints32) -> int:
    """Fill triangles about a new middle per face, (F, 3), through the vertices begin to end on each of its sides."""
    count = 0
    for f in range(faces.shape[0]):
        first = count
        for k in range(3):
            u, v = faces[f, k], faces[f, (k + 1) % 3]
            # The start of each piece of the rim: the corner, then what lies on the side, in the direction of the rim.
            made[count, 0] = u
            count += 1
            for n in range(end[f, k] - begin[f, k]):
                there = vertex[begin[f, k] + n] if u < v else vertex[end[f, k] - 1 - n]
                if there not in (u, v):
                    made[count, 0] = there
                    count += 1
        for n in range(first, count):
            made[n, 1] = made[n + 1, 0] if n + 1 < count else made[first, 0]
            made[n, 2] = top + f
    return count
