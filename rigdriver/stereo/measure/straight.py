"""The straight distance between two points of a mesh.

In: a `SurfaceMesh` and two places. Out: a `Quantity`. The scale of the calibration counts once for a length, twice for
an area and three times for a volume; averaging does not reduce it. Not here: ways along the surface (see way.py).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rigdriver.stereo.measure.places import NEAR_MM, points_on
from rigdriver.stereo.measure.quantity import Quantity
from rigdriver.stereo.measure.uncertainty import PointErrors
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh


def distance_between(
    mesh: SurfaceMesh,
    a_mm: npt.ArrayLike,
    b_mm: npt.ArrayLike,
    scale_ppm: float = 0.0,
    near_mm: float = NEAR_MM,
    errors: PointErrors | None = None,
) -> Quantity:
    """Return the straight distance of the surface points nearest to two places, each (3,) mm.

    `errors`: those of this mesh, if they are at hand.

    Raises:
        UsageError: a place is not on the surface.
    """
    places = np.stack([np.asarray(a_mm, np.float64), np.asarray(b_mm, np.float64)])
    first, last = points_on(mesh, places, near_mm)
    between = last.point_mm - first.point_mm
    length = float(np.linalg.norm(between))
    # At distance 0 any direction serves: both points move as one.
    along = between / length if length else np.zeros(3)
    gradient = np.zeros_like(mesh.vertices_mm)
    for point, pull in ((first, -along), (last, along)):
        np.add.at(gradient, mesh.faces[point.face], point.shares[:, None] * pull)
    errors = errors or PointErrors(mesh)
    detail = errors.detail_sigma(lambda moves: float((gradient * moves).sum()), gradient)
    return Quantity(length, math.hypot(errors.sigma_of(gradient), detail, 1e-6 * scale_ppm * length), "mm")
