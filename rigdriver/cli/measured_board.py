"""The options that name a board, and the board that they describe.

In: --board, --square, --square-sigma. Out: a `Board` with its measured squares. Not here: the verbs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.calibration.board.boards import Board, parse_board
from rigdriver.calibration.board.identity import NAMED_BOARD, differences, read_named_board
from rigdriver.errors import UsageError

DEFAULT_BOARD = "face"
BoardOption = Annotated[
    str,
    typer.Option(
        "--board", help="Preset (face, a4, a3, small, chessboard) or charuco:13x10:15:11.25:DICT_5X5_1000[:legacy]."
    ),
]
FolderBoardOption = Annotated[
    str | None,
    typer.Option(
        "--board", help="Board, as in `calibrate capture`; if not given, the board that the folder names, else face."
    ),
]
SquareOption = Annotated[float | None, typer.Option("--square", metavar="MM", help="Measured side of a square.")]
SquareSigmaOption = Annotated[
    float, typer.Option("--square-sigma", metavar="MM", min=0, help="Uncertainty of that measurement, one sigma.")
]


def folder_board(folder: Path, board: str | None, square_mm: float | None, sigma_mm: float) -> Board:
    """Return the board of a folder's images: the one that its capture named, measured as the options say.

    Raises:
        UsageError: the options describe another board.
    """
    named = read_named_board(folder)
    if named is None:
        return measured_board(board or DEFAULT_BOARD, square_mm, sigma_mm)
    if board is not None and (apart := differences(named, parse_board(board))):
        raise UsageError(
            device=str(folder), seen=f"the board that was held there differs from --board {board}: {', '.join(apart)}",
            expected=f"board {named.name}",
            remedy=f"leave --board out; if another board was held, remove {folder / NAMED_BOARD}",
        )  # fmt: skip
    return _measured(named, square_mm, sigma_mm)


def measured_board(board: str, square_mm: float | None, sigma_mm: float) -> Board:
    """Return the board that the options describe."""
    return _measured(parse_board(board), square_mm, sigma_mm)


def _measured(board: Board, square_mm: float | None, sigma_mm: float) -> Board:
    # 0 is an answer, though a wrong one.
    if square_mm is not None:
        return board.measured(square_mm, sigma_mm)
    return board.measured(board.square_mm, sigma_mm) if sigma_mm else board
