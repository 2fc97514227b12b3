"""The options that name a board, and the board that they describe.

In: --board, --square, --square-sigma. Out: a `Board` with its measured squares. Not here: the verbs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from rigdriver.calibration.board.boards import Board, parse_board

BoardOption = Annotated[
    str,
    typer.Option("--board", help="Preset (face, a4, a3, small, chessboard) or charuco:13x10:15:11.25:DICT_5X5_1000."),
]
SquareOption = Annotated[float | None, typer.Option("--square", metavar="MM", help="Measured side of a square.")]
SquareSigmaOption = Annotated[
    float, typer.Option("--square-sigma", metavar="MM", min=0, help="Uncertainty of that measurement, one sigma.")
]


def measured_board(board: str, square_mm: float | None, sigma_mm: float) -> Board:
    """Return the board that the options describe."""
    described = parse_board(board)
    return described.measured(square_mm or described.square_mm, sigma_mm) if square_mm or sigma_mm else described
