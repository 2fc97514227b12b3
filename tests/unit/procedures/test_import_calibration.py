"""Export, import, and use: other programs' files hold no pods and roles, which come from the rig file or from options.

In: a calibration of six cameras, written in both forms and read again with a rig file. Out: a calibration that the
reconstructor takes and that projects as the first one did; options that are not understood are refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS
from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.calibration.exchange import export_kalibr, export_opencv
from rigdriver.calibration.file import load
from rigdriver.calibration.project import project
from rigdriver.errors import UsageError
from rigdriver.procedures.calibrate import import_calibration, parse_identities
from rigdriver.stereo.reconstruct import CellReconstructor

RIG = 'name = "face"\n[box]\nurl = "/dev/ttyACM0"\n[genicam]\nproducers = ["a.cti"]\n'
CAMERAS = tuple((f"{pod}_{place}", pod) for pod in ("left", "right") for place in ("upper", "lower", "colour"))


def _calibration() -> RigCalibration:
    cameras = {}
    for i, (name, pod) in enumerate(CAMERAS):
        T = np.eye(4)
        yaw = 0.2 * i - 0.5
        T[:3, :3] = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        T[2, 3] = 900.0
        cameras[name] = CameraCalibration(
            name, f"SN{i}", (640, 480), np.array([[1900.0, 0, 320], [0, 1900, 240], [0, 0, 1]]),
            np.array([-0.1, 0.2, 1e-4, -1e-4, 0.0]), T, pod=pod, role="texture" if "colour" in name else "geometry",
        )  # fmt: skip
    return RigCalibration("face", "2026", PRESETS["face"], (0.0, 0.0, 0.0), cameras, 0.05, 20, 900, 1.0)


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    path = tmp_path / "rig.toml"
    tables = [
        f'[[cameras]]\nname = "{name}"\nserial = "SN{i}"\npod = "{pod}"\noutput = {i}\n'
        f'role = "{"texture" if "colour" in name else "geometry"}"\n'
        for i, (name, pod) in enumerate(CAMERAS)
    ]
    path.write_text(RIG + "".join(tables))
    return path


@pytest.mark.parametrize("form", ["opencv", "kalibr"])
def test_what_was_exported_and_imported_can_be_measured_with(form: str, rig_file: Path, tmp_path: Path) -> None:
    before = _calibration()
    source = tmp_path / ("cv" if form == "opencv" else "k.yaml")
    if form == "opencv":
        export_opencv(before, source)
    else:
        export_kalibr(before, source)
    import_calibration(source, rig_file, tmp_path / "again.json")
    after = load(tmp_path / "again.json")
    assert {c.name: (c.pod, c.role, c.serial) for c in after} == {c.name: (c.pod, c.role, c.serial) for c in before}
    points = np.random.default_rng(0).uniform(-60, 60, (50, 3))
    # Kalibr's world is its first camera.
    T = np.linalg.inv(after["left_upper"].T_cam_world) @ before["left_upper"].T_cam_world
    moved = points @ T[:3, :3].T + T[:3, 3]
    for name, _ in CAMERAS:
        assert np.abs(project(after[name], moved) - project(before[name], points)).max() < 0.05
    # Not a comparison of numbers only: the reconstructor refuses a calibration without pods of two.
    with CellReconstructor(after):
        pass


def test_roles_and_pods_can_be_given_by_options() -> None:
    said = parse_identities(["left_upper:geometry:left", "left_colour:texture:left", "plain"])
    assert {name: (who.role, who.pod) for name, who in said.items()} == {
        "left_upper": ("geometry", "left"),
        "left_colour": ("texture", "left"),
        "plain": ("geometry", "main"),
    }
    for wrong in ("a:colour:left", ":geometry:left", "a:geometry:left:more"):
        with pytest.raises(UsageError, match="expected NAME:geometry or texture:POD"):
            parse_identities([wrong])


def test_a_mirrored_pose_in_our_own_file_is_refused_as_well(tmp_path: Path) -> None:
    from rigdriver.calibration.file import save
    from rigdriver.errors import CalibrationMismatch

    known = _calibration()
    bad = replace(known["left_upper"], T_cam_world=np.diag([-1.0, 1, 1, 1]))
    save(known.with_camera(bad), tmp_path / "c.json")
    with pytest.raises(CalibrationMismatch, match="camera left_upper: a mirrored pose"):
        load(tmp_path / "c.json")
