"""Whether a board that shares its first rows of markers with the described one is told apart.

In: painted boards. Out: markers beyond the described board, edges that nobody saw, and the board that a capture named.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS, Board, paint
from rigdriver.calibration.board.detect import detect
from rigdriver.calibration.board.identity import (
    NAMED_BOARD,
    differences,
    markers_beyond,
    read_named_board,
    unseen_edges,
    write_named_board,
)
from rigdriver.calibration.folder import detect_folder
from rigdriver.errors import BoardMismatch, UsageError

TEN_ROWS = Board("charuco", 13, 10, 20.0, 15.0, "DICT_5X5_100", nominal_square_mm=20.0)
NINE_ROWS = replace(TEN_ROWS, rows=9, square_mm=26.6, marker_mm=19.95, nominal_square_mm=26.6)


def _image(board: Board) -> np.ndarray:
    return np.pad(paint(board, 48), 90, constant_values=255)


def test_markers_that_continue_the_described_board_are_found() -> None:
    image = _image(TEN_ROWS)
    assert markers_beyond(NINE_ROWS, image, detect(NINE_ROWS, image)) == set(range(58, 65))
    assert markers_beyond(TEN_ROWS, image, detect(TEN_ROWS, image)) == set()


def test_a_marker_elsewhere_in_the_room_is_no_part_of_the_board() -> None:
    image = np.pad(_image(NINE_ROWS), ((0, 0), (0, 300)), constant_values=255)
    markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
    image[211:247, -150:-114] = cv2.aruco.generateImageMarker(markers, 90, 36)
    found = detect(NINE_ROWS, image)
    assert found.is_found
    assert markers_beyond(NINE_ROWS, image, found) == set()


def test_views_of_a_board_with_more_rows_are_refused_with_the_markers_named(tmp_path: Path) -> None:
    for camera in ("left", "right"):
        (tmp_path / camera).mkdir()
        assert cv2.imwrite(str(tmp_path / camera / "000.png"), _image(TEN_ROWS))
    with pytest.raises(BoardMismatch, match=r"58 to 64 of a larger board; the last marker of this one is 57.*--board"):
        detect_folder(tmp_path, NINE_ROWS)
    assert detect_folder(tmp_path, TEN_ROWS).observations.counts().shape == (1, 2)


def test_edges_that_no_image_shows_are_counted() -> None:
    image = _image(NINE_ROWS)
    assert unseen_edges(TEN_ROWS, detect(TEN_ROWS, image).ids) == (0, 1)
    assert unseen_edges(NINE_ROWS, detect(NINE_ROWS, image).ids) == (0, 0)


def test_the_board_of_a_capture_is_read_back_and_compared(tmp_path: Path) -> None:
    assert read_named_board(tmp_path) is None
    write_named_board(tmp_path, PRESETS["face"].measured(14.98, 0.01))
    named = read_named_board(tmp_path)
    assert named == PRESETS["face"].measured(14.98, 0.01)
    assert differences(named, PRESETS["face"]) == []
    assert differences(named, PRESETS["a4"]) == [
        "rows 10 and 9",
        "dictionary DICT_5X5_1000 and DICT_5X5_100",
        "squares of 15 mm and 20 mm",
    ]
    for damaged in ('{"kind": "charuco"}', "[1]", "{", '{"kind": 3}'):
        (tmp_path / NAMED_BOARD).write_text(damaged)
        with pytest.raises(UsageError, match="does not name a board"):
            read_named_board(tmp_path)


@pytest.mark.parametrize("square_mm", [1498.0, 1.498, 0.01498, 20.0, float("nan")])
def test_a_square_that_no_printer_makes_of_the_design_is_refused(square_mm: float) -> None:
    with pytest.raises(UsageError, match=r"expected within 5% of the 15 mm as designed"):
        PRESETS["face"].measured(square_mm)
    assert PRESETS["face"].measured(14.5).measured(15.3).square_mm == 15.3
