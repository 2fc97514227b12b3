"""Areas and volumes of a mesh, whole or cut by a ball.

In: a `SurfaceMesh`, where asked a ball. Out: `Quantity`s. A triangle that the ball cuts counts with the part of it that
lies inside, so a region ends where it is said to end. The uncertainty holds the points, what roughness adds, open
borders within the region, and scale. Not here: lengths (see straight.py, way.py, sections.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Mask
from rigdriver.errors import UsageError
from rigdriver.stereo.measure.places import written
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.uncertainty import BORDER_SHARE, PointErrors
from rigdriver.stereo.mesh.nearest import NearestOnSurface
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.topology import edges_of

STEP = 1e-6
"""Move of a corner for a numeric derivative, as a share of the triangle's size."""


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball that cuts a region out of a surface."""

    centre_mm: tuple[float, float, float]
    radius_mm: float

    def __post_init__(self) -> None:
        if not self.radius_mm > 0:
            raise UsageError(device="ball", seen=f"its radius is {self.radius_mm:g} mm", expected="more than 0 mm")


def area_of(
    mesh: SurfaceMesh, within: Ball | None = None, scale_ppm: float = 0.0, errors: PointErrors | None = None
) -> Quantity:
    """Return the area of the mesh, or of what lies in a ball. `errors`: those of this mesh, if they are at hand.

    Raises:
        UsageError: no surface lies in the ball.
    """
    faces = np.arange(len(mesh.faces))
    if within:
        faces = np.flatnonzero(faces_touching(mesh, within))
    chosen = mesh.faces[faces]
    areas = _areas(mesh.vertices_mm[chosen], within)
    area = float(areas.sum())
    if within and not area > 0:
        nearest = NearestOnSurface(mesh.vertices_mm, mesh.faces)(np.array(within.centre_mm)).away_mm[0]
        raise UsageError(
            device=f"place {written(within.centre_mm)}",
            seen=f"there is no surface within {within.radius_mm:g} mm; the nearest is {nearest:.4g} mm away",
            expected="a ball that the surface passes through",
            remedy="give coordinates in mm, as in the mesh file (`rigdriver mesh` shows its bounds)",
        )
    errors = errors or PointErrors(mesh)
    gradient = _gathered(mesh, chosen, gradients_of(lambda c: _areas(c, within), mesh.vertices_mm[chosen]))
    draws = [float(_areas((mesh.vertices_mm + moves)[chosen], None).sum()) for moves in errors.draws()]
    # Within a ball roughness also moves the border back and forth, which the points' part holds: whole triangles tell.
    rough = max(float(np.mean(draws)) / float(_areas(mesh.vertices_mm[chosen], None).sum()) - 1.0, 0.0) * area
    detail = errors.detail_sigma(
        lambda moves: float(_areas((mesh.vertices_mm + moves)[chosen], within).sum()), gradient
    )
    parts = (errors.sigma_of(gradient), rough, detail, _border_area(mesh, within), 2e-6 * scale_ppm * area)
    return Quantity(area, float(np.linalg.norm(parts)), "mm^2")


def faces_touching(mesh: SurfaceMesh, ball: Ball) -> Mask:
    """Return which triangles, (F,), a ball can touch: those whose box it meets."""
    corners = mesh.vertices_mm[mesh.faces]
    centre = np.array(ball.centre_mm)
    off = np.maximum(np.maximum(corners.min(axis=1) - centre, centre - corners.max(axis=1)), 0.0)
    return np.asarray(np.linalg.norm(off, axis=1) <= ball.radius_mm)


def _areas(corners: Array, within: Ball | None) -> Array:
    """Return the area, (F,), of triangles, (F, 3, 3), or of their parts in a ball."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double = np.linalg.norm(cross, axis=1)
    if within is None:
        return np.asarray(0.5 * double)
    normal = cross / np.maximum(double, 1e-300)[:, None]
    local = corners - np.array(within.centre_mm)
    # The ball cuts the triangle's plane in a circle about the foot of the centre.
    height = np.einsum("ij,ij->i", local[:, 0], normal)
    square = within.radius_mm**2 - height**2
    radius = np.sqrt(np.maximum(square, 0.0))
    x_axis = local[:, 1] - local[:, 0]
    x_axis = x_axis / np.maximum(np.linalg.norm(x_axis, axis=1, keepdims=True), 1e-300)
    flat = local - (height[:, None] * normal)[:, None, :]
    y_axis = np.cross(normal, x_axis)
    x, y = np.einsum("ikj,ij->ik", flat, x_axis), np.einsum("ikj,ij->ik", flat, y_axis)
    total = sum(_sector(x[:, k], y[:, k], x[:, (k + 1) % 3], y[:, (k + 1) % 3], radius) for k in range(3))
    return np.where((square > 0) & (double > 0), np.maximum(total, 0.0), 0.0)


def _sector(ax: Array, ay: Array, bx: Array, by: Array, radius: Array) -> Array:
    """Return the signed area that a circle about 0 shares with the triangle 0, a, b.

    The line a to b is cut where it enters and leaves the circle: outside it is a sector, inside a triangle.
    """
    dx, dy = bx - ax, by - ay
    length2 = np.maximum(dx * dx + dy * dy, 1e-300)
    along = -(ax * dx + ay * dy) / length2
    half2 = radius**2 / length2 - ((ax * dy - ay * dx) / length2) ** 2
    half = np.sqrt(np.maximum(half2, 0.0))
    enters, leaves = np.clip(along - half, 0.0, 1.0), np.clip(along + half, 0.0, 1.0)
    px, py = ax + enters * dx, ay + enters * dy
    # Not a + (b - a), which may miss b by its last digit: near the centre that is an angle of any size.
    ends_inside = leaves >= 1.0
    qx, qy = np.where(ends_inside, bx, ax + leaves * dx), np.where(ends_inside, by, ay + leaves * dy)
    inside = 0.5 * (px * qy - py * qx)
    outside = 0.5 * radius**2 * (np.arctan2(ax * py - ay * px, ax * px + ay * py)
                                 + np.arctan2(qx * by - qy * bx, qx * bx + qy * by))  # fmt: skip
    missed = 0.5 * radius**2 * np.arctan2(ax * by - ay * bx, ax * bx + ay * by)
    return np.where(half2 > 0, inside + outside, missed)


def gradients_of(measure: Callable[[Array], Array], corners: Array) -> Array:
    """Return how what is measured on each triangle changes with its corners, (F, 3, 3), by central differences."""
    size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    step = STEP * np.maximum(size, 1e-9)
    found = np.zeros_like(corners)
    for k in range(3):
        for axis in range(3):
            moved = [corners.copy(), corners.copy()]
            moved[0][:, k, axis] += step
            moved[1][:, k, axis] -= step
            found[:, k, axis] = (measure(moved[0]) - measure(moved[1])) / (2 * step)
    return found


def _gathered(mesh: SurfaceMesh, faces: npt.NDArray[np.int32], gradients: Array) -> Array:
    """Return gradients of triangles' corners as those of vertices, (V, 3)."""
    total = np.zeros_like(mesh.vertices_mm)
    np.add.at(total, faces, gradients)
    return total


def _border_area(mesh: SurfaceMesh, within: Ball | None) -> float:
    """Return the standard uncertainty of the area from where open borders run; they err to one side all along."""
    edges = edges_of(mesh.faces)
    ends = mesh.vertices_mm[edges.ends[edges.is_border]]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    if within:
        inside = np.linalg.norm(ends.mean(axis=1) - np.array(within.centre_mm), axis=1) <= within.radius_mm
        lengths = lengths[inside]
    return BORDER_SHARE * float((lengths**2).sum())


def volume_of(mesh: SurfaceMesh, scale_ppm: float = 0.0, errors: PointErrors | None = None) -> Quantity:
    """Return the volume of a watertight mesh. `errors`: those of this mesh, if they are at hand.

    Raises:
        UsageError: the mesh is open.
    """
    edges = edges_of(mesh.faces)
    if edges.is_border.any():
        raise UsageError(
            device="mesh",
            seen=f"is open ({int(edges.is_border.sum())} edges at its borders), so it has no volume",
            expected="a closed one, such as a .stl of `rigdriver reconstruct`",
        )
    # About the middle, so that the sum loses no digits far from the origin.
    local = mesh.vertices_mm - mesh.vertices_mm.mean(axis=0)
    a, b, c = (local[mesh.faces[:, k]] for k in range(3))
    volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)
    pulls = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1) / 6.0
    gradient = _gathered(mesh, mesh.faces, pulls)
    errors = errors or PointErrors(mesh)
    detail = errors.detail_sigma(lambda moves: float((gradient * moves).sum()), gradient)
    return Quantity(volume, math.hypot(errors.sigma_of(gradient), detail, 3e-6 * scale_ppm * volume), "mm^3")
