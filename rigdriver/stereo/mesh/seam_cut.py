"""Triangles of one pod, cut along another pod's grid of cells.

In: a pod's surface and the patches that it keeps; triangles of another pod. Out: which triangles lie in kept patches at
the same place, and the pieces that are left of them. A piece's corners say whether they lie on an edge of a kept patch.
Not here: how pieces become triangles of one surface (see seam.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rigdriver.arrays import Array, Bytes, Floats32, Ints32, Ints64
from rigdriver.stereo.cells import CELL_PX, MIDDLE_PX
from rigdriver.stereo.geometry.pair_numbers import numbers_of, pose_of
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.kernel import kernel

SAME_MM = 1.0
"""Largest distance, along the first pod's normal, of two measurements of one place, in mm: what differs by more is
another surface, seen past the edge of a nearer one."""
MOST_CORNERS = 10
"""Largest number of corners of a triangle that a square has cut: seven, and room."""
MOST_CELLS = 40
"""Largest number of cells along one axis that a triangle may cross; a larger one is seen nearly along itself."""


class KeptPatches(NamedTuple):
    """The first pod's grid as the compiled loops take it."""

    patches: Bytes
    """(h, w): 1 where the pod keeps its patch."""
    z: Array
    """(h, w): depth of the cells, mm."""
    facing: Floats32
    depths: Array
    """(h, w, 2): least and largest depth at which a place can be the same."""


def in_grid(surface: Surface, points: Array) -> tuple[Array, Array]:
    """Return where points stand in a pod's grid of cells, (V, 2), and how deep, (V,) mm."""
    numbers, pose = numbers_of(surface.pair), pose_of(surface.pair)
    local = (points - pose.centre_mm) @ pose.R_pair_world.T
    z = np.maximum(local[:, 2], 1e-3)
    x = numbers.focal_px * local[:, 0] / z + numbers.cx_px
    y = numbers.focal_px * local[:, 1] / z + numbers.cy_px
    return np.ascontiguousarray((np.stack([x, y], axis=1) - MIDDLE_PX) / CELL_PX), local[:, 2].copy()


class Pieces(NamedTuple):
    """What is left of triangles that were cut, all of it convex."""

    face: Ints64
    """(P,): the triangle that it is a piece of."""
    corner_count: Ints64
    """Corners of each piece."""
    corners: Array
    """(P, MOST_CORNERS, 2) in the first pod's grid."""
    on_edge: Ints64
    """(P, MOST_CORNERS): 0 free, 1 on a line x = const of a kept patch, 2 on y = const, 3 at a node."""


def cut_along(surface: Surface, patches: Bytes, faces: Ints32, places: Array, depth: Array) -> tuple[Ints64, Pieces]:
    """Return for each triangle, (F, 3), 0 (whole) or 1 (dropped or cut), and the pieces that are left of the latter.

    `patches`: those that the surface's pod keeps. `places` and `depth`: of the triangles' vertices, in its grid.
    """
    n = numbers_of(surface.pair)
    z = (n.bf / np.maximum(surface.field[0] + n.depth_offset_px, 1e-3)).astype(np.float64)
    kept = KeptPatches(np.ascontiguousarray(patches), z, surface.facing, _depths_of(patches, z, surface))
    state = np.zeros(len(faces), np.int64)
    cells = np.floor(places).astype(np.int32)
    total = _find_cut(places, cells, depth, faces, kept, state)
    face, count = np.zeros(total, np.int64), np.zeros(total, np.int64)
    corners, on_edge = np.zeros((total, MOST_CORNERS, 2)), np.zeros((total, MOST_CORNERS), np.int64)
    made = _fill_pieces(places, cells, depth, faces, kept, state, Pieces(face, count, corners, on_edge))
    return state, Pieces(face[:made], count[:made], corners[:made], on_edge[:made])


def _depths_of(patches: Bytes, z: Array, surface: Surface) -> Array:
    """Return the least and largest depth, (h, w, 2), at which `_is_same` can hold in a patch; none where none is kept.

    They are a hair wider than that, so that rounding rejects nothing.
    """
    found = np.empty((*patches.shape, 2))
    found[..., 0], found[..., 1] = np.inf, -np.inf
    corners = [z[:-1, :-1], z[:-1, 1:], z[1:, :-1], z[1:, 1:]]
    room = SAME_MM / np.maximum(surface.facing[:-1, :-1].astype(np.float64), 1e-9) * (1 + 1e-6) + 1e-6
    is_kept = patches[:-1, :-1] > 0
    found[:-1, :-1, 0][is_kept] = (np.minimum.reduce(corners) - room)[is_kept]
    found[:-1, :-1, 1][is_kept] = (np.maximum.reduce(corners) + room)[is_kept]
    return found


@kernel
def _is_same(x: float, y: float, deep: float, i: int, j: int, kept: KeptPatches) -> bool:
    """Tell whether a place of the grid is in a kept patch, and at the depth of its surface."""
    patches, z = kept.patches, kept.z
    if i < 0 or j < 0 or j >= patches.shape[0] - 1 or i >= patches.shape[1] - 1 or not patches[j, i]:
        return False
    u, v = min(max(x - i, 0.0), 1.0), min(max(y - j, 0.0), 1.0)
    there = (1 - v) * ((1 - u) * z[j, i] + u * z[j, i + 1]) + v * ((1 - u) * z[j + 1, i] + u * z[j + 1, i + 1])
    return bool(abs(deep - there) * kept.facing[j, i] < SAME_MM)


@kernel
def _is_same_all_over(
    deep: float, gx: float, gy: float, ax: float, ay: float, i: int, j: int, kept: KeptPatches,
) -> bool:  # fmt: skip
    """Tell whether `_is_same` holds in all of a patch for a plane of depth, so that nothing there need be cut.

    Plane less surface is bilinear in a patch: it is largest at one of the four corners.
    """
    patches, z = kept.patches, kept.z
    if i < 0 or j < 0 or j >= patches.shape[0] - 1 or i >= patches.shape[1] - 1 or not patches[j, i]:
        return False
    for v in range(2):
        for u in range(2):
            off = deep + gx * (i + u - ax) + gy * (j + v - ay) - z[j + v, i + u]
            # Within rounding of the limit it is cut, as before.
            if not abs(off) * kept.facing[j, i] < SAME_MM * (1.0 - 1e-9):
                return False
    return True


@kernel
def _find_cut(
    places: Array, cells: Ints32, depth: Array, faces: Ints32, kept: KeptPatches, state: Ints64,
) -> int:  # fmt: skip
    """Mark triangles that touch a kept patch at the same place; return the most pieces that they can leave."""
    rows, columns = kept.patches.shape
    total = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        i0, i1 = min(cells[a, 0], cells[b, 0], cells[c, 0]), max(cells[a, 0], cells[b, 0], cells[c, 0])
        j0, j1 = min(cells[a, 1], cells[b, 1], cells[c, 1]), max(cells[a, 1], cells[b, 1], cells[c, 1])
        if i1 < 0 or j1 < 0 or i0 >= columns or j0 >= rows or max(i1 - i0, j1 - j0) > MOST_CELLS:
            continue
        deep = (depth[a] + depth[b] + depth[c]) / 3.0
        x, y = (places[a, 0] + places[b, 0] + places[c, 0]) / 3.0, (places[a, 1] + places[b, 1] + places[c, 1]) / 3.0
        for j in range(max(j0, 0), min(j1 + 1, rows)):
            for i in range(max(i0, 0), min(i1 + 1, columns)):
                # Most patches lie far in front of it or behind it.
                if kept.depths[j, i, 0] <= deep <= kept.depths[j, i, 1] and _is_same(x, y, deep, i, j, kept):
                    state[f] = 1
                    break
            if state[f]:
                break
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
def _edge_at(px: float, py: float, deep: float, kept: KeptPatches) -> int:
    """Return on what of a kept patch a place lies: 0 nothing, 1 an edge x = const, 2 an edge y = const, 3 a node."""
    ix, iy = int(np.floor(px)), int(np.floor(py))
    on_x, on_y = px == ix, py == iy
    if not on_x and not on_y:
        return 0
    touches = _is_same(px, py, deep, ix, iy, kept)
    if on_x:
        touches = touches or _is_same(px, py, deep, ix - 1, iy, kept)
    if on_y:
        touches = touches or _is_same(px, py, deep, ix, iy - 1, kept)
    if on_x and on_y:
        touches = touches or _is_same(px, py, deep, ix - 1, iy - 1, kept)
    return (int(on_x) + 2 * int(on_y)) if touches else 0


@kernel
def _fill_pieces(
    places: Array, cells: Ints32, depth: Array, faces: Ints32, kept: KeptPatches, state: Ints64, pieces: Pieces,
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
        i0, i1 = min(cells[a, 0], cells[b, 0], cells[c, 0]), max(cells[a, 0], cells[b, 0], cells[c, 0])
        j0, j1 = min(cells[a, 1], cells[b, 1], cells[c, 1]), max(cells[a, 1], cells[b, 1], cells[c, 1])
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                if _is_same_all_over(depth[a], gx, gy, ax, ay, i, j, kept):
                    continue
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
                if _is_same(x, y, depth[a] + gx * (x - ax) + gy * (y - ay), i, j, kept):
                    continue
                pieces.face[made], pieces.corner_count[made] = f, n
                for k in range(n):
                    px, py = one[k, 0], one[k, 1]
                    pieces.corners[made, k, 0], pieces.corners[made, k, 1] = px, py
                    deep = depth[a] + gx * (px - ax) + gy * (py - ay)
                    pieces.on_edge[made, k] = _edge_at(px, py, deep, kept)
                made += 1
    return made
