"""The uncertainty of the board's square is in the stated uncertainty of every translation, once.

In: a rig's true views with a board whose square is not what it was measured as, drawn many times. Out: the share of
the draws in which a stated 95 % interval holds the truth, and the covariance of a pose that is solved again.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import numpy as np

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import Covariance, RigCalibration
from rigdriver.calibration.solve.all_cameras import SolveOptions, solve
from rigdriver.calibration.solve.one_camera import resolve_camera

DRAWS = 60
SQUARE_SHARE = 0.002


def _shift(calibration: RigCalibration, camera: str) -> tuple[Array, Array]:
    """Translation (3,) of a camera, in mm, and its stated covariance (3, 3)."""
    covariance = calibration.covariance
    assert covariance is not None
    rows = [covariance.parameters.index(f"{camera}.{axis}") for axis in ("tx", "ty", "tz")]
    return calibration[camera].T_cam_world[:3, 3], covariance.matrix[np.ix_(rows, rows)]


def test_a_distance_of_two_cameras_is_within_its_stated_interval_in_95_of_100_draws(truth: SimpleNamespace) -> None:
    whole = truth.make_rig(41, views=8)
    rig = copy.copy(whole)
    rig.cameras = whole.cameras[:2]
    first, second = (np.linalg.inv(camera.T_cam_world)[:3, 3] for camera in rig.cameras)
    true_mm = float(np.linalg.norm(second - first))
    chance = np.random.default_rng(42)
    deviations = []
    for draw in range(DRAWS):
        square = rig.board.square_mm * (1 + SQUARE_SHARE * chance.standard_normal())
        board = rig.board.measured(square, SQUARE_SHARE * rig.board.square_mm)
        views = truth.observe(rig, 4100 + draw, outliers=0.0)
        made = solve(views, board, SolveOptions(identities=truth.identities)).calibration
        shift, covariance = _shift(made, rig.cameras[1].name)
        length = float(np.linalg.norm(shift))
        deviations.append((length - true_mm) / np.sqrt(shift @ covariance @ shift / length**2))
    held = np.abs(deviations) < 1.96
    # 60 draws of 95 %: fewer than 52 or a spread outside these bounds comes in less than one of 500 seeds.
    assert held.sum() >= 52
    assert 0.72 < np.sqrt(np.mean(np.square(deviations))) < 1.29


def _shifts(calibration: RigCalibration) -> Array:
    """Translation of each row of the covariance, in mm, and 0 where the row is none."""
    assert calibration.covariance is not None
    found = []
    for name in calibration.covariance.parameters:
        camera, _, parameter = name.rpartition(".")
        row = ("tx", "ty", "tz").index(parameter) if parameter in {"tx", "ty", "tz"} else None
        found.append(0.0 if row is None else float(calibration[camera].T_cam_world[row, 3]))
    return np.array(found)


def test_a_pose_that_is_solved_again_holds_the_square_once(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    known = solved.calibration
    share = known.board.square_sigma_mm / known.board.square_mm
    moved = truth.bump(solved.rig, "right_upper", 1, 500)
    moved.views = moved.views[:9]
    views = truth.observe(moved, 21)
    assert known.covariance is not None
    shifts = _shifts(known)
    noise = Covariance(known.covariance.parameters, known.covariance.matrix - share**2 * np.outer(shifts, shifts))
    exact = replace(known, board=replace(known.board, square_sigma_mm=0.0), covariance=noise)
    old = replace(known, covariance=noise, has_square_sigma=False)
    with_square, without, from_old = (
        resolve_camera(c, views, c.board, "right_upper").calibration for c in (known, exact, old)
    )
    assert with_square.covariance is not None
    assert without.covariance is not None
    assert from_old.covariance is not None
    again = _shifts(with_square)
    expected = without.covariance.matrix + share**2 * np.outer(again, again)
    scale = np.sqrt(np.diag(expected))
    for found in (with_square, from_old):
        assert found.covariance is not None
        assert found.has_square_sigma
        assert np.abs((found.covariance.matrix - expected) / np.outer(scale, scale)).max() < 1e-6
        assert found["right_upper"].sigmas["tz"] >= share * abs(found["right_upper"].T_cam_world[2, 3])


def test_a_wrong_square_scales_the_pose_that_is_solved_again(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    known, factor = solved.calibration, 1.003
    cameras = {}
    for camera in known:
        T = camera.T_cam_world.copy()
        T[:3, 3] *= factor
        cameras[camera.name] = replace(camera, T_cam_world=T)
    larger = replace(
        known, cameras=MappingProxyType(cameras), bow_mm=tuple(factor * b for b in known.bow_mm),
        board=replace(known.board, square_mm=factor * known.board.square_mm),
    )  # fmt: skip
    moved = truth.bump(solved.rig, "right_upper", 1, 500)
    moved.views = moved.views[:9]
    views = truth.observe(moved, 21)
    right, wrong = (resolve_camera(c, views, c.board, "right_upper").calibration for c in (known, larger))
    assert np.allclose(
        wrong["right_upper"].T_cam_world[:3, 3], factor * right["right_upper"].T_cam_world[:3, 3], atol=1e-3
    )
