"""What a folder of board images says when files, board and cameras do not fit: the cause, not the scene.

In: folders of painted boards with other names, mirrored, of an old print, of odd sizes. Out: refusals and notes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver.calibration.board.boards import Board, paint
from rigdriver.calibration.folder import detect_folder
from rigdriver.errors import BoardMismatch, UsageError

BOARD = Board("charuco", 9, 6, 20.0, 15.0, "DICT_5X5_100", nominal_square_mm=20.0)
IMAGE = np.pad(paint(BOARD, 48), 60, constant_values=255)


def _write(folder: Path, camera: str, names: tuple[str, ...], image: np.ndarray = IMAGE) -> None:
    (folder / camera).mkdir(exist_ok=True)
    for name in names:
        assert cv2.imwrite(str(folder / camera / name), image)


def test_names_that_do_not_pair_are_told_with_one_of_each(tmp_path: Path) -> None:
    _write(tmp_path, "left", ("1.png", "2.png"))
    _write(tmp_path, "right", ("0001.png", "0002.png"))
    with pytest.raises(UsageError, match=r"left has no file name in common .*\(1.png; right: 0001.png\)"):
        detect_folder(tmp_path, BOARD)
    _write(tmp_path, "left", ("0002.png",))
    assert detect_folder(tmp_path, BOARD).images == 5


def test_a_print_of_an_old_opencv_is_named_with_the_word_that_helps(tmp_path: Path) -> None:
    _write(tmp_path, "left", ("0.png",), np.pad(paint(replace(BOARD, legacy=True), 48), 60, constant_values=255))
    with pytest.raises(BoardMismatch, match=r"it fits as --board charuco:9x6:20:15:DICT_5X5_100:legacy"):
        detect_folder(tmp_path, BOARD)


def test_one_mirrored_camera_is_named_and_so_are_images_that_all_are(tmp_path: Path) -> None:
    _write(tmp_path, "right", ("0.png", "1.png"), np.ascontiguousarray(IMAGE[:, ::-1]))
    with pytest.raises(BoardMismatch, match="it fits when the images are mirrored"):
        detect_folder(tmp_path, BOARD)
    _write(tmp_path, "left", ("0.png", "1.png"))
    with pytest.raises(BoardMismatch, match="camera right: its images are mirrored"):
        detect_folder(tmp_path, BOARD)


def test_the_size_of_most_images_counts_and_not_that_of_the_first(tmp_path: Path) -> None:
    _write(tmp_path, "left", ("0.png",), np.full((100, 120), 255, np.uint8))
    _write(tmp_path, "left", ("1.png", "2.png"))
    found = detect_folder(tmp_path, BOARD)
    assert found.observations.sizes_px == ((IMAGE.shape[1], IMAGE.shape[0]),)
    assert [note for note in found.notes if "left out" in note] == [
        f"{tmp_path / 'left' / '0.png'}: (120, 100) pixels, the others {(IMAGE.shape[1], IMAGE.shape[0])}; left out"
    ]
