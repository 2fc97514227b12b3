"""`rigdriver calibrate ...`: print a board, capture its views, solve folders, check and mend, exchange files.

In: options and folders DIR/<camera>/<index>.png. Out: a calibration file, a report with pictures, exit status 0 when
the result is good, 1 when it should be improved or no longer holds, 2 when it could not be made.
Not here: the work itself (see procedures/calibrate.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.calibration.board.boards import parse_board
from rigdriver.calibration.exchange import export_kalibr, export_opencv, opencv_files
from rigdriver.calibration.file import load
from rigdriver.calibration.health.monitor import DriftVerdict
from rigdriver.cli import calibrate_capture
from rigdriver.cli.calibration_text import tell
from rigdriver.cli.measured_board import (
    BoardOption,
    FolderBoardOption,
    SquareOption,
    SquareSigmaOption,
    folder_board,
)
from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.errors import UsageError
from rigdriver.json_values import JsonObject
from rigdriver.outputs import refuse_overwriting
from rigdriver.procedures.calibrate import (
    SolveFolderOptions,
    check_folder,
    import_calibration,
    parse_identities,
    resolve_folder,
    solve_folder,
)

PAGE = "index.html"
"""File of a report, beside its pictures."""

app = typer.Typer(help="Calibrate the rig's cameras, or check whether a calibration still holds.", no_args_is_help=True)

RigFileOption = Annotated[Path | None, typer.Option("--rig", metavar="FILE", help="Rig file: names, serials, pods.")]
CalibrationOption = Annotated[Path, typer.Option("--calibration", metavar="FILE", help="Calibration file.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Calibration file to write.")]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR|FILE", help="Images DIR/<camera>/<index>.png|tiff, or a recording FILE.mcap.")
]


app.command("capture")(calibrate_capture.capture)


@app.command("board")
@verb
def board_sheet(
    pdf: Annotated[Path, typer.Option("--pdf", metavar="FILE", help="PDF to write.")],
    board: BoardOption = "face",
    paper: Annotated[
        str, typer.Option("--paper", help="a4 to a0, letter, tabloid; if not given, the smallest that fits.")
    ] = "",
    overwrite: OverwriteOption = False,
) -> int:
    """Write a true-to-scale sheet of a board, with its dimensions and a ruler to check the print."""
    refuse_overwriting([pdf], overwrite)
    from rigdriver.calibration.board.sheet import write_pdf  # noqa: PLC0415  matplotlib is slow to import

    described = parse_board(board)
    used = write_pdf(described, pdf, paper)
    show(
        f"{pdf}: {described.name} on {used}; print at 100 %, then measure: all squares are "
        f"{described.size_mm[0]:g} mm wide"
    )
    return GOOD


@app.command("solve")
@verb
def solve(  # noqa: PLR0913, PLR0917  one argument per option
    folder: FolderArgument,
    board: FolderBoardOption = None,
    out: OutOption = Path("calibration.json"),
    square: SquareOption = None,
    square_sigma: SquareSigmaOption = 0.0,
    rig: RigFileOption = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", metavar="NAME:ROLE:POD", help="Role and pod of a camera without a rig file; may be repeated."
        ),
    ] = None,
    coefficients: Annotated[int, typer.Option("--lens", help="5 or 8 distortion parameters.")] = 5,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write a report with pictures.")
    ] = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
) -> int:
    """Calibrate all cameras from folders of board images."""
    refuse_overwriting([out, report / PAGE if report else None], overwrite)
    if rig is not None and camera:
        raise UsageError(
            device="--camera",
            seen="was given together with --rig",
            expected="one of them, because the rig file holds roles and pods",
            remedy="leave --camera or --rig out",
        )
    options = SolveFolderOptions(
        folder_board(folder, board, square, square_sigma),
        out,
        rig,
        coefficients,
        parse_identities(camera or ()),
        report,
    )
    made = solve_folder(folder, options, PROGRESS)
    if json:
        show_json(made.to_json())
    else:
        tell(made)
    return GOOD if made.has_passed else CHECK_FAILED


@app.command("check")
@verb
def check(
    folder: FolderArgument, calibration: CalibrationOption, rig: RigFileOption = None, json: JsonOption = False
) -> int:
    """Check with board images whether a calibration still holds, and which camera moved."""
    verdict = check_folder(folder, calibration, rig, PROGRESS)
    if json:
        show_json(_facts(verdict))
    else:
        show(str(verdict))
    return GOOD if verdict.is_healthy else CHECK_FAILED


def _facts(verdict: DriftVerdict) -> JsonObject:
    turn = verdict.turn
    return {
        "passed": verdict.is_healthy,
        "camera": turn.camera if verdict.has_alarm and turn is not None else None,
        "unseen": list(verdict.unseen),
        "turn_urad": None if turn is None else [turn.pitch_urad, turn.yaw_urad, turn.roll_urad],
        "sigma_urad": None if turn is None else turn.sigma_urad,
        "others": list(verdict.others),
        "epipolar_px": dict(verdict.misses),
        "views": verdict.frame_sets,
    }


@app.command("resolve")
@verb
def resolve(
    camera: Annotated[str, typer.Argument(help="The camera that moved.")],
    folder: FolderArgument, calibration: CalibrationOption, out: OutOption,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    overwrite: OverwriteOption = False,
) -> int:  # fmt: skip
    """Calculate the new pose of one moved camera from a few board views."""
    refuse_overwriting([out], overwrite)
    resolved = resolve_folder(folder, camera, calibration, out, PROGRESS)
    pitch, yaw, roll = resolved.turn_urad
    show(
        f"camera {camera} had turned: pitch {pitch:+.0f}, yaw {yaw:+.0f}, roll {roll:+.0f} urad; RMS now "
        f"{resolved.rms_px:.3f} px over {resolved.views} views; written: {out}"
    )
    return GOOD


@app.command("export")
@verb
def export(
    calibration: Annotated[Path, typer.Argument(metavar="FILE", help="Calibration file.")],
    to: Annotated[Path, typer.Argument(metavar="TO", help="Folder for OpenCV, file for Kalibr.")],
    form: Annotated[str, typer.Option("--format", help="opencv or kalibr.")] = "opencv",
    overwrite: OverwriteOption = False,
) -> int:
    """Write a calibration for other programs."""
    known = load(calibration)
    if form == "opencv":
        refuse_overwriting(opencv_files(known, to), overwrite)
        show(f"{to}: {len(export_opencv(known, to))} files")
    elif form == "kalibr":
        refuse_overwriting([to], overwrite)
        misses = export_kalibr(known, to)
        show(f"{to}: largest miss of the four-parameter lenses {max(misses.values()):.4f} px")
    else:
        raise UsageError(device="--format", seen=form, expected="opencv or kalibr")
    return GOOD


@app.command("import")
@verb
def import_(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder of OpenCV files, or Kalibr's camchain.")],
    rig: Annotated[Path, typer.Option("--rig", metavar="FILE", help="Rig file: names and serials, in Kalibr's order.")],
    out: OutOption = Path("calibration.json"),
    overwrite: OverwriteOption = False,
) -> int:
    """Read another program's calibration."""
    refuse_overwriting([out], overwrite)
    found = import_calibration(source, rig, out)
    show(f"written: {out}; {found.notes[0]}")
    return GOOD
