"""Mending of meshes: vertices that are the same, triangles without an area, sides that are turned.

In: vertices and triangles as a file holds them. Out: a `SurfaceMesh` and `MeshFindings`: what was mended, and what no
mending can decide (open borders, layers over each other, bodies that pass through each other), so that nothing is
believed that is not so. Not here: reading (see reading.py), what the findings forbid (see procedures/measure.py).
"""

from __future__ import annotations

import igl
import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Floats32, Ints64, Mask
from rigdriver.stereo.mesh.findings import MeshFindings
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.topology import Edges, edges_of, parts_of, with_one_winding

SAME_SHARE = 1e-6
"""Distance of border vertices that are the same one, as a share of the mesh's size: files hold seven digits."""
FEW_RAYS = 20_000
"""Largest number of triangles that are looked at for another layer; of more, every n-th is."""
LAYER_SHARE = 0.3
"""Largest distance of two layers, as a share of a triangle's size."""
LAYER_MM = 0.5
"""Largest distance of two layers of one surface, in mm: beyond that they are two surfaces (as in fuse.py)."""
ALIKE_FACING = 0.7
"""Least cosine between the normals of two layers of one surface."""
WITNESSES = 2000
"""Number of triangles at which a closed body is asked what is inside."""


def mend(
    vertices_mm: Array, faces: Ints64, normals: Floats32 | None = None, sigma_mm: Floats32 | None = None
) -> tuple[SurfaceMesh, MeshFindings]:
    """Return the mended mesh. `normals`, (V, 3), from the file tell which side is out; `sigma_mm`, (V,)."""
    kept = _merged(vertices_mm, faces)
    clean, dropped = _with_area(vertices_mm, kept)
    used = np.unique(clean)
    named = np.zeros(len(vertices_mm), np.int64)
    named[used] = np.arange(len(used))
    points, clean = np.ascontiguousarray(vertices_mm[used]), named[clean]
    turned = np.zeros(len(clean), bool)
    if len(clean):
        clean, turned = with_one_winding(clean)
    edges = edges_of(clean)
    count, part = parts_of(clean, edges)
    known = None if normals is None else normals[used].astype(np.float64)
    clean, is_flipped = _outside_out(points, clean, edges, part, known)
    layered = float(layers(points, clean).mean()) if len(clean) else 0.0
    sigma = np.full(len(used), np.nan, np.float32) if sigma_mm is None else sigma_mm[used]
    out = np.asarray(igl.per_vertex_normals(points, clean), np.float32) if len(clean) else np.zeros((0, 3), np.float32)
    out = np.nan_to_num(out)
    mesh = SurfaceMesh(points, clean.astype(np.int32), out, np.array(sigma, np.float32))
    low = points.min(axis=0) if len(points) else np.zeros(3)
    size = np.ptp(points, axis=0) if len(points) else np.zeros(3)
    borders, border_mm = _borders(points, edges)
    is_closed = bool(len(clean)) and not borders and not edges.is_crowded.any()
    return mesh, MeshFindings(
        (float(size[0]), float(size[1]), float(size[2])), (float(low[0]), float(low[1]), float(low[2])),
        len(points), len(clean), len(np.unique(faces)) - len(np.unique(kept)), dropped, int(turned.sum()), is_flipped,
        count, float(np.bincount(part).max() / len(part)) if len(part) else 0.0, borders, border_mm,
        int(edges.is_crowded.sum()), layered, _overlapping(points, clean) if is_closed else 0.0,
    )  # fmt: skip


def _merged(vertices: Array, faces: Ints64) -> Ints64:
    """Return the triangles with one number for vertices at the same place; near ones count only at open borders."""
    _, first, number = np.unique(vertices + 0.0, axis=0, return_index=True, return_inverse=True)
    same = first[np.ravel(number)][faces]
    edges = edges_of(same)
    at_border = np.unique(edges.ends[edges.is_border])
    if not len(at_border):
        return np.asarray(same, np.int64)
    size = float(np.linalg.norm(np.ptp(vertices[np.unique(faces)], axis=0)))
    shortest = np.linalg.norm(vertices[edges.ends[:, 0]] - vertices[edges.ends[:, 1]], axis=1)
    long_enough = shortest[shortest > 0]
    reach = min(SAME_SHARE * size, 0.1 * float(long_enough.min()) if len(long_enough) else 0.0)
    pairs = cKDTree(vertices[at_border]).query_pairs(reach, output_type="ndarray")
    graph = scipy.sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(at_border), len(at_border)))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, lead = np.unique(label, return_index=True)
    renamed = np.arange(len(vertices))
    renamed[at_border] = at_border[lead[label]]
    return np.asarray(renamed[same], np.int64)


def _with_area(vertices: Array, faces: Ints64) -> tuple[Ints64, int]:
    """Return the triangles that have an area, each once, and how many were dropped."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1, initial=0.0)
    # Below this height a triangle is a line but for rounding.
    has_area = np.linalg.norm(cross, axis=1) > 1e-12 * np.maximum(longest, 1e-300) ** 2
    _, once = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    is_first = np.zeros(len(faces), bool)
    is_first[once] = True
    kept = has_area & is_first
    return faces[kept], int((~kept).sum())


def _outside_out(
    points: Array, faces: Ints64, edges: Edges, part: Ints64, normals: Array | None
) -> tuple[Ints64, bool]:
    """Turn whole parts whose inside is out: closed ones by their volume, open ones by the file's normals."""
    if not len(faces):
        return faces, False
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    open_part = np.bincount(part, weights=edges.counts[edges.of_face].min(axis=1) == 1) > 0
    is_flipped = False
    if normals is not None:
        agrees = np.bincount(part, weights=np.einsum("ij,ij->i", cross, normals[faces].mean(axis=1)))
        wrong = open_part & (agrees < 0)
    else:
        wrong = np.zeros(len(open_part), bool)
    local = corners - points.mean(axis=0)
    volumes = np.bincount(part, weights=np.einsum("ij,ij->i", local[:, 0], np.cross(local[:, 1], local[:, 2])))
    closed = ~open_part
    if closed.any() and not (closed & (volumes > 0)).any():
        # All closed parts are inside out: outer bodies and their cavities alike.
        wrong |= closed
    elif (closed & (volumes < 0)).any():
        # Turned against others: a cavity lies inside a body, where one winding about it remains.
        wrong |= closed & (volumes < 0) & ~_is_cavity(points, faces, part, closed & (volumes < 0))
    turn = wrong[part]
    is_flipped = bool(turn.any())
    return np.where(turn[:, None], faces[:, ::-1], faces), is_flipped


def _is_cavity(points: Array, faces: Ints64, part: Ints64, asked: Mask) -> Mask:
    """Return which of the parts, (P,), lie inside the rest of the mesh."""
    found = np.zeros(len(asked), bool)
    for number in np.flatnonzero(asked):
        mine = part == number
        place = points[faces[mine][:1, 0]]
        found[number] = float(np.ravel(igl.fast_winding_number(points, faces[~mine], place))[0]) > 0.5
    return found


def _borders(points: Array, edges: Edges) -> tuple[int, float]:
    """Return how many open borders there are, and their length in mm."""
    ends = edges.ends[edges.is_border]
    if not len(ends):
        return 0, 0.0
    used, named = np.unique(ends, return_inverse=True)
    pairs = np.ravel(named).reshape(-1, 2)
    graph = scipy.sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(used), len(used)))
    count, _ = scipy.sparse.csgraph.connected_components(graph, directed=False)
    return int(count), float(np.linalg.norm(points[ends[:, 0]] - points[ends[:, 1]], axis=1).sum())


def layers(points: Array, faces: Ints64) -> Array:
    """Return where another triangle that faces alike lies over or under, for a sample of the triangles.

    The mean of what is returned is the share of the area that lies in more than one layer.
    """
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(cross, axis=1)
    chosen = np.arange(len(faces))
    if len(faces) > FEW_RAYS:
        # Places at equal steps of area: large triangles are asked as often as their area is.
        summed = np.cumsum(double)
        chosen = np.searchsorted(summed, (np.arange(FEW_RAYS) + 0.5) / FEW_RAYS * summed[-1])
    normal = cross / np.maximum(double, 1e-300)[:, None]
    reach = np.minimum(LAYER_SHARE * np.sqrt(double), LAYER_MM)[chosen]
    starts = corners[chosen].mean(axis=1) - reach[:, None] * normal[chosen]
    tree = igl.AABB()
    tree.init(points, faces)
    hits = tree.intersect_ray(points, faces, np.ascontiguousarray(starts), np.ascontiguousarray(normal[chosen]))
    found = np.zeros(len(chosen))
    for k, row in enumerate(hits):
        own = faces[chosen[k]]
        found[k] = any(
            hit[1] < 2 * reach[k]
            and not np.isin(faces[hit[0]], own).any()
            and normal[hit[0]] @ normal[chosen[k]] > ALIKE_FACING
            for hit in row
            if hit[0] != chosen[k]
        )
    return found if len(faces) > FEW_RAYS else found * double * len(found) / max(float(double.sum()), 1e-300)


def _overlapping(points: Array, faces: Ints64) -> float:
    """Return the share of a closed surface whose inside is inside something else, too: there windings add up."""
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(cross, axis=1)
    summed = np.cumsum(double)
    chosen = np.searchsorted(summed, (np.arange(WITNESSES) + 0.5) / WITNESSES * summed[-1])
    normal = cross[chosen] / double[chosen, None]
    just = 1e-3 * np.sqrt(double[chosen])[:, None]
    inside = np.ravel(igl.fast_winding_number(points, faces, corners[chosen].mean(axis=1) - just * normal))
    return float(((inside > 1.5) | (inside < 0.5)).mean())
