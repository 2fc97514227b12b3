"""Bundle adjustment: all cameras, all board poses and the board's bow, in one least squares.

In: observations and a first guess. Out: the state that explains them best, its residuals, and the normal equations
of the cameras with the board poses eliminated. Levenberg-Marquardt with analytic derivatives; board poses are
eliminated by the Schur complement (Triggs et al., Bundle Adjustment: A Modern Synthesis, 2000). Not here: judging
residuals (see outliers.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rigdriver.arrays import Array, Ints64, Mask
from rigdriver.calibration.project import distort_jacobian, rotation_matrix
from rigdriver.calibration.views.observations import Observations

# fmt: off
PARAMETERS = (
    "fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "rx", "ry", "rz", "tx", "ty", "tz",
)
# fmt: on
"""Parameters of one camera in the order of its columns; r and t turn and shift camera points (radians, millimetres)."""
WIDTH = len(PARAMETERS)
"""Number of parameters per camera."""
BOWS = 3
"""Number of parameters of the board's shape: out of plane along x * x, x * y and y * y, mm at the print's corners."""
POSE = slice(12, 18)
"""Columns of the pose among a camera's parameters."""
PRIOR_SHARES = np.array([0.3, 0.05, 0.05, 0.05, 1e-3, 0.3, 0.05, 1e-3])
"""Prior of each distortion term (one sigma): the shift of the image corner that it causes, as a share of the corner's
distance from the centre. A narrow lens hardly shows its sixth power; without a bound, noise in it would spoil the image
beyond the views."""
PRIOR_SIGMAS = np.array([1.0, 1.0, 0.05, 0.05, 1.0, 1.0, 1.0, 1.0])
"""Tightest prior of each distortion term; wide lenses have coefficients of this size."""
PRIOR_PX = 0.05
"""Residual that weighs as much as one sigma of a prior, in px."""
BOW_PRIOR_MM = 1.0
"""Prior of the board's bow (one sigma), in mm."""
SMALLEST_DAMPING = 1e-13
"""Smallest damping of the Levenberg-Marquardt steps."""


@dataclass(frozen=True, slots=True, eq=False)
class RigEstimate:
    """Numbers that the adjustment changes, for C cameras and V views."""

    intrinsics: Array
    """(C, 12): fx fy cx cy, k1 k2 p1 p2 k3 k4 k5 k6."""
    R_cam: Array
    """(C, 3, 3) rotations of T_cam_world."""
    t_cam: Array
    """(C, 3) translations of T_cam_world, millimetres."""
    R_view: Array
    """(V, 3, 3) rotations of T_world_board."""
    t_view: Array
    """(V, 3) translations of T_world_board, millimetres."""
    bow_mm: Array
    """(3,) shape of the board, along x * x, x * y and y * y."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Input of an adjustment: it stays fixed while the estimate changes."""

    observations: Observations
    board_mm: Array
    """(M, 3) corner points of the flat board."""
    free: Mask
    """(C, 18) parameters that may change."""
    is_bow_free: bool
    weights: Array | None = None
    """(N,) weight of each corner: typical noise / its noise; 1 when left out."""
    is_view_free: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Normal equations of the free camera parameters and the bow; the board poses are eliminated."""

    matrix: Array
    columns: Ints64
    """Index of each row among the C * 18 + 3 parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Result of one adjustment."""

    state: RigEstimate
    residuals_px: Array
    """(N, 2) seen minus predicted."""
    iterations: int


def bow_basis(board_mm: Array) -> Array:
    """Return (M, 3) out-of-plane shapes: 1 at the outermost corners, free of shift and tilt."""
    half = np.abs(board_mm[:, :2]).max(axis=0)
    u, v = board_mm[:, 0] / half[0], board_mm[:, 1] / half[1]
    shapes = np.stack([u * u, u * v, v * v], axis=1)
    # A mean would be a shift of the board, which its pose describes already; u * v has none on a symmetric grid.
    return np.asarray(shapes - shapes.mean(axis=0) * np.array([1.0, 0.0, 1.0]))


def predict(problem: Problem, state: RigEstimate) -> tuple[Array, Array, Array, Array]:
    """Return predicted (N, 2) pixels and their derivatives by camera (N, 2, 18), view (N, 2, 6) and bow (N, 2, 3)."""
    table = problem.observations
    camera, view = table.camera, table.view
    shapes = bow_basis(problem.board_mm)[table.corner]
    on_board = problem.board_mm[table.corner].copy()
    on_board[:, 2] += shapes @ state.bow_mm
    R_view, R_cam = state.R_view[view], state.R_cam[camera]
    turned = np.einsum("nij,nj->ni", R_view, on_board)
    world = turned + state.t_view[view]
    in_cam = np.einsum("nij,nj->ni", R_cam, world)
    X = in_cam + state.t_cam[camera]
    z = X[:, 2]
    xy = X[:, :2] / z[:, None]
    lens = state.intrinsics[camera]
    # Collinearity equations: image = focal * distort(X / z, Y / z) + centre (Luhmann et al., Close-Range
    # Photogrammetry).
    bent, by_ray, by_coefficient = distort_jacobian(xy, lens[:, 4:])
    focal = lens[:, :2]
    points = bent * focal + lens[:, 2:4]
    by_ray = by_ray * (focal / z[:, None])[:, :, None]
    # Chain rule through x = X / z: d x / d X = 1 / z and d x / d z = -x / z.
    by_point = np.empty((len(z), 2, 3))
    by_point[:, :, :2] = by_ray
    by_point[:, :, 2] = -np.einsum("nij,nj->ni", by_ray, xy)
    by_world = np.matmul(by_point, R_cam)
    by_camera = np.zeros((len(z), 2, WIDTH))
    by_camera[:, 0, 0], by_camera[:, 1, 1] = bent[:, 0], bent[:, 1]
    by_camera[:, 0, 2] = by_camera[:, 1, 3] = 1.0
    by_camera[:, :, 4:12] = by_coefficient * focal[:, :, None]
    by_camera[:, :, 12:15] = _cross(in_cam, by_point)
    by_camera[:, :, 15:18] = by_point
    by_view = np.concatenate([_cross(turned, by_world), by_world], axis=2)
    # A bow moves a corner along the board's normal, which is the third column of the board's rotation.
    by_bow = np.einsum("nij,nj->ni", by_world, R_view[:, :, 2])[:, :, None] * shapes[:, None, :]
    return points, by_camera, by_view, by_bow


def _cross(points: Array, rows: Array) -> Array:
    """Return the derivative of rows (N, 2, 3) by a small turn of their points (N, 3): point x row."""
    # d (exp([w]) p) = w x p, hence row . (w x p) = w . (p x row).
    p = points[:, None, :]
    return np.stack(
        [
            p[..., 1] * rows[..., 2] - p[..., 2] * rows[..., 1],
            p[..., 2] * rows[..., 0] - p[..., 0] * rows[..., 2],
            p[..., 0] * rows[..., 1] - p[..., 1] * rows[..., 0],
        ],
        axis=-1,
    )


def residuals(problem: Problem, state: RigEstimate) -> Array:
    """Return (N, 2) seen minus predicted, pixels."""
    return problem.observations.points_px - predict(problem, state)[0]


def adjust(problem: Problem, state: RigEstimate, loss_px: float = 0.0, iterations: int = 30) -> Adjusted:
    """Minimise the residuals; with `loss_px` > 0 by the Cauchy loss of that width, else by least squares."""
    # Levenberg-Marquardt with Marquardt's scaling (1963): the diagonal is multiplied by 1 + damping, so that the units
    # of the parameters play no part (Hartley and Zisserman, Multiple View Geometry, 2nd edition, A6.2).
    damping = 1e-4
    points, *blocks = predict(problem, state)
    miss = problem.observations.points_px - points
    cost = _cost(problem, state, miss, loss_px)
    done = 0
    for done in range(1, iterations + 1):  # noqa: B007
        system = _assemble(problem, state, miss, blocks, loss_px)
        before = cost
        for _ in range(8):
            trial = _step(problem, state, system, damping)
            trial_points, *trial_blocks = predict(problem, trial)
            trial_miss = problem.observations.points_px - trial_points
            trial_cost = _cost(problem, trial, trial_miss, loss_px)
            if trial_cost <= cost:
                state, miss, blocks, cost = trial, trial_miss, trial_blocks, trial_cost
                damping = max(damping / 30, SMALLEST_DAMPING)
                break
            damping *= 10
        # Weak directions (principal point against rotation) only move once the damping is smaller than they are.
        if before - cost <= 1e-9 * before and damping <= 1e-10:
            break
        if cost == before:
            break
    return Adjusted(state, miss, done)


def _cost(problem: Problem, state: RigEstimate, miss: Array, loss_px: float) -> float:
    square = (_weighted(problem, miss) ** 2).sum(axis=1)
    # A trial step can put a board behind a camera; infinite cost makes the loop reject it and damp more.
    if not np.isfinite(square).all():
        return float("inf")
    # Cauchy loss c^2 log(1 + r^2 / c^2), on the length of the residual and not on each axis.
    data = loss_px**2 * np.log1p(square / loss_px**2) if loss_px else square
    pull, weight = _prior(problem, state)
    return float(data.sum() + (weight * pull**2).sum())


def _weighted(problem: Problem, miss: Array) -> Array:
    return miss if problem.weights is None else miss * problem.weights[:, None]


def _prior(problem: Problem, state: RigEstimate) -> tuple[Array, Array]:
    """Return value and weight of each parameter's prior, (C * 18 + 3,) each; the weight is 0 where there is none."""
    cameras = len(state.intrinsics)
    value = np.zeros((cameras, WIDTH))
    weight = np.zeros((cameras, WIDTH))
    value[:, 4:12] = state.intrinsics[:, 4:12]
    for c, (width, height) in enumerate(problem.observations.sizes_px):
        # A term k * r^n shifts the corner by the share k * r^n, r being the corner's ray: the share limits k to share /
        # r^n.
        r2 = (width**2 + height**2) / 4 / float(state.intrinsics[c, 0]) ** 2
        powers = np.array([1, 2, 0.5, 0.5, 3, 1, 2, 3])
        sigma = np.maximum(PRIOR_SHARES / r2**powers, PRIOR_SIGMAS)
        weight[c, 4:12] = (PRIOR_PX / sigma) ** 2
    weight[~problem.free] = 0.0
    bow_weight = np.full(BOWS, (PRIOR_PX / BOW_PRIOR_MM) ** 2 if problem.is_bow_free else 0.0)
    return np.r_[value.ravel(), state.bow_mm], np.r_[weight.ravel(), bow_weight]


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """Arrow-shaped normal equations: camera and bow block, view blocks, and the blocks that couple them."""

    cameras: Array
    coupling: Array
    views: Array
    right_cameras: Array
    right_views: Array


def _assemble(problem: Problem, state: RigEstimate, miss: Array, blocks: list[Array], loss_px: float) -> _System:
    table = problem.observations
    count = len(state.intrinsics) * WIDTH + BOWS
    matrix, right = np.zeros((count, count)), np.zeros(count)
    coupling = np.zeros((len(state.R_view), count, 6))
    views, right_views = np.zeros((len(state.R_view), 6, 6)), np.zeros((len(state.R_view), 6))
    rows = np.concatenate([*blocks, miss[:, :, None]], axis=2)
    if problem.weights is not None:
        rows *= problem.weights[:, None, None]
    # Iteratively reweighted least squares: the Cauchy loss weighs a square by 1 / (1 + r^2 / c^2).
    if loss_px:
        rows *= (1 / np.sqrt(1 + (_weighted(problem, miss) ** 2).sum(axis=1) / loss_px**2))[:, None, None]
    bow = slice(count - BOWS, count)
    # One corner depends on one camera, one view and the bow only, so that all other blocks of J^T J stay zero.
    for view, camera, part in table.groups():
        J = rows[part].reshape(-1, rows.shape[2])
        product = J.T @ J
        here = slice(camera * WIDTH, (camera + 1) * WIDTH)
        matrix[here, here] += product[:18, :18]
        matrix[here, bow] += product[:18, 24:27]
        matrix[bow, here] += product[24:27, :18]
        matrix[bow, bow] += product[24:27, 24:27]
        coupling[view, here] += product[:18, 18:24]
        coupling[view, bow] += product[24:27, 18:24]
        views[view] += product[18:24, 18:24]
        right[here] += product[:18, 27]
        right[bow] += product[24:27, 27]
        right_views[view] += product[18:24, 27]
    # A prior is one more observation, "the parameter is 0", with weight (px / sigma)^2.
    pull, weight = _prior(problem, state)
    matrix[np.diag_indices(count)] += weight
    right -= weight * pull
    return _System(matrix, coupling, views, right, right_views)


def _columns(problem: Problem) -> Ints64:
    return np.flatnonzero(np.r_[problem.free.ravel(), np.full(BOWS, problem.is_bow_free)])


def _reduce(problem: Problem, system: _System, damping: float) -> tuple[Array, Array, Array, Array]:
    """Eliminate the views: return Schur complement and right side, and inverse and coupling to compute the views."""
    columns = _columns(problem)
    matrix = system.cameras[np.ix_(columns, columns)].copy()
    matrix[np.diag_indices(len(columns))] *= 1 + damping
    right = system.right_cameras[columns]
    if not problem.is_view_free:
        return matrix, right, np.zeros((0, 6, 6)), np.zeros((0, len(columns), 6))
    views = system.views.copy()
    diagonal = np.arange(6)
    views[:, diagonal, diagonal] *= 1 + damping
    # A view that lost all its corners has a zero block; with the unit matrix in its place it does not move.
    empty = views[:, 0, 0] == 0
    views[empty] = np.eye(6)
    inverse = np.linalg.inv(views)
    coupling = system.coupling[:, columns]
    # Reduced system: S = A - B C^-1 B^T and right side a - B C^-1 b (Triggs et al., 6.1; Hartley and Zisserman, A6.3).
    carried = coupling @ inverse
    matrix -= np.tensordot(carried, coupling, axes=([0, 2], [0, 2]))
    right = right - np.einsum("vij,vj->i", carried, system.right_views)
    return matrix, np.asarray(right), np.asarray(inverse), coupling


def _step(problem: Problem, state: RigEstimate, system: _System, damping: float) -> RigEstimate:
    columns = _columns(problem)
    matrix, right, inverse, coupling = _reduce(problem, system, damping)
    delta = np.zeros(len(state.intrinsics) * WIDTH + BOWS)
    if len(columns):
        # Parameters run from thousands of pixels to 1e-3 of a coefficient. Scaled to a unit diagonal, `rcond` cuts
        # directions that the views do not determine, and not those whose unit is small.
        scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
        delta[columns] = scale * np.linalg.lstsq(matrix * scale[:, None] * scale, scale * right, rcond=1e-14)[0]
    if not problem.is_view_free:
        return _moved(state, delta, np.zeros((len(state.R_view), 6)))
    # Back-substitution of the eliminated poses: C^-1 (b - B^T delta).
    view_right = system.right_views - np.einsum("vij,i->vj", coupling, delta[columns])
    return _moved(state, delta, np.einsum("vij,vj->vi", inverse, view_right))


def _moved(state: RigEstimate, delta: Array, view_delta: Array) -> RigEstimate:
    by_camera = delta[:-BOWS].reshape(-1, WIDTH)
    # Rotations move by a small turn on the left, R' = exp([w]) R: such a step has no singular place.
    turn = np.stack([rotation_matrix(d[12:15]) for d in by_camera])
    view_turn = np.stack([rotation_matrix(d[:3]) for d in view_delta])
    return replace(
        state,
        intrinsics=state.intrinsics + by_camera[:, :12],
        R_cam=turn @ state.R_cam,
        t_cam=state.t_cam + by_camera[:, 15:18],
        R_view=view_turn @ state.R_view,
        t_view=state.t_view + view_delta[:, 3:],
        bow_mm=state.bow_mm + delta[-BOWS:],
    )


def normal_equations(problem: Problem, state: RigEstimate) -> Normal:
    """Return the information that the observations hold on the free parameters, in 1 / px^2 of noise."""
    points, *blocks = predict(problem, state)
    system = _assemble(problem, state, problem.observations.points_px - points, blocks, 0.0)
    # Least squares and no loss: a covariance is stated for the corners that were kept, all with Gaussian noise.
    matrix, *_ = _reduce(problem, system, 0.0)
    return Normal(matrix, _columns(problem))
