"""Other programs' files: OpenCV reads ours, we read theirs, Kalibr's four parameters are honest.

In: a calibration whose truth is known. Out: files in other programs' formats that project as it does, within a stated
part of a pixel; what those formats cannot hold is refused.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from rigdriver.calibration.exchange import (
    export_kalibr,
    export_opencv,
    import_kalibr,
    import_opencv,
    import_opencv_stereo,
)
from rigdriver.calibration.project import project
from rigdriver.errors import CalibrationMismatch, FileNotWritten, UsageError


def test_opencv_files_come_back_as_they_went(solved: SimpleNamespace, truth: SimpleNamespace, tmp_path: Path) -> None:
    paths = export_opencv(solved.calibration, tmp_path)
    assert len(paths) == 6
    again = import_opencv(tmp_path, "face-rig", {n: f"SN-{n}" for n in truth.names})
    for camera in solved.calibration:
        copy = again[camera.name]
        assert np.array_equal(copy.K, camera.K)
        assert np.array_equal(copy.distortion, camera.distortion)
        assert np.array_equal(copy.T_cam_world, camera.T_cam_world)
        assert (copy.size_px, copy.serial) == (camera.size_px, camera.serial)
    storage = cv2.FileStorage(str(paths[0]), cv2.FILE_STORAGE_READ)
    assert np.array_equal(storage.getNode("camera_matrix").mat(), solved.calibration["left_upper"].K)
    storage.release()


def test_opencvs_stereo_files_are_read(tmp_path: Path) -> None:
    K, d = np.array([[500.0, 0, 320], [0, 501, 240], [0, 0, 1]]), np.array([[-0.2, 0.1, 0, 0, 0]])
    R = cv2.Rodrigues(np.array([0.0, 0.1, 0.0]))[0]
    for name, nodes in (
        ("in.yml", {"M1": K, "D1": d, "M2": K + np.diag([1.0, 1.0, 0.0]), "D2": d}),
        ("ex.yml", {"R": R, "T": np.array([-83.0, 1, 2])}),
    ):
        storage = cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_WRITE)
        for key, value in nodes.items():
            storage.write(key, value)
        storage.release()
    found = import_opencv_stereo(tmp_path / "in.yml", tmp_path / "ex.yml", (640, 480), ("left", "right"), "pair", {})
    assert found["right"].T_cam_world[:3, 3].tolist() == [-83.0, 1.0, 2.0]
    assert np.allclose(found["right"].T_cam_world[:3, :3], R)
    with pytest.raises(CalibrationMismatch, match="lacks the matrix R"):
        import_opencv_stereo(tmp_path / "in.yml", tmp_path / "in.yml", (640, 480), ("left", "right"), "pair", {})


def opencv_text(**changes: str | None) -> str:
    """Return one camera as OpenCV writes it, with keys changed or left out."""
    parts = {
        "image_width": "image_width: 640",
        "image_height": "image_height: 480",
        "camera_matrix": "camera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
        "   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]",
        "distortion_coefficients": "distortion_coefficients: !!opencv-matrix\n   rows: 1\n   cols: 5\n   dt: d\n"
        "   data: [ -1e-1, 1.0000000000000000e-02, 0., 0., 0. ]",
        **changes,
    }
    return "%YAML:1.0\n---\n" + "".join(f"{part}\n" for part in parts.values() if part is not None)


def test_a_file_as_opencv_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "left.yaml").write_text(opencv_text())
    found = import_opencv(tmp_path, "rig", {})["left"]
    assert found.size_px == (640, 480)
    assert found.distortion.tolist() == [-0.1, 0.01, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            opencv_text(camera_matrix="camera_matrix: !!opencv-matrix\n   rows: 3\n   dt: d\n   data: [ 1., 2. ]"),
            "cols",
        ),
        (opencv_text(camera_matrix="camera_matrix: 5"), "no matrix"),
        (opencv_text(camera_matrix=None), "lacks the matrix camera_matrix"),
        (opencv_text(image_width="image_width: -640"), "image_width = -640"),
        (opencv_text(image_width="image_width: .Inf"), "image_width"),
        (opencv_text(image_width="image_width: 1" + "0" * 400), "image_width"),
        (opencv_text(image_width=None), "lacks image_width"),
        (opencv_text(x="x: " + "[" * 10_000), "nests deeper"),
        (opencv_text(x="x: &a [1]\ny: *a"), "alias"),
        (opencv_text().replace("500.", ".Nan"), "camera_matrix"),
        (opencv_text().replace("rows: 3", "rows: 1000000000"), "camera_matrix"),
        (opencv_text().replace("500.", "0."), "focal lengths"),
        ("- 1", "holds no keys"),
        ("", "holds no keys"),
        ("%YAML:1.0\n---\n\t: [", "is no file that OpenCV writes"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><opencv_storage/>', "document type"),
        ("<opencv_storage><image_width>", "is no XML"),
        ("{" * 10_000, "is no file that OpenCV writes"),
    ],
)
def test_a_file_that_no_calibration_wrote_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "left.yaml").write_text(text)
    with pytest.raises(CalibrationMismatch, match=words) as told:
        import_opencv(tmp_path, "rig", {})
    assert "\n" not in str(told.value)


PINHOLE = "{camera_model: pinhole, distortion_model: none, "


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("3", "holds no keys"),
        ("{camera_model: pinhole, distortion_model: radtan}", "lacks intrinsics"),
        ("{camera_model: [1], distortion_model: radtan}", "lens model"),
        (PINHOLE + "intrinsics: x, resolution: [1, 1]}", "list of 4"),
        (
            PINHOLE + "intrinsics: [1, 1, .nan, 1], resolution: [1, 1]}",
            "no number|finite",
        ),
        (PINHOLE + "intrinsics: [1, 1, 1, 1], resolution: [-1, 1]}", "an image of -1 x 1 pixels"),
        (
            PINHOLE + "intrinsics: [[1], 1, 1, 1], resolution: [1, 1]}",
            "no number",
        ),
    ],
)
def test_a_camchain_of_wrong_types_is_refused_in_one_line(tmp_path: Path, entry: str, words: str) -> None:
    (tmp_path / "chain.yaml").write_text(f"cam0: {entry}\n")
    with pytest.raises(CalibrationMismatch, match=words) as told:
        import_kalibr(tmp_path / "chain.yaml", ["left"], "rig", {})
    assert "\n" not in str(told.value)


def test_an_export_on_a_full_disk_writes_no_file_and_says_so(solved: SimpleNamespace, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(FileNotWritten, match=r"left_upper\.yaml: cannot be written"):
            export_opencv(solved.calibration, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


K, D, T = np.array([[700.0, 0, 640], [0, 700, 480], [0, 0, 1]]), np.array([-0.1, 0.02, 0, 0, 0]), np.eye(4)


def _opencv(folder: Path, name: str = "a.yaml", **nodes: Any) -> Path:
    """Write a camera as OpenCV's calibration sample does; nodes that are None are left out."""
    storage = cv2.FileStorage(str(folder / name), cv2.FILE_STORAGE_WRITE)
    usual: dict[str, Any] = {"image_width": 1280, "image_height": 960, "camera_matrix": K, "distortion_coefficients": D}
    for key, value in {**usual, **nodes}.items():
        storage.write(key, value)
    storage.release()
    return folder


@pytest.mark.parametrize(
    ("nodes", "seen"),
    [
        ({"fisheye_model": 1, "distortion_coefficients": np.array([-0.02, 0.004, -0.003, 8e-4])}, "lens model fisheye"),
        ({"distortion_model": "equidistant"}, "lens model equidistant"),
        ({"camera_model": "omni"}, "lens model omni"),
        ({"distortion_coefficients": np.array([np.nan, 0, 0, 0, 0])}, "distortion_coefficients: .* is no number"),
        ({"camera_matrix": np.full((3, 3), np.inf)}, "camera_matrix: .* is no number"),
        ({"T_cam_world": np.full((4, 4), np.nan)}, "T_cam_world: .* is no number"),
        ({"T_cam_world": np.diag([-1.0, 1, 1, 1])}, "a mirrored pose"),
        ({"T_cam_world": np.diag([2.0, 1, 1, 1])}, "a pose whose axes are not at right angles"),
        ({"T_cam_world": np.eye(3)}, "T_cam_world has 3 x 3 numbers; expected 4 x 4"),
        ({"distortion_coefficients": np.zeros(6)}, "has 6 x 1 numbers; expected 4 x 1 or 5 x 1"),
        ({"distortion_coefficients": np.full(14, 1e-3)}, "thin prism or tilt"),
        ({"camera_matrix": K + np.array([[0, 5.0, 0], [0, 0, 0], [0, 0, 0]])}, "a camera matrix with skew"),
        ({"camera_matrix": np.diag([-700.0, 700, 1])}, "focal lengths of -700 and 700 px"),
        ({"camera_matrix": np.eye(2)}, "camera_matrix has 2 x 2 numbers; expected 3 x 3"),
        ({"camera_matrix": K + np.array([[0, 0, 9000.0], [0, 0, 0], [0, 0, 0]])}, "a principal point at 9640, 480 px"),
    ],
)
def test_an_opencv_file_that_is_no_pinhole_camera_is_refused_by_its_cause(
    tmp_path: Path, nodes: dict[str, Any], seen: str
) -> None:
    with pytest.raises(CalibrationMismatch, match=seen):
        import_opencv(_opencv(tmp_path, **nodes), "rig", {})


@pytest.mark.parametrize("model", ["plumb_bob", "rational_polynomial", "pinhole", None])
def test_a_file_that_names_the_model_or_counts_no_fisheye_is_read(tmp_path: Path, model: str | None) -> None:
    nodes: dict[str, Any] = {"fisheye_model": 0} if model is None else {"distortion_model": model}
    found = import_opencv(_opencv(tmp_path, "a.YAML", **nodes), "rig", {})
    assert np.array_equal(found["a"].K, K)


def test_kalibr_poses_that_are_mirrored_or_not_finite_are_refused(tmp_path: Path) -> None:
    entry = {
        "camera_model": "pinhole", "distortion_model": "radtan", "intrinsics": [700, 700, 640, 480],
        "distortion_coeffs": [0, 0, 0, 0], "resolution": [1280, 960],
    }  # fmt: skip
    path = tmp_path / "c.yaml"
    for step, seen in ((np.diag([-1.0, 1, 1, 1]), "mirrored"), (np.full((4, 4), np.nan), "is not finite")):
        path.write_text(json.dumps({"cam0": entry, "cam1": {**entry, "T_cn_cnm1": step.tolist()}}))
        with pytest.raises(CalibrationMismatch, match=seen):
            import_kalibr(path, ["a", "b"], "rig", {})
    path.write_text(json.dumps({"cam0": {**entry, "distortion_coeffs": [0, 0, 0]}}))
    with pytest.raises(CalibrationMismatch, match="is no list of 4"):
        import_kalibr(path, ["a"], "rig", {})


def test_an_empty_folder_is_no_opencv_calibration(tmp_path: Path) -> None:
    with pytest.raises(CalibrationMismatch, match="expected one per camera"):
        import_opencv(tmp_path, "rig", {})


def test_kalibr_files_project_like_the_calibration_within_a_tenth_of_a_pixel(
    solved: SimpleNamespace, truth: SimpleNamespace, tmp_path: Path
) -> None:
    misses = export_kalibr(solved.calibration, tmp_path / "camchain.yaml")
    assert max(misses.values()) < 0.1
    chain = yaml.safe_load((tmp_path / "camchain.yaml").read_text())
    assert np.linalg.norm(np.array(chain["cam1"]["T_cn_cnm1"])[:3, 3]) == pytest.approx(0.313, abs=0.05)
    again = import_kalibr(tmp_path / "camchain.yaml", truth.names, "face-rig", {})
    inside = truth.face_volume()[:200] * 0.6 @ np.eye(3)
    world = solved.calibration["left_upper"].T_cam_world
    centre = truth.make_rig(1).cameras[0].T_cam_world
    points = (inside @ centre[:3, :3].T + centre[:3, 3]) @ np.linalg.inv(world)[:3, :3].T
    for name in truth.names:
        assert np.abs(project(again[name], points) - project(solved.calibration[name], points)).max() < 0.15


def test_a_lens_that_four_parameters_cannot_tell_is_not_exported(solved: SimpleNamespace, tmp_path: Path) -> None:
    camera = solved.calibration["left_upper"]
    bent = type(camera)(**{
        **{f: getattr(camera, f) for f in ("name", "serial", "size_px", "K", "T_cam_world")},
        "distortion": np.array([-0.1, 0.3, 0, 0, 4000.0]),
    })  # fmt: skip
    with pytest.raises(UsageError, match="export OpenCV YAML"):
        export_kalibr(solved.calibration.with_camera(bent), tmp_path / "c.yaml")


def test_other_kalibr_lenses_and_counts_are_refused(tmp_path: Path) -> None:
    entry = {"camera_model": "omni", "distortion_model": "radtan", "intrinsics": [1, 1, 1, 1], "resolution": [4, 4]}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"cam0": entry}))
    with pytest.raises(CalibrationMismatch, match="lens model omni-radtan; expected pinhole-radtan"):
        import_kalibr(path, ["a"], "rig", {})
    with pytest.raises(CalibrationMismatch, match="expected 2 cameras"):
        import_kalibr(path, ["a", "b"], "rig", {})
