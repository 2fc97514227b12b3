"""From corners to a calibration: screen, guess, adjust, throw out what contradicts, adjust, state the uncertainty.

In: observations, a board, who the cameras are. Out: a `Solution`: the calibration, every residual and a report in
words, or a refusal that names the cause. One pass needs about a second for 36 views of six cameras.
This file refuses to know images, files and how progress is shown: it calls `progress` with a share and a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.project import transform
from rigdriver.calibration.solve.adjust import (
    POSE,
    WIDTH,
    Adjusted,
    Problem,
    RigState,
    adjust,
    normal_equations,
    residuals,
)
from rigdriver.calibration.solve.outliers import (
    Judged,
    judge_corners,
    judge_images,
    noise_px,
    refuse_contradiction,
    weigh_images,
)
from rigdriver.calibration.solve.screen import screen
from rigdriver.calibration.solve.start import FEWEST_VIEWS, first_guess
from rigdriver.calibration.solve.uncertainty import VOLUME_DIAMETER_MM, expect_accuracy, invert, sigmas_of
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import BoardMismatch, UsageError, ViewsInconsistent

Array = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]

FEW_VIEWS = 8
"""A camera with fewer views gets a note."""
LARGEST_RMS_SHARE = 5e-4
"""Largest believable RMS, as a share of the image's width; at least one pixel."""
STRETCH = 2e-3
"""fx / fy of all cameras off by this share: the print is stretched."""


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """Who a camera is; goes into the result."""

    serial: str = ""
    pod: str = "main"
    role: str = "geometry"


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """What the user may choose."""

    rig: str = "unnamed"
    coefficients: int = 5
    """5 or 8 distortion parameters; 8 for wide lenses."""
    is_bow_free: bool = True
    """Find the board's bow too; needs no measurement and removes what a bent board would do."""
    identities: Mapping[str, CameraIdentity] = field(default_factory=lambda: MappingProxyType({}))
    volume_diameter_mm: float = VOLUME_DIAMETER_MM
    """The ball for which the expected 3D error is stated, around the point at which the cameras aim."""
    focal_share: float | None = None
    """Focal length in image widths, if the views alone cannot hold it."""
    created: str = ""
    """UTC date for the file; now, when left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A calibration with everything that a report shows."""

    calibration: RigCalibration
    observations: Observations
    """All corners that were found."""
    residuals_px: Array
    """(N, 2) seen minus predicted, for all of them; NaN for those of views without a pose."""
    kept: npt.NDArray[np.bool_]
    """(N,) those that the result rests on."""
    state: RigState
    bow_sigma_mm: tuple[float, float, float]
    noise_px: float
    """Standard deviation of a kept corner, an axis."""


def solve(
    observations: Observations, board: Board, options: SolveOptions = SolveOptions(), progress: Progress | None = None
) -> Solution:
    """Calibrate all cameras together.

    Raises:
        BoardMismatch: mirrored or wrong board parameters.
        ViewsInsufficient: a camera with too few views, or cameras that share none.
        ViewsInconsistent: the board or a camera moved in most views.
    """
    tell = progress or (lambda _share, _what: None)
    if options.coefficients not in (5, 8):
        raise UsageError(f"coefficients = {options.coefficients}: expected 5 or 8")
    tell(0.0, "screening corners")
    screened, notes = screen(observations, board)
    tell(0.1, "first guess of lenses and poses")
    state = first_guess(screened, board, options.focal_share)
    problem = _problem(screened, board, options)
    tell(0.3, "adjusting all cameras together")
    problem, adjusted, judged = _adjust_robustly(problem, state)
    notes += judged.notes
    tell(0.6, "removing outliers")
    problem, adjusted = _adjust_finally(problem, adjusted)
    _refuse_bad_fit(problem, adjusted, board)
    tell(0.8, "stating the uncertainty")
    solution = _conclude(observations, problem, adjusted, board, options, notes)
    tell(1.0, "done")
    return solution


def _problem(observations: Observations, board: Board, options: SolveOptions) -> Problem:
    free = np.ones((len(observations.cameras), WIDTH), dtype=bool)
    free[:, 4 + options.coefficients : POSE.start] = False
    free[0, POSE] = False
    return Problem(observations, board.corners_mm(), free, options.is_bow_free)


def _adjust_robustly(problem: Problem, state: RigState) -> tuple[Problem, Adjusted, Judged]:
    """Adjust with a loss that outliers hardly move, and drop images that contradict the rest."""
    adjusted = adjust(problem, state, loss_px=1.0)
    whole = problem.observations
    _refuse_far_fit(problem, adjusted)
    judged = judge_images(whole, adjusted.residuals_px)
    for _ in range(3):
        refuse_contradiction(whole, judged)
        problem = replace(problem, observations=whole.keep(judged.keep))
        _refuse_lost_camera(whole, problem.observations, judged)
        loss = float(np.clip(3 * noise_px(residuals(problem, adjusted.state)), 0.05, 1.0))
        adjusted = adjust(problem, adjusted.state, loss_px=loss, iterations=15)
        again = judge_images(whole, residuals(replace(problem, observations=whole), adjusted.state))
        if (again.keep == judged.keep).all():
            break
        judged = _both(judged, again)
    problem = replace(problem, observations=whole.keep(judged.keep))
    adjusted = Adjusted(adjusted.state, residuals(problem, adjusted.state), adjusted.iterations)
    return problem, adjusted, judged


def _refuse_far_fit(problem: Problem, adjusted: Adjusted) -> None:
    """A typical corner that is pixels off is no outlier: the description of the board is wrong."""
    typical = float(np.median(np.linalg.norm(adjusted.residuals_px, axis=1)))
    limit = max(2.0, 2 * LARGEST_RMS_SHARE * max(w for w, _ in problem.observations.sizes_px))
    if typical > limit:
        raise BoardMismatch(
            f"the typical corner lies {typical:.1f} px from where the board's description has it; expected less than "
            f"{limit:.1f} px; seen is another board than described (count its squares, check dictionary and legacy "
            "pattern), or the board moved in nearly all views"
        )


def _both(first: Judged, second: Judged) -> Judged:
    """A view whose pose is no longer estimated cannot come back; other judgements are the later one's."""
    views = tuple(sorted({*first.dropped_views, *second.dropped_views}))
    images = {*first.dropped_images, *second.dropped_images}
    notes = dict.fromkeys((*first.notes, *second.notes))
    return Judged(first.keep & second.keep, tuple(notes), views, tuple(sorted(i for i in images if i[0] not in views)))


def _refuse_lost_camera(whole: Observations, rest: Observations, judged: Judged) -> None:
    left, had = (rest.counts() > 0).sum(axis=0), (whole.counts() > 0).sum(axis=0)
    for name, now, before in zip(whole.cameras, left, had, strict=True):
        if now < FEWEST_VIEWS:
            raise ViewsInconsistent(
                f"camera {name}: only {now} of its {before} views agree with the other cameras (for example "
                f"{judged.notes[0]}); expected at least {FEWEST_VIEWS}; the board or the camera moved between "
                "the exposures: rest both, and use frame sets that are proved synchronous"
            )


def _adjust_finally(problem: Problem, adjusted: Adjusted) -> tuple[Problem, Adjusted]:
    """Least squares on the corners within four sigma; corners may come back while it settles."""
    whole = problem.observations
    miss = adjusted.residuals_px
    kept = np.zeros(len(whole), dtype=bool)
    for _ in range(4):
        keep = judge_corners(whole, miss)
        if (keep == kept).all():
            break
        kept = keep
        weights = weigh_images(whole, miss)[kept]
        problem = replace(problem, observations=whole.keep(kept), weights=weights)
        adjusted = adjust(problem, adjusted.state, iterations=15)
        miss = residuals(replace(problem, observations=whole, weights=None), adjusted.state)
    return problem, adjusted


def rms_px(residuals_px: Array) -> float:
    """Root mean square distance."""
    return float(np.sqrt((residuals_px**2).sum(axis=1).mean())) if len(residuals_px) else float("nan")


def _refuse_bad_fit(problem: Problem, adjusted: Adjusted, board: Board) -> None:
    rms = rms_px(adjusted.residuals_px)
    limit = max(1.0, LARGEST_RMS_SHARE * max(w for w, _ in problem.observations.sizes_px))
    if rms > limit:
        raise BoardMismatch(
            f"board {board.name}: the best fit misses the corners by {rms:.2f} px RMS; expected less than "
            f"{limit:.2f} px; the board's parameters are not those of the print, the print is badly bent, or "
            "the images are blurred"
        )


def _conclude(
    found: Observations, problem: Problem, adjusted: Adjusted, board: Board, options: SolveOptions, notes: Sequence[str]
) -> Solution:
    used, state = problem.observations, adjusted.state
    normal = normal_equations(problem, state)
    views = int((used.counts().sum(axis=1) > 0).sum())
    freedom = max(2 * len(used) - len(normal.columns) - 6 * views, 1)
    weights = np.ones(len(used)) if problem.weights is None else problem.weights
    noise = float(np.sqrt(((adjusted.residuals_px * weights[:, None]) ** 2).sum() / freedom))
    covariance, bow_sigma = invert(normal, used.cameras, noise)
    cameras = _cameras(used, adjusted, options)
    cameras = {n: replace(c, sigmas=MappingProxyType(sigmas_of(covariance, n))) for n, c in cameras.items()}
    pods: dict[str, list[str]] = {}
    for camera in cameras.values():
        if camera.role == "geometry":
            pods.setdefault(camera.pod, []).append(camera.name)
    share = board.square_sigma_mm / board.square_mm
    accuracy = expect_accuracy(cameras, list(pods.values()), covariance, share, options.volume_diameter_mm)
    kept = _rows_in(found, used)
    bow = (float(state.bow_mm[0]), float(state.bow_mm[1]), float(state.bow_mm[2]))
    calibration = RigCalibration(
        rig=options.rig, created=options.created or datetime.now(UTC).isoformat(timespec="seconds"), board=board,
        bow_mm=bow, cameras=MappingProxyType(cameras), rms_px=rms_px(adjusted.residuals_px), views=views,
        corners=len(used), kept_share=len(used) / len(found), accuracy=accuracy, covariance=covariance,
        notes=(*notes, *_remarks(cameras, board, bow)),
    )  # fmt: skip
    miss = residuals(replace(problem, observations=found, weights=None), state)
    posed = used.counts().sum(axis=1) > 0
    miss[~posed[found.view]] = np.nan
    sigma = (float(bow_sigma[0]), float(bow_sigma[1]), float(bow_sigma[2]))
    return Solution(calibration, found, miss, kept, state, sigma, noise)


def _cameras(used: Observations, adjusted: Adjusted, options: SolveOptions) -> dict[str, CameraCalibration]:
    state, cameras = adjusted.state, {}
    seen = (used.counts() > 0).sum(axis=0)
    for c, name in enumerate(used.cameras):
        lens = state.intrinsics[c]
        who = options.identities.get(name, CameraIdentity())
        mine = used.camera == c
        cameras[name] = CameraCalibration(
            name=name, serial=who.serial, size_px=used.sizes_px[c],
            K=np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]]),
            distortion=lens[4 : 4 + options.coefficients].copy(),
            T_cam_world=transform(state.R_cam[c], state.t_cam[c]),
            rms_px=rms_px(adjusted.residuals_px[mine]), pod=who.pod, role=who.role,
            views=int(seen[c]), corners=int(mine.sum()),
        )  # fmt: skip
    return cameras


def _rows_in(found: Observations, used: Observations) -> npt.NDArray[np.bool_]:
    def key(o: Observations) -> npt.NDArray[np.int64]:
        return o.group_ids() * 1_000_000 + o.corner

    return np.isin(key(found), key(used))


def _remarks(cameras: Mapping[str, CameraCalibration], board: Board, bow: tuple[float, float, float]) -> list[str]:
    remarks = [
        f"camera {c.name}: only {c.views} views; show it the board in more poses"
        for c in cameras.values()
        if c.views < FEW_VIEWS
    ]
    if board.square_sigma_mm == 0:
        remarks.append(
            f"the board's squares were not measured: {board.square_mm:g} mm is taken as exact; a print that is "
            "0.1 % off makes every result 0.1 % off"
        )
    stretch = np.array([c.K[0, 0] / c.K[1, 1] - 1 for c in cameras.values()])
    if len(stretch) > 1 and (np.abs(stretch) > STRETCH).all() and abs(np.sign(stretch).sum()) == len(stretch):
        remarks.append(
            f"all cameras see pixels stretched by {1e2 * float(np.median(stretch)):.2f} %: the print is "
            "stretched along one direction; measure its squares both ways and print it again at 100 %"
        )
    if max(abs(b) for b in bow) > 1e-3 * max(board.size_mm):
        remarks.append(
            f"the board is bent by {max(bow, key=abs):.2f} mm; the result allows for it, but mount the print on "
            "a flat plate"
        )
    return remarks
