"""`rigdriver calibrate`: the verbs on folders of drawn board images, from sheet to export.

In: board images drawn from a rig whose truth is known. Out: files, printed lines and exit statuses. What a solution is
worth is judged in solve/test_all_cameras.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from rigdriver.calibration.board.boards import PRESETS, paint
from rigdriver.cli.calibrate import app
from rigdriver.images.region import ImageRegion
from rigdriver.recording.stored_formats import Sidecar, StoredImages, write_sidecar

FACE = PRESETS["face"]
K = np.array([[1900.0, 0, 319.5], [0, 1900.0, 239.5], [0, 0, 1]])


def _photograph(T_cam_board: np.ndarray, seed: int) -> np.ndarray:
    square, margin, fine = 40, 40, 2
    sheet = cv2.copyMakeBorder(paint(FACE, square), margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255)
    scale = square / FACE.square_mm
    middle = np.array([FACE.columns, FACE.rows]) * square / 2 + margin - 0.5
    to_sheet = np.array([[scale, 0, middle[0]], [0, scale, middle[1]], [0, 0, 1.0]])
    finer = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2], [0, 0, 1.0]])
    H = finer @ K @ T_cam_board[:3, [0, 1, 3]] @ np.linalg.inv(to_sheet)
    large = cv2.warpPerspective(sheet, H, (640 * fine, 480 * fine), flags=cv2.INTER_AREA, borderValue=90)
    image = cv2.resize(large, (640, 480), interpolation=cv2.INTER_AREA) * 0.7 + 15
    return np.clip(image + np.random.default_rng(seed).normal(0, 1.5, image.shape), 0, 255).astype(np.uint8)


def _pose(turn: np.ndarray, shift: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(turn)[0], shift
    return T


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras side by side, twelve views at 640x480."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(3)
    T_right_left = _pose(np.array([0.0, 0.2, 0.0]), np.array([-139.0, 0.0, 14.0]))
    for view in range(12):
        turn = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.normal(0, 0.2)])
        T = _pose(turn, np.array([rng.uniform(-15, 15), rng.uniform(-15, 15), rng.uniform(620, 780)]))
        for name, pose in (("left", T), ("right", T_right_left @ T)):
            (folder / name).mkdir(exist_ok=True)
            assert cv2.imwrite(str(folder / name / f"{view:03d}.png"), _photograph(pose, view))
    return folder


@pytest.fixture(scope="module")
def calibration(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "cal.json"
    result = CliRunner().invoke(app, ["solve", str(images), "-o", str(path), "--square", "15.0", "--json"])
    assert result.exit_code in (0, 1), result.output
    told = json.loads(result.stdout)
    assert told["rms_px"] < 0.1
    assert told["kept_share"] > 0.95
    assert told["calibration"] == str(path)
    return path


def test_solve_writes_a_file_and_a_report(images: Path, calibration: Path, tmp_path: Path) -> None:
    assert json.loads(calibration.read_text())["cameras"]["right"]["K"][0][0] == pytest.approx(1900, rel=0.02)
    result = CliRunner().invoke(
        app, ["solve", str(images), "-o", str(tmp_path / "c.json"), "--report", str(tmp_path / "r")]
    )
    assert result.exit_code in (0, 1)
    assert (tmp_path / "r" / "index.html").is_file()
    assert "reprojection RMS" in result.stdout


def test_check_says_that_the_calibration_holds(images: Path, calibration: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(images), "--calibration", str(calibration), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["passed"] is True


def test_a_bumped_camera_is_found_and_put_back(images: Path, calibration: Path, tmp_path: Path) -> None:
    from rigdriver.calibration.file import load, save
    from rigdriver.calibration.solve.uncertainty import nudge

    known = load(calibration)
    turned = known["right"].T_cam_world.copy()
    turn = np.eye(4)
    turn[:3, :3] = cv2.Rodrigues(np.array([1e-3, 0.0, 0.0]))[0]
    delta = np.zeros(18)
    assert np.allclose(nudge(known["right"], delta).T_cam_world, turned)
    from dataclasses import replace

    bent = replace(known, cameras={**known.cameras, "right": replace(known["right"], T_cam_world=turn @ turned)})
    save(bent, tmp_path / "bumped.json")
    result = CliRunner().invoke(app, ["check", str(images), "--calibration", str(tmp_path / "bumped.json")])
    assert result.exit_code == 1
    assert "turned by" in result.stdout
    result = CliRunner().invoke(
        app,
        [
            "resolve",
            "right",
            str(images),
            "--calibration",
            str(tmp_path / "bumped.json"),
            "-o",
            str(tmp_path / "m.json"),
        ],
    )
    assert result.exit_code == 0
    assert np.abs(load(tmp_path / "m.json")["right"].T_cam_world - turned).max() < 0.5


def test_the_sheet_and_the_exports_are_written(calibration: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["board", "--pdf", str(tmp_path / "b.pdf")]).exit_code == 0
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    assert runner.invoke(app, ["export", str(calibration), str(tmp_path / "cv")]).exit_code == 0
    assert sorted(p.name for p in (tmp_path / "cv").iterdir()) == ["left.yaml", "right.yaml"]
    assert (
        runner.invoke(app, ["export", str(calibration), str(tmp_path / "k.yaml"), "--format", "kalibr"]).exit_code == 0
    )
    assert runner.invoke(app, ["export", str(calibration), str(tmp_path / "x"), "--format", "other"]).exit_code == 2


def test_the_board_that_a_capture_named_is_the_one_that_is_solved(images: Path, tmp_path: Path) -> None:
    from rigdriver.calibration.board.boards import PRESETS
    from rigdriver.calibration.board.identity import write_named_board

    def solve(*words: str) -> Result:
        return CliRunner().invoke(app, ["solve", str(folder), "-o", str(tmp_path / "c.json"), *words])

    folder = tmp_path / "views"
    shutil.copytree(images, folder)
    write_named_board(folder, PRESETS["face"].measured(15.03, 0.002))
    refused = solve("--board", "a4")
    assert refused.exit_code == 2
    told = " ".join(refused.output.split())
    assert "differs from --board a4: rows 10 and 9" in told
    assert "leave --board out" in told
    for words in (("--square", "1498"), ("--square", "0")):
        assert "as designed" in " ".join(solve(*words).output.split())
    assert not (tmp_path / "c.json").exists()
    assert solve().exit_code in (0, 1)
    assert json.loads((tmp_path / "c.json").read_text())["board"]["square_mm"] == 15.03


def test_a_folder_without_images_ends_in_one_line_and_status_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["solve", str(tmp_path)])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_calibration_holds_for_the_region_of_its_images_and_refuses_another_one(images: Path, tmp_path: Path) -> None:
    from rigdriver.calibration.file import load

    def placed(region: ImageRegion) -> None:
        write_sidecar(folder, Sidecar(dict.fromkeys(("left", "right"), StoredImages("Mono8", (640, 480), region))))

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    folder, file = tmp_path / "views", tmp_path / "cal.json"
    shutil.copytree(images, folder)
    placed(ImageRegion((8, 4)))
    assert run("solve", folder, "-o", file, "--square", "15.0").exit_code in (0, 1)
    assert {camera.region for camera in load(file)} == {ImageRegion((8, 4))}
    placed(ImageRegion((0, 4)))
    for words in (("check", folder), ("resolve", "right", folder, "-o", tmp_path / "m.json")):
        done = run(*words, "--calibration", file)
        assert done.exit_code == 2
        told = " ".join(done.stderr.split())
        assert "camera left: images with offset 0,4 px; expected offset 8,4 px, as calibrated" in told
