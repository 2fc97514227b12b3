"""Recordings where folders or rigs work, too: boards are found alike, and the run's checks are made on proofs.

In: images of a board in a folder and in a recording; recordings with and without gaps. Out: the same corners; checks
that pass, fail, or say that a recording does not know.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS, paint
from rigdriver.errors import UsageError
from rigdriver.frames import Frame, FrameSet, Gap, GapReason
from rigdriver.procedures.calibrate import find_board
from rigdriver.procedures.recorded_board import spread
from rigdriver.progress import SILENT
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.recording_file import Recording
from rigdriver.selftest.recorded import check_recording
from rigdriver.selftest.result import Status
from tests.unit.procedures.test_export_recording import CONFIG
from tests.unit.recording.recorded import frame_set, plan

FACE = PRESETS["face"]


def _sheet(square_px: int) -> np.ndarray:
    image = cv2.copyMakeBorder(paint(FACE, square_px), 400 - 10 * square_px, 60, 60, 60, cv2.BORDER_CONSTANT, value=255)
    return np.asarray(cv2.resize(cv2.GaussianBlur(image, (0, 0), 0.8), (640, 560)))


def test_a_board_is_found_in_a_recording_as_in_a_folder(tmp_path: Path) -> None:
    views = {"a": (_sheet(40), _sheet(36)), "b": (_sheet(38), np.full((560, 640), 128, np.uint8))}
    planned = plan(3).model_copy(update={"cameras": ("a", "b")})
    blank = frame_set(0)
    with Recorder(tmp_path / "take.mcap", planned) as recorder:
        for index in range(2):
            frames = {name: Frame(name, index, None, 0, "Mono8", seen[index]) for name, seen in views.items()}
            recorder.write(FrameSet(index, 0, blank.t_utc_ns, frames, {}, blank.proof))
        gap = MappingProxyType({name: Gap(name, GapReason.NOT_DELIVERED) for name in views})
        recorder.write(FrameSet(2, 0, blank.t_utc_ns, MappingProxyType({}), gap, blank.proof))
    for name, seen in views.items():
        for index, image in enumerate(seen):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / "images" / name / f"{index:06d}.png"), image)
    ours = find_board(tmp_path / "take.mcap", FACE, (), SILENT)
    theirs = find_board(tmp_path / "images", FACE, (), SILENT)
    assert ours.observations.counts().tolist() == theirs.observations.counts().tolist() != []
    assert ours.notes == theirs.notes
    assert "view 000001, camera b: board not found" in ours.notes
    for view, cameras in theirs.detections.items():
        for name, found in cameras.items():
            assert np.array_equal(ours.detections[view][name].points_px, found.points_px)


def test_a_long_recording_is_looked_at_evenly() -> None:
    assert spread(5) == [0, 1, 2, 3, 4]
    places = spread(1000)
    assert (len(places), places[0], places[-1]) == (60, 0, 999)
    assert set(np.diff(places)) == {16, 17}


def _recorded(path: Path, count: int, lost: tuple[str, ...] = ()) -> Recording:
    known = {"config": CONFIG.model_dump(mode="json")}
    with Recorder(path, plan(count).model_copy(update=known)) as recorder:
        for index in range(count):
            recorder.write(frame_set(index, lost=lost if index == 1 else ()))
    return Recording(path)


@pytest.mark.parametrize("lost", [(), ("left",)])
def test_the_runs_checks_are_made_on_a_recording(tmp_path: Path, lost: tuple[str, ...]) -> None:
    with _recorded(tmp_path / "take.mcap", 3, lost) as recording:
        checks = {check.name: check.status for check in check_recording(recording).checks}
    expected = Status.FAILED if lost else Status.GOOD
    assert (checks["recording.state"], checks["run.left.frames"]) == (expected, expected)
    assert checks["run.right.frames"] is Status.GOOD
    assert checks["run.skew"] is Status.GOOD


def test_a_recording_without_its_rig_cannot_be_checked(tmp_path: Path) -> None:
    with Recorder(tmp_path / "take.mcap", plan(1)) as recorder:
        recorder.write(frame_set(0))
    with Recording(tmp_path / "take.mcap") as recording, pytest.raises(UsageError, match="of which rig"):
        check_recording(recording)
