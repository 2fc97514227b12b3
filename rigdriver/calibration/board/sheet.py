"""A true-to-scale sheet of a board, as vector PDF, with its dimensions and rulers to check the print.

In: a board, a paper size. Out: a PDF file whose millimetres are millimetres when it is printed at 100 %, or a refusal
when the board does not fit on the paper. matplotlib writes the PDF, because the reports need it anyway.
Not here: what a board is (see boards.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from rigdriver.arrays import Array, Mask
from rigdriver.calibration.board.boards import DICTIONARIES, Board, opencv_board
from rigdriver.errors import UsageError
from rigdriver.whole_file import make_folder, write_whole

PAPERS_MM: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "a4": (297.0, 210.0), "a3": (420.0, 297.0), "a2": (594.0, 420.0), "a1": (841.0, 594.0), "a0": (1189.0, 841.0),
        "letter": (279.4, 215.9), "tabloid": (431.8, 279.4),
    }
)  # fmt: skip
"""Width and height of each paper, landscape, in mm."""
EDGE_MM = 6.0
"""Width of the edge that printers leave blank, in mm."""
TEXT_MM = 14.0
"""Height of the strip with text and ruler below the board, in mm."""


def smallest_paper(board: Board) -> str:
    """Name the smallest paper that holds the board.

    Raises:
        UsageError: none does.
    """
    for name, (width, height) in sorted(PAPERS_MM.items(), key=lambda item: item[1][0] * item[1][1]):
        if _fits(board, width, height):
            return name
    raise UsageError(
        device=f"board {board.name}",
        seen=f"{board.size_mm[0]:g} x {board.size_mm[1]:g} mm does not fit on any paper",
        expected="at most A0 with margins and ruler",
    )


def _fits(board: Board, width_mm: float, height_mm: float) -> bool:
    across, down = board.size_mm
    return across + 2 * EDGE_MM <= width_mm and down + 2 * EDGE_MM + TEXT_MM <= height_mm


def write_pdf(board: Board, path: Path, paper: str = "") -> str:
    """Write the sheet, and return the paper's name.

    Raises:
        UsageError: unknown paper, or the board does not fit on it.
    """
    paper = paper.lower() or smallest_paper(board)
    if paper not in PAPERS_MM:
        raise UsageError(device=f"paper {paper!r}", seen="is not known", expected=f"one of {', '.join(PAPERS_MM)}")
    width, height = PAPERS_MM[paper]
    if not _fits(board, width, height):
        raise UsageError(
            device=f"board {board.name}",
            seen=f"{board.size_mm[0]:g} x {board.size_mm[1]:g} mm with its margins and ruler "
            f"does not fit on {paper} ({width:g} x {height:g} mm)",
            remedy=f"smallest that holds it: {smallest_paper(board)}",
        )
    with rc_context({"pdf.compression": 6, "path.simplify": False}):
        # matplotlib measures figures in inches; one unit of the axes is 1 mm, with y down as in images.
        figure = Figure(figsize=(width / 25.4, height / 25.4))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        left, top = (width - board.size_mm[0]) / 2, (height - TEXT_MM - board.size_mm[1]) / 2
        black, white = shapes_mm(board)
        for shapes, colour in ((black, "black"), (white, "white")):
            moved = [shape + np.array([left, top]) for shape in shapes]
            axes.add_collection(PolyCollection(moved, facecolors=colour, edgecolors="none", linewidths=0))
        _annotate(axes, board, left, top + board.size_mm[1], paper)
        figure.set_canvas(FigureCanvasPdf(figure))
        drawn = BytesIO()
        # No date, so that the same board gives the same file.
        figure.savefig(drawn, format="pdf", metadata={"Title": board.name, "CreationDate": None})
    make_folder(path.parent)
    write_whole(path, drawn.getbuffer())
    return paper


def shapes_mm(board: Board) -> tuple[list[Array], list[Array]]:
    """Return black shapes and the white ones on top of them: (4, 2) corners in mm from the print's upper left."""
    if board.kind == "chessboard":
        dark = [(i, j) for j in range(board.rows) for i in range(board.columns) if (i + j) % 2 == 0]
        return [
            _square(i * board.square_mm, j * board.square_mm, board.square_mm, board.square_mm) for i, j in dark
        ], []
    made = opencv_board(board)
    dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARIES[board.dictionary])
    # A marker's border is one black cell wide on each side (OpenCV's borderBits, 1 by default).
    cells = dictionary.markerSize + 2
    cell = board.marker_mm / cells
    black, white, holds = [], [], set()
    for corners, marker in zip(made.getObjPoints(), made.getIds(), strict=True):
        x, y = (float(v) for v in np.asarray(corners).reshape(-1, 3)[0, :2])
        holds.add((int(x // board.square_mm), int(y // board.square_mm)))
        black.append(_square(x, y, board.marker_mm, board.marker_mm))
        bits = dictionary.generateImageMarker(int(np.ravel(marker)[0]), cells) > 0
        for row in range(cells):
            for first, last in _runs(bits[row]):
                white.append(_square(x + first * cell, y + row * cell, (last - first) * cell, cell))
    for j in range(board.rows):
        for i in range(board.columns):
            if (i, j) not in holds:
                black.append(_square(i * board.square_mm, j * board.square_mm, board.square_mm, board.square_mm))
    return black, white


def _square(x: float, y: float, width: float, height: float) -> Array:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _runs(bits: Mask) -> list[tuple[int, int]]:
    """Return first and past-the-last index of each run of white cells: fewer shapes, no hairlines between them."""
    edges = np.flatnonzero(np.diff(np.r_[0, bits.astype(np.int8), 0]))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _annotate(axes: Axes, board: Board, left: float, bottom: float, paper: str) -> None:
    """Draw ruler and text below the board."""
    y = bottom + 5.0
    length = 100.0 if board.size_mm[0] >= 100 else 50.0
    axes.plot([left, left + length], [y, y], color="black", linewidth=0.5, solid_capstyle="butt")
    for millimetre in np.arange(0, length + 1):
        tick = 3.0 if millimetre % 10 == 0 else 1.5
        axes.plot([left + millimetre] * 2, [y, y - tick], color="black", linewidth=0.25, solid_capstyle="butt")
    axes.text(left, y + 3.4, f"this ruler is {length:g} mm: print at 100 %, without fitting to the page", fontsize=6)
    text = (
        f"{board.name}\nsquare {board.square_mm:g} mm, all squares {board.size_mm[0]:g} x {board.size_mm[1]:g} mm "
        f"({paper.upper()}); measure both ways, then calibrate with the\nmeasured square = width / {board.columns}; "
        "glue it to a flat plate; this side up"
    )
    axes.text(left + length + 4, y - 2.5, text, fontsize=6, va="top")
