"""Places on a mesh: the points of the surface that given coordinates mean, and how far each had to be moved.

In: a `SurfaceMesh`, places in millimetres. Out: `SurfacePoint`s. A place is meant to lie on the surface; what is
farther off than `NEAR_MM` is refused, not moved. Not here: what is measured
between the points (see straight.py, way.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array
from rigdriver.errors import UsageError
from rigdriver.stereo.mesh.nearest import NearestOnSurface
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh

NEAR_MM = 2.0
"""Largest distance of a place from the surface it is meant to lie on, in mm: a point that was read off a picture or
another program's view is off by tenths of a millimetre, one of another mesh or unit by more."""


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePoint:
    """A point on a mesh."""

    point_mm: Array
    """(3,) float64."""
    face: int
    shares: Array
    """(3,) float64: share of each corner of the triangle."""
    moved_mm: float
    """Distance of the place that was asked for."""


def points_on(
    mesh: SurfaceMesh, places_mm: npt.ArrayLike, within_mm: float = NEAR_MM, nearest: NearestOnSurface | None = None
) -> list[SurfacePoint]:
    """Return the surface's nearest point to each place, (N, 3) mm.

    Raises:
        UsageError: a place is farther than `within_mm` from the surface.
    """
    places = np.asarray(places_mm, np.float64).reshape(-1, 3)
    found = (nearest or NearestOnSurface(mesh.vertices_mm, mesh.faces))(places)
    for place, point, away in zip(places, found.points_mm, found.away_mm, strict=True):
        if not away <= within_mm:
            raise UsageError(
                device=f"place {written(place)}",
                seen=f"the surface is {_length(float(away))} away; its nearest point is {written(np.round(point, 3))}",
                expected=f"at most {within_mm:g} mm",
                remedy="give that point or one near the surface, in mm as in the mesh file (`rigdriver mesh` shows its "
                "bounds), or allow more with --near",
            )
    return [
        SurfacePoint(found.points_mm[k], int(found.faces[k]), found.shares[k], float(found.away_mm[k]))
        for k in range(len(places))
    ]


def _length(value_mm: float) -> str:
    return f"{value_mm:.0f} mm" if value_mm >= 10 else f"{value_mm:.2g} mm"


def written(place_mm: npt.ArrayLike) -> str:
    """Return a place as the command line takes it."""
    return ",".join(f"{v:g}" for v in np.asarray(place_mm, np.float64))
