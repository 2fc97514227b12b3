"""Uncertainty of the rig: the covariance of its parameters, and the error that it causes in the working volume.

In: normal equations, the noise, cameras, a volume. Out: standard uncertainties and the expected 3D error. Errors are
propagated linearly through the triangulation; a rigid motion of the whole cloud is removed, because the world frame is
arbitrary. Not here: estimating the noise (see all_cameras.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rigdriver.arrays import Array, Mask
from rigdriver.calibration.calibration import Accuracy, CameraCalibration, Covariance
from rigdriver.calibration.project import (
    distort,
    pad_distortion,
    rotation_matrix,
    to_pixels,
    transform,
    triangulate_rays,
    undistort,
)  # fmt: skip
from rigdriver.calibration.solve.adjust import PARAMETERS, POSE, WIDTH, Normal

VOLUME_DIAMETER_MM = 300.0
"""Diameter of the ball in which accuracy is stated by default, in mm: a head and its surroundings."""
SAMPLES = 400
"""Random draws for the 95 % bounds."""
BEYOND = 1.4
"""Half-width of the region in which points count, in half-widths of the image; farther out, a lens is unknown."""
FEWEST_POINTS = 10
"""Fewest points of the ball from which accuracy is stated."""
LARGEST_SHARE = 0.4
"""Largest diameter of the ball, as a share of its distance from the nearest camera."""
NULL_SHARE = 1e-12
"""Eigenvalue of the scaled information, as a share of the largest, up to which a direction counts as not measured.
Eight lens parameters on a narrow lens give 3e-11; rounding of a true null space gives 1e-15."""
NULL_PART = 1e-6
"""Smallest part of a parameter in directions that are not measured from which it is unknown."""
STEPS = np.r_[np.full(4, 1e-2), np.full(8, 1e-5), np.full(3, 1e-6), np.full(3, 1e-3)]
"""Steps of the numerical derivatives, one for each of a camera's 18 parameters."""

SHIFTS = ("tx", "ty", "tz")


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """Parameters of a camera as bare arrays, for derivatives."""

    K: Array
    distortion: Array
    T_cam_world: Array


def invert(normal: Normal, cameras: Sequence[str], noise_px: float) -> tuple[Covariance, Array]:
    """Return the covariance of the cameras' parameters, and (3,) standard uncertainties of the bow (0 where fixed).

    A parameter that the views do not determine has an infinite variance.
    """
    matrix = _inverse(normal.matrix) * noise_px**2
    is_camera = normal.columns < len(cameras) * WIDTH
    names = tuple(f"{cameras[j // WIDTH]}.{PARAMETERS[j % WIDTH]}" for j in normal.columns[is_camera])
    bow = np.zeros(3)
    bow[normal.columns[~is_camera] - len(cameras) * WIDTH] = np.sqrt(np.diag(matrix)[~is_camera])
    return Covariance(names, matrix[np.ix_(is_camera, is_camera)]), bow


def _inverse(matrix: Array) -> Array:
    """Invert a matrix of information; a row that a direction without information touches is infinite, not zero."""
    # Covariance = s0^2 N^-1, with s0 the standard deviation of unit weight (Luhmann et al., on adjustment). N is scaled
    # to a unit diagonal first, so that directions are compared and not units.
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    value, vector = np.linalg.eigh(matrix * scale[:, None] * scale)
    # A pseudo-inverse would call the directions of a null space certain, while nothing is known of them.
    is_known = value > NULL_SHARE * value[-1]
    known = vector[:, is_known]
    inverse = (known / value[is_known]) @ known.T * scale[:, None] * scale
    open_rows = (vector[:, ~is_known] ** 2).sum(axis=1) > NULL_PART**2
    inverse[open_rows], inverse[:, open_rows] = 0.0, 0.0
    inverse[open_rows, open_rows] = np.inf
    return np.asarray(inverse)


def sigmas_of(covariance: Covariance, camera: str) -> dict[str, float]:
    """Return the standard uncertainties of one camera by parameter name."""
    sigma = np.sqrt(np.maximum(np.diag(covariance.matrix), 0))
    found = {}
    for name, value in zip(covariance.parameters, sigma, strict=True):
        owner, _, parameter = name.rpartition(".")
        if owner == camera:
            found[parameter] = float(value)
    return found


def with_square(covariance: Covariance, cameras: Mapping[str, CameraCalibration], square_share: float) -> Covariance:
    """Return a covariance of the views' noise alone, with the uncertainty of the board's square added.

    `square_share`: standard uncertainty of the board's square, as a share of its side.
    """
    return Covariance(covariance.parameters, covariance.matrix + _square_part(covariance, cameras, square_share))


def without_square(covariance: Covariance, cameras: Mapping[str, CameraCalibration], square_share: float) -> Covariance:
    """Undo `with_square`: return the covariance that the noise of the views causes alone."""
    return Covariance(covariance.parameters, covariance.matrix - _square_part(covariance, cameras, square_share))


def _square_part(covariance: Covariance, cameras: Mapping[str, CameraCalibration], square_share: float) -> Array:
    # A square that is off by a share e changes no image when all lengths are off by e: t becomes (1 + e) t, and nothing
    # else moves. The part of the covariance is e^2 t t^T over the translations of all cameras.
    shift = np.zeros(len(covariance.parameters))
    for row, name in enumerate(covariance.parameters):
        owner, _, parameter = name.rpartition(".")
        if parameter in SHIFTS:
            shift[row] = cameras[owner].T_cam_world[SHIFTS.index(parameter), 3]
    return square_share**2 * np.outer(shift, shift)


def nudge(camera: CameraCalibration | Lens, delta: Array) -> Lens:
    """Return the camera with its 18 parameters moved by `delta` (18,), as the adjustment moves them."""
    K = camera.K.copy()
    K[0, 0] += delta[0]
    K[1, 1] += delta[1]
    K[:2, 2] += delta[2:4]
    T = camera.T_cam_world
    turn = rotation_matrix(delta[12:15])
    moved = transform(turn @ T[:3, :3], T[:3, 3] + delta[15:18])
    return Lens(K, pad_distortion(camera.distortion) + delta[4:12], moved)


def aim(cameras: Sequence[CameraCalibration]) -> Array:
    """Return the point (3,) nearest to all optical axes; for parallel ones, a point 3 baselines away."""
    # Sum over all axes a through c: (I - a a^T) p = (I - a a^T) c, the point of least squared distance to the lines.
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for camera in cameras:
        axis = camera.T_cam_world[2, :3]
        across = np.eye(3) - np.outer(axis, axis)
        normal += across
        right += across @ camera.centre_mm
    if np.linalg.cond(normal) < 1e4:
        return np.asarray(np.linalg.solve(normal, right))
    centres = np.array([camera.centre_mm for camera in cameras])
    axis = np.mean([camera.T_cam_world[2, :3] for camera in cameras], axis=0)
    return np.asarray(centres.mean(axis=0) + axis * max(3 * float(np.linalg.norm(np.ptp(centres, axis=0))), 100.0))


def ball(centre_mm: Array, diameter_mm: float, across: int = 11) -> Array:
    """Return (N, 3) points on a lattice that fills a ball evenly."""
    axis = ((np.arange(across) + 0.5) / across - 0.5) * diameter_mm
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(lattice[np.linalg.norm(lattice, axis=1) <= diameter_mm / 2] + centre_mm)


def expect_accuracy(
    cameras: Mapping[str, CameraCalibration], pods: Sequence[Sequence[str]], covariance: Covariance,
    square_share: float, diameter_mm: float, centre_mm: Array | None = None,
) -> Accuracy | None:  # fmt: skip
    """Compute the expected error of points in a ball, each seen by each pod; None when no pod has two cameras.

    `covariance`: of the views' noise alone, without the square. `square_share`: standard uncertainty of the board's
    square, as a share of its side.
    """
    pods = [pod for pod in pods if len(pod) >= 2]
    if not pods:
        return None
    centre = aim([cameras[name] for pod in pods for name in pod]) if centre_mm is None else centre_mm
    distance = min(float(np.linalg.norm(cameras[name].centre_mm - centre)) for pod in pods for name in pod)
    diameter_mm = min(diameter_mm, LARGEST_SHARE * distance)
    points = ball(centre, diameter_mm)
    # All pods are judged on the same points; otherwise a step between the pods would have no meaning.
    for pod in pods:
        for name in pod:
            points = points[_is_near_image(cameras[name], points)]
    if len(points) < FEWEST_POINTS:
        return None
    moves = [_moves(cameras, pod, covariance, points) for pod in pods]
    seen = np.all([np.isfinite(m).all(axis=(1, 2)) for m in moves], axis=0)
    if seen.sum() < FEWEST_POINTS:
        return None
    centred = points[seen] - points[seen].mean(axis=0)
    stacked = np.concatenate([m[seen] for m in moves]).reshape(-1, moves[0].shape[2])
    size = np.tile(centred, (len(pods), 1))
    # Six directions in the space of all errors are a motion of the whole cloud. They are projected out.
    rigid = np.linalg.qr(_rigid_motions(size))[0]
    free = stacked - rigid @ (rigid.T @ stacked)
    # Draws of a multivariate Gaussian from a root of its covariance (JCGM 101:2008, 6.4.8). The 95 % bound is that of a
    # root mean square over correlated points, which no chi-square gives in closed form. A fixed seed: one rig, one
    # answer.
    root = _root(covariance.matrix)
    draw = np.random.default_rng(0).standard_normal((root.shape[1], SAMPLES))
    radius2 = float((size**2).sum(axis=1).mean())
    own_scale = np.random.default_rng(1).standard_normal(SAMPLES) * square_share
    # The print's own scale error is added after the projection; a pure scale about the middle holds no rigid motion.
    errors = free @ (root @ draw) + size.reshape(-1, 1) * own_scale
    point = np.sqrt((errors**2).reshape(-1, 3, SAMPLES).sum(axis=1).mean(axis=0))
    # Least-squares scale of the errors: <x, e> / <x, x>.
    scale = (size.reshape(-1) @ errors) / (radius2 * len(size))
    step = np.full(SAMPLES, np.nan)
    if len(pods) > 1:
        apart = (moves[0] - moves[-1])[seen].reshape(-1, moves[0].shape[2]) @ (root @ draw)
        step = np.sqrt((apart**2).reshape(-1, 3, SAMPLES).sum(axis=1).mean(axis=0))
    return Accuracy(
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])), diameter_mm=diameter_mm,
        point_um=_rms(point) * 1e3, point_um_95=float(np.percentile(point, 95)) * 1e3,
        step_um=_rms(step) * 1e3, step_um_95=float(np.percentile(step, 95)) * 1e3,
        scale_ppm=_rms(scale) * 1e6, scale_ppm_95=float(np.percentile(np.abs(scale), 95)) * 1e6,
    )  # fmt: skip


def _is_near_image(camera: CameraCalibration, points: Array) -> Mask:
    X = points @ camera.T_cam_world[:3, :3].T + camera.T_cam_world[:3, 3]
    half = np.array(camera.size_px) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        image = X[:, :2] / X[:, 2:] * np.diag(camera.K)[:2] + camera.K[:2, 2]
    return (X[:, 2] > 0) & (np.abs(image - half) < BEYOND * half).all(axis=1)


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))


def _root(matrix: Array) -> Array:
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    # By eigenvalues and not by Cholesky: rounding can leave a covariance with an eigenvalue just below zero.
    value, vector = np.linalg.eigh(matrix / scale[:, None] / scale)
    return np.asarray(scale[:, None] * vector * np.sqrt(np.maximum(value, 0)))


def _rigid_motions(centred: Array) -> Array:
    """Return (3N, 6) how points move with small shifts and turns."""
    motions = np.zeros((len(centred), 3, 6))
    motions[:, :, :3] = np.eye(3)
    for axis in range(3):
        motions[:, :, 3 + axis] = np.cross(np.eye(3)[axis], centred)
    return motions.reshape(-1, 6)


def _moves(
    cameras: Mapping[str, CameraCalibration], pod: Sequence[str], covariance: Covariance, points: Array
) -> Array:
    """Return (N, 3, P) how triangulated points move with each parameter while their images stay where they are."""
    lenses = [nudge(cameras[name], np.zeros(WIDTH)) for name in pod]
    images = []
    for lens in lenses:
        X = points @ lens.T_cam_world[:3, :3].T + lens.T_cam_world[:3, 3]
        images.append(to_pixels(distort(X[:, :2] / X[:, 2:], lens.distortion), lens.K))
    rays = [_rays(lens, image) for lens, image in zip(lenses, images, strict=True)]
    moves = np.zeros((len(points), 3, len(covariance.parameters)))
    for column, name in enumerate(covariance.parameters):
        owner, _, parameter = name.rpartition(".")
        if owner not in pod:
            continue
        at, j = list(pod).index(owner), PARAMETERS.index(parameter)
        sides = []
        # Central differences; the linear law of propagation (JCGM 100:2008, 5.2) needs no better derivative.
        for sign in (1, -1):
            delta = np.zeros(WIDTH)
            delta[j] = sign * STEPS[j]
            moved_lenses, moved_rays = list(lenses), list(rays)
            moved_lenses[at] = nudge(lenses[at], delta)
            # Only a lens parameter changes which ray belongs to an image point; a pose moves the ray as a whole.
            if j < POSE.start:
                moved_rays[at] = _rays(moved_lenses[at], images[at])
            sides.append(triangulate_rays(moved_lenses, np.stack(moved_rays))[0])
        moves[:, :, column] = (sides[0] - sides[1]) / (2 * STEPS[j])
    return moves


def _rays(lens: Lens, image: Array) -> Array:
    return undistort((image - lens.K[:2, 2]) / np.array([lens.K[0, 0], lens.K[1, 1]]), lens.distortion)
