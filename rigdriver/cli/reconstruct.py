"""`rigdriver reconstruct`: measured surfaces from a rig or from a folder of images.

In: a rig (or DIR/<camera>/<index>.png), a calibration file. Out: point clouds, meshes, pictures and figures.json in a
folder; exit status 0 when every frame set that was looked at gave a surface, else 1. A rig's frame sets are captured
into DIR/images first and measured then; with --live they are measured as they come, and those that come meanwhile are
dropped whole and counted. Ctrl-C keeps what was measured.
Not here: the measuring (see procedures/reconstruct.py).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.cli.image_options import BitsOption, PixelFormatOption
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import (
    CalibrationOption,
    JsonOption,
    LockDaysOption,
    LockOption,
    RigOption,
    ScenarioOption,
    SimOption,
    chosen_source,
)
from rigdriver.cli.subject_options import CatalogueOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, undisturbed, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.config import VolumeConfig
from rigdriver.errors import UsageError
from rigdriver.json_values import JsonObject
from rigdriver.recording.recording_file import is_recording
from rigdriver.recording.stored_formats import FormatAnswers

if TYPE_CHECKING:
    from rigdriver.procedures.reconstruct import Reconstruction, ReconstructOptions


MeshOption = Annotated[
    list[str] | None,
    typer.Option("--mesh", help="Also write meshes: ply, obj, glb, gltf, stl (closed). May be repeated."),
]
ReconstructorOption = Annotated[
    str,
    typer.Option("--reconstructor", metavar="NAME", help="Reconstructor that a package registers; cells is built in."),
]


@verb
def reconstruct(  # noqa: PLR0913, PLR0917  one argument per option
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR|FILE]", help="Images DIR/<camera>/<index>.png|tiff, or a recording FILE.mcap; else a rig."
        ),
    ] = None,
    calibration: CalibrationOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder; reconstruction-<time> if not given.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Frame sets to take from a rig.")] = 10,
    rate_hz: Annotated[
        float | None,
        typer.Option("--rate", metavar="HZ", help="Frame sets per second; if not given, as in the rig file."),
    ] = None,
    mesh: MeshOption = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw shaded views and maps.")] = True,
    tracks: Annotated[bool, typer.Option("--tracks", help="Follow points of the first frame set's skin.")] = False,
    pixel_format: PixelFormatOption = None,
    bits: BitsOption = None,
    live: Annotated[bool, typer.Option("--live", help="Measure while the rig runs; only clouds and figures.")] = False,
    reconstructor: ReconstructorOption = "cells",
    volume: Annotated[
        str | None,
        typer.Option(
            "--volume", metavar="X,Y,Z,R", help="Working volume: a ball, mm; if not given, [volume] of the rig file."
        ),
    ] = None,
    catalogue: CatalogueOption = None,  # noqa: ARG001  verb.py takes it
    lock: LockOption = None,
    lock_days: LockDaysOption = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Measure surfaces: point clouds with uncertainty, meshes, pictures."""
    # Loading compiled code swallows what a signal raises, so that Ctrl-C would be lost.
    with undisturbed():
        from rigdriver.procedures.acceptance_lock import LockWish  # noqa: PLC0415  compiled code is slow to import
        from rigdriver.procedures.reconstruct import ReconstructOptions  # noqa: PLC0415

    answers = FormatAnswers(tuple(pixel_format or ()), bits)
    _refuse_contradictions(source, live or bool(rig or sim or scenario), answers)
    folder = out or Path(f"reconstruction-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    options = ReconstructOptions(
        folder, calibration, reconstructor, tuple(mesh or ()), pictures, tracks, LockWish(lock, lock_days), frames,
        rate_hz, _volume(volume),
    )  # fmt: skip
    if source is None:
        return _end(_of_rig(chosen_source(rig, sim, scenario), live, options), json)
    return _end(_of_files(source, options, answers), json)


def _refuse_contradictions(source: Path | None, means_rig: bool, answers: FormatAnswers) -> None:
    if source is not None and means_rig:
        raise UsageError(
            device=str(source),
            seen="a folder of images was given together with --live or a rig",
            expected="one of them",
            remedy="leave the folder out, or leave --live, --rig, --sim and --scenario out",
        )
    # An answer that is not used would look as if it were.
    if (source is None or is_recording(source)) and answers != FormatAnswers():
        raise UsageError(
            device="--pixel-format and --bits",
            seen="were given without a folder of images",
            expected="none of them for a rig, because its cameras report their pixel format",
            remedy="leave both out, or name the folder",
        )


def _volume(text: str | None) -> VolumeConfig | None:
    if text is None:
        return None
    try:
        *centre, radius = (float(part) for part in text.split(","))
        return VolumeConfig.model_validate({"centre_mm": centre, "radius_mm": radius})
    except ValueError:  # pydantic's ValidationError is one
        raise UsageError(
            device=f"--volume {text}",
            seen="is no ball",
            expected="X,Y,Z,R in mm, such as 0,0,900,150, with a radius above 0",
        ) from None


def _of_rig(where: str | Path, live: bool, options: ReconstructOptions) -> Reconstruction:
    """Measure what the rig gives."""
    with undisturbed():
        from rigdriver.procedures.reconstruct import reconstruct_live, reconstruct_rig  # noqa: PLC0415

    return (reconstruct_live if live else reconstruct_rig)(where, options, PROGRESS)


def _of_files(source: Path, options: ReconstructOptions, answers: FormatAnswers) -> Reconstruction:
    """Measure the frame sets of a recording or of a folder of images."""
    with undisturbed():
        from rigdriver.procedures.reconstruct import reconstruct_folder, reconstruct_recording  # noqa: PLC0415

    if is_recording(source):
        return reconstruct_recording(source, options, PROGRESS)
    return reconstruct_folder(source, options, answers, PROGRESS)


def _end(done: Reconstruction, json: bool) -> int:
    """Show what came of it and return the exit status."""
    if json:
        show_json(_facts(done))
    else:
        _tell(done)
    # A run can end early without an error, and the frame sets that came may all be good.
    if done.lacks_frame_sets:
        note(f"{done.came} of {done.asked} frame sets came; run `rigdriver selftest` to see why")
    return GOOD if done.has_passed else CHECK_FAILED


def _facts(done: Reconstruction) -> JsonObject:
    table = asdict(done)
    return {name: table[name] for name in table if name not in {"asked", "came"}} | {"folder": str(done.folder)}


def _tell(done: Reconstruction) -> None:
    show(f"{done.reconstructed} of {done.frame_sets} frame sets, {done.dropped_frame_sets} dropped")
    if done.points_median is not None:
        pace = "" if done.time_ms_median is None else f", {done.time_ms_median:.0f} ms each"
        show(f"{done.points_median:.0f} points per frame set{pace} (medians)")
    if done.measured_share:
        shares = ", ".join(f"{pod} {share:.1%}" for pod, share in done.measured_share.items())
        show(f"measured of what is lit: {shares} (the rest is hair, shadow, shiny or steep: see the pictures)")
    for text, count in done.warnings.items():
        show(f"  {count} x {text}")
    show(f"written to {done.folder}")
