"""Sections: the line in which a plane cuts a mesh.

In: a `SurfaceMesh` and a plane. Out: the line's length with its uncertainty, and its pieces. Not here: areas that
such a line encloses.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array
from rigdriver.errors import UsageError
from rigdriver.stereo.measure.areas import gradients_of
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.uncertainty import BORDER_SHARE, PointErrors
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver.stereo.mesh.topology import edges_of


def section_of(
    mesh: SurfaceMesh,
    point_mm: npt.ArrayLike,
    normal: npt.ArrayLike,
    scale_ppm: float = 0.0,
    errors: PointErrors | None = None,
) -> tuple[Quantity, Array]:
    """Cut the mesh with a plane: total length of the cut and its pieces, (S, 2, 3) mm.

    `errors`: those of this mesh, if they are at hand.

    Raises:
        UsageError: the normal is no direction, or the plane misses the mesh.
    """
    direction = np.asarray(normal, np.float64)
    if not float(np.linalg.norm(direction)) > 1e-9:
        raise UsageError(device="section", seen="its normal is 0,0,0", expected="a direction, such as 0,1,0")
    direction = direction / np.linalg.norm(direction)
    place = np.asarray(point_mm, np.float64)
    heights = (mesh.vertices_mm - place) @ direction
    chosen = np.flatnonzero(_is_cut(heights[mesh.faces]))
    if not len(chosen):
        raise UsageError(
            device="section",
            seen=f"the plane does not meet the mesh, which lies {heights.min():.4g} to {heights.max():.4g} mm along "
            "the plane's normal",
            expected="a place on it",
            remedy="give coordinates in mm, as in the mesh file (`rigdriver mesh` shows its bounds)",
        )
    faces = mesh.faces[chosen]
    corners = mesh.vertices_mm[faces]
    pieces = _pieces(corners, place, direction)
    length = float(_lengths(pieces).sum())

    def cut(moved: Array) -> Array:
        return np.where(_is_cut((moved - place) @ direction), _lengths(_pieces(moved, place, direction)), 0.0)

    def length_of(vertices: Array) -> float:
        # A moved plane cuts other triangles, but always few of them.
        is_above = (vertices - place) @ direction >= 0
        count = is_above[mesh.faces[:, 0]].astype(np.int8) + is_above[mesh.faces[:, 1]] + is_above[mesh.faces[:, 2]]
        return float(_lengths(_pieces(vertices[mesh.faces[(count > 0) & (count < 3)]], place, direction)).sum())

    gradient = np.zeros_like(mesh.vertices_mm)
    np.add.at(gradient, faces, gradients_of(cut, corners))
    errors = errors or PointErrors(mesh)
    lines = [length_of(mesh.vertices_mm + moves) for moves in errors.draws()]
    rough = max(float(np.mean(lines)) - length, 0.0)
    detail = errors.detail_sigma(lambda moves: length_of(mesh.vertices_mm + moves), gradient)
    parts = (errors.sigma_of(gradient), rough, detail, _end_sigma(mesh, heights), 1e-6 * scale_ppm * length)
    return Quantity(length, math.hypot(*parts), "mm"), pieces


def _is_cut(heights: Array) -> npt.NDArray[np.bool_]:
    """Return which triangles, (F,), have corners, (F, 3), on both sides; a corner at height 0 counts as above."""
    above = heights >= 0
    return np.asarray(above.any(axis=1) & ~above.all(axis=1))


def _pieces(corners: Array, place: Array, direction: Array) -> Array:
    """Return both ends, (F, 2, 3), of the cut through each triangle, (F, 3, 3)."""
    heights = (corners - place) @ direction
    above = heights >= 0
    # One corner stands alone on its side; the cut crosses the two edges at it.
    lone = np.argmax(above == (above.sum(axis=1) == 1)[:, None], axis=1)
    row = np.arange(len(corners))
    ends = []
    for k in (1, 2):
        other = (lone + k) % 3
        h, g = heights[row, lone], heights[row, other]
        span = np.where(h == g, 1.0, h - g)
        share = np.clip(h / span, 0.0, 1.0)
        ends.append(corners[row, lone] + share[:, None] * (corners[row, other] - corners[row, lone]))
    return np.stack(ends, axis=1)


def _lengths(pieces: Array) -> Array:
    return np.asarray(np.linalg.norm(pieces[:, 1] - pieces[:, 0], axis=1))


def _end_sigma(mesh: SurfaceMesh, heights: Array) -> float:
    """Return the standard uncertainty from where the line ends at open borders."""
    edges = edges_of(mesh.faces)
    ends = edges.ends[edges.is_border]
    crossed = (heights[ends[:, 0]] >= 0) != (heights[ends[:, 1]] >= 0)
    spans = mesh.vertices_mm[ends[crossed, 0]] - mesh.vertices_mm[ends[crossed, 1]]
    # All borders err to one side: a surface ends within its last cell.
    return BORDER_SHARE * float(np.linalg.norm(spans, axis=1).sum())
