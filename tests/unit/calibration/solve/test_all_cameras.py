"""The whole solver against rigs whose truth is known: accuracy, honesty of its uncertainty, and what it refuses.

In: views of a board by rigs made from fixed seeds, with noise, outliers, moves and false boards planted. Out: poses and
lenses scored against the truth, and refusals by name.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.solve.all_cameras import Solution, SolveOptions, SolveStep, solve
from rigdriver.calibration.views.observations import Observations, make_observations
from rigdriver.errors import BoardMismatch, UsageError, ViewsInconsistent, ViewsInsufficient


def _solve(truth: SimpleNamespace, rig: Any, observations: Observations, **options: Any) -> Solution:
    return solve(observations, rig.board, SolveOptions(identities=truth.identities, **options))


@pytest.mark.parametrize(
    ("seed", "shape"),
    [
        (1, {}),
        (2, {"horizontal": False}),
        (3, {"coefficients": 8}),
        (4, {"size_px": (1280, 1024)}),
        (5, {"bow_mm": 0.3}),
        (6, {"views": 12}),
    ],
    ids=["plain", "vertical pairs", "eight parameters", "1.3 megapixels", "bent board", "12 views"],
)
def test_a_rig_is_calibrated_to_ten_micrometres_and_says_how_well(
    truth: SimpleNamespace, seed: int, shape: dict[str, Any]
) -> None:
    rig = truth.make_rig(seed, **shape)
    solution = _solve(truth, rig, truth.observe(rig, seed), coefficients=shape.get("coefficients", 5))
    calibration, accuracy = solution.calibration, solution.calibration.accuracy
    scored = truth.score(rig, calibration)
    assert calibration.rms_px <= 0.10
    assert calibration.kept_share >= 0.98
    assert scored.point_um <= 10
    assert scored.step_um <= 10
    assert abs(scored.scale_ppm) <= 100
    assert accuracy is not None
    assert scored.point_um <= 1.3 * accuracy.point_um_95
    assert scored.step_um <= 1.3 * accuracy.step_um_95
    assert abs(scored.scale_ppm) <= 1.6 * accuracy.scale_ppm_95
    assert accuracy.point_um_95 < 12


def test_the_stated_uncertainty_is_the_true_one_over_many_seeds(truth: SimpleNamespace) -> None:
    ratios, turns = [], []
    for seed in range(10, 18):
        rig = truth.make_rig(seed, views=14)
        calibration = _solve(truth, rig, truth.observe(rig, seed)).calibration
        assert calibration.accuracy is not None
        ratios.append(truth.score(rig, calibration).point_um / calibration.accuracy.point_um)
        for camera in rig.cameras:
            solved = calibration[camera.name]
            turns.append((solved.K[0, 0] - camera.K[0, 0]) / solved.sigmas["fx"])
    assert 0.6 < np.sqrt(np.mean(np.square(ratios))) < 1.5
    assert 0.6 < np.sqrt(np.mean(np.square(turns))) < 1.5


def test_outliers_are_thrown_out_and_good_corners_are_not(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    bad, kept = solved.bad_rows, solved.solution.kept
    assert kept[~bad].mean() > 0.998
    far = bad & (np.linalg.norm(solved.solution.residuals_px, axis=1) > 0.5)
    assert far.sum() > 50
    assert not kept[far].any()


def test_a_fifth_of_the_views_with_gross_outliers_changes_little(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(7)
    solution = _solve(truth, rig, truth.observe(rig, 7, bad_views=range(0, 36, 5)))
    assert solution.calibration.rms_px <= 0.10
    assert truth.score(rig, solution.calibration).point_um <= 10


def test_views_in_which_the_board_moved_are_dropped_by_name(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(8)
    moved = (3, 12, 24, 30)
    solution = _solve(truth, rig, truth.observe(rig, 8, moved_views=moved))
    told = " ".join(solution.calibration.notes)
    for view in moved:
        assert f"view {view:03d}" in told
    assert not any(f"view {view:03d}" in told for view in range(36) if view not in moved)
    assert truth.score(rig, solution.calibration).point_um <= 10


def test_a_camera_that_sees_few_views_is_solved_with_a_note(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(9)
    observations = truth.observe(rig, 9, only={"right_upper": range(4, 12)})
    calibration = _solve(truth, rig, observations).calibration
    assert truth.score(rig, calibration).point_um <= 20
    assert any("right_upper: only" in note for note in calibration.notes)
    assert calibration["right_upper"].sigmas["fx"] > 1.2 * calibration["left_upper"].sigmas["fx"]


def test_a_camera_with_two_views_is_refused_by_name(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(9)
    with pytest.raises(ViewsInsufficient, match=r"camera right_colour: 2 usable views; expected at least 3"):
        _solve(truth, rig, truth.observe(rig, 9, only={"right_colour": (0, 6)}))


def test_cameras_without_a_common_view_are_refused_with_both_sides_named(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    observations = truth.observe(rig, 1)
    is_left = np.array([name.startswith("left") for name in observations.cameras])[observations.camera]
    even = observations.view % 2 == 0
    with pytest.raises(
        ViewsInsufficient, match=r"left_upper, .* and to right_upper, right_lower, right_colour at the same time"
    ):
        _solve(truth, rig, observations.keep(is_left == even))


def test_a_mirrored_board_is_refused_as_mirrored(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1, views=8)
    o = truth.observe(rig, 1)
    across = rig.board.corner_grid[0]
    mirrored = o.corner // across * across + (across - 1 - o.corner % across)
    flipped = make_observations(o.cameras, o.views, o.sizes_px, o.camera, o.view, mirrored, o.points_px)
    with pytest.raises(BoardMismatch, match="show it mirrored"):
        _solve(truth, rig, flipped)


def test_a_board_with_another_count_of_squares_is_refused_as_another_board(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1, views=8)
    o = truth.observe(rig, 1)
    wrong = Board("charuco", 12, 11, 20.0, 15.0, "DICT_5X5_100")
    rows = o.corner < wrong.corner_count
    with pytest.raises(BoardMismatch, match="another board than"):
        solve(o.keep(rows), wrong, SolveOptions(identities=truth.identities))


def test_a_wrong_square_size_goes_straight_into_the_scale(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    larger = solved.board.measured(solved.board.square_mm * 1.001)
    calibration = solve(solved.observations, larger, SolveOptions(identities=truth.identities)).calibration
    assert truth.score(solved.rig, calibration).scale_ppm == pytest.approx(1000, abs=30)


def test_a_stretched_print_is_told(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(3, views=12)
    o = truth.observe(rig, 3)
    for c in rig.cameras:
        c.K[1, 1] *= 1.006
    stretched = truth.observe(rig, 3)
    notes = _solve(truth, rig, stretched).calibration.notes
    assert any("stretched" in note for note in notes)
    assert not any("stretched" in note for note in _solve(truth, rig, o).calibration.notes)


def test_a_camera_moved_in_the_middle_of_the_capture_is_refused_by_name(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(4)
    before, after = truth.observe(rig, 4), truth.observe(truth.bump(rig, "left_lower", 1, 3000), 4)
    late = (before.view >= 20) & (before.camera == 1)
    late_after = (after.view >= 20) & (after.camera == 1)
    rows = [
        np.concatenate([getattr(before, f)[~late], getattr(after, f)[late_after]]) for f in ("camera", "view", "corner")
    ]
    points = np.concatenate([before.points_px[~late], after.points_px[late_after]])
    mixed = make_observations(before.cameras, before.views, before.sizes_px, rows[0], rows[1], rows[2], points)
    with pytest.raises(ViewsInconsistent, match="camera left_lower: contradicts the other cameras"):
        _solve(truth, rig, mixed)


def test_a_board_that_moved_in_most_views_is_refused(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(4, views=16)
    with pytest.raises((ViewsInconsistent, BoardMismatch), match=r"moved"):
        _solve(truth, rig, truth.observe(rig, 4, moved_views=range(1, 16)))


def test_no_corners_at_all_are_refused(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    nothing = solved.observations.keep(np.zeros(len(solved.observations), dtype=bool))
    with pytest.raises(ViewsInsufficient, match="was found in no image"):
        _solve(truth, solved.rig, nothing)


def test_a_single_camera_is_calibrated_without_a_3d_error(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(2, views=14)
    rig.cameras = rig.cameras[:1]
    calibration = _solve(truth, rig, truth.observe(rig, 2)).calibration
    assert calibration.accuracy is None
    assert calibration["left_upper"].K[0, 0] == pytest.approx(rig.cameras[0].K[0, 0], abs=20)


def test_six_or_seven_lens_parameters_are_refused(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="expected 5 or 8"):
        _solve(truth, solved.rig, solved.observations, coefficients=6)


def test_progress_rises_to_one_and_names_the_steps(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(6, views=12)
    told: list[tuple[float, SolveStep]] = []
    solve(truth.observe(rig, 6), rig.board, SolveOptions(), lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(what for _, what in told)


def test_the_order_of_the_rows_does_not_change_the_result(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    o = solved.observations
    order = np.random.default_rng(0).permutation(len(o))
    shuffled = make_observations(
        o.cameras, o.views, o.sizes_px, o.camera[order], o.view[order], o.corner[order], o.points_px[order]
    )
    again = solve(shuffled, solved.board, SolveOptions(rig="face-rig", identities=truth.identities, created="x"))
    assert np.abs(again.calibration["right_lower"].K - solved.calibration["right_lower"].K).max() < 1e-4
    assert again.calibration.rms_px == pytest.approx(solved.calibration.rms_px, rel=1e-6)
