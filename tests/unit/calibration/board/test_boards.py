"""Boards: their corners, their names, their sheets.

In: board descriptions, sound and impossible. Out: corners in mm, names that read back, and sheets in which OpenCV finds
the board in its true size.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS, Board, opencv_board, parse_board
from rigdriver.calibration.board.detect import detect
from rigdriver.calibration.board.sheet import shapes_mm, smallest_paper, write_pdf
from rigdriver.errors import UsageError

LEGACY = Board("charuco", 12, 10, 20.0, 15.0, "DICT_4X4_100", legacy=True)


@pytest.mark.parametrize("board", [*PRESETS.values(), LEGACY], ids=lambda b: b.name)
def test_the_name_of_a_board_reads_back_as_that_board(board: Board) -> None:
    again = parse_board(board.name)
    assert again.name == board.name
    assert again.corners_mm().tolist() == board.corners_mm().tolist()


@pytest.mark.parametrize("board", [b for b in PRESETS.values() if b.kind == "charuco"], ids=lambda b: b.name)
def test_corners_are_opencvs_but_with_the_origin_in_the_middle(board: Board) -> None:
    theirs = np.asarray(opencv_board(board).getChessboardCorners()).reshape(-1, 3)
    shift = np.array([board.size_mm[0] / 2, board.size_mm[1] / 2, 0])
    assert np.abs(board.corners_mm() + shift - theirs).max() < 1e-4


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("charuco:13x10:20:15:DICT_9X9_50", "DICT_9X9_50"),
        ("charuco:13x10:20:25:DICT_5X5_100", "marker_mm = 25"),
        ("charuco:40x40:20:15:DICT_4X4_50", "800 markers needed"),
        ("chessboard:8x6:25", "upside down"),
        ("chessboard:2x7:25", "expected 3 to 100"),
        ("nonsense", "expected one of"),
    ],
)
def test_a_board_that_cannot_be_is_refused_with_its_reason(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=re.escape(word)):
        parse_board(text)


def test_the_measured_square_replaces_the_designed_one_and_keeps_it_on_record() -> None:
    board = PRESETS["face"].measured(15.012, 0.003)
    assert board.square_mm == 15.012
    assert board.nominal_square_mm == 15.0
    assert board.square_sigma_mm == 0.003
    assert board.marker_mm == pytest.approx(11.25 * 15.012 / 15)


def _draw(board: Board, px_per_mm: int) -> np.ndarray:
    """Draw the sheet's shapes by filling pixels, four times finer than the image."""
    fine, margin = 4 * px_per_mm, 8 * px_per_mm
    image = np.full((round(board.size_mm[1] * fine), round(board.size_mm[0] * fine)), 255, np.uint8)
    for shapes, level in zip(shapes_mm(board), (0, 255), strict=True):
        for shape in shapes:
            left, top = np.round(shape[0] * fine).astype(int)
            right, bottom = np.round(shape[2] * fine).astype(int)
            image[top:bottom, left:right] = level
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    sheet = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255)
    return cv2.GaussianBlur(sheet, (0, 0), 1.0).astype(np.uint8)


@pytest.mark.parametrize(
    "board", [PRESETS["a4"], PRESETS["small"], PRESETS["chessboard"], LEGACY], ids=lambda b: b.name
)
def test_the_shapes_of_a_sheet_are_found_as_that_board_in_its_true_scale(board: Board) -> None:
    scale = 5
    found = detect(board, _draw(board, scale))
    assert len(found.ids) == board.corner_count
    across, down = board.size_mm
    expected = (board.corners_mm()[found.ids, :2] + (across / 2, down / 2)) * scale + 8 * scale - 0.5
    assert np.abs(found.points_px - expected).max() < 0.05


def test_a_sheet_has_the_size_of_its_paper_and_squares_of_their_true_size(tmp_path: Path) -> None:
    board = PRESETS["chessboard"]
    write_pdf(board, tmp_path / "board.pdf", "a4")
    raw = (tmp_path / "board.pdf").read_bytes()
    media = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", raw)
    assert media
    assert [float(v) / 72 * 25.4 for v in media.groups()] == pytest.approx([297, 210], abs=0.01)
    streams = [
        zlib.decompress(s) for s in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL) if s[:1] == b"x"
    ]
    points = [
        np.array(re.findall(rb"([-\d.]+) ([-\d.]+) [ml]\n", path), dtype=float) * 25.4 / 72
        for text in streams
        for path in re.findall(rb"(?:[-\d.]+ [-\d.]+ [ml]\n){4,5}h", text)
    ]
    sides = [np.ptp(p, axis=0) for p in points if len(p) >= 4]
    squares = [side for side in sides if np.allclose(side, board.square_mm, atol=0.01)]
    assert len(squares) == board.columns * board.rows // 2


def test_a_board_too_large_for_the_paper_is_refused_and_the_next_paper_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not fit on a4 .* smallest that holds it: a3"):
        write_pdf(PRESETS["a3"], tmp_path / "b.pdf", "a4")
    assert smallest_paper(PRESETS["a3"]) == "a3"
