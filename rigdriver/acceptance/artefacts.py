"""Certified artefacts in a point cloud: spheres and a plate, after VDI/VDE 2634 part 2 (see also ISO 10360-13).

In: a cloud and the sizes that the certificate states. Out: the characteristics of one position: probing error form and
size, sphere-spacing error, flatness; each as the range of 95 % of the points, as the full range and as RMS, named
apart. Only points that lie on no artefact are excluded. Not here: limits (see judge.py) and reports (see page.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.optimize

from rigdriver.arrays import Array
from rigdriver.errors import NotMeasured
from rigdriver.stereo.cloud import PointCloud

VOXEL_MM = 3.0
"""Side, in mm, of the voxels whose neighbours make one group of points."""
LEAST_POINTS = 200
"""Least number of points of a group."""
MOST_BOW_MM = 2.0
"""Largest root mean square distance from a plane of points that are a plate, in mm."""
NORMAL_MM = 80.0
"""Distance, in mm, along a plate's normal of its second mark, which moves when the plate turns."""
NEAR_SHARE = 0.12
"""Largest distance of a point from the certified sphere it belongs to, as a share of its radius."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Distances of points from a fitted shape, in micrometres."""

    range_95_um: float
    """Distance between the 2.5th and the 97.5th percentile."""
    range_um: float
    rms_um: float


@dataclass(frozen=True, slots=True)
class SphereFit:
    """One fitted sphere."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    points: int
    form: Spread


@dataclass(frozen=True, slots=True)
class BallBarResult:
    """One position of a ball bar."""

    spheres: tuple[SphereFit, ...]
    size_errors_um: tuple[float, ...]
    """Difference of each diameter: measured minus certified."""
    spacing_error_um: float
    """Difference of the distance of the two outermost centres: measured minus certified."""

    @property
    def marks_mm(self) -> Array:
        """Places, (M, 3), that show where the artefact stands."""
        return np.array([sphere.centre_mm for sphere in self.spheres])

    def off_mm(self, points_mm: Array) -> Array:
        """Return the distance of points, (N, 3), to the fitted sphere that each belongs to; NaN where there is none."""
        found = np.full(len(points_mm), np.nan)
        for sphere in self.spheres:
            off = np.linalg.norm(points_mm - np.array(sphere.centre_mm), axis=1) - sphere.diameter_mm / 2
            near = np.abs(off) < NEAR_SHARE * sphere.diameter_mm
            found[near] = off[near]
        return found


@dataclass(frozen=True, slots=True)
class PlateResult:
    """One position of a flat plate."""

    flatness: Spread
    points: int
    centre_mm: tuple[float, float, float]
    normal: tuple[float, float, float]

    @property
    def marks_mm(self) -> Array:
        """Places, (M, 3), that show where the artefact stands."""
        return np.array([self.centre_mm, np.add(self.centre_mm, NORMAL_MM * np.array(self.normal))])

    def off_mm(self, points_mm: Array) -> Array:
        """Return the signed distance of points, (N, 3), to the fitted plane; NaN where that is more than VOXEL_MM."""
        off = (points_mm - np.array(self.centre_mm)) @ np.array(self.normal)
        return np.where(np.abs(off) < VOXEL_MM, off, np.nan)


def measure_ball_bar(cloud: PointCloud, diameter_mm: float, spacing_mm: float, spheres: int = 2) -> BallBarResult:
    """Find and fit the spheres of a ball bar.

    Raises:
        NotMeasured: fewer spheres are in the cloud.
    """
    groups = _groups(cloud)
    fits = []
    for points in groups:
        fit = _fit_sphere(points, diameter_mm / 2)
        if fit is not None:
            fits.append(fit)
        # The largest groups come first; what is left over is no sphere of the bar.
        if len(fits) == spheres:
            break
    if len(fits) < spheres:
        raise NotMeasured(
            device="ball bar",
            seen=f"{len(fits)} spheres of {diameter_mm:g} mm found in {len(groups)} groups of points",
            expected=str(spheres),
            remedy="move the bar into the middle of the volume" + (f" ({cloud.reason})" if cloud.reason else ""),
        )
    centres = np.array([fit.centre_mm for fit in fits])
    # The certified spacing is that of the two outermost centres.
    longest = float(np.max(np.linalg.norm(centres[:, None] - centres[None], axis=2)))
    return BallBarResult(
        tuple(fits), tuple(1e3 * (fit.diameter_mm - diameter_mm) for fit in fits), 1e3 * (longest - spacing_mm)
    )


def measure_plate(cloud: PointCloud) -> PlateResult:
    """Fit a plane to the largest group of points.

    Raises:
        NotMeasured: there is none, or it is no plane.
    """
    groups = _groups(cloud)
    if not groups:
        raise NotMeasured(
            device="plate",
            seen="no group of points in the cloud",
            expected=f"one of at least {LEAST_POINTS} points",
            remedy=str(cloud.reason or "move the plate into the middle of the volume"),
        )
    points = groups[0]
    centred = points - points.mean(axis=0)
    # The direction of least variance is the normal of the least-squares plane.
    normal = np.linalg.svd(centred.T @ centred)[0][:, 2]
    # Towards the rig, which is where the points were seen from.
    if normal @ cloud.normals.mean(axis=0) < 0:
        normal = -normal
    x, y, z = points.mean(axis=0)
    spread = spread_of(centred @ normal)
    if spread.rms_um > 1e3 * MOST_BOW_MM:
        raise NotMeasured(
            device="plate",
            seen=f"the largest group of points is no plane (RMS {spread.rms_um / 1e3:.1f} mm)",
            expected=f"at most {MOST_BOW_MM:g} mm",
            remedy="take everything else out of the volume",
        )
    return PlateResult(
        spread, len(points), (float(x), float(y), float(z)), (float(normal[0]), float(normal[1]), float(normal[2]))
    )


def spread_of(off_mm: Array) -> Spread:
    """Return the spread of signed distances."""
    low, high = np.percentile(off_mm, [2.5, 97.5])
    rms = float(np.sqrt(np.mean((off_mm - off_mm.mean()) ** 2)))
    return Spread(1e3 * float(high - low), 1e3 * float(np.ptp(off_mm)), 1e3 * rms)


def _groups(cloud: PointCloud) -> list[Array]:
    """Return the connected groups of points, largest first."""
    points = cloud.points_mm.astype(np.float64)
    if len(points) < LEAST_POINTS:
        return []
    # Connected voxels, corners included, are one group.
    cells = np.floor((points - points.min(axis=0)) / VOXEL_MM).astype(np.int64)
    grid = np.zeros(cells.max(axis=0) + 1, bool)
    grid[tuple(cells.T)] = True
    labels, _ = scipy.ndimage.label(grid, np.ones((3, 3, 3)))
    of_point = labels[tuple(cells.T)]
    counts = np.bincount(of_point)
    # Label 0 is empty space.
    order = [int(n) for n in np.argsort(-counts) if n > 0 and counts[n] >= LEAST_POINTS]
    return [points[of_point == n] for n in order]


def _fit_sphere(points: Array, radius_mm: float) -> SphereFit | None:
    """Fit a sphere; None where its radius is another than the certified one."""
    # Algebraic start (|p|^2 = 2 c p + r^2 - c^2 is linear in c and r^2 - c^2), then least squares of the distances.
    A = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(A, (points**2).sum(axis=1), rcond=None)[0]
    start = np.append(solution[:3], np.sqrt(max(solution[3] + solution[:3] @ solution[:3], 1.0)))
    if abs(start[3] - radius_mm) > NEAR_SHARE * radius_mm:
        return None

    def off(x: Array) -> Array:
        return np.asarray(np.linalg.norm(points - x[:3], axis=1) - x[3])

    found = scipy.optimize.least_squares(off, start).x
    return SphereFit(
        (float(found[0]), float(found[1]), float(found[2])), 2 * float(found[3]), len(points), spread_of(off(found))
    )
