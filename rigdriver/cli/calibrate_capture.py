"""`rigdriver calibrate capture`: hold a board before the rig, and it takes the views that a calibration needs.

In: a rig, a board. Out: DIR/<camera>/<index>.png and the proofs of each view; with --solve the calibration and its
report, too. Exit status 0 when there is enough (and the calibration is good), 1 when there is not, 130 after Ctrl-C,
which keeps what was taken. Every camera exposes under the white lamps, at most three times a second. This file refuses
to judge views.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.solve.all_cameras import SolveOptions
from rigdriver.calibration.views.capture import GuidedCapture
from rigdriver.cli.board_views import Ending, Wishes, take_views, telling
from rigdriver.cli.calibrated import Calibrated, calibrated, identities, tell
from rigdriver.cli.measured_board import BoardOption, SquareOption, SquareSigmaOption, measured_board
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.rig import Rig
from rigdriver.schedule.white_light import white_light
from rigdriver.sources import resolve


@verb
def capture(  # noqa: PLR0913, PLR0917  one argument an option
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for images, proofs and results.")],
    board: BoardOption = "face",
    square: SquareOption = None,
    square_sigma: SquareSigmaOption = 0.0,
    solve: Annotated[bool, typer.Option("--solve", help="Calibrate at the end, with a report.")] = False,
    views: Annotated[
        int | None, typer.Option("--views", min=1, help="End after so many views; when it is enough if not given.")
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", metavar="S", min=1, help="End when no view could be taken for so long.")
    ] = 120.0,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Looks a second; at most 3 if not given.")
    ] = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Take views of a board with a live rig, guided, until there are enough."""
    if (out / "proofs.csv").exists():
        raise UsageError(f"{out}: holds a capture already; name another folder with --out")
    described = measured_board(board, square, square_sigma)
    with ExitStack() as stack:
        config = resolve(chosen_source(rig, sim, scenario), stack)
        options = SolveOptions(config.name, identities=identities(config))
        taken, ending = _captured(config, described, out, Wishes(views, patience), options, rate_hz)
    made = None
    if solve and not ending.was_stopped and taken.views:
        made = calibrated(taken.observations(), described, options, out / "calibration.json", out / "report")
    if json:
        show_json(_facts(taken, ending, out, made))
    else:
        _tell(taken, ending, out, made)
    if ending.was_stopped:
        raise KeyboardInterrupt
    return GOOD if ending.is_enough and (made is None or made.has_passed) else CHECK_FAILED


def _captured(
    config: RigConfig, board: Board, out: Path, wishes: Wishes, options: SolveOptions, rate_hz: float | None
) -> tuple[GuidedCapture, Ending]:
    lit = white_light(config)
    if rate_hz is not None:
        lit = lit.model_copy(update={"schedule": lit.schedule.model_copy(update={"rate_hz": rate_hz})})
    with Rig.open(lit) as rig, telling() as told:
        note(f"hold board {board.name} before the cameras; a view is taken by itself when it rests; Ctrl-C ends")
        return take_views(rig, board, out, wishes, options, told)


def _facts(taken: GuidedCapture, ending: Ending, out: Path, made: Calibrated | None) -> dict[str, object]:
    return {
        "views": taken.views,
        "enough": ending.is_enough,
        "ended": ending.reason,
        "progress": taken.coverage.progress,
        "missing": list(taken.coverage.advice),
        "folder": str(out),
        "result": made.to_json() if made else None,
    }


def _tell(taken: GuidedCapture, ending: Ending, out: Path, made: Calibrated | None) -> None:
    show(f"{taken.views} views in {out}: {ending.reason}")
    for advice in () if ending.is_enough else taken.coverage.advice[:4]:
        note(f"missing: {advice}")
    if made is not None:
        tell(made)
    elif taken.views:
        show(f"Next: rigdriver calibrate solve {out}")
