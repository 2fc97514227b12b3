"""From corners to a calibration: screen, guess, adjust, throw out what contradicts, adjust, state the uncertainty.

In: observations, a board, the cameras' identities. Out: a `Solution` with the calibration, every residual and notes, or
a refusal that names the cause. A solve of 36 views of six cameras takes about a second.
Not here: images (see rigdriver.calibration.board.detect), files (see rigdriver.calibration.file), and how progress is
shown: `solve` calls `progress` with a share and a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from types import MappingProxyType

import numpy as np

from rigdriver.arrays import Array, Ints64, Mask
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.project import transform
from rigdriver.calibration.solve.adjust import (
    POSE,
    WIDTH,
    Adjusted,
    Problem,
    RigEstimate,
    adjust,
    normal_equations,
    residuals,
)
from rigdriver.calibration.solve.notes import NoteKind, SolveNote
from rigdriver.calibration.solve.outliers import (
    Judged,
    judge_corners,
    judge_images,
    noise_px,
    refuse_contradiction,
    weigh_images,
)
from rigdriver.calibration.solve.screen import screen
from rigdriver.calibration.solve.start import first_guess
from rigdriver.calibration.solve.ties import lone_ties, refuse_few_views, refuse_undetermined, refuse_untied
from rigdriver.calibration.solve.uncertainty import VOLUME_DIAMETER_MM, expect_accuracy, invert, sigmas_of, with_square
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import BoardMismatch, UsageError
from rigdriver.images.region import ImageRegion

FEW_VIEWS = 8
"""Views of a camera below which it gets a note."""
LARGEST_RMS_SHARE = 5e-4
"""Largest credible RMS, as a share of the image's width; the limit is never below one pixel."""
STRETCH = 2e-3
"""Deviation of fx / fy from 1 that marks a stretched print when all cameras show it."""


class SolveStep(Enum):
    """What the solver does now."""

    SCREEN = "screening corners"
    GUESS = "first guess of lenses and poses"
    ADJUST = "adjusting all cameras together"
    REJECT = "removing outliers"
    UNCERTAINTY = "stating the uncertainty"
    DONE = "done"


SolveProgress = Callable[[float, SolveStep], None]
"""Function that is called with the share of the work that is done, 0 to 1, and the step that begins."""


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """Identity of one camera, as the result keeps it."""

    serial: str = ""
    pod: str = "main"
    role: str = "geometry"
    region: ImageRegion | None = None


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Choices of the user."""

    rig: str = "unnamed"
    coefficients: int = 5
    """Number of distortion parameters: 5, or 8 for wide lenses."""
    is_bow_free: bool = True
    """Whether the board's bow is found too; this needs no measurement and removes the errors of a bent board."""
    identities: Mapping[str, CameraIdentity] = field(default_factory=lambda: MappingProxyType({}))
    volume_diameter_mm: float = VOLUME_DIAMETER_MM
    """Diameter of the ball for which the expected 3D error is stated; the cameras aim at its middle."""
    focal_share: float | None = None
    """Focal length in image widths, for views that do not determine it."""
    created: str = ""
    """Date for the file, UTC; the present one when left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A calibration with everything that a report shows."""

    calibration: RigCalibration
    observations: Observations
    """Corners that were found, all of them."""
    residuals_px: Array
    """(N, 2) float64, pixels, seen minus predicted; NaN in views without a pose."""
    kept: Mask
    """(N,) whether the result rests on the corner."""
    state: RigEstimate
    bow_sigma_mm: tuple[float, float, float]
    noise_px: float
    """Standard deviation of a kept corner, per axis."""
    notes: tuple[SolveNote, ...] = ()
    """Findings on what was left out or is odd; the calibration holds the same in words."""


def solve(
    observations: Observations,
    board: Board,
    options: SolveOptions = SolveOptions(),
    progress: SolveProgress | None = None,
) -> Solution:
    """Calibrate all cameras together.

    Raises:
        BoardMismatch: the board appears mirrored, or its description is wrong.
        ViewsInsufficient: a camera with too few views, cameras that share none, or parameters that no view determines;
            judged on what is left after outliers were removed.
        ViewsInconsistent: the board or a camera moved in most views.
    """
    report = progress or (lambda _share, _step: None)
    if options.coefficients not in (5, 8):
        raise UsageError(device="coefficients", seen=str(options.coefficients), expected="5 or 8")
    report(0.0, SolveStep.SCREEN)
    screened, notes = screen(observations, board)
    report(0.1, SolveStep.GUESS)
    state = first_guess(screened, board, options.focal_share)
    problem = _problem(screened, board, options)
    report(0.3, SolveStep.ADJUST)
    problem, adjusted, judged = _adjust_robustly(problem, state)
    notes += judged.notes
    report(0.6, SolveStep.REJECT)
    problem, adjusted = _adjust_finally(problem, adjusted)
    # Asked again of what is left: a view or a corner that was dropped may have been the only one of its kind.
    refuse_few_views(problem.observations, screened, notes)
    refuse_untied(problem.observations, notes)
    _refuse_bad_fit(problem, adjusted, board)
    report(0.8, SolveStep.UNCERTAINTY)
    solution = _conclude(observations, problem, adjusted, board, options, notes)
    report(1.0, SolveStep.DONE)
    return solution


def _problem(observations: Observations, board: Board, options: SolveOptions) -> Problem:
    free = np.ones((len(observations.cameras), WIDTH), dtype=bool)
    # Parameters stand in OpenCV's order, so that the first 5 or 8 distortion terms are the model of that size.
    free[:, 4 + options.coefficients : POSE.start] = False
    # Gauge: a motion of all cameras and boards together changes no image, and N would be singular (Triggs et al., 9).
    free[0, POSE] = False
    return Problem(observations, board.corners_mm(), free, options.is_bow_free)


def _adjust_robustly(problem: Problem, state: RigEstimate) -> tuple[Problem, Adjusted, Judged]:
    """Adjust with a loss that outliers hardly move, and drop images that contradict the rest."""
    # One pixel first: the guess is good to a few pixels only. The width follows the noise as soon as that can be
    # measured.
    adjusted = adjust(problem, state, loss_px=1.0)
    whole = problem.observations
    _refuse_far_fit(problem, adjusted)
    judged = judge_images(whole, adjusted.residuals_px)
    for _ in range(3):
        refuse_contradiction(whole, judged)
        problem = replace(problem, observations=whole.keep(judged.keep))
        refuse_few_views(problem.observations, whole, judged.notes)
        refuse_untied(problem.observations, judged.notes)
        loss = float(np.clip(3 * noise_px(residuals(problem, adjusted.state)), 0.05, 1.0))
        adjusted = adjust(problem, adjusted.state, loss_px=loss, iterations=15)
        # A bad image pulls the fit and hides others; each pass judges all images anew, by a state that rests on good
        # ones.
        again = judge_images(whole, residuals(replace(problem, observations=whole), adjusted.state))
        if (again.keep == judged.keep).all():
            break
        judged = _both(judged, again)
    problem = replace(problem, observations=whole.keep(judged.keep))
    adjusted = Adjusted(adjusted.state, residuals(problem, adjusted.state), adjusted.iterations)
    return problem, adjusted, judged


def _refuse_far_fit(problem: Problem, adjusted: Adjusted) -> None:
    """Refuse when the typical corner is pixels off: that is no outlier, the description of the board is wrong."""
    typical = float(np.median(np.linalg.norm(adjusted.residuals_px, axis=1)))
    limit = max(2.0, 2 * LARGEST_RMS_SHARE * max(w for w, _ in problem.observations.sizes_px))
    if typical > limit:
        raise BoardMismatch(
            seen=f"a typical corner lies {typical:.1f} px from its place in the description of the board",
            expected=f"less than {limit:.1f} px",
            remedy="the images show another board than described (count its squares, check dictionary and legacy "
            "pattern), or the board moved in nearly all views",
        )


def _both(first: Judged, second: Judged) -> Judged:
    """Join two judgements: a view that was dropped has no pose any more and stays out."""
    views = tuple(sorted({*first.dropped_views, *second.dropped_views}))
    images = {*first.dropped_images, *second.dropped_images}
    notes = dict.fromkeys((*first.notes, *second.notes))
    return Judged(first.keep & second.keep, tuple(notes), views, tuple(sorted(i for i in images if i[0] not in views)))


def _adjust_finally(problem: Problem, adjusted: Adjusted) -> tuple[Problem, Adjusted]:
    """Adjust by least squares on the corners within four sigma; dropped corners may come back in a later pass."""
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
        # Without weights: corners are judged in pixels, and a weight would make a noisy image look quiet.
        miss = residuals(replace(problem, observations=whole, weights=None), adjusted.state)
    return problem, adjusted


def rms_px(residuals_px: Array) -> float:
    """Return the root mean square distance of residuals (N, 2)."""
    return float(np.sqrt((residuals_px**2).sum(axis=1).mean())) if len(residuals_px) else float("nan")


def _refuse_bad_fit(problem: Problem, adjusted: Adjusted, board: Board) -> None:
    rms = rms_px(adjusted.residuals_px)
    limit = max(1.0, LARGEST_RMS_SHARE * max(w for w, _ in problem.observations.sizes_px))
    if rms > limit:
        raise BoardMismatch(
            device=f"board {board.name}",
            seen=f"the best fit misses the corners by {rms:.2f} px RMS",
            expected=f"less than {limit:.2f} px",
            remedy="the board's parameters are not those of the print, the print is badly bent, or the images are "
            "blurred: measure the print, and look at the images",
        )


def _conclude(
    found: Observations,
    problem: Problem,
    adjusted: Adjusted,
    board: Board,
    options: SolveOptions,
    notes: Sequence[SolveNote],
) -> Solution:
    used, state = problem.observations, adjusted.state
    normal = normal_equations(problem, state)
    views = int((used.counts().sum(axis=1) > 0).sum())
    # Redundancy: two coordinates per corner, less the free parameters and six per board pose that was eliminated.
    freedom = max(2 * len(used) - len(normal.columns) - 6 * views, 1)
    weights = np.ones(len(used)) if problem.weights is None else problem.weights
    noise = float(np.sqrt(((adjusted.residuals_px * weights[:, None]) ** 2).sum() / freedom))
    from_views, bow_sigma = invert(normal, used.cameras, noise)
    cameras = _cameras(used, adjusted, options)
    refuse_undetermined(cameras, from_views, used, state.t_view)
    share = board.square_sigma_mm / board.square_mm
    covariance = with_square(from_views, cameras, share)
    cameras = {n: replace(c, sigmas=MappingProxyType(sigmas_of(covariance, n))) for n, c in cameras.items()}
    pods: dict[str, list[str]] = {}
    for camera in cameras.values():
        if camera.role == "geometry":
            pods.setdefault(camera.pod, []).append(camera.name)
    accuracy = expect_accuracy(cameras, list(pods.values()), from_views, share, options.volume_diameter_mm)
    kept = _rows_in(found, used)
    bow = (float(state.bow_mm[0]), float(state.bow_mm[1]), float(state.bow_mm[2]))
    all_notes = (*notes, *_lone(used), *_remarks(cameras, board, bow))
    calibration = RigCalibration(
        rig=options.rig, created=options.created or datetime.now(UTC).isoformat(timespec="seconds"), board=board,
        bow_mm=bow, cameras=MappingProxyType(cameras), rms_px=rms_px(adjusted.residuals_px), views=views,
        corners=len(used), kept_share=len(used) / len(found), accuracy=accuracy, covariance=covariance,
        has_square_sigma=True, notes=tuple(str(note) for note in all_notes),
    )  # fmt: skip
    miss = residuals(replace(problem, observations=found, weights=None), state)
    posed = used.counts().sum(axis=1) > 0
    # A dropped view has no pose in the state, so that its residuals would be figures without a meaning.
    miss[~posed[found.view]] = np.nan
    sigma = (float(bow_sigma[0]), float(bow_sigma[1]), float(bow_sigma[2]))
    return Solution(calibration, found, miss, kept, state, sigma, noise, all_notes)


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
            views=int(seen[c]), corners=int(mine.sum()), region=who.region,
        )  # fmt: skip
    return cameras


def _rows_in(found: Observations, used: Observations) -> Mask:
    def key(o: Observations) -> Ints64:
        # A board has at most 100 x 100 squares, so that no corner's id reaches a million.
        return o.group_ids() * 1_000_000 + o.corner

    return np.isin(key(found), key(used))


def _lone(used: Observations) -> list[SolveNote]:
    return [SolveNote(NoteKind.LONE_TIE, used.views[view]) for view in lone_ties(used)]


def _remarks(
    cameras: Mapping[str, CameraCalibration], board: Board, bow: tuple[float, float, float]
) -> list[SolveNote]:
    few = (c for c in cameras.values() if c.views < FEW_VIEWS)
    notes = [SolveNote(NoteKind.FEW_VIEWS, camera=c.name, seen=c.views) for c in few]
    if board.square_sigma_mm == 0:
        notes.append(SolveNote(NoteKind.NOT_MEASURED, seen=board.square_mm))
    # The pixels of the cameras are square. A stretch that all cameras show alike is the print's.
    stretch = np.array([c.K[0, 0] / c.K[1, 1] - 1 for c in cameras.values()])
    if len(stretch) > 1 and (np.abs(stretch) > STRETCH).all() and abs(np.sign(stretch).sum()) == len(stretch):
        notes.append(SolveNote(NoteKind.STRETCHED, seen=1e2 * float(np.median(stretch))))
    if max(abs(b) for b in bow) > 1e-3 * max(board.size_mm):
        notes.append(SolveNote(NoteKind.BENT, seen=max(bow, key=abs)))
    return notes
