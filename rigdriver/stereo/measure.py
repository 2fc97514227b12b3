"""Measuring on meshes: distances, along the surface too, areas, volumes, sections, deviations; each with uncertainty.

In: `SurfaceMesh`es and points on them. Out: `Quantity`s and arrays, millimetres. The uncertainty is standard (one
sigma) and has two parts: the points' own, and the scale of the calibration, which averaging does not reduce. A scale
error of s ppm counts once for a length, twice for an area and three times for a volume. Not here: how meshes are made
(see mesh/surface_mesh.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.csgraph
import trimesh
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Mask
from rigdriver.errors import UsageError
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

NEAR_MM = 20.0
"""Largest distance of a place from the surface it is meant to lie on, in mm."""
CORRELATED_VERTICES = 9.0
"""Number of neighbouring vertices that count as one independent point: they share their windows' pixels."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value."""

    value: float
    sigma: float
    """Standard uncertainty; NaN where the mesh holds none."""
    unit: str

    def __str__(self) -> str:
        known = f"sigma {self.sigma:.2g} {self.unit}" if math.isfinite(self.sigma) else "sigma unknown"
        return f"{self.value:.6g} {self.unit} ({known})"


def distance_between(mesh: SurfaceMesh, a_mm: Array, b_mm: Array, scale_ppm: float = 0.0) -> Quantity:
    """Return the straight distance of the surface points nearest to two places, each (3,) mm.

    Raises:
        UsageError: a place is nowhere near the surface.
    """
    tree = cKDTree(mesh.vertices_mm)
    i, j = _vertices_near(tree, a_mm, b_mm)
    a, b = on_surface(mesh, tree, np.stack([a_mm, b_mm]).astype(np.float64))
    between = b - a
    length = float(np.linalg.norm(between))
    if length == 0.0:
        return Quantity(0.0, float(np.hypot(mesh.sigma_mm[i], mesh.sigma_mm[j])), "mm")
    along = between / length
    # Only the part of each point's error that lies along the distance counts.
    parts = [float(mesh.sigma_mm[k] * abs(mesh.normals[k] @ along)) for k in (i, j)]
    return Quantity(length, math.hypot(*parts, 1e-6 * scale_ppm * length), "mm")


def _vertices_near(tree: cKDTree, a_mm: Array, b_mm: Array) -> tuple[int, int]:
    gaps, found = tree.query(np.stack([a_mm, b_mm]))
    for place, gap in zip((a_mm, b_mm), gaps, strict=True):
        if not gap <= NEAR_MM:
            raise UsageError(
                device=f"place {_written(place)}",
                seen=f"the surface is {gap:.0f} mm away",
                expected=f"at most {NEAR_MM:g} mm",
                remedy="give coordinates in mm in the calibration's world, as they stand in the mesh file",
            )
    return int(found[0]), int(found[1])


def on_surface(mesh: SurfaceMesh, tree: cKDTree, points_mm: Array) -> Array:
    """Return the points, (N, 3), moved along the normal of the nearest vertex into its plane."""
    _, near = tree.query(points_mm)
    normal = mesh.normals[near].astype(np.float64)
    off = np.einsum("ij,ij->i", points_mm - mesh.vertices_mm[near], normal)
    return np.asarray(points_mm - off[:, None] * normal)


def distance_along(
    mesh: SurfaceMesh, a_mm: Array, b_mm: Array, scale_ppm: float = 0.0, rounds: int = 400
) -> tuple[Quantity, Array]:
    """Return the shortest way over the surface between two places, and the way itself, (N, 3) mm.

    The shortest way along edges is found first (Dijkstra 1959), then pulled tight: each point is drawn to the middle of
    its neighbours and moved back onto the surface.

    Raises:
        UsageError: the two places lie on parts of the mesh that do not touch, or nowhere near it.
    """
    tree = cKDTree(mesh.vertices_mm)
    start, end = _vertices_near(tree, a_mm, b_mm)
    path = _edge_path(mesh, start, end)
    ends = on_surface(mesh, tree, np.stack([a_mm, b_mm]).astype(np.float64))
    way = _resample(np.concatenate([ends[:1], mesh.vertices_mm[path], ends[1:]]), max(len(path) // 2, 16))
    # Curve shortening on the surface; both ends are held.
    for _ in range(rounds):
        way[1:-1] = 0.5 * way[1:-1] + 0.25 * (way[:-2] + way[2:])
        way = on_surface(mesh, tree, way)
        way[0], way[-1] = ends
    length = float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
    straight = distance_between(mesh, a_mm, b_mm)
    return Quantity(length, float(np.hypot(straight.sigma, 1e-6 * scale_ppm * length)), "mm"), way


def _edge_path(mesh: SurfaceMesh, start: int, end: int) -> list[int]:
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    lengths = np.linalg.norm(mesh.vertices_mm[edges[:, 0]] - mesh.vertices_mm[edges[:, 1]], axis=1)
    # The two pods' triangles share no vertices: short bridges lead over the cut.
    count = len(mesh.vertices_mm)
    bridges = cKDTree(mesh.vertices_mm).query_pairs(1.5 * float(np.median(lengths)), output_type="ndarray")
    spans = np.linalg.norm(mesh.vertices_mm[bridges[:, 0]] - mesh.vertices_mm[bridges[:, 1]], axis=1)
    rows, columns = np.concatenate([edges, bridges]).T
    graph = scipy.sparse.coo_matrix((np.concatenate([lengths, spans]) + 1e-9, (rows, columns)), shape=(count, count))
    away, before = scipy.sparse.csgraph.dijkstra(
        graph.tocsr(), directed=False, indices=start, return_predecessors=True, min_only=False
    )
    if not np.isfinite(away[end]):
        raise UsageError(
            device="way between two points",
            seen="they lie on separate parts of the mesh",
            remedy="give two points of one part",
        )
    path = [end]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return path[::-1]


def _resample(way: Array, count: int) -> Array:
    at = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    wanted = np.linspace(0, at[-1], count)
    return np.stack([np.interp(wanted, at, way[:, k]) for k in range(3)], axis=1)


def faces_within(mesh: SurfaceMesh, centre_mm: npt.ArrayLike, radius_mm: float) -> Mask:
    """Return which faces, (F,), have their middle in a ball.

    Raises:
        UsageError: none has.
    """
    middles = mesh.vertices_mm[mesh.faces].mean(axis=1)
    found = np.asarray(np.linalg.norm(middles - np.asarray(centre_mm, np.float64), axis=1) <= radius_mm)
    if not found.any():
        raise UsageError(
            device=f"place {_written(centre_mm)}",
            seen=f"there is no surface within {radius_mm:g} mm",
            remedy="give coordinates in mm, as they stand in the mesh file",
        )
    return found


def area_of(mesh: SurfaceMesh, faces: Mask | None = None, scale_ppm: float = 0.0) -> Quantity:
    """Return the area of the mesh, or of the faces that a mask, (F,), names."""
    chosen = mesh.faces if faces is None else mesh.faces[faces]
    corners = mesh.vertices_mm[chosen]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * float(np.linalg.norm(cross, axis=1).sum())
    # Roughness lengthens every triangle: sqrt(1 + slope^2) is 1 + slope^2 / 2, and the slopes' variance is that of the
    # points over their independent distance squared.
    size = np.sqrt(2 * area / max(len(chosen), 1))
    sigma = _typical_sigma(mesh)
    rough = area * 0.5 * (sigma / max(size * np.sqrt(CORRELATED_VERTICES), 1e-9)) ** 2
    return Quantity(area, float(np.hypot(rough, 2e-6 * scale_ppm * area)), "mm^2")


def volume_of(mesh: SurfaceMesh, scale_ppm: float = 0.0) -> Quantity:
    """Return the volume of a watertight mesh.

    Raises:
        UsageError: the mesh is open.
    """
    body = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    if not body.is_watertight:
        raise UsageError(
            device="mesh",
            seen="is open, so it has no volume",
            expected="a closed one, such as a .stl of `rigdriver reconstruct`",
        )
    measured = np.isfinite(mesh.sigma_mm)
    sigma = _typical_sigma(mesh)
    count = max(float(measured.sum()) / CORRELATED_VERTICES, 1.0)
    # A shell of thickness sigma over the measured area, averaged over the independent points.
    noise = float(body.area) * float(measured.mean()) * sigma / np.sqrt(count)
    return Quantity(float(body.volume), float(np.hypot(noise, 3e-6 * scale_ppm * body.volume)), "mm^3")


def _typical_sigma(mesh: SurfaceMesh) -> float:
    """Median over the measured vertices; NaN when the file held none."""
    known = mesh.sigma_mm[np.isfinite(mesh.sigma_mm)]
    return float(np.median(known)) if len(known) else float("nan")


def section_of(
    mesh: SurfaceMesh, point_mm: npt.ArrayLike, normal: npt.ArrayLike, scale_ppm: float = 0.0
) -> tuple[Quantity, Array]:
    """Cut the mesh with a plane: total length of the cut and its pieces, (S, 2, 3) mm.

    Raises:
        UsageError: the normal is no direction, or the plane misses the mesh.
    """
    if not float(np.linalg.norm(np.asarray(normal, np.float64))) > 1e-9:
        raise UsageError(device="section", seen="its normal is 0,0,0", expected="a direction, such as 0,1,0")
    body = trimesh.Trimesh(mesh.vertices_mm, mesh.faces, process=False)
    found = trimesh.intersections.mesh_plane(body, np.asarray(normal, np.float64), np.asarray(point_mm, np.float64))  # type: ignore[no-untyped-call]
    pieces = np.asarray(found, np.float64).reshape(-1, 2, 3)
    if not len(pieces):
        raise UsageError(
            device="section",
            seen="the plane does not meet the mesh",
            expected="a place on it",
            remedy="give coordinates in mm, as they stand in the mesh file",
        )
    length = float(np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1).sum())
    # Both ends of the cut move along the surface; noise between them only shifts the cut.
    sigma = math.hypot(_typical_sigma(mesh) * math.sqrt(2.0), 1e-6 * scale_ppm * length)
    return Quantity(length, sigma, "mm"), pieces


def deviations(mesh: SurfaceMesh, other: SurfaceMesh, reach_mm: float = 5.0) -> tuple[Array, Array]:
    """Return the signed distance of each vertex to another mesh, (V,) mm, and its standard uncertainty, (V,).

    It is above 0 where this mesh lies outside the other, and NaN where the other ends or is farther than `reach_mm`.
    """
    tree = cKDTree(other.vertices_mm)
    gap, near = tree.query(mesh.vertices_mm, distance_upper_bound=reach_mm)
    found = np.full(len(mesh.vertices_mm), np.nan)
    sigma = np.full(len(mesh.vertices_mm), np.nan)
    there = np.flatnonzero(np.isfinite(gap))
    if not len(there):
        return found, sigma
    # Candidates are the triangles about the nearest vertex; the closest of them counts.
    vertex, face = _pairs_of(other, near[there])
    triangles = other.vertices_mm[other.faces[face]]
    points = mesh.vertices_mm[there[vertex]]
    closest = trimesh.triangles.closest_point(triangles, points)  # type: ignore[no-untyped-call]
    away = np.linalg.norm(points - closest, axis=1)
    best = np.full(len(there), np.inf)
    np.minimum.at(best, vertex, away)
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    off = np.einsum("ij,ij->i", points - closest, normal)
    # Beside the border the closest point lies askew: that is no deviation.
    is_best = (away <= best[vertex]) & (np.abs(off) > 0.7 * away - 1e-6)
    found[there[vertex[is_best]]] = np.copysign(away[is_best], off[is_best])
    known = np.isfinite(found[there])
    sigma[there[known]] = np.hypot(mesh.sigma_mm[there[known]], other.sigma_mm[near[there[known]]])
    return found, sigma


def _pairs_of(mesh: SurfaceMesh, near: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return all faces of each wanted vertex, as two equally long lists: place in `near`, number of the face."""
    # Corners sorted by vertex: the faces of one vertex stand side by side.
    order = np.argsort(mesh.faces.ravel(), kind="stable")
    owner = mesh.faces.ravel()[order]
    first, last = np.searchsorted(owner, near, "left"), np.searchsorted(owner, near, "right")
    counts = last - first
    wish = np.repeat(np.arange(len(near)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return wish, order[np.repeat(first, counts) + within] // 3


def _written(place_mm: npt.ArrayLike) -> str:
    """Return a place as the command line takes it."""
    return ",".join(f"{v:g}" for v in np.asarray(place_mm, np.float64))
