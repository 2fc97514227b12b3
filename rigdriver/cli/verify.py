"""`rigdriver verify`: the acceptance test after VDI/VDE 2634 part 2, with artefacts before a rig or in folders.

In: a rig before which a ball bar and a plate are held in several positions, or folders of images of them; a
calibration; what the certificates say. Out: an HTML report, one more line in the history, exit status 0 when the rig is
within its limits, else 1.
Not here: the test itself (see procedures/verify.py).
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.cli.image_options import BitsOption, PixelFormatOption
from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import CalibrationOption, JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, undisturbed, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.json_values import JsonObject
from rigdriver.recording.stored_formats import FormatAnswers

if TYPE_CHECKING:
    from rigdriver.procedures.verify import Verified


class HeldArtefact(Enum):
    """Artefacts that --take names."""

    BALL_BAR = "ball-bar"
    PLATE = "plate"


BallBarOption = Annotated[
    Path | None,
    typer.Option(
        "--ball-bar",
        metavar="DIR|FILE",
        help="Images of a ball bar, CAMERA/INDEX.png, with the same INDEX for the same position, or a recording.",
    ),
]
PlateOption = Annotated[
    Path | None, typer.Option("--plate", metavar="DIR|FILE", help="Images of a flat plate, or a recording.")
]
TakeOption = Annotated[
    list[HeldArtefact] | None,
    typer.Option(
        "--take",
        help="Artefact to hold in front of the live rig; may be repeated. Default: both; none if --ball-bar or "
        "--plate is given.",
    ),
]
PositionsOption = Annotated[
    int,
    typer.Option(
        "--positions", min=1, help="Number of positions in which each artefact is held in front of the live rig."
    ),
]
LimitOption = Annotated[float | None, typer.Option(metavar="UM", help="Limit, um; if not given, as in the rig file.")]


@verb
def verify(  # noqa: PLR0913, PLR0917
    calibration: CalibrationOption = None,
    ball_bar: BallBarOption = None,
    plate: PlateOption = None,
    take: TakeOption = None,
    positions: PositionsOption = 7,
    patience: Annotated[
        float, typer.Option("--patience", metavar="S", min=1, help="Longest wait for a new position, s.")
    ] = 120.0,
    diameter_mm: Annotated[
        float, typer.Option("--diameter", min=1, max=500, help="Certified diameter of the spheres, mm.")
    ] = 40.0,
    spacing_mm: Annotated[
        float, typer.Option("--spacing", min=1, max=2000, help="Certified distance of the spheres, mm.")
    ] = 150.0,
    max_form: LimitOption = None,
    max_size: LimitOption = None,
    max_spacing: LimitOption = None,
    max_flatness: LimitOption = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of report, history and images.")
    ] = Path("acceptance"),
    pixel_format: PixelFormatOption = None,
    bits: BitsOption = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Test a rig with a ball bar and a plate as VDI/VDE 2634 part 2 describes, and write a report."""
    with undisturbed():
        from rigdriver.procedures.artefacts import Artefact, Certificate  # noqa: PLC0415  compiled code is slow to import
        from rigdriver.procedures.positions_live import PositionWishes  # noqa: PLC0415
        from rigdriver.procedures.verify import VerifyOptions  # noqa: PLC0415
        from rigdriver.procedures.verify import verify as verify_rig  # noqa: PLC0415

    folders = {k: f for k, f in ((Artefact.BALL_BAR, ball_bar), (Artefact.PLATE, plate)) if f is not None}
    named = tuple(dict.fromkeys(Artefact(held.value) for held in take or ()))
    options = VerifyOptions(
        calibration=calibration,
        folders=folders,
        take=named if named or folders else tuple(Artefact),
        wishes=PositionWishes(positions, patience),
        certificate=Certificate(diameter_mm, spacing_mm),
        limits_um={
            "probing_form_um": max_form, "probing_size_um": max_size, "spacing_um": max_spacing,
            "flatness_um": max_flatness,
        },
        out=out,
        answers=FormatAnswers(tuple(pixel_format or ()), bits),
    )  # fmt: skip
    # Folders alone need no rig; one that is named still gives its limits and its calibration.
    needs_rig = options.take or rig or sim or scenario
    done = verify_rig(chosen_source(rig, sim, scenario) if needs_rig else None, options, PROGRESS)
    if json:
        show_json(_facts(done))
    else:
        _tell(done)
    return GOOD if done.acceptance.is_passed else CHECK_FAILED


def _facts(done: Verified) -> JsonObject:
    test = done.acceptance
    return {
        "passed": test.is_passed,
        "missing": list(test.missing),
        "ball_bar_positions": test.ball_bar_positions,
        "plate_positions": test.plate_positions,
        "characteristics": {
            line.name: {
                "worst_um": line.worst_um, "limit_um": line.limit_um, "rms_um": line.rms_um,
                "full_range_um": line.full_range_um, "passed": line.is_passed,
            }
            for line in test.characteristics
        },
        "report": str(done.page),
    }  # fmt: skip


def _tell(done: Verified) -> None:
    for line in done.acceptance.characteristics:
        verdict = "pass" if line.is_passed else "FAIL"
        figures = f"{line.worst_um:+.1f} um, at most {line.limit_um:g} um (RMS {line.rms_um:.1f} um)"
        show(f"{verdict}  {line.name}: {figures}")
    for name in done.acceptance.missing:
        show(f"      no {name} was measured: what it would show is not tested")
    show(f"written to {done.page}")
