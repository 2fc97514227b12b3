"""One moved camera is put back from a few views; more than one is refused.

In: a calibration, and views after one camera or two were moved. Out: the camera's true pose within a stated bound, or a
refusal with its reason.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rigdriver.calibration.solve.one_camera import resolve_camera
from rigdriver.errors import UsageError, ViewsInconsistent, ViewsInsufficient


@pytest.mark.parametrize("camera", ["left_upper", "right_lower", "left_colour"])
def test_a_moved_camera_is_put_back_from_a_few_views(
    truth: SimpleNamespace, solved: SimpleNamespace, camera: str
) -> None:
    moved = truth.bump(solved.rig, camera, 1, 500)
    moved.views = moved.views[:9]
    resolved = resolve_camera(solved.calibration, truth.observe(moved, 21), solved.board, camera)
    assert resolved.turn_urad[1] == pytest.approx(500, abs=60)
    assert resolved.rms_px < 0.1
    scored = truth.score(moved, resolved.calibration)
    assert scored.point_um < 6
    assert scored.step_um < 8
    assert resolved.calibration.accuracy is not None
    assert scored.point_um < 2 * resolved.calibration.accuracy.point_um_95
    assert resolved.calibration.accuracy.point_um < 8
    if camera != "left_colour":
        assert truth.score(moved, solved.calibration).point_um > 40
    assert any(f"camera {camera}: pose solved again" in note for note in resolved.calibration.notes)


def test_two_moved_cameras_are_refused(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    moved = truth.bump(truth.bump(solved.rig, "left_upper", 1, 800), "left_lower", 0, 800)
    moved.views = moved.views[:12]
    with pytest.raises(ViewsInconsistent, match="than left_upper has moved, too; calibrate the whole rig"):
        resolve_camera(solved.calibration, truth.observe(moved, 22), solved.board, "left_upper")


def test_too_few_common_views_are_refused(truth: SimpleNamespace, solved: SimpleNamespace) -> None:
    observations = truth.observe(solved.rig, 23, only={"left_upper": (1, 4)})
    with pytest.raises(ViewsInsufficient, match="camera left_upper: 2 views shared"):
        resolve_camera(solved.calibration, observations, solved.board, "left_upper")


def test_a_camera_that_is_not_there_is_refused(solved: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="expected one of left_upper"):
        resolve_camera(solved.calibration, solved.observations, solved.board, "top")
