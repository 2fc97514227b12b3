"""`rigdriver calibrate capture`: hold a board before the rig, and it takes the views that a calibration needs.

In: a rig, a board. Out: DIR/<camera>/<index>.png and the proofs of each view; with --solve the calibration and its
report, too. Exit status 0 when there is enough (and the calibration is good), 1 when there is not, 130 after Ctrl-C,
which keeps what was taken.
Not here: the capture itself (see procedures/calibrate_capture.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.board_watching import watched_views
from rigdriver.cli.calibration_text import tell
from rigdriver.cli.measured_board import BoardOption, SquareOption, SquareSigmaOption, measured_board
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.json_values import JsonObject
from rigdriver.procedures.board_views import ViewWishes
from rigdriver.procedures.calibrate_capture import BoardCaptured, BoardCaptureOptions, capture_board
from rigdriver.recording.capture_folder import refuse_used


@verb
def capture(  # noqa: PLR0913, PLR0917  one argument per option
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for images, proofs and results.")],
    board: BoardOption = "face",
    square: SquareOption = None,
    square_sigma: SquareSigmaOption = 0.0,
    solve: Annotated[bool, typer.Option("--solve", help="Calibrate at the end, with a report.")] = False,
    views: Annotated[
        int | None, typer.Option("--views", min=1, help="Number of views; if not given, as many as are needed.")
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", metavar="S", min=1, help="Longest wait for a new view, s.")
    ] = 120.0,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Frame sets per second; at most 3 if not given.")
    ] = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Take views of a board with a live rig, with guidance, until there are enough."""
    # Before the rig is opened, so that a used folder costs no waiting.
    refuse_used(out)
    described = measured_board(board, square, square_sigma)
    options = BoardCaptureOptions(described, out, ViewWishes(views, patience), solve, rate_hz)
    with watched_views() as progress:
        done = capture_board(chosen_source(rig, sim, scenario), options, progress)
    if json:
        show_json(_facts(done))
    else:
        _tell(done)
    # After the results were shown: the status is still that of Ctrl-C, so that a script knows.
    if done.ending.was_stopped:
        raise KeyboardInterrupt
    return GOOD if done.has_passed else CHECK_FAILED


def _facts(done: BoardCaptured) -> JsonObject:
    return {
        "views": done.views,
        "enough": done.ending.is_enough,
        "ended": done.ending.reason,
        "progress": done.coverage.progress,
        "missing": list(done.coverage.advice),
        "folder": str(done.folder),
        "result": done.made.to_json() if done.made else None,
    }


def _tell(done: BoardCaptured) -> None:
    show(f"{done.views} views in {done.folder}: {done.ending.reason}")
    for advice in () if done.ending.is_enough else done.coverage.advice[:4]:
        note(f"missing: {advice}")
    if done.made is not None:
        tell(done.made)
    elif done.views:
        show(f"Next: rigdriver calibrate solve {done.folder}")
