"""What a recording says besides its frame sets: configuration, calibration, poses, schedule, clocks and log.

In: values of the driver; or messages of a file. Out: the other of the two. With them a recording explains itself
without the rig, to people and to viewers for MCAP. Lengths are metres in Foxglove's messages and mm in the driver's.
Not here: frame sets (see frame_set_messages.py), and who writes the messages when (see recorder.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum

import numpy as np
from foxglove_schemas_protobuf import CameraCalibration_pb2, FrameTransforms_pb2, Log_pb2
from google.protobuf.message import DecodeError

from rigdriver.arrays import Array
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.file import parse
from rigdriver.clock import ClockFit
from rigdriver.errors import CalibrationError
from rigdriver.recording.channels import CALIBRATIONS, CLOCKS, CONFIGURATION, LOG, SCHEDULE, TRANSFORMS
from rigdriver.recording.seal import Plan
from rigdriver.schedule.planned import Schedule

WORLD = "world"
"""Name of the calibration's frame of reference."""
FIVE, EIGHT = "plumb_bob", "rational_polynomial"
"""Foxglove's names of OpenCV's lens models with five and with eight coefficients."""


class LogLevel(IntEnum):
    """How much a line of the log matters; the values are Foxglove's."""

    INFO = 2
    WARNING = 3
    ERROR = 4


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a recording's log."""

    t_utc_ns: int
    level: LogLevel
    source: str
    """`run` for notes on the run, `light` for lines of the light log."""
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class RigMessage:
    """A message that belongs to no frame set."""

    topic: str
    t_utc_ns: int
    data: bytes


def plan_messages(plan: Plan) -> list[RigMessage]:
    """Return what the plan says of rig and calibration; nothing where the plan holds neither."""
    if plan.config is None:
        return []
    told = [stated(CONFIGURATION, plan.t_utc_ns, {"rig": plan.config, "calibration": plan.calibration})]
    known = _calibration_of(plan)
    if known is None:
        return told
    cameras = [camera for camera in known if camera.name in plan.cameras]
    lenses = [
        RigMessage(CALIBRATIONS.format(camera.name), plan.t_utc_ns, _lens(camera, plan.t_utc_ns)) for camera in cameras
    ]
    return [*told, *lenses, RigMessage(TRANSFORMS, plan.t_utc_ns, _poses(cameras, plan.t_utc_ns))]


def schedule_message(schedule: Schedule, t_utc_ns: int) -> RigMessage:
    """Return what the box was told to do."""
    box = schedule.box
    table = {
        "generation": box.generation,
        "tick_rate_hz": schedule.tick_rate_hz,
        "rate_hz": schedule.rate_hz,
        "pulse_count": box.pulse_count,
        "exposures": {name: asdict(exposure) for name, exposure in schedule.exposures.items()},
        "flashes": [asdict(flash) for flash in schedule.flashes],
    }
    return stated(SCHEDULE, t_utc_ns, table)


def clocks_message(cameras: Mapping[str, ClockFit], host: ClockFit | None, t_utc_ns: int) -> RigMessage:
    """Return how the clocks of cameras, box and computer run against each other."""
    table = {
        "cameras": {name: _line(fit) for name, fit in cameras.items()},
        "host": None if host is None else _line(host),
    }
    return stated(CLOCKS, t_utc_ns, table)


def log_message(line: LogLine) -> RigMessage:
    """Return a line of the log."""
    log = Log_pb2.Log(level=Log_pb2.Log.Level.ValueType(line.level), message=line.text, name=line.source)
    log.timestamp.FromNanoseconds(line.t_utc_ns)
    return RigMessage(LOG, line.t_utc_ns, log.SerializeToString())


def log_line(data: bytes) -> LogLine:
    """Return the line that a message is.

    Raises:
        ValueError: it is none.
    """
    try:
        log = Log_pb2.Log.FromString(data)
        return LogLine(log.timestamp.ToNanoseconds(), LogLevel(log.level), log.name, log.message)
    except DecodeError as exc:
        raise ValueError("a line of the log is no foxglove.Log") from exc


def stated(topic: str, t_utc_ns: int, table: Mapping[str, object]) -> RigMessage:
    """Return a table as a message."""
    return RigMessage(topic, t_utc_ns, json.dumps(table, allow_nan=False, separators=(",", ":")).encode())


def _line(fit: ClockFit) -> dict[str, object]:
    # JSON has no infinity: a spread that is not known yet is null.
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(fit).items()}


def _calibration_of(plan: Plan) -> RigCalibration | None:
    if plan.calibration is None:
        return None
    try:
        return parse(json.dumps(plan.calibration), "the recording")
    except CalibrationError:  # whoever measures is told what is wrong with it; a recording goes on without
        return None


def _lens(camera: CameraCalibration, t_utc_ns: int) -> bytes:
    lens = CameraCalibration_pb2.CameraCalibration(
        frame_id=camera.name,
        width=camera.size_px[0],
        height=camera.size_px[1],
        distortion_model=FIVE if camera.distortion.size == 5 else EIGHT,
        D=camera.distortion.ravel().tolist(),
        K=camera.K.ravel().tolist(),
        R=np.eye(3).ravel().tolist(),
        P=np.hstack([camera.K, np.zeros((3, 1))]).ravel().tolist(),
    )
    lens.timestamp.FromNanoseconds(t_utc_ns)
    return lens.SerializeToString()


def _poses(cameras: list[CameraCalibration], t_utc_ns: int) -> bytes:
    """Return where the cameras stand: Foxglove's transform takes points of the child, a camera, to the world."""
    transforms = FrameTransforms_pb2.FrameTransforms()
    for camera in cameras:
        pose = transforms.transforms.add(parent_frame_id=WORLD, child_frame_id=camera.name)
        pose.timestamp.FromNanoseconds(t_utc_ns)
        pose.translation.x, pose.translation.y, pose.translation.z = (camera.centre_mm / 1000).tolist()
        x, y, z, w = quaternion(camera.T_cam_world[:3, :3].T)
        pose.rotation.x, pose.rotation.y, pose.rotation.z, pose.rotation.w = x, y, z, w
    return transforms.SerializeToString()


def quaternion(rotation: Array) -> tuple[float, float, float, float]:
    """Return x, y, z, w of a rotation matrix (3, 3).

    Source: I. Bar-Itzhack, New Method for Extracting the Quaternion from a Rotation Matrix, 2000: the eigenvector of
    the largest eigenvalue of a symmetric matrix, which is exact at every angle.
    """
    (a, b, c), (d, e, f), (g, h, i) = rotation.tolist()
    lower = [
        [a - e - i, 0, 0, 0],
        [d + b, e - a - i, 0, 0],
        [g + c, h + f, i - a - e, 0],
        [h - f, c - g, d - b, a + e + i],
    ]
    vector = np.linalg.eigh(np.array(lower) / 3)[1][:, -1]
    x, y, z, w = (vector if vector[3] >= 0 else -vector).tolist()
    return x, y, z, w
