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
