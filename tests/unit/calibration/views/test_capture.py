"""Guided capture: what is taken, what is refused and why, and what the advice says.

In: detections and frame sets as a person with a board makes them. Out: views that were taken, reasons for those that
were not, and the one advice that helps most. No camera and no clock.
"""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rigdriver.calibration.board.detect import Detection
from rigdriver.calibration.board.sharpness import Blur
from rigdriver.calibration.views.capture import BlurKind, GuidedCapture, OfferKind
from rigdriver.calibration.views.coverage import CoverageHint, HintKind, assess, tilt_and_distance
from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict

SHARP = Blur(0.7, 0.3, 0.0, 150.0)
SMEARED = Blur(0.7, 6.0, 0.0, 150.0)
NOTHING = Detection(np.zeros(0, np.int32), np.zeros((0, 2)), SHARP, (2048, 1536))


def _detections(rig: Any, view: int, blur: Blur = SHARP, shift: float = 0.0) -> dict[str, Detection]:
    found = {}
    for camera in rig.cameras:
        ids, points = rig.seen(view, camera)
        found[camera.name] = Detection(ids.astype(np.int32), points + shift, blur, camera.size_px)
    return found


def _capture(rig: Any, **options: Any) -> GuidedCapture:
    return GuidedCapture(rig.board, {c.name: c.size_px for c in rig.cameras}, **options)


def _frame_set(verdict: str, cameras: tuple[str, ...]) -> FrameSet:
    frames = {n: Frame(n, 1, 0, 0, "Mono8", np.zeros((8, 8), np.uint8)) for n in cameras}
    proof = Proof(7, 1, 0, 1, MappingProxyType({}), 0.0, ProofVerdict(verdict), ("camera clocks disagree",))
    return FrameSet(7, 0, 0, frames, MappingProxyType({}), proof)


def test_a_view_is_taken_once_the_board_rests(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    capture = _capture(rig)
    first = capture.offer_detections("0", _detections(rig, 0))
    assert not first.is_taken
    assert first.kind is OfferKind.NOT_YET_AT_REST
    assert first.reason == "hold it still"
    second = capture.offer_detections("1", _detections(rig, 0, shift=0.1))
    assert second.is_taken
    assert second.progress > first.progress


def test_a_moving_board_is_not_taken(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    capture = _capture(rig)
    offers = [capture.offer_detections(str(k), _detections(rig, 0, shift=3.0 * k)) for k in range(5)]
    assert not any(offer.is_taken for offer in offers)
    assert "the board moves (4.2 px)" in offers[-1].reason
    assert offers[-1].kind is OfferKind.MOVES


def test_the_same_place_is_not_taken_twice(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    capture = _capture(rig, rest_frame_sets=1)
    assert capture.offer_detections("a", _detections(rig, 0)).is_taken
    again = capture.offer_detections("b", _detections(rig, 0, shift=0.2))
    assert not again.is_taken
    assert "stands where it stood in view a" in again.reason
    assert (again.kind, again.view) == (OfferKind.NOT_NEW, "a")
    assert capture.offer_detections("c", _detections(rig, 1)).is_taken


def test_a_smeared_view_is_refused_with_its_cause(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    offer = _capture(rig, rest_frame_sets=1).offer_detections("0", _detections(rig, 0, SMEARED))
    assert not offer.is_taken
    assert "smeared over 6.0 px by motion; hold it still or shorten the exposure" in offer.reason
    assert offer.kind is OfferKind.BLURRED
    assert {finding.kind for _, finding in offer.blurred} == {BlurKind.MOTION}


def test_a_frame_set_that_is_not_proved_is_refused_before_it_is_searched(truth: SimpleNamespace) -> None:
    def never(_board: object, _frame: object) -> Detection:
        raise AssertionError

    rig = truth.make_rig(1)
    offer = _capture(rig, detect_frame=never).offer(_frame_set("unproved", truth.names), 0)
    assert not offer.is_taken
    assert offer.reason == "frame set of pulse 7 is not proved synchronous: camera clocks disagree"
    assert (offer.kind, offer.pulse_index, offer.doubts) == (OfferKind.UNPROVED, 7, ("camera clocks disagree",))


def test_a_proved_frame_set_is_searched_camera_by_camera(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    found = _detections(rig, 0)
    capture = _capture(rig, rest_frame_sets=1, detect_frame=lambda _board, frame: found[frame.camera])
    taken = capture.offer(_frame_set("proved", truth.names), index=3)
    assert taken.is_taken
    assert taken.view == "000003"
    assert len(capture.observations().views) == 1
    nothing = _capture(rig, detect_frame=lambda _board, _frame: NOTHING).offer(_frame_set("proved", truth.names), 7)
    assert nothing.reason == "no camera sees the board"


def test_enough_views_are_enough_and_progress_never_falls(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(3, views=45)
    capture = _capture(rig, rest_frame_sets=1)
    before = 0.0
    for view in range(45):
        offer = capture.offer_detections(str(view), _detections(rig, view))
        assert offer.progress >= before - 0.02
        before = offer.progress
    assert before > 0.95
    assert _capture(rig).coverage.progress == 0.0


@pytest.mark.parametrize(("turn_deg", "faces", "lacks"), [(25.0, "left", "right"), (-25.0, "right", "left")])
def test_the_missing_tilt_is_named_for_the_camera_that_lacks_it(
    truth: SimpleNamespace, turn_deg: float, faces: str, lacks: str
) -> None:
    rig = truth.make_rig(1, views=12)
    rig.cameras = rig.cameras[:1]
    towards = np.linalg.inv(rig.cameras[0].T_cam_world)[:3, :3]
    for k, view in enumerate(rig.views):
        angle = np.radians(turn_deg + k)  # positive: the right edge comes nearer, so the board faces left
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        view[:3, :3] = towards @ turn
    advice = assess(truth.observe(rig, 1), rig.board).advice
    assert f"tilt the board {lacks} for left_upper" in advice
    assert f"tilt the board {faces} for left_upper" not in advice


def test_tilt_and_distance_are_those_of_the_pose(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    for view in range(6):
        for camera in rig.cameras:
            ids, points = rig.seen(view, camera)
            if len(ids) < 30:
                continue
            found = tilt_and_distance(rig.board.corners_mm()[ids, :2], points, camera.size_px)
            assert found is not None
            T = camera.T_cam_world @ rig.views[view]
            assert np.degrees(np.arccos(np.clip(-found[0] @ T[:3, 2], -1, 1))) < 6
            assert found[1] == pytest.approx(T[2, 3], rel=0.05)


def test_the_empty_part_of_the_image_is_named(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    o = truth.observe(rig, 1)
    right_half = o.keep((o.points_px[:, 0] > 1100) | (o.camera != 0))
    told = [a for a in assess(right_half, rig.board).advice if "left_upper's image" in a]
    assert told
    assert "left of left_upper" in told[0]


def test_cameras_that_share_no_view_get_advice(truth: SimpleNamespace) -> None:
    rig = truth.make_rig(1)
    o = truth.observe(rig, 1)
    is_left = o.camera < 3
    advice = assess(o.keep(is_left == (o.view % 2 == 0)), rig.board).advice
    assert any("both see it: 0 of 6 shared views" in a for a in advice)


def test_a_hint_carries_its_facts_and_reads_as_a_sentence(truth: SimpleNamespace) -> None:
    coverage = _capture(truth.make_rig(1)).coverage
    shown = CoverageHint(HintKind.SHOW, ("left_upper",), seen=0, expected=12)
    shared = CoverageHint(HintKind.SHARE, ("left_upper", "left_lower"), seen=0, expected=6)
    assert {shown, shared} <= set(coverage.hints)
    assert str(shown) == "show the board to left_upper: 0 of 12 views"
    assert str(shared) == "hold the board where left_upper and left_lower both see it: 0 of 6 shared views"
    assert str(CoverageHint(HintKind.TILT, ("a",), "left")) == "tilt the board left for a"
    assert str(CoverageHint(HintKind.FIELD, ("a",), "top")) == "move the board to the top of a's image"
    assert str(CoverageHint(HintKind.DEPTH, ("a",))) == "hold the board nearer to and farther from a"
    assert coverage.advice == tuple(str(hint) for hint in coverage.hints)
