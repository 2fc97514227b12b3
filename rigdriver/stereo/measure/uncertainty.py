"""From the points' standard uncertainty to that of a quantity made of many points.

In: a mesh with sigma, and how a quantity changes when vertices move (its gradient). Out: its standard uncertainty. The
error of a point is taken to lie along the normal and to have two parts. One is shared with the neighbours, whose
windows hold the same pixels, and with nobody else. The other is common to the whole surface (smoothing, what a
correction left over), so averaging does not reduce it. To first order the variance of a quantity with gradient g is
then s^2 (sum g sigma)^2 + (1 - s^2) |W^T (g sigma)|^2 (GUM, JCGM 100:2008, 5.2), with W the average over neighbours. A
vertex without sigma that the quantity depends on makes the uncertainty unknown. Not here: the quantities themselves.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse

from rigdriver.arrays import Array
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

COMMON_SHARE = 0.3
"""Share of a point's sigma that is common to the whole surface. An estimate: clouds of simulated heads lay 3 um inside
where their sigma was 8 to 10 um; it was not validated on measured quantities."""
BORDER_SHARE = 0.5
"""Standard uncertainty of where a border runs, as a share of its edges: a surface ends within its last cell. An
estimate, not validated."""
DRAWS = 6
"""Number of draws that tell how much roughness lengthens ways and areas."""


class PointErrors:
    """How the errors of a mesh's vertices belong together."""

    def __init__(self, mesh: SurfaceMesh) -> None:
        self._sigma = mesh.sigma_mm.astype(np.float64)
        self._normals = mesh.normals.astype(np.float64)
        count = len(mesh.vertices_mm)
        pairs = mesh.faces[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
        ones = np.ones(len(pairs) + count)
        own = np.arange(count)
        near = scipy.sparse.coo_matrix(
            (ones, (np.append(pairs[:, 0], own), np.append(pairs[:, 1], own))), shape=(count, count)
        ).tocsr()
        near.data[:] = 1.0
        # Rows of unit length keep the variance of each vertex as it is.
        size = np.asarray(near.sum(axis=1)).ravel()
        self._average = scipy.sparse.diags(1.0 / np.sqrt(size)) @ near

    def sigma_of(self, gradient: Array) -> float:
        """Return the standard uncertainty of a quantity with this gradient per vertex, (V, 3); NaN where unknown."""
        used = gradient.any(axis=1)
        if not np.isfinite(self._sigma[used]).all():
            return float("nan")
        moves = np.zeros(len(gradient))
        moves[used] = np.einsum("ij,ij->i", gradient[used], self._normals[used]) * self._sigma[used]
        common = float(moves.sum())
        own = float(np.linalg.norm(self._average.T @ moves))
        return math.hypot(COMMON_SHARE * common, math.sqrt(1.0 - COMMON_SHARE**2) * own)

    def draw(self, chance: np.random.Generator) -> Array:
        """Return a displacement of each vertex, (V, 3) mm, as the errors would have it; 0 where sigma is unknown."""
        local = self._average @ chance.standard_normal(len(self._sigma))
        size = math.sqrt(1.0 - COMMON_SHARE**2) * local + COMMON_SHARE * chance.standard_normal()
        return np.asarray((np.nan_to_num(self._sigma) * size)[:, None] * self._normals)
