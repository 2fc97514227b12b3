"""`rigdriver verify`: the acceptance test after VDI/VDE 2634 part 2, from images of certified artefacts.

In: folders of images of a ball bar and of a plate in several positions, a calibration, what the certificates say. Out:
an HTML report, one more line in the history, exit status 0 when the rig is within its limits, else 1. This file refuses
to know how artefacts are measured.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
import numpy.typing as npt
import typer

from rigdriver.calibration.file import load
from rigdriver.cli.screen import progress_bar, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb

if TYPE_CHECKING:
    from rigdriver.stereo.acceptance import Acceptance
    from rigdriver.stereo.artefacts import BallBarResult, PlateResult
    from rigdriver.stereo.cloud import PointCloud
    from rigdriver.stereo.reconstruct import CellReconstructor

Result = TypeVar("Result")
Picture = npt.NDArray[np.uint8]


@verb
def verify(
    calibration: Annotated[Path, typer.Option("--calibration", "-c", metavar="FILE", help="Calibration of the rig.")],
    ball_bar: Annotated[
        Path | None, typer.Option("--ball-bar", metavar="DIR", help="Images of a ball bar, a position an index.")
    ] = None,
    plate: Annotated[Path | None, typer.Option("--plate", metavar="DIR", help="Images of a flat plate.")] = None,
    diameter_mm: Annotated[float, typer.Option("--diameter", help="Certified diameter of the spheres, mm.")] = 40.0,
    spacing_mm: Annotated[float, typer.Option("--spacing", help="Certified distance of the spheres, mm.")] = 150.0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of report and history.")] = Path(
        "acceptance"
    ),
    json: JsonOption = False,
) -> int:
    """Verify the rig with certified artefacts."""
    from rigdriver.stereo.acceptance import Limits, append_history, judge, read_history, report_html  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.artefacts import measure_ball_bar, measure_plate  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.reconstruct import CellReconstructor  # noqa: PLC0415  compiled code is slow to import

    known = load(calibration)
    pictures: dict[str, Picture] = {}
    bars: list[BallBarResult] = []
    plates: list[PlateResult] = []
    with CellReconstructor(known) as made:
        if ball_bar:
            bars = _measure(ball_bar, made, pictures, lambda cloud: measure_ball_bar(cloud, diameter_mm, spacing_mm))
        if plate:
            plates = _measure(plate, made, pictures, measure_plate)
    done = judge(known.rig, known.created, bars, plates, Limits(), datetime.now(UTC))
    append_history(out / "history.jsonl", done)
    page = out / "acceptance.html"
    page.write_text(report_html(read_history(out / "history.jsonl"), pictures), encoding="utf-8")
    if json:
        show_json(_facts(done, page))
    else:
        for line in done.characteristics:
            verdict = "pass" if line.is_passed else "FAIL"
            figures = f"{line.worst_um:+.1f} um, at most {line.limit_um:g} um (RMS {line.rms_um:.1f} um)"
            show(f"{verdict}  {line.name}: {figures}")
        show(f"written to {page}")
    return GOOD if done.is_passed else CHECK_FAILED


def _measure(
    folder: Path, made: CellReconstructor, pictures: dict[str, Picture], act: Callable[[PointCloud], Result]
) -> list[Result]:
    from rigdriver.stereo.folder import ImageFolder  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.mesh import make_mesh  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.pictures import draw_map  # noqa: PLC0415  compiled code is slow to import

    images = ImageFolder(folder, list(made.calibration.cameras))
    found = []
    with progress_bar(f"measuring {folder.name}", len(images)) as advance:
        for done, (index, frames) in enumerate(images, start=1):
            cloud, surfaces = made.reconstruct_surfaces(frames)
            found.append(act(cloud))
            if done == 1:
                mesh = make_mesh(surfaces, made.calibration)
                title = f"{folder.name} {index}: sigma"
                pictures[title] = draw_map(mesh, 1e3 * mesh.sigma_mm, title, "um", (0.0, 20.0), height_px=600)
            advance(done)
    return found


def _facts(done: Acceptance, page: Path) -> dict[str, object]:
    return {
        "passed": done.is_passed,
        "characteristics": {
            line.name: {
                "worst_um": line.worst_um, "limit_um": line.limit_um, "rms_um": line.rms_um, "passed": line.is_passed,
            }
            for line in done.characteristics
        },
        "report": str(page),
    }  # fmt: skip
