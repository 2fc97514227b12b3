"""The shortest way over a surface between two places.

In: a `SurfaceMesh` and two places. Out: the way's length with its uncertainty, and its points, each on an edge of a
triangle. Two methods prove each other. The exact one (Mitchell, Mount, Papadimitriou 1987; libigl) gives the least
length over all ways. Edge flips (Sharp, Crane 2020; potpourri3d) give a way that is straight on the triangles, which
may run on the wrong side of a hill; when it is longer than the least length, it is sought again by halves. Only the
part of the mesh that a way of this length can reach is looked at. Not here: the methods (see patch.py, halving.py), and
how triangles are brought to hang together (see ../mesh/topology.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse.csgraph

from rigdriver.arrays import Array, Ints32, Ints64
from rigdriver.stereo.measure.halving import shortest_on
from rigdriver.stereo.measure.patch import Patch, graph_of, in_reach, least_length, length_of, no_way
from rigdriver.stereo.measure.places import NEAR_MM, SurfacePoint, points_on
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.uncertainty import BORDER_SHARE, PointErrors
from rigdriver.stereo.mesh.nearest import NearestOnSurface
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.topology import edges_of, parts_of, split_bow_ties, with_one_winding

CONVERGED = 1e-7
"""Largest relative difference between the way that was found and the least length: both are exact but for rounding."""
OFF_SURFACE = 1e-7
"""Largest distance of a way from the triangles, as a share of its length."""
SNAP = 1e-7
"""Share of a triangle's corner below which a place counts as on the opposite edge."""


def distance_along(
    mesh: SurfaceMesh,
    a_mm: npt.ArrayLike,
    b_mm: npt.ArrayLike,
    scale_ppm: float = 0.0,
    near_mm: float = NEAR_MM,
    errors: PointErrors | None = None,
) -> tuple[Quantity, Array]:
    """Return the length of the shortest way over the surface between two places, and the way itself, (N, 3) mm.

    `errors`: those of this mesh, if they are at hand.

    Raises:
        UsageError: a place is not on the surface, no way leads from one to the other, or triangles about the way lie
            over each other.
    """
    nearest = NearestOnSurface(mesh.vertices_mm, mesh.faces)
    first, last = points_on(
        mesh, np.stack([np.asarray(a_mm, np.float64), np.asarray(b_mm, np.float64)]), near_mm, nearest
    )
    if float(np.linalg.norm(first.point_mm - last.point_mm)) == 0.0:
        return Quantity(0.0, float("nan"), "mm"), np.stack([first.point_mm, last.point_mm])
    way = shortest_way(mesh.vertices_mm, mesh.faces, first, last)
    length = length_of(way)
    return Quantity(length, _sigma_of(mesh, nearest, way, scale_ppm, errors or PointErrors(mesh)), "mm"), way


def shortest_way(vertices_mm: Array, faces: Ints32, first: SurfacePoint, last: SurfacePoint) -> Array:
    """Return the points, (N, 3) mm, of the shortest way over triangles.

    Raises:
        UsageError: as in `distance_along`.
    """
    most = _along_edges(vertices_mm, faces, first, last)
    patch = _within_reach(vertices_mm, faces, first, last, most)
    least = least_length(patch)
    way = shortest_on(patch, least, CONVERGED)
    found = length_of(way)
    if not abs(found / least - 1) <= CONVERGED:
        raise no_way(
            f"the way that was found is {found:.6g} mm long, the least length is {least:.6g} mm",
            "the same length from both methods", "mend the mesh: its triangles about the way are needles",
        )  # fmt: skip
    _check_on_triangles(patch, way)
    return way


def _along_edges(vertices: Array, faces: Ints32, first: SurfacePoint, last: SurfacePoint) -> float:
    """Return the length of a way along edges (Dijkstra 1959), which no shortest way exceeds."""
    _, part = parts_of(faces)
    if part[first.face] != part[last.face]:
        raise no_way(
            "they lie on separate parts of the mesh, and no surface leads from one to the other",
            "two points of one part", "choose both on one part (`rigdriver mesh` lists them), or close the gap between",
        )  # fmt: skip
    start, end = (int(faces[p.face][int(np.argmax(p.shares))]) for p in (first, last))
    away = scipy.sparse.csgraph.dijkstra(graph_of(vertices, faces[part == part[first.face]]), indices=start)
    ends = np.linalg.norm(vertices[start] - first.point_mm) + np.linalg.norm(vertices[end] - last.point_mm)
    return float(away[end] + ends) * (1 + 1e-9)


def _within_reach(vertices: Array, faces: Ints32, first: SurfacePoint, last: SurfacePoint, most: float) -> Patch:
    """Return the triangles that a way of length `most` can touch, with both places as vertices."""
    chosen = in_reach(vertices, faces, first.point_mm, last.point_mm, most)
    chosen[[first.face, last.face]] = True
    picked = np.flatnonzero(chosen)
    # What hangs together with the first place only through triangles out of reach is no way either.
    _, part = parts_of(faces[picked])
    picked = picked[part == part[np.searchsorted(picked, first.face)]]
    kept = np.asarray(faces[picked], np.int64)
    if (edges_of(kept).counts > 2).any():
        raise no_way(
            f"{int((edges_of(kept).counts > 2).sum())} edges about it belong to more than two triangles",
            "a surface in one layer", "mend the mesh: parts of it lie over each other or pass through each other",
        )  # fmt: skip
    kept, _ = with_one_winding(kept)
    used, renamed = np.unique(kept, return_inverse=True)
    kept, was = split_bow_ties(np.ravel(renamed).reshape(-1, 3), len(used))
    points = np.ascontiguousarray(vertices[used][was])
    points, kept, start = _with_vertex(points, kept, first.point_mm)
    points, kept, end = _with_vertex(points, kept, last.point_mm)
    return Patch(points, kept, (start, end))


def _with_vertex(vertices: Array, faces: Ints64, point: Array) -> tuple[Array, Ints64, int]:
    """Return the triangles with one more vertex at a point that lies on them, and its number."""
    found = NearestOnSurface(vertices, faces.astype(np.int32))(point)
    face, shares = int(found.faces[0]), found.shares[0]
    corners, number = faces[face], len(vertices)
    if shares.max() > 1 - SNAP:
        return vertices, faces, int(corners[int(np.argmax(shares))])
    grown = np.concatenate([vertices, found.points_mm])
    if shares.min() > SNAP:
        fan = [[corners[k], corners[(k + 1) % 3], number] for k in range(3)]
        return grown, np.concatenate([np.delete(faces, face, axis=0), np.array(fan)]), number
    # On an edge: each of its triangles becomes two.
    k = int(np.argmin(shares))
    u, v = corners[(k + 1) % 3], corners[(k + 2) % 3]
    split = (faces == u).any(axis=1) & (faces == v).any(axis=1)
    halves = [np.where(faces[split] == old, number, faces[split]) for old in (u, v)]
    return grown, np.concatenate([faces[~split], *halves]), number


def _check_on_triangles(patch: Patch, way: Array) -> None:
    """Both the points and the middles between them lie on triangles, else a piece cuts through the air."""
    middles = 0.5 * (way[1:] + way[:-1])
    away = NearestOnSurface(patch.vertices_mm, patch.faces.astype(np.int32))(np.concatenate([way, middles])).away_mm
    if not float(away.max()) <= OFF_SURFACE * max(length_of(way), float(np.abs(way).max())):
        raise no_way(
            f"it leaves the triangles by {float(away.max()):.2g} mm", "a way on the triangles", "mend the mesh"
        )


def _sigma_of(mesh: SurfaceMesh, nearest: NearestOnSurface, way: Array, scale_ppm: float, errors: PointErrors) -> float:
    """Return the standard uncertainty: points, roughness, borders that the way goes round, and scale."""
    length = length_of(way)
    found = nearest(way)
    steps = np.diff(way, axis=0)
    steps = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-12)
    # A point pulls on the length by the bend of the way at it; the ends pull along the way.
    pulls = np.concatenate([-steps[:1], steps[:-1] - steps[1:], steps[-1:]])
    gradient = np.zeros_like(mesh.vertices_mm)
    corners = mesh.faces[found.faces]
    np.add.at(gradient, corners, found.shares[:, :, None] * pulls[:, None, :])
    points = errors.sigma_of(gradient)
    longer = [_length_moved(moves, way, corners, found.shares) - length for moves in errors.draws()]
    rough = max(float(np.mean(longer)), 0.0)
    detail = errors.detail_sigma(lambda moves: _length_moved(moves, way, corners, found.shares), gradient)
    return float(np.sqrt(points**2 + rough**2 + detail**2 + _border_sigma(mesh, corners, found.shares, pulls) ** 2
                         + (1e-6 * scale_ppm * length) ** 2))  # fmt: skip


def _length_moved(moves: Array, way: Array, corners: Ints32, shares: Array) -> float:
    return length_of(way + np.einsum("nk,nkc->nc", shares, moves[corners]))


def _border_sigma(mesh: SurfaceMesh, corners: Ints32, shares: Array, pulls: Array) -> float:
    """Return what an uncertain border adds where the way bends round it."""
    edges = edges_of(mesh.faces)
    ends = edges.ends[edges.is_border]
    size = np.zeros(len(mesh.vertices_mm))
    np.maximum.at(
        size, ends, np.linalg.norm(mesh.vertices_mm[ends[:, 0]] - mesh.vertices_mm[ends[:, 1]], axis=1)[:, None]
    )
    # Ends that lie on a border are places, not bends.
    inner = slice(1, -1)
    at_border = (shares[inner] * size[corners[inner]]).sum(axis=1)
    return BORDER_SHARE * float((np.linalg.norm(pulls[inner], axis=1) * at_border).sum())
