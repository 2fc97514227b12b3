"""Put one moved camera back: solve its pose again from a few board views while everything else stays as it was.

In: a calibration, observations of a few views, the camera's name. Out: a calibration with that camera's new pose
and its uncertainty. The other cameras determine where the board stood. Not here: finding out which camera moved (see
rigdriver.calibration.health.monitor).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import Covariance, RigCalibration
from rigdriver.calibration.project import inverse, pad_distortion, rotation_vector, transform
from rigdriver.calibration.solve.adjust import (
    PARAMETERS,
    POSE,
    WIDTH,
    Problem,
    RigEstimate,
    adjust,
    normal_equations,
    residuals,
)
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.solve.outliers import judge_corners, noise_px
from rigdriver.calibration.solve.screen import screen
from rigdriver.calibration.solve.start import board_poses, stand_boards
from rigdriver.calibration.solve.uncertainty import (
    VOLUME_DIAMETER_MM,
    expect_accuracy,
    sigmas_of,
    with_square,
    without_square,
)
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import UsageError, ViewsInconsistent, ViewsInsufficient

FEWEST_VIEWS = 3
LARGEST_TIMES = 3.0
"""Largest RMS of another camera, as a multiple of its RMS when it was calibrated; above it, that camera moved too."""
ALWAYS_ALLOWED_PX = 0.3
"""RMS in pixels that another camera may always have."""
USUAL_RMS_PX = 0.2
"""RMS in pixels that is assumed for a camera whose calibration does not give it, for example an imported one."""
RMS_OF_MEDIAN = 1.2
"""Ratio of RMS and median of the length of a Gaussian error in the plane: sqrt(2) / sqrt(2 ln 2), rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedCamera:
    """The mended calibration, and the camera's movement since the old one."""

    calibration: RigCalibration
    camera: str
    turn_urad: tuple[float, float, float]
    """Turn about the camera's x, y and z axes: pitch, yaw, roll."""
    shift_mm: tuple[float, float, float]
    """Shift of points in the camera's frame."""
    rms_px: float
    views: int


def resolve_camera(
    calibration: RigCalibration, observations: Observations, board: Board, camera: str
) -> ResolvedCamera:
    """Solve the pose of one camera again, from views of the board with which the rig was calibrated.

    Raises:
        UsageError: no such camera, or the observations are of other cameras than the calibration.
        ViewsInsufficient: fewer than three views that this and another camera share.
        ViewsInconsistent: the other cameras no longer fit each other: calibrate the whole rig.
    """
    if camera not in calibration.cameras or observations.cameras != tuple(calibration.cameras):
        raise UsageError(
            device=f"camera {camera}",
            seen=f"views of {', '.join(observations.cameras)}",
            expected=f"one of {', '.join(calibration.cameras)}, and views of all these cameras",
        )
    screened, _ = screen(observations, board)
    moved = observations.cameras.index(camera)
    counts = screened.counts() > 0
    shared = counts[:, moved] & (counts.sum(axis=1) > 1)
    if shared.sum() < FEWEST_VIEWS:
        raise ViewsInsufficient(
            device=f"camera {camera}",
            seen=f"{int(shared.sum())} views shared with another camera",
            expected=f"at least {FEWEST_VIEWS}",
            remedy="hold the board where both see it",
        )
    table = screened.keep(shared[screened.view])
    problem, state = _start(calibration, table, board, moved)
    # The start can be off by pixels everywhere, so that the width of the loss follows the residuals of the start.
    adjusted = adjust(problem, state, loss_px=max(3 * noise_px(residuals(problem, state)), 0.1))
    for _ in range(3):
        keep = judge_corners(table, residuals(replace(problem, observations=table), adjusted.state))
        problem = replace(problem, observations=table.keep(keep))
        adjusted = adjust(problem, adjusted.state, iterations=15)
    _refuse_others_moved(calibration, table, residuals(replace(problem, observations=table), adjusted.state), moved)
    return _conclude(calibration, problem, adjusted.state, adjusted.residuals_px, moved)


def _start(calibration: RigCalibration, table: Observations, board: Board, moved: int) -> tuple[Problem, RigEstimate]:
    cameras = list(calibration)
    intrinsics = np.stack(
        [np.r_[c.K[0, 0], c.K[1, 1], c.K[0, 2], c.K[1, 2], pad_distortion(c.distortion)] for c in cameras]
    )
    T_cam_world = np.stack([c.T_cam_world for c in cameras])
    flat = board.corners_mm()
    groups = {(v, c): part for v, c, part in table.groups()}
    poses = {key: board_poses(table, flat, part, intrinsics[key[1]]) for key, part in groups.items()}
    others = {key: part for key, part in groups.items() if key[1] != moved}
    T_world_board = stand_boards(table, flat, others, poses, intrinsics, T_cam_world)
    # Each view gives one guess, and a view with the wrong one of two plane poses gives a wrong guess. The guess with
    # the smallest median distance to all others is robust against those.
    guesses = [T @ inverse(T_world_board[v]) for (v, c), found in poses.items() if c == moved for T in found[:1]]
    T_cam_world[moved] = min(guesses, key=lambda T: float(np.median([np.linalg.norm(T[:3] - G[:3]) for G in guesses])))
    # Everything but the pose stays: few views would determine a lens worse than the calibration did.
    free = np.zeros((len(cameras), WIDTH), dtype=bool)
    free[moved, POSE] = True
    state = RigEstimate(
        intrinsics, T_cam_world[:, :3, :3].copy(), T_cam_world[:, :3, 3].copy(),
        T_world_board[:, :3, :3].copy(), T_world_board[:, :3, 3].copy(), np.array(calibration.bow_mm),
    )  # fmt: skip
    return Problem(table, flat, free, is_bow_free=False), state


def _refuse_others_moved(calibration: RigCalibration, table: Observations, miss: Array, moved: int) -> None:
    for c, camera in enumerate(calibration):
        mine = table.camera == c
        if c == moved or not mine.any():
            continue
        rms = RMS_OF_MEDIAN * float(np.median(np.linalg.norm(miss[mine], axis=1)))  # outliers do not count
        before = camera.rms_px if np.isfinite(camera.rms_px) else USUAL_RMS_PX
        if rms > max(LARGEST_TIMES * before, ALWAYS_ALLOWED_PX):
            raise ViewsInconsistent(
                device=f"camera {camera.name}",
                seen=f"its corners differ from the calibration by {rms:.2f} px RMS ({before:.2f} px when it was "
                f"calibrated), so another camera than {table.cameras[moved]} has moved, too",
                remedy="calibrate the whole rig",
            )


def _conclude(
    calibration: RigCalibration, problem: Problem, state: RigEstimate, miss: Array, moved: int
) -> ResolvedCamera:
    table = problem.observations
    old = list(calibration)[moved]
    noise = float(np.sqrt((miss**2).mean()))
    pose, follows, rest = _pose_covariance(calibration, problem, state, moved, noise)
    mine = table.camera == moved
    rms = float(np.sqrt((miss[mine] ** 2).sum(axis=1).mean()))
    T_new = transform(state.R_cam[moved], state.t_cam[moved])
    camera = replace(old, T_cam_world=T_new, rms_px=rms)
    # `with_camera` drops the joint covariance; it is rebuilt from the old one and from what the new views say.
    mended = calibration.with_camera(camera)
    if calibration.covariance is not None:
        mended = _with_uncertainty(calibration.covariance, calibration, mended, pose, follows, rest)
    step = T_new @ inverse(old.T_cam_world)
    turn, shift = rotation_vector(step[:3, :3]) * 1e6, step[:3, 3]
    views = int((table.counts()[:, moved] > 0).sum())
    note = str(SolveNote(NoteKind.POSE_SOLVED_AGAIN, camera=camera.name, seen=views))
    return ResolvedCamera(
        replace(mended, notes=(*calibration.notes, note)), camera.name,
        (float(turn[0]), float(turn[1]), float(turn[2])), (float(shift[0]), float(shift[1]), float(shift[2])),
        rms, views,
    )  # fmt: skip


def _pose_covariance(
    calibration: RigCalibration, problem: Problem, state: RigEstimate, moved: int, noise: float
) -> tuple[Covariance, Array, tuple[str, ...]]:
    """Return the new pose's own covariance, how it follows the other parameters' errors (6, P), and their names."""
    # All parameters count as free here, so that the coupling of the pose to the ones that were held is known.
    everything = replace(problem, free=np.ones_like(problem.free))
    normal = normal_equations(everything, state)
    names = [f"{name}.{p}" for name in calibration.cameras for p in PARAMETERS]
    own = np.arange(moved * WIDTH + POSE.start, moved * WIDTH + POSE.stop)
    other = np.setdiff1d(np.arange(len(names)), own)
    # With the others held at x, the pose minimises at p = -N_pp^-1 N_px x: an error of x moves the pose by that, and
    # the pose's own noise is s^2 N_pp^-1.
    block = np.asarray(np.linalg.inv(normal.matrix[np.ix_(own, own)]), dtype=np.float64)
    follows = -block @ normal.matrix[np.ix_(own, other)]
    return (
        Covariance(tuple(names[j] for j in own), np.asarray(block * noise**2)),
        follows,
        tuple(names[j] for j in other),
    )


def _with_uncertainty(
    known: Covariance, old: RigCalibration, new: RigCalibration, pose: Covariance, follows: Array, rest: tuple[str, ...]
) -> RigCalibration:
    """Put the new pose into the joint covariance: its own noise, and what it inherits from the other parameters."""
    share = old.board.square_sigma_mm / old.board.square_mm
    # The board in the new views is the one of the old views and wrong by the same share e: the pose p moves by e t_p,
    # not by F e t_x alone. So the square is taken out, the noise propagated, and the square added for all cameras.
    if old.has_square_sigma:
        known = without_square(known, old.cameras, share)
    kept = [i for i, name in enumerate(known.parameters) if name not in pose.parameters]
    names = tuple(known.parameters[i] for i in kept)
    inherit = follows[:, [rest.index(name) for name in names]]
    before = known.matrix[np.ix_(kept, kept)]
    # Law of propagation (JCGM 100:2008, 5.2): p = F x + e gives cov(p, x) = F C and cov(p) = F C F^T + cov(e).
    across = inherit @ before
    matrix = np.block([[before, across.T], [across, across @ inherit.T + pose.matrix]])
    from_views = Covariance((*names, *pose.parameters), matrix)
    covariance = with_square(from_views, new.cameras, share)
    diameter = old.accuracy.diameter_mm if old.accuracy else VOLUME_DIAMETER_MM
    cameras = {c.name: replace(c, sigmas=MappingProxyType(sigmas_of(covariance, c.name))) for c in new.cameras.values()}
    accuracy = expect_accuracy(cameras, list(new.pods().values()), from_views, share, diameter)
    return replace(
        new, cameras=MappingProxyType(cameras), covariance=covariance, accuracy=accuracy, has_square_sigma=True
    )
