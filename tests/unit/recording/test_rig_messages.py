"""What a recording says of its rig: read back by us, by the official reader, and by what a transform means.

In: two cameras that stand apart, messages told while frame sets come, files that are cut or damaged. Out: the same
messages; frame sets are as many as before, and none vanishes because one bit changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from foxglove_schemas_protobuf import CameraCalibration_pb2, FrameTransforms_pb2
from mcap.reader import make_reader
from scipy.spatial.transform import Rotation

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.file import to_text
from rigdriver.errors import RecordingDamaged
from rigdriver.recording.channels import CALIBRATIONS, CONFIGURATION, TRANSFORMS
from rigdriver.recording.recorder import Recorder
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.recovery import recover
from rigdriver.recording.rig_messages import LogLevel, LogLine, log_message, quaternion
from tests.unit.recording.recorded import BEGIN_NS, frame_set, plan, same
from tests.unit.recording.test_files import CONFIG

LINES = [LogLine(BEGIN_NS + k, LogLevel.WARNING, "run", f"note {k}") for k in range(3)]


def _camera(name: str, turn_rad: float, shift_mm: tuple[float, float, float]) -> CameraCalibration:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec([0.1, turn_rad, -0.2]).as_matrix()
    pose[:3, 3] = shift_mm
    lens = np.array([[700.0, 0, 320], [0, 710, 240], [0, 0, 1]])
    return CameraCalibration(name, "1", (640, 480), lens, np.array([0.1, -0.05, 0, 0, 0.01]), pose)


def _calibration() -> RigCalibration:
    cameras = {"left": _camera("left", 0.0, (0, 0, 0)), "right": _camera("right", 3.0, (120, 5, -40))}
    return RigCalibration(
        rig="bench", created="2026-01-01T00:00:00Z", board=PRESETS["face"], bow_mm=(0, 0, 0),
        cameras=MappingProxyType(cameras), rms_px=0.05, views=36, corners=1000, kept_share=1.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> Path:
    """Return a recording of three frame sets, with rig, calibration and a line of the log after each frame set."""
    path = tmp_path_factory.mktemp("told") / "take.mcap"
    known = {"config": CONFIG.model_dump(mode="json"), "calibration": json.loads(to_text(_calibration()))}
    with Recorder(path, plan(3).model_copy(update=known)) as recorder:
        for index, line in enumerate(LINES):
            recorder.tell(log_message(line))
            recorder.write(frame_set(index))
    return path


def test_a_recording_says_of_which_rig_it_is_and_what_happened(told):
    with Recording(told) as recording:
        assert len(recording) == 3
        assert list(recording.log()) == LINES
        (stated,) = recording.rig_messages(CONFIGURATION)
        assert json.loads(stated.data)["rig"]["name"] == "bench"
        assert list(recording.check()) == []


def test_the_official_reader_finds_lenses_poses_and_log(told):
    with told.open("rb") as file:
        found = [(schema.name, channel.topic, message.data) for schema, channel, message in
                 make_reader(file, validate_crcs=True).iter_messages()]  # fmt: skip
    schemas = [schema for schema, _, _ in found]
    assert (schemas.count("foxglove.Log"), schemas.count("foxglove.CameraCalibration")) == (3, 2)
    by_topic = {topic: data for _, topic, data in found}
    lens = CameraCalibration_pb2.CameraCalibration.FromString(by_topic[CALIBRATIONS.format("right")])
    assert (lens.width, lens.height, lens.distortion_model) == (640, 480, "plumb_bob")
    assert list(lens.K) == _calibration()["right"].K.ravel().tolist()
    poses = FrameTransforms_pb2.FrameTransforms.FromString(by_topic[TRANSFORMS])
    for pose in poses.transforms:
        camera = _calibration()[pose.child_frame_id]
        turn = Rotation.from_quat([pose.rotation.x, pose.rotation.y, pose.rotation.z, pose.rotation.w])
        point = np.array([30.0, -20.0, 900.0])  # mm, before the camera
        centre_m = np.array([pose.translation.x, pose.translation.y, pose.translation.z])
        world_m = turn.apply(point / 1000) + centre_m
        expected = np.linalg.inv(camera.T_cam_world) @ [*point, 1]
        assert np.allclose(world_m * 1000, expected[:3], atol=1e-9)


def test_a_quaternion_turns_as_its_matrix_does_at_half_a_turn_too():
    for axis in ([np.pi, 0, 0], [0, np.pi, 0], [0, 0, np.pi], [0, 0, 0], [0.3, -1.2, 2.0]):
        matrix = Rotation.from_rotvec(axis).as_matrix()
        assert np.allclose(Rotation.from_quat(quaternion(matrix)).as_matrix(), matrix, atol=1e-12)


def test_a_rescued_recording_says_the_same(told, tmp_path):
    whole = told.read_bytes()
    (tmp_path / "cut.mcap").write_bytes(whole[:-3000])
    done = recover(tmp_path / "cut.mcap", tmp_path / "new.mcap")
    with Recording(tmp_path / "cut.mcap") as cut, Recording(tmp_path / "new.mcap") as new:
        assert done.frame_sets == len(cut) > 0
        assert [(m.topic, m.data) for m in new.rig_messages()] == [(m.topic, m.data) for m in cut.rig_messages()]
        assert list(new.check()) == []


def test_no_frame_set_vanishes_by_one_bit_in_what_its_chunk_begins_with(told, tmp_path):
    whole = told.read_bytes()
    with Recording(told) as recording:
        places = [chunk.records_place for chunk in recording._file.layout.chunks]
    for place in places:
        for byte in (0, 9):  # opcode and number of the chunk's first schema
            raw = bytearray(whole)
            raw[place + byte] ^= 1
            (tmp_path / "flipped.mcap").write_bytes(raw)
            with Recording(tmp_path / "flipped.mcap") as recording:
                assert len(recording) >= 3
                assert list(recording.check())
                good = 0
                for at in range(len(recording)):
                    try:
                        taken = recording[at]
                    except RecordingDamaged:
                        continue
                    assert same(frame_set(taken.index), taken.frame_set)
                    good += 1
                assert good == len(recording) - 1
