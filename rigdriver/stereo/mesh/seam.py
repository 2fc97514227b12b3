"""One surface where two pods meet: each place has one owner, and the other pod's triangles are cut at its border.

In: the sheets of two pods, in one world: triangles on a grid of cells. Out: one set of triangles. A triangle of the
second pod is cut along the lines of the first one's grid; what lies in a patch that the first one keeps, at the same
place, is dropped. The cut ends are moved onto the first pod's edges (by what the two differ, some micrometres) and
become corners of its triangles, too, so the seam is closed: no gap, no overlap. Not here: which pod owns what (see
surface_mesh.py).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.csgraph
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, Ints64, Mask
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.pair_numbers import numbers_of, pose_of
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.kernel import kernel

SAME_MM = 1.0
"""Largest distance, along the first pod's normal, of two measurements of one place, in mm: what differs by more is
another surface, seen past the edge of a nearer one."""
AT_NODE = 0.05
"""Share of a grid's edge within which a cut end is moved to the end of the edge: it would leave a needle."""
MOST_CORNERS = 10
"""Largest number of corners of a triangle that a square has cut: seven, and room."""
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
    places, depth = _in_grid(first.surface, second.points)
    state, pieces = _cut(first, second, places, depth)
    offset = len(first.points)
    whole = second.faces[state == 0] + offset
    made = _corners_of_pieces(first, second, places, pieces, state > 0)
    points = np.concatenate([first.points, second.points, made.points])
    normals = np.concatenate([first.normals, second.normals, made.normals])
    sigma = np.concatenate([first.sigma, second.sigma, made.sigma])
    pod = np.concatenate([first.pod, second.pod, made.pod])
    faces, middles = _split(np.concatenate([first.faces, whole, made.faces]), made.on_edges, len(points))
    if middles:
        own = np.array(middles)
        points = np.concatenate([points, points[own].mean(axis=1)])
        normals = np.concatenate([normals, normals[own].mean(axis=1)])
        sigma = np.concatenate([sigma, sigma[own].mean(axis=1)])
        pod = np.concatenate([pod, pod[own[:, 0]]])
    return replace(
        first, points=points, normals=normals, sigma=sigma.astype(np.float32), faces=faces.astype(np.int32), pod=pod
    )


def _in_grid(surface: Surface, points: Array) -> tuple[Array, Array]:
    """Return where points stand in a pod's grid of cells, (V, 2), and how deep, (V,) mm."""
    numbers, pose = numbers_of(surface.pair), pose_of(surface.pair)
    local = (points - pose.centre_mm) @ pose.R_pair_world.T
    z = np.maximum(local[:, 2], 1e-3)
    x = numbers.focal_px * local[:, 0] / z + numbers.cx_px
    y = numbers.focal_px * local[:, 1] / z + numbers.cy_px
    return np.ascontiguousarray((np.stack([x, y], axis=1) - MIDDLE_PX) / CELL_PX), local[:, 2].copy()


@dataclass(slots=True, eq=False)
class _Pieces:
    face: Ints64
    count: Ints64
    """Corners of each piece."""
    corners: Array
    """(P, MOST_CORNERS, 2) in the first pod's grid."""
    on_edge: Ints64
    """(P, MOST_CORNERS): 0 free, 1 on a line x = const of a kept patch, 2 on y = const, 3 at a node."""


def _cut(first: Sheet, second: Sheet, places: Array, depth: Array) -> tuple[Ints64, _Pieces]:
    """Return for each triangle of the second sheet 0 (whole), 1 (dropped or cut), and the pieces that are left."""
    surface, n = first.surface, numbers_of(first.surface.pair)
    z = (n.bf / np.maximum(surface.field[0] + n.depth_offset_px, 1e-3)).astype(np.float64)
    state = np.zeros(len(second.faces), np.int64)
    patches = np.ascontiguousarray(first.patches)
    total = _find_cut(places, depth, second.faces, patches, z, surface.facing, SAME_MM, state)
    face, count = np.zeros(total, np.int64), np.zeros(total, np.int64)
    corners, on_edge = np.zeros((total, MOST_CORNERS, 2)), np.zeros((total, MOST_CORNERS), np.int64)
    made = _fill_pieces(
        places, depth, second.faces, patches, z, surface.facing, SAME_MM, state, face, count, corners, on_edge
    )
    return state, _Pieces(face[:made], count[:made], corners[:made], on_edge[:made])


@kernel
def _is_same(
    x: float, y: float, deep: float, i: int, j: int, patches: Bytes, z: Array, facing: Floats32, most_mm: float
) -> bool:
    """Tell whether a place of the grid is in a kept patch, and at the depth of its surface."""
    if i < 0 or j < 0 or j >= patches.shape[0] - 1 or i >= patches.shape[1] - 1 or not patches[j, i]:
        return False
    u, v = min(max(x - i, 0.0), 1.0), min(max(y - j, 0.0), 1.0)
    there = (1 - v) * ((1 - u) * z[j, i] + u * z[j, i + 1]) + v * ((1 - u) * z[j + 1, i] + u * z[j + 1, i + 1])
    return bool(abs(deep - there) * facing[j, i] < most_mm)


@kernel
def _find_cut(
    places: Array, depth: Array, faces: Ints32, patches: Bytes, z: Array, facing: Floats32, most_mm: float,
    state: Ints64,
) -> int:  # fmt: skip
    """Mark triangles that touch a kept patch at the same place; return the most pieces that they can leave."""
    total = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        i0 = int(np.floor(min(places[a, 0], places[b, 0], places[c, 0])))
        i1 = int(np.floor(max(places[a, 0], places[b, 0], places[c, 0])))
        j0 = int(np.floor(min(places[a, 1], places[b, 1], places[c, 1])))
        j1 = int(np.floor(max(places[a, 1], places[b, 1], places[c, 1])))
        deep = (depth[a] + depth[b] + depth[c]) / 3.0
        x, y = (places[a, 0] + places[b, 0] + places[c, 0]) / 3.0, (places[a, 1] + places[b, 1] + places[c, 1]) / 3.0
        if i1 < 0 or j1 < 0 or i0 >= patches.shape[1] or j0 >= patches.shape[0] or i1 - i0 > 40 or j1 - j0 > 40:
            continue
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                if _is_same(x, y, deep, i, j, patches, z, facing, most_mm):
                    state[f] = 1
        if state[f]:
            total += (i1 - i0 + 1) * (j1 - j0 + 1)
    return total


@kernel
def _clip_line(polygon: Array, count: int, axis: int, at: float, sign: float, out: Array) -> int:
    """Keep the part of a polygon with sign * (coordinate - at) >= 0 (Sutherland, Hodgman 1974)."""
    made = 0
    for k in range(count):
        p, q = polygon[k], polygon[(k + 1) % count]
        dp, dq = sign * (p[axis] - at), sign * (q[axis] - at)
        if dp >= 0:
            out[made, 0], out[made, 1] = p[0], p[1]
            made += 1
        if (dp > 0 and dq < 0) or (dp < 0 and dq > 0):
            t = dp / (dp - dq)
            out[made, axis] = at
            out[made, 1 - axis] = p[1 - axis] + t * (q[1 - axis] - p[1 - axis])
            made += 1
    return made


@kernel
def _edge_at(px: float, py: float, deep: float, patches: Bytes, z: Array, facing: Floats32, most_mm: float) -> int:
    """Return on what of a kept patch a place lies: 0 nothing, 1 an edge x = const, 2 an edge y = const, 3 a node."""
    ix, iy = int(np.floor(px)), int(np.floor(py))
    on_x, on_y = px == ix, py == iy
    if not on_x and not on_y:
        return 0
    touches = _is_same(px, py, deep, ix, iy, patches, z, facing, most_mm)
    if on_x:
        touches = touches or _is_same(px, py, deep, ix - 1, iy, patches, z, facing, most_mm)
    if on_y:
        touches = touches or _is_same(px, py, deep, ix, iy - 1, patches, z, facing, most_mm)
    if on_x and on_y:
        touches = touches or _is_same(px, py, deep, ix - 1, iy - 1, patches, z, facing, most_mm)
    return (int(on_x) + 2 * int(on_y)) if touches else 0


@kernel
def _fill_pieces(  # noqa: PLR0913, PLR0917
    places: Array, depth: Array, faces: Ints32, patches: Bytes, z: Array, facing: Floats32, most_mm: float,
    state: Ints64, face: Ints64, count: Ints64, corners: Array, on_edge: Ints64,
) -> int:  # fmt: skip
    made = 0
    one, two = np.zeros((MOST_CORNERS, 2)), np.zeros((MOST_CORNERS, 2))
    for f in range(faces.shape[0]):
        if not state[f]:
            continue
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        size = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if size == 0.0:
            continue
        # Depth is a plane over the triangle.
        gx = ((depth[b] - depth[a]) * (cy - ay) - (depth[c] - depth[a]) * (by - ay)) / size
        gy = ((depth[c] - depth[a]) * (bx - ax) - (depth[b] - depth[a]) * (cx - ax)) / size
        for j in range(int(np.floor(min(ay, by, cy))), int(np.floor(max(ay, by, cy))) + 1):
            for i in range(int(np.floor(min(ax, bx, cx))), int(np.floor(max(ax, bx, cx))) + 1):
                one[0, 0], one[0, 1], one[1, 0], one[1, 1], one[2, 0], one[2, 1] = ax, ay, bx, by, cx, cy
                n = _clip_line(one, 3, 0, float(i), 1.0, two)
                n = _clip_line(two, n, 0, float(i + 1), -1.0, one)
                n = _clip_line(one, n, 1, float(j), 1.0, two)
                n = _clip_line(two, n, 1, float(j + 1), -1.0, one)
                if n < 3:
                    continue
                x = y = 0.0
                for k in range(n):
                    x += one[k, 0] / n
                    y += one[k, 1] / n
                if _is_same(x, y, depth[a] + gx * (x - ax) + gy * (y - ay), i, j, patches, z, facing, most_mm):
                    continue
                face[made], count[made] = f, n
                for k in range(n):
                    px, py = one[k, 0], one[k, 1]
                    corners[made, k, 0], corners[made, k, 1] = px, py
                    deep = depth[a] + gx * (px - ax) + gy * (py - ay)
                    on_edge[made, k] = _edge_at(px, py, deep, patches, z, facing, most_mm)
                made += 1
    return made


@dataclass(slots=True, eq=False)
class _Made:
    points: Array
    normals: Array
    sigma: Floats32
    pod: Ints32
    faces: Ints32
    on_edges: dict[tuple[int, int], list[tuple[float, int]]]
    """New vertices on edges that stood before: the edge's vertices, the smaller first; share of the way, vertex."""


def _corners_of_pieces(first: Sheet, second: Sheet, places: Array, pieces: _Pieces, is_cut: Mask) -> _Made:
    """Give the pieces' corners vertices: those of a grid where they lie at one, else new ones."""
    is_used = np.arange(MOST_CORNERS) < pieces.count[:, None]
    where, kind = pieces.corners[is_used], pieces.on_edge[is_used]
    face = np.repeat(pieces.face, pieces.count)
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
    own = (shares.max(axis=1) > 1 - 1e-9) & (number < 0) & ~is_snapped
    number[own] = corners[own, np.argmax(shares[own], axis=1)] + offset
    new = np.flatnonzero(number < 0)
    on_first = is_snapped[new]
    points = np.einsum("nk,nkc->nc", shares[new], second.points[corners[new]])
    t = along[new[on_first], None]
    points[on_first] = (1 - t) * first.points[ends[new[on_first], 0]] + t * first.points[ends[new[on_first], 1]]
    kept, lead = _welded(points)
    number[new] = start + kept
    # Ends on an edge of the second pod's triangle: its neighbour there may be whole.
    on_own = np.flatnonzero((shares.min(axis=1) < 1e-9) & (shares.max(axis=1) < 1 - 1e-9))
    k, row = np.argmin(shares[on_own], axis=1), np.arange(len(on_own))
    own_ends = np.stack([corners[on_own][row, (k + step) % 3] for step in (1, 2)], axis=1)
    is_beside = _is_edge_of(second.faces[~is_cut], own_ends, len(second.points))
    on_own, own_ends = on_own[is_beside], own_ends[is_beside] + offset
    own_along = shares[on_own, (k[is_beside] + 2) % 3]
    table = _by_edge(
        np.concatenate([ends[new[on_first]], own_ends]), np.concatenate([along[new[on_first]], own_along]),
        np.concatenate([number[new[on_first]], number[on_own]]),
    )  # fmt: skip
    chosen = new[lead]
    faces = _fans(pieces.count, number)
    return _Made(
        points[lead], np.einsum("nk,nkc->nc", shares[chosen], second.normals[corners[chosen]]),
        np.einsum("nk,nk->n", shares[chosen], second.sigma[corners[chosen]]).astype(np.float32),
        second.pod[corners[chosen, 0]], faces, table,
    )  # fmt: skip


def _is_edge_of(faces: Ints32, ends: Ints64, count: int) -> Mask:
    """Return which pairs of vertices, (N, 2), are an edge of one of the triangles."""
    is_end = np.zeros(count, bool)
    is_end[ends.ravel()] = True
    near = faces[is_end[faces].sum(axis=1) >= 2]
    return np.asarray(np.isin(_keys(ends, count), _keys(near[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), count)))


def _keys(ends: npt.NDArray[np.integer], count: int) -> Ints64:
    """Return one number per pair of vertices, whichever way round."""
    return np.asarray(ends.min(axis=1).astype(np.int64) * count + ends.max(axis=1))


def _by_edge(ends: Ints64, along: Array, vertex: Ints64) -> dict[tuple[int, int], list[tuple[float, int]]]:
    """Return the vertices on each edge, each once; the smaller end of the edge stands first."""
    is_turned = ends[:, 0] > ends[:, 1]
    rows = np.column_stack([np.sort(ends, axis=1), vertex])
    _, once = np.unique(rows, axis=0, return_index=True)
    share = np.where(is_turned, 1.0 - along, along)
    table: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    for n in once.tolist():
        u, v, number = rows[n].tolist()
        table[u, v].append((float(share[n]), number))
    return dict(table)


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
    pairs = cKDTree(points).query_pairs(CUT_MM, output_type="ndarray")
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


def _split(
    faces: Ints32, on_edges: dict[tuple[int, int], list[tuple[float, int]]], top: int
) -> tuple[Ints32, list[tuple[int, int, int]]]:
    """Make vertices that lie on triangles' edges corners of them, by a fan about a new middle.

    Returns the triangles, and for each new middle, numbered from `top` on, the corners that it stands between.
    """
    if not on_edges:
        return faces, []
    edges = np.array(list(on_edges), np.int64)
    is_end = np.zeros(top, bool)
    is_end[edges.ravel()] = True
    near = np.flatnonzero(is_end[faces].sum(axis=1) >= 2)
    sides = faces[near][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    hit = np.zeros(len(faces), bool)
    hit[near[np.isin(_keys(sides, top), _keys(edges, top)).reshape(-1, 3).any(axis=1)]] = True
    made: list[tuple[int, int, int]] = []
    middles: list[tuple[int, int, int]] = []
    for face in faces[hit].tolist():
        ring = []
        for u, v in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
            ring.append(u)
            some = sorted(on_edges.get((min(u, v), max(u, v)), ()), reverse=u > v)
            ring += [vertex for _, vertex in some if vertex not in (u, v)]
        middle = top + len(middles)
        middles.append((face[0], face[1], face[2]))
        made += [(ring[k], ring[(k + 1) % len(ring)], middle) for k in range(len(ring))]
    return np.concatenate([faces[~hit], np.array(made, np.int32).reshape(-1, 3)]).astype(np.int32), middles
