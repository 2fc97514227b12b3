"""From the points' standard uncertainty to that of a quantity made of many points.

In: a mesh with sigma, and how a quantity changes when vertices move (its gradient). Out: its standard uncertainty. The
error of a point is taken to lie along the normal and to have three parts, which follow from how it is matched:

- What noise and speckle do. A point is the value of a weighted window of cells, with a share t of what that smoothed
  given back: with M the average over a window, the filter H = M + t (1 - M) M. So errors of neighbours belong together
  as the filter joins them, whatever triangles the mesh has, and errors beyond the window are independent. To first
  order the variance of a quantity with gradient g is then g^T S H H^T S g (GUM, JCGM 100:2008, 5.2).
- What the filter took and did not give back: detail. It is estimated by undoing the filter, 1 / H = 1 + (1 - H) + ...,
  and moves all points at once, so each quantity is asked how far it changes by that. The estimate holds in size, not
  in sign, so it is no correction; the points' own sigma holds its size. The errors' own roughness looks like detail:
  with D = (1 - H) (2 - H) the estimate holds D H s of the noise H s. What that alone would make of a quantity is
  known in mean and variance, and is taken off.
- A part common to the whole surface (see COMMON_SHARE), so averaging does not reduce it.

A vertex without sigma that the quantity depends on makes the uncertainty unknown. Not here: the quantities themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator
from scipy.spatial import cKDTree

from rigdriver.arrays import Array, Ints64
from rigdriver.stereo.match.field import TAKEN_BACK
from rigdriver.stereo.match.lost import LOST, SEEN, energy_of
from rigdriver.stereo.match.windows import REACH, TAPS
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

COMMON_SHARE = 0.3
"""Share of a point's sigma that is common to the whole surface. An estimate from above: the median error of simulated
heads and discs is 0.12 to 0.3 of their sigma (tools/campaign_measures.py)."""
BORDER_SHARE = 0.8
"""Standard uncertainty of where a border runs, as a share of its edges. A cell is kept when most of its window lies on
the surface, so the edge of a body lies a quarter to one and a quarter cells beyond the last cells' middles:
root mean square 0.8, all to one side (tools/campaign_measures.py, discs)."""
DRAWS = 6
"""Number of draws that tell how much roughness lengthens ways and areas."""
WINDOW_CELLS = math.sqrt(float((TAPS * np.arange(-REACH, REACH + 1) ** 2).sum() / TAPS.sum()) + 1 / 12)
"""Standard deviation of a window's weights along one axis, in cells; a cell's own width counts."""
WINDOW_REACH_CELLS = REACH + 0.6
"""Distance from a cell's middle to the end of its window, in cells."""
ALIKE_FACING = 0.2
"""Least cosine between the normals of points that one window can hold."""
MOST_NEAR = 200
"""Mean number of vertices within a window's reach up to which they are paired one by one; grids of cells have 22. Pairs
grow with the square of that number, so in a mesh with places much finer than most of it neighbours are grouped."""
GROUP_CELLS = 0.5
"""Side of such a group, in cells."""
Window = Any
"""A linear operator over vertices, or a sparse matrix; both know `@` and `.T`."""


def _of_gaussians(power: int) -> float:
    # In units of 1 / (2 pi s^2), the integral of two Gaussian windows' product.
    return 1.0 / power


NOISE_AS_DETAIL = energy_of(LOST * SEEN, _of_gaussians) / energy_of(SEEN, _of_gaussians)
"""Share of the noise's variance that the estimate of detail shows where there is none."""


class PointErrors:
    """How the errors of a mesh's vertices belong together. It costs more than a measure: several can share one."""

    def __init__(self, mesh: SurfaceMesh) -> None:
        self._normals = mesh.normals.astype(np.float64)
        corners = mesh.vertices_mm[mesh.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double = np.linalg.norm(cross, axis=1)
        # Two triangles per cell; those of a seam are small, but few.
        cell_mm = math.sqrt(max(float(np.median(double)), 1e-12))
        area = np.zeros(len(mesh.vertices_mm))
        np.add.at(area, mesh.faces, double[:, None] / 6.0)
        self._area = np.maximum(area, 1e-6 * cell_mm**2)
        self._window = _window_of(mesh, self._area, cell_mm)
        # The inverse of the integral of the filter's square is the area over which errors are alike.
        self._alike_mm2 = 2 * math.pi * (WINDOW_CELLS * cell_mm) ** 2 / energy_of(SEEN, _of_gaussians)
        self.detail_mm = self._detail_of(mesh.vertices_mm)
        """(V, 3): displacement that would give back what smoothing took, an estimate; noise is in it."""
        self._sigma = np.where(np.isfinite(mesh.sigma_mm), mesh.sigma_mm, np.nan).astype(np.float64)
        # Sigma holds noise n and lost detail l, the estimate l and a share of n, in squares, so n follows. Squares
        # are averaged over the window: the estimate holds in size, not point by point.
        seen = self._window @ (self.detail_mm**2).sum(axis=1)
        noise = (np.nan_to_num(self._sigma) ** 2 - seen) / (1.0 - NOISE_AS_DETAIL)
        self._noise = np.sqrt(np.clip(noise, 0.0, np.nan_to_num(self._sigma) ** 2))
        self._draws: tuple[Array, ...] = ()
        self._noise_draws: tuple[tuple[Array, Array], ...] = ()

    def sigma_of(self, gradient: Array) -> float:
        """Return the standard uncertainty of a quantity with this gradient per vertex, (V, 3); NaN where unknown.

        What detail changes is not in it (see `detail_sigma`).
        """
        moves = self._moves(gradient, self._sigma)
        common = float(moves.sum())
        return math.hypot(COMMON_SHARE * common, math.sqrt(1.0 - COMMON_SHARE**2) * self._own(moves))

    def detail_sigma(self, measure: Callable[[Array], float], gradient: Array) -> float:
        """Return what detail that smoothing took adds to a quantity's standard uncertainty.

        `measure`: the quantity when each vertex is displaced, (V, 3) mm. What noise alone would be taken for is not in
        it: its mean comes from draws, since roughness adds to lengths and areas; its variance is g^T D S H H^T S D^T g.
        """
        if not self._noise_draws:
            chance = np.random.default_rng(2)
            drawn = [self._drawn(chance, self._noise) for _ in range(DRAWS)]
            self._noise_draws = tuple((moved, moved + self._detail_of(moved)) for moved in drawn)
        mean = float(np.mean([measure(seen) - measure(moved) for moved, seen in self._noise_draws]))
        found = measure(self.detail_mm) - measure(np.zeros_like(gradient)) - mean
        noise = self._own(self._moves(self._taken_from(gradient), self._noise))
        # The mean is uncertain, too.
        return math.sqrt(max(found**2 - (1 - COMMON_SHARE**2) * noise**2 * (1 + 1 / DRAWS), 0.0))

    def draw(self, chance: np.random.Generator) -> Array:
        """Return a displacement of each vertex, (V, 3) mm, as the errors would have it; 0 where sigma is unknown."""
        return self._drawn(chance, self._sigma)

    def draws(self) -> tuple[Array, ...]:
        """Return DRAWS displacements, the same ones for every measure on this mesh, each (V, 3) mm."""
        if not self._draws:
            chance = np.random.default_rng(1)
            self._draws = tuple(self.draw(chance) for _ in range(DRAWS))
        return self._draws

    def _drawn(self, chance: np.random.Generator, sigma: Array) -> Array:
        source = chance.standard_normal(len(sigma)) * np.sqrt(self._alike_mm2 / self._area)
        size = (
            math.sqrt(1.0 - COMMON_SHARE**2) * _filtered(self._window, source) + COMMON_SHARE * chance.standard_normal()
        )
        return np.asarray((np.nan_to_num(sigma) * size)[:, None] * self._normals)

    def _moves(self, gradient: Array, sigma: Array) -> Array:
        """Return how far one standard deviation of each vertex, (V,), moves a quantity; NaN where that is unknown."""
        moves = np.zeros(len(gradient))
        used = gradient.any(axis=1)
        moves[used] = np.einsum("ij,ij->i", gradient[used], self._normals[used]) * sigma[used]
        return moves

    def _own(self, moves: Array) -> float:
        """Return the root of the variance, for moves per vertex, (V,), of errors that belong together as H joins them.

        It is H^T of the moves, then sources of equal strength per area.
        """
        back = _filtered(self._window.T, moves)
        return math.sqrt(self._alike_mm2) * float(np.linalg.norm(back / np.sqrt(self._area)))

    def _detail_of(self, places: Array) -> Array:
        """Return the detail, (V, 3) mm along the normals, that places or displacements of the vertices seem to lack."""
        first = self._lost(self._window, places)
        both = first + self._lost(self._window, first)
        return np.asarray(np.einsum("ij,ij->i", both, self._normals)[:, None] * self._normals)

    def _taken_from(self, gradient: Array) -> Array:
        """Return how a quantity changes, by what is taken for detail, when vertices move, (V, 3): the transpose."""
        along = np.einsum("ij,ij->i", gradient, self._normals)[:, None] * self._normals
        first = self._lost(self._window.T, along)
        return np.asarray(first + self._lost(self._window.T, first))

    @staticmethod
    def _lost(window: Window, values: Array) -> Array:
        """Return (1 - H) of values per vertex: 1 - H = (1 - M) (1 - t M)."""
        rest = values - window @ values
        return np.asarray(rest - TAKEN_BACK * (window @ rest))


def _filtered(window: Window, values: Array) -> Array:
    """Return the matcher's filter H of values per vertex: the window's average M, and t of what it took given back."""
    seen = window @ values
    return np.asarray((1 + TAKEN_BACK) * seen - TAKEN_BACK * (window @ seen))


def _window_of(mesh: SurfaceMesh, area: Array, cell_mm: float) -> Window:
    """Return the average over the window about each vertex, weighted by distance and by the area of each vertex."""
    points, normals = mesh.vertices_mm, mesh.normals.astype(np.float64)
    tree = cKDTree(points)
    if tree.count_neighbors(tree, WINDOW_REACH_CELLS * cell_mm) <= MOST_NEAR * len(points):
        return _window_over(tree, normals, area, cell_mm)
    group = _groups_of(points, normals, cell_mm)
    count = int(group.max()) + 1
    own = np.arange(len(points))
    spread = scipy.sparse.csr_matrix((np.ones(len(points)), (own, group)), shape=(len(points), count))
    whole = np.asarray(spread.T @ area)
    gathered = scipy.sparse.diags(1.0 / whole) @ spread.T @ scipy.sparse.diags(area)
    middles, facing = gathered @ points, gathered @ normals
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-12)
    over = _window_over(cKDTree(middles), facing, whole, cell_mm)
    # Multiplied out it would be as large as the pairs of vertices.
    return aslinearoperator(spread) @ aslinearoperator(over) @ aslinearoperator(gathered)


def _groups_of(points: Array, normals: Array, cell_mm: float) -> Ints64:
    """Return the group of each vertex: those within a box of GROUP_CELLS that face one of six sides alike."""
    box = np.floor((points - points.min(axis=0)) / (GROUP_CELLS * cell_mm)).astype(np.int64)
    axis = np.argmax(np.abs(normals), axis=1)
    side = 2 * axis + (normals[np.arange(len(normals)), axis] > 0)
    _, group = np.unique(np.column_stack([box, side]), axis=0, return_inverse=True)
    return np.ravel(group).astype(np.int64)


def _window_over(tree: cKDTree, normals: Array, area: Array, cell_mm: float) -> scipy.sparse.csr_matrix:
    """Return the window over the points of a tree, of which each stands for an area."""
    points, count = np.asarray(tree.data), len(normals)
    pairs = tree.query_pairs(WINDOW_REACH_CELLS * cell_mm, output_type="ndarray")
    pairs = pairs[np.einsum("ij,ij->i", normals[pairs[:, 0]], normals[pairs[:, 1]]) > ALIKE_FACING]
    away = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    weight = np.exp(-0.5 * (away / (WINDOW_CELLS * cell_mm)) ** 2)
    own = np.arange(count)
    row = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    column = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    weights = np.concatenate([weight, weight, np.ones(count)]) * area[column]
    found = scipy.sparse.csr_matrix((weights, (row, column)), shape=(count, count))
    return scipy.sparse.diags(1.0 / np.asarray(found.sum(axis=1)).ravel()) @ found
