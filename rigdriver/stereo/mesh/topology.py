"""How the triangles of a mesh hang together: parts, borders, edges that more than two triangles share, winding.

In: triangles as corner numbers. Out: the same facts as arrays and numbers, and triangles that are mended. Not here:
coordinates (see repair.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import igl
import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from rigdriver.arrays import Ints32, Ints64, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The edges of a mesh, each once."""

    ends: Ints64
    """(E, 2): vertices, the smaller number first."""
    counts: Ints64
    """(E,): number of triangles that have this edge."""
    of_face: Ints64
    """(F, 3): edges of each triangle; the first is that of its corners 0 and 1."""

    @property
    def is_border(self) -> Mask:
        """(E,): whether one triangle alone has the edge."""
        return np.asarray(self.counts == 1)

    @property
    def is_crowded(self) -> Mask:
        """(E,): whether more than two triangles have the edge."""
        return np.asarray(self.counts > 2)


def edges_of(faces: Ints32 | Ints64) -> Edges:
    """Return the edges of triangles, (F, 3)."""
    pairs = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64), axis=1)
    # One number per pair sorts far faster than rows of two.
    span = int(pairs.max()) + 1 if len(pairs) else 1
    keys, of_face, counts = np.unique(pairs[:, 0] * span + pairs[:, 1], return_inverse=True, return_counts=True)
    ends = np.stack([keys // span, keys % span], axis=1)
    return Edges(ends, counts.astype(np.int64), np.ravel(of_face).astype(np.int64).reshape(-1, 3))


def parts_of(faces: Ints32 | Ints64, edges: Edges | None = None) -> tuple[int, Ints64]:
    """Return the number of parts and the part of each triangle, (F,): triangles of one part share edges."""
    known = edges or edges_of(faces)
    numbers = np.repeat(np.arange(len(faces)), 3)
    # Triangles and edges are both nodes of one graph.
    count = len(faces) + len(known.ends)
    graph = scipy.sparse.coo_matrix(
        (np.ones(len(numbers), np.int8), (numbers, len(faces) + known.of_face.ravel())), shape=(count, count)
    )
    found, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    return int(found), label[: len(faces)].astype(np.int64)


def with_one_winding(faces: Ints32 | Ints64) -> tuple[Ints64, Mask]:
    """Turn triangles so that those of one part agree with their neighbours; return them and which ones were turned.

    The larger number of triangles of a part keeps its side.
    """
    before = np.ascontiguousarray(faces, np.int64)
    after, part = igl.bfs_orient(before)
    after, part = np.asarray(after, np.int64), np.ravel(part).astype(np.int64)
    turned = np.asarray((after != before).any(axis=1))
    counts, turns = np.bincount(part), np.bincount(part, weights=turned)
    is_minority = (2 * turns > counts)[part]
    after[is_minority] = after[is_minority][:, ::-1]
    turned = turned ^ is_minority
    # A triangle that was turned twice stands as it was, first corner included.
    after[~turned] = before[~turned]
    return after, turned


def split_bow_ties(faces: Ints32 | Ints64, count: int) -> tuple[Ints64, Ints64]:
    """Give each fan of triangles about a vertex a vertex of its own: parts that touch in a point hang together no more.

    Returns the triangles with new numbers, and for each new number, (V',), the vertex that it was.
    """
    edges = edges_of(faces)
    corners = np.arange(3 * len(faces)).reshape(-1, 3)
    flat = faces.ravel().astype(np.int64)
    # Corners of one vertex belong together when their triangles share an edge at it: node per (edge, end).
    order = np.array([[0, 1], [1, 2], [2, 0]])
    rows, columns = [], []
    for k, pair in enumerate(order):
        for corner in pair:
            is_second = edges.ends[edges.of_face[:, k], 1] == faces[:, corner]
            rows.append(corners[:, corner])
            columns.append(3 * len(faces) + 2 * edges.of_face[:, k] + is_second)
    nodes = 3 * len(faces) + 2 * len(edges.ends)
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = scipy.sparse.coo_matrix((np.ones(len(row), np.int8), (row, column)), shape=(nodes, nodes))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    fans, first, number = np.unique(label[: 3 * len(faces)], return_index=True, return_inverse=True)
    if len(fans) == count:
        return np.asarray(faces, np.int64), np.arange(count, dtype=np.int64)
    return np.ravel(number).astype(np.int64).reshape(-1, 3), flat[first]
