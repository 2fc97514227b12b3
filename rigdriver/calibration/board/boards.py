"""Calibration boards: what is printed, and where its corners are.

In: counts of squares, their size, a marker dictionary. Out: a frozen `Board` with its corner points, and OpenCV's
detector object for it. The board's frame has its origin in the middle of the print, x to the right, y down, z into the
board, millimetres. Not here: images (see detect.py) and the printed sheet (see sheet.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np

from rigdriver.arrays import Array, Bytes
from rigdriver.errors import UsageError

DICTIONARIES: Mapping[str, int] = MappingProxyType(
    {
        f"DICT_{bits}X{bits}_{count}": int(getattr(cv2.aruco, f"DICT_{bits}X{bits}_{count}"))
        for bits in (4, 5, 6, 7)
        for count in (50, 100, 250, 1000)
    }
)


LARGEST_PRINT_ERROR = 0.05
"""Largest difference of a square from its design, as a share; "fit to page" shrinks by 3 to 4 %."""


@dataclass(frozen=True, slots=True)
class Board:
    """One printed board. `columns` and `rows` count squares, black and white."""

    kind: Literal["charuco", "chessboard"]
    columns: int
    rows: int
    square_mm: float
    """Side of a square as measured on the print, averaged over x and y."""
    marker_mm: float = 0.0
    dictionary: str = ""
    legacy: bool = False
    """Whether OpenCV before 4.6 made the print (it matters only for an even number of rows)."""
    nominal_square_mm: float = 0.0
    """Side of a square as designed, 0 when unknown; for information only, `square_mm` is used."""
    square_sigma_mm: float = 0.0
    """Standard uncertainty of the measured side; it goes straight into the scale of every result."""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise UsageError(device=f"board {self.name}", seen=problem)

    @property
    def name(self) -> str:
        """Short name that `parse_board` reads back: `charuco:13x10:20:15:DICT_5X5_100`."""
        if self.kind == "chessboard":
            return f"chessboard:{self.columns}x{self.rows}:{self.square_mm:g}"
        legacy = ":legacy" if self.legacy else ""
        return f"charuco:{self.columns}x{self.rows}:{self.square_mm:g}:{self.marker_mm:g}:{self.dictionary}{legacy}"

    @property
    def corner_grid(self) -> tuple[int, int]:
        """Number of inner corners along x and along y."""
        return self.columns - 1, self.rows - 1

    @property
    def corner_count(self) -> int:
        """Number of inner corners."""
        return (self.columns - 1) * (self.rows - 1)

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of all squares together."""
        return self.columns * self.square_mm, self.rows * self.square_mm

    def corners_mm(self) -> Array:
        """Return the inner corners by id, row by row: (M, 3) float64, millimetres, board frame."""
        across, down = self.corner_grid
        x = (np.arange(across) - (across - 1) / 2) * self.square_mm
        y = (np.arange(down) - (down - 1) / 2) * self.square_mm
        grid = np.zeros((down, across, 3))
        grid[:, :, 0], grid[:, :, 1] = x[None, :], y[:, None]
        return grid.reshape(-1, 3)

    def measured(self, square_mm: float, sigma_mm: float = 0.0) -> Board:
        """Return this board with the side of its squares as measured on the print; markers scale with them.

        Raises:
            UsageError: it differs so much from the design that it is no print of this board.
        """
        scale = square_mm / self.square_mm
        designed = self.nominal_square_mm or self.square_mm
        # Printers stretch by a few per mille; more is another board, another unit or a slip of the decimal point.
        if not abs(square_mm / designed - 1) <= LARGEST_PRINT_ERROR:
            raise UsageError(
                device=f"board {self.name}", seen=f"a square measured as {square_mm:g} mm",
                expected=f"within {LARGEST_PRINT_ERROR:.0%} of the {designed:g} mm as designed",
                remedy="measure in millimetres over many squares and divide by their number, or describe the print by "
                "its own size, as charuco:COLUMNSxROWS:SQUARE:MARKER:DICTIONARY",
            )  # fmt: skip
        return replace(
            self,
            square_mm=square_mm,
            # A printer scales the whole sheet.
            marker_mm=self.marker_mm * scale,
            nominal_square_mm=self.nominal_square_mm or self.square_mm,
            square_sigma_mm=sigma_mm,
        )


def _problem(board: Board) -> str:
    if not (3 <= board.columns <= 100 and 3 <= board.rows <= 100):
        return f"{board.columns} x {board.rows} squares: expected 3 to 100 each"
    if not (0.1 <= board.square_mm <= 10_000) or board.square_sigma_mm < 0:
        return f"square_mm = {board.square_mm:g} +- {board.square_sigma_mm:g}: expected 0.1 to 10000"
    if board.kind == "chessboard":
        # Turned by 180 degrees, such a board has black where black was, and the corners' numbers would be ambiguous.
        if (board.columns + board.rows) % 2 == 0:
            return (
                f"{board.columns} x {board.rows} squares look the same upside down; make one count odd, the other even"
            )
        return ""
    if board.dictionary not in DICTIONARIES:
        return f"dictionary {board.dictionary!r} is unknown; known are {', '.join(DICTIONARIES)}"
    if not (0.3 <= board.marker_mm / board.square_mm <= 0.95):
        return f"marker_mm = {board.marker_mm:g}: expected 0.3 to 0.95 of the square's {board.square_mm:g}"
    markers = board.columns * board.rows // 2
    held = int(board.dictionary.rpartition("_")[2])
    if markers > held:
        return f"{markers} markers needed, {board.dictionary} holds {held}; choose a larger dictionary"
    return ""


PRESETS: Mapping[str, Board] = MappingProxyType(
    {
        "face": Board("charuco", 13, 10, 15.0, 11.25, "DICT_5X5_1000", nominal_square_mm=15.0),
        "a4": Board("charuco", 13, 9, 20.0, 15.0, "DICT_5X5_100", nominal_square_mm=20.0),
        "a3": Board("charuco", 19, 13, 20.0, 15.0, "DICT_5X5_250", nominal_square_mm=20.0),
        "letter": Board("charuco", 12, 9, 20.0, 15.0, "DICT_5X5_100", nominal_square_mm=20.0),
        "small": Board("charuco", 11, 8, 12.0, 9.0, "DICT_4X4_50", nominal_square_mm=12.0),
        "chessboard": Board("chessboard", 10, 7, 25.0, nominal_square_mm=25.0),
    }
)


def parse_board(text: str) -> Board:
    """Read a preset's name or a description.

    `charuco:COLUMNSxROWS:SQUARE:MARKER:DICTIONARY[:legacy]` or `chessboard:COLUMNSxROWS:SQUARE`, in mm.

    Raises:
        UsageError: it is neither, or no such board can exist.
    """
    if text in PRESETS:
        return PRESETS[text]
    number = r"([0-9]*\.?[0-9]+)"
    match = re.fullmatch(rf"chessboard:(\d+)x(\d+):{number}", text)
    if match:
        return Board("chessboard", int(match[1]), int(match[2]), float(match[3]), nominal_square_mm=float(match[3]))
    match = re.fullmatch(rf"charuco:(\d+)x(\d+):{number}:{number}:(\w+?)(:legacy)?", text)
    if match:
        square = float(match[3])
        dictionary = match[5].upper()
        dictionary = dictionary if dictionary.startswith("DICT_") else f"DICT_{dictionary}"
        return Board(
            "charuco", int(match[1]), int(match[2]), square, float(match[4]), dictionary, bool(match[6]), square
        )
    raise UsageError(
        device=f"board {text!r}",
        seen="is not known",
        expected=(
            f"one of {', '.join(PRESETS)}, or charuco:13x10:20:15:DICT_5X5_100, or chessboard:10x7:25 "
            "(squares, side in mm)"
        ),
    )


def opencv_board(board: Board) -> cv2.aruco.CharucoBoard:
    """Return OpenCV's own object for a ChArUco board."""
    whole = cv2.aruco.getPredefinedDictionary(DICTIONARIES[board.dictionary])
    used = board.columns * board.rows // 2  # only these are printed; to look for all 1000 takes five times as long
    dictionary = cv2.aruco.Dictionary(whole.bytesList[:used], whole.markerSize, whole.maxCorrectionBits)
    made = cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_mm, board.marker_mm, dictionary)
    made.setLegacyPattern(board.legacy)
    return made


def paint(board: Board, square_px: int) -> Bytes:
    """Draw the board without margin: (rows * square_px, columns * square_px) uint8, 0 and 255."""
    size = (board.columns * square_px, board.rows * square_px)
    if board.kind == "charuco":
        return np.asarray(opencv_board(board).generateImage(size, marginSize=0, borderBits=1), dtype=np.uint8)
    y, x = np.indices((board.rows, board.columns))
    squares = np.where((x + y) % 2 == 0, 0, 255).astype(np.uint8)
    return np.asarray(np.kron(squares, np.ones((square_px, square_px), np.uint8)), dtype=np.uint8)
