"""Detection in warped prints: where the corners are, blur, mosaics, and boards that are not there.

In: boards drawn through a known warp, blurred, mosaicked, mirrored. Out: corners within a stated part of a pixel of
where they were drawn, and measures of blur.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS, Board, paint
from rigdriver.calibration.board.detect import detect
from rigdriver.calibration.board.mosaic import is_mosaic

FACE, CHESS = PRESETS["face"], PRESETS["chessboard"]
K = np.array([[3000.0, 0, 511.5], [0, 3000.0, 383.5], [0, 0, 1]])


def photograph(
    board: Board, turn: tuple[float, float, float] = (0.2, 0.4, 0.1), distance_mm: float = 800.0, noise: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """(768, 1024) uint8 image of a board by warping its print, and the true corners (M, 2)."""
    square, margin, fine = 60, 90, 3
    sheet = cv2.copyMakeBorder(paint(board, square), margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(np.array(turn))[0], (4.0, 3.0, distance_mm)
    scale = square / board.square_mm
    middle = np.array([board.columns, board.rows]) * square / 2 + margin - 0.5
    to_sheet = np.array([[scale, 0, middle[0]], [0, scale, middle[1]], [0, 0, 1.0]])
    finer = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2], [0, 0, 1.0]])
    H = finer @ K @ T[:3, [0, 1, 3]] @ np.linalg.inv(to_sheet)
    large = cv2.warpPerspective(sheet, H, (1024 * fine, 768 * fine), flags=cv2.INTER_LINEAR, borderValue=90)
    image = cv2.GaussianBlur(cv2.resize(large, (1024, 768), interpolation=cv2.INTER_AREA), (0, 0), 0.6)
    noisy = image * 0.7 + 15 + np.random.default_rng(5).normal(0, noise, image.shape)
    X = board.corners_mm() @ T[:3, :3].T + T[:3, 3]
    return np.clip(noisy, 0, 255).astype(np.uint8), (X @ K.T)[:, :2] / X[:, 2:]


@pytest.mark.parametrize("board", [FACE, CHESS], ids=["charuco", "chessboard"])
def test_corners_are_found_to_a_few_hundredths_of_a_pixel(board: Board) -> None:
    image, corners = photograph(board, distance_mm=1100.0)
    found = detect(board, image)
    assert len(found.ids) > 0.9 * board.corner_count
    miss = found.points_px - corners[found.ids]
    assert np.sqrt((miss**2).mean()) < 0.05
    assert np.abs(miss.mean(axis=0)).max() < 0.02


def test_a_part_of_a_charuco_board_is_enough() -> None:
    image, corners = photograph(FACE, distance_mm=500.0)
    found = detect(FACE, image)
    assert 20 < len(found.ids) < FACE.corner_count
    assert np.abs(found.points_px - corners[found.ids]).max() < 0.4


def test_a_mosaic_is_recognised_and_gives_the_same_corners() -> None:
    image, corners = photograph(FACE, distance_mm=900.0)
    mosaic = image.astype(float)
    mosaic[0::2, 0::2] *= 0.6
    mosaic[1::2, 1::2] *= 0.45
    raw = mosaic.round().astype(np.uint8)
    assert is_mosaic(raw)
    assert not is_mosaic(image)
    for found in (
        detect(FACE, raw),
        detect(FACE, raw, "BayerRG8"),
        detect(FACE, raw.astype(np.uint16) * 16, "BayerRG12"),
    ):
        assert len(found.ids) > 0.9 * FACE.corner_count
        assert np.sqrt(((found.points_px - corners[found.ids]) ** 2).mean()) < 0.05


def test_a_chessboard_seen_upside_down_keeps_its_order() -> None:
    image, corners = photograph(CHESS, turn=(0.1, 0.2, np.pi), distance_mm=1100.0)
    found = detect(CHESS, image)
    assert len(found.ids) == CHESS.corner_count
    assert np.abs(found.points_px - corners[found.ids]).max() < 0.3


def test_motion_is_measured_in_pixels_and_along_its_direction() -> None:
    image, _ = photograph(FACE, turn=(0.0, 0.0, 0.0), distance_mm=700.0)
    smear = np.zeros((9, 9))
    smear[4] = 1 / 9
    along_x = detect(FACE, cv2.filter2D(image, -1, smear).astype(np.uint8))
    along_y = detect(FACE, cv2.filter2D(image, -1, smear.T.copy()).astype(np.uint8))
    assert detect(FACE, image).blur.motion_px < 1.5
    assert along_x.blur.motion_px > 5
    assert min(along_x.blur.motion_direction_deg, 180 - along_x.blur.motion_direction_deg) < 15
    assert along_y.blur.motion_px > 5
    assert abs(along_y.blur.motion_direction_deg - 90) < 15


def test_defocus_is_measured_as_edge_width() -> None:
    image, _ = photograph(FACE, turn=(0.0, 0.0, 0.0), distance_mm=700.0)
    blurred = cv2.GaussianBlur(image, (0, 0), 2.0).astype(np.uint8)
    sharp = detect(FACE, image).blur.edge_sigma_px
    assert sharp < 1.1
    assert 1.6 * sharp < detect(FACE, blurred).blur.edge_sigma_px < 2.5


@pytest.mark.parametrize("level", [0, 255])
def test_an_image_without_a_board_gives_an_empty_detection(level: int) -> None:
    found = detect(FACE, np.full((768, 1024), level, np.uint8))
    assert not found.is_found
    assert len(found.ids) == 0
    assert not detect(CHESS, np.random.default_rng(0).integers(0, 255, (480, 640)).astype(np.uint8)).is_found


def test_a_mirrored_charuco_board_is_not_found() -> None:
    image, _ = photograph(FACE)
    assert not detect(FACE, np.ascontiguousarray(image[:, ::-1])).is_found
