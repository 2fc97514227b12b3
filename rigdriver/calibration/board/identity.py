"""Whether the images show the board that was described, and not one that shares its first rows of markers.

In: a board, images in which its corners were found; or the folder in which a capture named its board. Out: markers that
continue the board beyond its edge, the named board, and what sets two boards apart. Boards of one dictionary and one
number of columns begin with the same markers, so that corners alone do not show the mistake; the scale would be wrong.
Not here: finding corners (see detect.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from rigdriver.arrays import Array, Ints32, Mask, Pixels
from rigdriver.calibration.board.boards import DICTIONARIES, Board
from rigdriver.calibration.board.detect import Detection, flat_ids, reduced
from rigdriver.calibration.board.mosaic import to_grey
from rigdriver.errors import UsageError
from rigdriver.file_text import json_values, read_utf8
from rigdriver.whole_file import make_folder, write_whole

NAMED_BOARD = "board.json"
"""File in which a capture keeps the board that was held before it."""
REACH_SQUARES = 8
"""Farthest that a marker beyond the edge is looked for, in squares."""
OFF_CENTRE_SQUARES = 0.2
"""Largest distance of such a marker from the centre of a square that continues the board, in squares."""
NOMINAL_SHARE = 0.05
"""Largest difference of two boards' squares as designed, as a share; boards are made in steps larger than this."""


def markers_beyond(board: Board, pixels: Pixels, found: Detection, pixel_format: str = "") -> set[int]:
    """Return the ids of markers that continue the board where its description has ended; empty for a chessboard."""
    if board.kind != "charuco" or not found.is_found:
        return set()
    small, scale = reduced(to_grey(pixels, pixel_format))
    whole = cv2.aruco.getPredefinedDictionary(DICTIONARIES[board.dictionary])
    corners, ids, _ = cv2.aruco.ArucoDetector(whole).detectMarkers(small)
    beyond = flat_ids(ids) >= board.columns * board.rows // 2
    if not beyond.any():
        return set()
    centres = np.array([np.asarray(c).reshape(4, 2).mean(axis=0) for c in corners]) * scale + (scale - 1) / 2
    H = np.asarray(cv2.findHomography(found.points_px, board.corners_mm()[found.ids, :2])[0], dtype=np.float64)
    if H.shape != (3, 3):
        return set()
    on_board = np.asarray(cv2.perspectiveTransform(centres.reshape(-1, 1, 2), H), dtype=np.float64).reshape(-1, 2)
    # A marker elsewhere in the room is no part of the board: those that are lie in the lattice of its squares.
    places = on_board / board.square_mm + np.array([board.columns, board.rows]) / 2 - 0.5
    return {int(i) for i in flat_ids(ids)[beyond & _continues(board, places)]}


def _continues(board: Board, places: Array) -> Mask:
    cell = np.round(places)
    is_centred = np.abs(places - cell).max(axis=1) < OFF_CENTRE_SQUARES
    last = np.array([board.columns, board.rows]) - 1
    outside = np.maximum(np.maximum(-cell, cell - last), 0).max(axis=1)
    return np.asarray(is_centred & (outside >= 1) & (outside <= REACH_SQUARES), dtype=np.bool_)


def unseen_edges(board: Board, corners: Ints32) -> tuple[int, int]:
    """Return how many columns and rows at the far edges no image shows; `corners` are all ids that were found."""
    across, down = board.corner_grid
    seen = np.unique(corners)
    return across - 1 - int((seen % across).max()), down - 1 - int((seen // across).max())


def differences(named: Board, described: Board) -> list[str]:
    """Return in words what sets two boards apart; measured squares may differ, those as designed may not."""
    found = [
        f"{field.replace('_', ' ')} {getattr(named, field)} and {getattr(described, field)}"
        for field in ("kind", "columns", "rows", "dictionary", "legacy")
        if getattr(named, field) != getattr(described, field)
    ]
    sides = [board.nominal_square_mm or board.square_mm for board in (named, described)]
    if abs(sides[1] / sides[0] - 1) > NOMINAL_SHARE:
        found.append(f"squares of {sides[0]:g} mm and {sides[1]:g} mm")
    return found


def write_named_board(folder: Path, board: Board) -> None:
    """Keep with the images which board they show."""
    make_folder(folder)
    write_whole(folder / NAMED_BOARD, json.dumps(asdict(board), indent=1) + "\n")


def read_named_board(folder: Path) -> Board | None:
    """Return the board that the capture in this folder named; None where it named none.

    Raises:
        UsageError: the file cannot be understood.
    """
    path = folder / NAMED_BOARD
    try:
        return Board(**json_values(read_utf8(path)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as exc:
        raise UsageError(
            device=str(path), seen=f"does not name a board ({exc})", remedy="remove it, and give --board"
        ) from exc
