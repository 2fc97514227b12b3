"""Stereo chessboard images that nobody here made: as good as OpenCV's own stereo calibration, or better.

In: the sample images that tools/opencv_samples.py gets; without them these tests are skipped and say so. Out: residuals
and baseline, beside those of OpenCV on the same images.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import parse_board
from rigdriver.calibration.folder import detect_folder
from rigdriver.calibration.solve.all_cameras import SolveOptions, solve
from rigdriver.calibration.views.observations import make_observations

SAMPLES = Path(__file__).resolve().parents[4] / ".venv" / "opencv-samples"
BOARD = parse_board("chessboard:10x7:25")

pytestmark = pytest.mark.skipif(
    not (SAMPLES / "left").is_dir(), reason="OpenCV's sample images are not here: run tools/opencv_samples.py"
)


def _opencv_corners() -> list[list[np.ndarray]]:
    """Corners as OpenCV's stereo_calib sample finds them, left and right of each pair."""
    pairs = []
    for path in sorted((SAMPLES / "left").glob("*.jpg")):
        pair = []
        for side in ("left", "right"):
            image = cv2.imread(str(SAMPLES / side / path.name), cv2.IMREAD_GRAYSCALE)
            assert image is not None
            found, corners = cv2.findChessboardCorners(image, BOARD.corner_grid)
            if found:
                pair.append(cv2.cornerSubPix(image, corners, (11, 11), (-1, -1), (3, 30, 0.01)))
        if len(pair) == 2:
            pairs.append([np.asarray(p) for p in pair])
    return pairs


def _opencv_rms(pairs: list[list[np.ndarray]]) -> float:
    points = [BOARD.corners_mm().astype(np.float32)] * len(pairs)
    left = [pair[0].astype(np.float32) for pair in pairs]
    right = [pair[1].astype(np.float32) for pair in pairs]
    size, K, d = (640, 480), np.eye(3), np.zeros(5)
    _, K_left, d_left, _, _ = cv2.calibrateCamera(points, left, size, K.copy(), d.copy())
    _, K_right, d_right, _, _ = cv2.calibrateCamera(points, right, size, K.copy(), d.copy())
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-9)
    found = cv2.stereoCalibrate(
        points, left, right, K_left, d_left, K_right, d_right, size, flags=cv2.CALIB_USE_INTRINSIC_GUESS, criteria=stop
    )
    return float(found[0])


def test_the_rms_is_at_most_that_of_opencvs_stereo_calibration() -> None:
    found = detect_folder(SAMPLES, BOARD, ("left", "right"))
    calibration = solve(found.observations, BOARD, SolveOptions()).calibration
    assert calibration.views == 13
    assert calibration.kept_share > 0.97
    assert calibration.rms_px < 0.5 * _opencv_rms(_opencv_corners())
    assert calibration.rms_px < 0.2


def test_on_opencvs_own_corners_the_rms_is_not_worse_either() -> None:
    pairs = _opencv_corners()
    corners = np.concatenate([p.reshape(-1, 2) for pair in pairs for p in pair]).astype(np.float64)
    per_image = BOARD.corner_count
    group = np.arange(len(corners)) // per_image
    table = make_observations(
        ("left", "right"), [str(v) for v in range(len(pairs))], [(640, 480)] * 2,
        group % 2, group // 2, np.arange(len(corners)) % per_image, corners,
    )  # fmt: skip
    solution = solve(table, BOARD, SolveOptions(is_bow_free=False))
    assert solution.calibration.kept_share > 0.8
    assert solution.calibration.rms_px < _opencv_rms(pairs)


def test_the_baseline_is_opencvs() -> None:
    found = detect_folder(SAMPLES, BOARD, ("left", "right"))
    calibration = solve(found.observations, BOARD, SolveOptions()).calibration
    assert np.linalg.norm(calibration["right"].centre_mm) == pytest.approx(83.3, abs=0.5)
    assert calibration["left"].K[0, 0] == pytest.approx(534, abs=4)
