"""Evidence of one frame set about each camera's parameters: linearised residuals of matches.

In: a calibration, and matched points of two cameras, points that two pods measured on one surface, or lengths on a
board that two cameras see. Out: a `DriftEvidence`, normal equations over all cameras' parameters, which can be summed
over frame sets. Not here: deciding what the sum means (see monitor.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Ints64
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.project import distort_jacobian, inverse, pad_distortion, to_rays, triangulate_rays
from rigdriver.calibration.solve.adjust import WIDTH
from rigdriver.calibration.solve.uncertainty import Lens, nudge
from rigdriver.calibration.views.observations import Observations

MOST_MATCHES = 600
"""Most matches that are used per pair and frame set; errors of neighbours are alike, so more add nothing."""
FEWEST_MATCHES = 20
"""Fewest matches of a pair that are evidence."""
GATE_SIGMAS = 4.0
"""Distance from the median beyond which a match is an outlier, in standard deviations."""
SMALLEST_SIGMA_PX = 0.02
"""Smallest standard deviation, in px, that matches are credited with."""
SYSTEMATIC_PX = 0.003
"""Coherent error of a matcher over the image, in px, that no number of frame sets averages out."""
SYSTEMATIC_UM = 3.0
"""Coherent error of a measured surface, in um, that no number of frame sets averages out."""
SYSTEMATIC_LENGTH_UM = 50.0
"""Coherent error of lengths on a board, in um: a sheet of 150 mm that has grown by 0.03 % with moisture or warmth."""
FRAME_SETS = 20
"""Number of frame sets over which the systematic error counts as constant."""
_RAY_STEP = 1e-6
_POSE_STEPS = np.r_[np.full(3, 1e-6), np.full(3, 1e-3)]


@dataclass(frozen=True, slots=True, eq=False)
class PairMatches:
    """Image points of the same things in two cameras, from speckle or a board: (N, 2) float64 each, pixels."""

    camera_a: str
    camera_b: str
    points_a_px: Array
    points_b_px: Array


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceSteps:
    """One surface measured by two pods: for N places, the images that pod a and pod b triangulate there.

    `points_a_px`: (2, N, 2), of the cameras `cameras_a`. `points_b_px`: the same of pod b, of places on the
    surface near pod a's. `normals`: (N, 3) unit normals in the world: only the distance along them counts, so the
    two points need not be the same one.
    """

    cameras_a: tuple[str, str]
    cameras_b: tuple[str, str]
    points_a_px: Array
    points_b_px: Array
    normals: Array


@dataclass(frozen=True, slots=True, eq=False)
class BoardLengths:
    """Known lengths between corners of a board that two cameras see.

    `starts_px`, `ends_px`: (2, N, 2), the same corners in the first and the second camera; `lengths_mm`: (N,). A turn
    along the baseline leaves the rows of a pair as they are, but it makes all that is measured larger or smaller.
    """

    cameras: tuple[str, str]
    starts_px: Array
    ends_px: Array
    lengths_mm: Array


Observation = PairMatches | SurfaceSteps | BoardLengths


@dataclass(frozen=True, slots=True, eq=False)
class DriftEvidence:
    """Normal equations over C * 18 parameters, in units of the noise, and the residual of each source."""

    normal: Array
    gradient: Array
    misses: Mapping[str, float]
    """Median absolute residual by source: pixels for pairs of cameras, micrometres for steps of pods."""
    count: int


def board_observations(observations: Observations, board: Board) -> list[list[Observation]]:
    """Match each view's corners between all cameras that see the board: one frame set per view, for the check."""
    corners_mm = board.corners_mm()
    frame_sets: list[list[Observation]] = []
    parts: dict[int, list[tuple[int, slice]]] = {}
    for view, camera, part in observations.groups():
        parts.setdefault(view, []).append((camera, part))
    for seen in parts.values():
        found: list[Observation] = []
        for i, (a, part_a) in enumerate(seen):
            for b, part_b in seen[i + 1 :]:
                corners, at_a, at_b = np.intersect1d(
                    observations.corner[part_a], observations.corner[part_b], return_indices=True
                )
                names = observations.cameras[a], observations.cameras[b]
                points = np.stack([observations.points_px[part_a][at_a], observations.points_px[part_b][at_b]])
                found += [PairMatches(*names, *points), _lengths_of(names, points, corners_mm[corners])]
        frame_sets.append(found)
    return frame_sets


def _lengths_of(cameras: tuple[str, str], points_px: Array, corners_mm: Array) -> BoardLengths:
    """Pair the corners of one half of what is seen with those of the other half: long lengths, each corner once."""
    half = len(corners_mm) // 2
    starts, ends = slice(0, half), slice(len(corners_mm) - half, None)
    lengths = np.linalg.norm(corners_mm[ends] - corners_mm[starts], axis=1)
    return BoardLengths(cameras, points_px[:, starts], points_px[:, ends], lengths)


def gather(calibration: RigCalibration, observations: Sequence[Observation]) -> DriftEvidence:
    """Linearise one frame set's observations."""
    size = len(calibration.cameras) * WIDTH
    normal, gradient = np.zeros((size, size)), np.zeros(size)
    misses: dict[str, float] = {}
    count = 0
    for observation in observations:
        if isinstance(observation, PairMatches):
            name = f"{observation.camera_a}-{observation.camera_b}"
            residual, J, columns = _pair(calibration, observation)
            floor, systematic, unit = SMALLEST_SIGMA_PX, SYSTEMATIC_PX, 1.0
        elif isinstance(observation, BoardLengths):
            name = f"{observation.cameras[0]}-{observation.cameras[1]} length"
            residual, J, columns = _lengths(calibration, observation)
            floor, systematic, unit = 1e-3, SYSTEMATIC_LENGTH_UM * 1e-3, 1e3
        else:
            name = f"{observation.cameras_a[0]}-{observation.cameras_b[0]} step"
            residual, J, columns = _step(calibration, observation)
            floor, systematic, unit = 1e-3, SYSTEMATIC_UM * 1e-3, 1e3
        part = weigh(residual, J, floor, systematic)
        if part is None:
            continue
        normal[np.ix_(columns, columns)] += part[0]
        gradient[columns] += part[1]
        misses[name] = float(np.median(np.abs(residual))) * unit
        count += len(residual)
    return DriftEvidence(normal, gradient, misses, count)


def weigh(residual: Array, J: Array, floor: float, systematic: float) -> tuple[Array, Array] | None:
    """Remove outliers around the median and weigh by the spread; None when too few are left."""
    good = np.isfinite(residual) & np.isfinite(J).all(axis=1)
    if good.sum() < FEWEST_MATCHES:
        return None
    centre = float(np.median(residual[good]))
    # 1.4826 times the median absolute deviation is the standard deviation of a Gaussian.
    sigma = max(1.4826 * float(np.median(np.abs(residual[good] - centre))), floor)
    good &= np.abs(residual - centre) < GATE_SIGMAS * sigma
    if good.sum() < FEWEST_MATCHES:
        return None
    # n matches in each of F frame sets then sum up to 1 / (s^2 + sigma^2 / (n F)): an error s that all have in common
    # is not averaged out.
    variance = sigma**2 + FRAME_SETS * good.sum() * systematic**2
    rows = J[good]
    return rows.T @ rows / variance, -rows.T @ residual[good] / variance


def epipolar_px(T_b_a: Array, rays_a: Array, rays_b: Array, focal_px: float) -> Array:
    """Return the signed Sampson distance (N,), in pixels, of matched rays (N, 2) from the epipolar condition.

    Hartley and Zisserman, Multiple View Geometry, 2nd edition, 11.4.3.
    """
    t = T_b_a[:3, 3]
    cross = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])
    E = cross @ T_b_a[:3, :3]
    a, b = np.column_stack([rays_a, np.ones(len(rays_a))]), np.column_stack([rays_b, np.ones(len(rays_b))])
    line_b, line_a = a @ E.T, b @ E
    slope = np.sqrt(line_b[:, 0] ** 2 + line_b[:, 1] ** 2 + line_a[:, 0] ** 2 + line_a[:, 1] ** 2)
    return np.asarray((b * line_b).sum(axis=1) / slope * focal_px)


def _index(calibration: RigCalibration, camera: str) -> int:
    calibration[camera]
    return list(calibration.cameras).index(camera)


def _columns(calibration: RigCalibration, cameras: Sequence[str]) -> Ints64:
    starts = [_index(calibration, name) * WIDTH for name in cameras]
    return np.concatenate([np.arange(start, start + WIDTH) for start in starts])


def _thin(count: int) -> Ints64:
    return (
        np.unique(np.linspace(0, count - 1, min(count, MOST_MATCHES)).astype(np.int64))
        if count
        else np.zeros(0, np.int64)
    )


def ray_by_lens(camera: CameraCalibration, rays: Array) -> Array:
    """Return (N, 2, 12) how a straightened ray moves with the lens's parameters while its image point stays."""
    K = camera.K
    focal = np.array([K[0, 0], K[1, 1]])
    bent, by_ray, by_coefficient = distort_jacobian(rays, pad_distortion(camera.distortion))
    image = np.zeros((len(rays), 2, 12))
    image[:, 0, 0], image[:, 1, 1] = bent[:, 0], bent[:, 1]
    image[:, 0, 2] = image[:, 1, 3] = 1.0
    image[:, :, 4:] = by_coefficient * focal[None, :, None]
    # image(ray, lens) stays: d ray = -(d image / d ray)^-1 (d image / d lens) d lens, the implicit function theorem.
    return np.asarray(-np.linalg.solve(by_ray * focal[None, :, None], image))


def _pair(calibration: RigCalibration, matches: PairMatches) -> tuple[Array, Array, Ints64]:
    a, b = calibration[matches.camera_a], calibration[matches.camera_b]
    chosen = _thin(len(matches.points_a_px))
    rays = [to_rays(a, matches.points_a_px[chosen]), to_rays(b, matches.points_b_px[chosen])]
    focal = float(np.sqrt(a.K[0, 0] * b.K[0, 0]))
    lenses = [nudge(a, np.zeros(WIDTH)), nudge(b, np.zeros(WIDTH))]

    def miss(cameras: Sequence[Lens], at: Sequence[Array]) -> Array:
        return epipolar_px(cameras[1].T_cam_world @ inverse(cameras[0].T_cam_world), at[0], at[1], focal)

    return miss(lenses, rays), _differentiate((a, b), lenses, rays, miss), _columns(calibration, (a.name, b.name))


def _step(calibration: RigCalibration, steps: SurfaceSteps) -> tuple[Array, Array, Ints64]:
    names = (*steps.cameras_a, *steps.cameras_b)
    chosen = _thin(len(steps.normals))
    normals = steps.normals[chosen]
    points = [p[chosen] for p in (*steps.points_a_px, *steps.points_b_px)]
    # Both points lie on one surface, but are not the same point: along the surface their distance means nothing.
    residual, J = _of_two_points(calibration, names, points, lambda a, b: ((a - b) * normals).sum(axis=1))
    return residual, J, _columns(calibration, names)


def _lengths(calibration: RigCalibration, lengths: BoardLengths) -> tuple[Array, Array, Ints64]:
    chosen = _thin(len(lengths.lengths_mm))
    known = lengths.lengths_mm[chosen]
    points = [p[chosen] for p in (*lengths.starts_px, *lengths.ends_px)]
    residual, each_end = _of_two_points(
        calibration, lengths.cameras * 2, points, lambda start, end: np.linalg.norm(end - start, axis=1) - known
    )
    # A camera has moved for both ends alike.
    J = each_end[:, : 2 * WIDTH] + each_end[:, 2 * WIDTH :]
    return residual, J, _columns(calibration, lengths.cameras)


def _of_two_points(
    calibration: RigCalibration,
    names: Sequence[str],
    points_px: Sequence[Array],
    compare: Callable[[Array, Array], Array],
) -> tuple[Array, Array]:
    """Return a residual (N,) of two triangulated points, (N, 3) each, and its derivative by the four cameras.

    `names`, `points_px`: the two cameras of the first point and their images (N, 2), then those of the second.
    """
    cameras = [calibration[name] for name in names]
    rays = [to_rays(camera, p) for camera, p in zip(cameras, points_px, strict=True)]
    lenses = [nudge(camera, np.zeros(WIDTH)) for camera in cameras]

    def miss(at_cameras: Sequence[Lens], at: Sequence[Array]) -> Array:
        first = triangulate_rays(at_cameras[:2], np.stack(at[:2]), steps=1)[0]
        second = triangulate_rays(at_cameras[2:], np.stack(at[2:]), steps=1)[0]
        return np.asarray(compare(first, second))

    return miss(lenses, rays), _differentiate(cameras, lenses, rays, miss)


def _differentiate(
    cameras: Sequence[CameraCalibration], lenses: Sequence[Lens], rays: Sequence[Array], miss: object
) -> Array:
    """Return (N, len(cameras) * 18) the derivative of a residual: by differences; for lenses by the chain rule."""
    assert callable(miss)
    J = np.zeros((len(rays[0]), len(cameras) * WIDTH))
    for c, camera in enumerate(cameras):
        by_ray = np.zeros((len(rays[c]), 2))
        for axis in range(2):
            sides = []
            for sign in (1, -1):
                moved = list(rays)
                moved[c] = rays[c] + sign * _RAY_STEP * np.eye(2)[axis]
                sides.append(miss(lenses, moved))
            by_ray[:, axis] = (sides[0] - sides[1]) / (2 * _RAY_STEP)
        J[:, c * WIDTH : c * WIDTH + 12] = np.einsum("ni,nij->nj", by_ray, ray_by_lens(camera, rays[c]))
        for j, size in enumerate(_POSE_STEPS):
            sides = []
            for sign in (1, -1):
                delta = np.zeros(WIDTH)
                delta[12 + j] = sign * size
                moved_lenses = list(lenses)
                moved_lenses[c] = nudge(lenses[c], delta)
                sides.append(miss(moved_lenses, rays))
            J[:, c * WIDTH + 12 + j] = (sides[0] - sides[1]) / (2 * size)
    return J
