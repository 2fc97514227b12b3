"""What is judged on the views that are left: ties between the cameras, views per camera, and rank.

In: rigs from fixed seeds whose only tie moves, is cut short or is alone. Out: refusals that name both sides, a note,
and infinite variances for a null space.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from rigdriver.calibration.solve.adjust import PARAMETERS, Normal
from rigdriver.calibration.solve.all_cameras import SolveOptions, solve
from rigdriver.calibration.solve.start import first_guess
from rigdriver.calibration.solve.ties import has_view, islands, lone_ties
from rigdriver.calibration.solve.uncertainty import invert
from rigdriver.calibration.views.observations import Observations
from rigdriver.errors import ViewsInsufficient


def _only_tied_by(observations: Observations, views: tuple[int, ...]) -> Observations:
    """The left pod sees even views, the right pod odd ones, and both see the views that tie them."""
    is_left = np.array([name.startswith("left") for name in observations.cameras])[observations.camera]
    is_even = observations.view % 2 == 0
    return observations.keep((is_left == is_even) | np.isin(observations.view, views))


def test_pods_whose_only_common_view_is_dropped_are_refused_and_the_view_is_named(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    observations = _only_tied_by(truth.observe(rig, 1, moved_views=(12,)), (12,))
    with pytest.raises(
        ViewsInsufficient, match=r"no remaining view .*left_colour and to right_upper.*view 012: dropped.*hold"
    ):
        solve(observations, rig.board, SolveOptions(identities=truth.identities))


def test_a_single_tie_is_told_since_nothing_checks_it(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    observations = truth.observe(rig, 1)
    notes = solve(_only_tied_by(observations, (12,)), rig.board, SolveOptions()).calibration.notes
    assert any("view 012: the only view that ties" in note for note in notes)
    notes = solve(_only_tied_by(observations, (12, 18)), rig.board, SolveOptions()).calibration.notes
    assert not any("only view that ties" in note for note in notes)


@pytest.mark.parametrize("seed", [1, 2, 4, 8])
@pytest.mark.parametrize("tie", [0, 6, 12, 18])
def test_of_the_two_tilts_that_a_single_tie_allows_the_better_one_places_the_other_pod(
    truth: SimpleNamespace, seed: int, tie: int
) -> None:
    # An image of a board fits a second tilt nearly as well, and no other view tells which is right.
    rig = truth.make_rig(seed)
    guess = first_guess(_only_tied_by(truth.observe(rig, seed), (tie,)), rig.board)
    first = rig.cameras[0].T_cam_world
    for camera, R, t in zip(rig.cameras, guess.R_cam, guess.t_cam, strict=True):
        T = camera.T_cam_world @ np.linalg.inv(first)
        turn = np.arccos(np.clip((np.trace(R @ T[:3, :3].T) - 1) / 2, -1, 1))
        centre, true_centre = -R.T @ t, -T[:3, :3].T @ T[:3, 3]
        assert turn < np.radians(5)
        assert np.linalg.norm(centre - true_centre) < 50


def test_boards_that_all_stand_alike_leave_the_lens_open_and_are_refused(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(2, views=14)
    rig.cameras = rig.cameras[:1]
    for i in range(14):
        T = np.eye(4)
        T[:3, 3] = (i % 3 - 1) * 30, (i % 5 - 2) * 20, 900
        rig.views[i] = np.linalg.inv(rig.cameras[0].T_cam_world) @ T
    with pytest.raises(ViewsInsufficient, match=r"do not determine camera left_upper: fx.*tilted"):
        solve(truth.observe(rig, 2), rig.board, SolveOptions())


def test_islands_are_those_of_a_count_by_hand() -> None:
    seen = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]], dtype=bool)
    assert islands(seen) == [(0, 1), (2, 3, 4)]
    assert islands(np.zeros((3, 2), dtype=bool)) == [(0,), (1,)]


def test_an_image_with_few_corners_ties_nothing(truth: SimpleNamespace) -> None:
    observations = _only_tied_by(truth.observe(truth.make_rig(1), 1), (12,))
    assert lone_ties(observations) == [12]
    is_right = np.array([name.startswith("right") for name in observations.cameras])[observations.camera]
    mine = (observations.view == 12) & is_right
    few = np.zeros(len(observations), dtype=bool)
    few[np.flatnonzero(mine)[:3]] = True
    assert len(islands(has_view(observations.keep(~mine | few)))) == 2


def test_a_null_space_is_infinite_uncertainty_and_not_certainty() -> None:
    # Two parameters of which only the sum is measured, and one that is measured well.
    information = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 4.0]])
    columns = np.array([PARAMETERS.index(p) for p in ("tx", "ty", "fx")])
    covariance, _ = invert(Normal(information, columns), ("left",), noise_px=1.0)
    variance = dict(zip(covariance.parameters, np.diag(covariance.matrix), strict=True))
    assert variance == {"left.tx": np.inf, "left.ty": np.inf, "left.fx": 0.25}
