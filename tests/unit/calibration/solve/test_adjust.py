"""The adjustment beside SciPy's least squares, and its derivatives beside differences.

In: a small rig whose truth is known. Out: derivatives that agree with differences, and SciPy's minimum: two witnesses
that share no code with the adjustment.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import least_squares

from rigdriver.calibration.project import pad_distortion
from rigdriver.calibration.solve.adjust import (
    BOWS,
    PARAMETERS,
    POSE,
    WIDTH,
    Problem,
    RigEstimate,
    _moved,
    adjust,
    predict,
)


def _true_state(rig: SimpleNamespace) -> RigEstimate:
    return RigEstimate(
        intrinsics=np.array(
            [np.r_[c.K[0, 0], c.K[1, 1], c.K[0, 2], c.K[1, 2], pad_distortion(c.distortion)] for c in rig.cameras]
        ),
        R_cam=np.array([c.T_cam_world[:3, :3] for c in rig.cameras]),
        t_cam=np.array([c.T_cam_world[:3, 3] for c in rig.cameras]),
        R_view=np.array([v[:3, :3] for v in rig.views]),
        t_view=np.array([v[:3, 3] for v in rig.views]),
        bow_mm=np.zeros(BOWS),
    )


def _problem(rig: SimpleNamespace, observations: object, coefficients: int = 5) -> Problem:
    free = np.ones((len(rig.cameras), WIDTH), dtype=bool)
    free[:, 4 + coefficients : POSE.start] = False
    free[0, POSE] = False
    return Problem(observations, rig.board.corners_mm(), free, is_bow_free=True)  # type: ignore[arg-type]


def _steps() -> np.ndarray:
    return np.r_[np.full(4, 1e-3), np.full(8, 1e-5), np.full(3, 1e-7), np.full(3, 1e-4)]


@pytest.mark.parametrize("j", range(WIDTH), ids=PARAMETERS)
def test_derivatives_by_a_cameras_parameters_agree_with_differences(truth: SimpleNamespace, j: int) -> None:
    rig = truth.make_rig(3, views=4, coefficients=8)
    problem, state = _problem(rig, truth.observe(rig, 3), 8), _true_state(rig)
    delta = np.zeros((len(rig.cameras), WIDTH))
    delta[:, j] = _steps()[j]
    change = np.r_[delta.ravel(), np.zeros(BOWS)]
    none = np.zeros((len(rig.views), 6))
    ahead, behind = (predict(problem, _moved(state, s * change, none))[0] for s in (1, -1))
    slope = (ahead - behind) / (2 * _steps()[j])
    assert np.abs(predict(problem, state)[1][:, :, j] - slope).max() < 1e-5 * np.abs(slope).max()


@pytest.mark.parametrize("j", range(6))
def test_derivatives_by_a_boards_pose_and_bow_agree_with_differences(truth: SimpleNamespace, j: int) -> None:
    rig = truth.make_rig(3, views=4)
    problem, state = _problem(rig, truth.observe(rig, 3)), _true_state(rig)
    size = 1e-7 if j < 3 else 1e-4
    view = np.zeros((len(rig.views), 6))
    view[:, j] = size
    none = np.zeros(len(rig.cameras) * WIDTH + BOWS)
    slope = (predict(problem, _moved(state, none, view))[0] - predict(problem, _moved(state, none, -view))[0]) / (
        2 * size
    )
    assert np.abs(predict(problem, state)[2][:, :, j] - slope).max() < 1e-5 * np.abs(slope).max()
    if j < BOWS:
        bow = none.copy()
        bow[len(none) - BOWS + j] = 1e-4
        still = np.zeros_like(view)
        ahead, behind = (predict(problem, _moved(state, s * bow, still))[0] for s in (1, -1))
        assert np.abs(predict(problem, state)[3][:, :, j] - (ahead - behind) / 2e-4).max() < 1e-5


def test_the_minimum_is_the_one_that_scipy_finds(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(5, views=6)
    rig.cameras = rig.cameras[:3]
    observations = truth.observe(rig, 5, outliers=0.0)
    problem, state = _problem(rig, observations), _true_state(rig)
    ours = adjust(problem, state, iterations=60)
    columns = np.flatnonzero(np.r_[problem.free.ravel(), np.ones(BOWS, bool)])
    units = np.r_[1, 1, 1, 1, 0.01, 0.3, 1e-4, 1e-4, 5, 1, 1, 1, np.full(3, 2e-4), np.full(3, 0.2)]
    scale = np.r_[np.tile(units, len(rig.cameras)), np.full(BOWS, 1e-3)][columns]
    view_scale = np.tile(np.r_[np.full(3, 1e-4), np.full(3, 0.1)], len(rig.views))

    def miss(x: np.ndarray) -> np.ndarray:
        delta = np.zeros(len(rig.cameras) * WIDTH + BOWS)
        delta[columns] = x[: len(columns)] * scale
        moved = _moved(state, delta, (x[len(columns) :] * view_scale).reshape(-1, 6))
        residual: np.ndarray = (observations.points_px - predict(problem, moved)[0]).ravel()
        return residual

    start = np.zeros(len(columns) + 6 * len(rig.views))
    theirs = least_squares(miss, start, jac="3-point", method="lm", ftol=1e-13, xtol=1e-13, gtol=1e-13)
    # SciPy's problem lacks the weak priors on the lens, so its sum may be smaller, by next to nothing.
    assert (ours.residuals_px**2).sum() == pytest.approx(2 * theirs.cost, rel=2e-4)


def test_a_robust_loss_is_hardly_moved_by_outliers(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(6, views=12)
    clean, dirty = truth.observe(rig, 6, outliers=0.0), truth.observe(rig, 6, outliers=0.1)
    state = _true_state(rig)
    wanted = adjust(_problem(rig, clean), state).state
    plain = adjust(_problem(rig, dirty), state).state
    robust = adjust(_problem(rig, dirty), state, loss_px=0.15).state
    error = [np.abs(s.intrinsics[:, 0] - wanted.intrinsics[:, 0]).max() for s in (plain, robust)]
    assert error[1] < 0.2 * error[0]
