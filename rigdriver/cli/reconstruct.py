"""`rigdriver reconstruct`: measured surfaces from a rig or from a folder of images.

In: a rig (or DIR/<camera>/<index>.png), a calibration file. Out: point clouds, meshes, pictures and figures.json in a
folder; exit status 0 when every frame set that was looked at gave a surface, else 1. A rig's frame sets are captured
into DIR/images first and measured then; with --live they are measured as they come, and those that come meanwhile are
dropped whole and counted. Ctrl-C keeps what was measured. This file refuses to know how surfaces are found.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.calibration.file import load
from rigdriver.cli.acceptance_lock import LockDaysOption, LockOption, refuse_unless_accepted
from rigdriver.cli.calibration_source import CalibrationOption, calibration_file
from rigdriver.cli.flash_trains import FlashTrains
from rigdriver.cli.measuring import captured, dropping, measure_folder, measure_live
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, expect_to_go_on, undisturbed, verb
from rigdriver.errors import UsageError
from rigdriver.rig import Rig
from rigdriver.sources import resolve

if TYPE_CHECKING:
    from rigdriver.stereo.results import Summary

MOSAICS = ("BayerRG8", "BayerGB8", "BayerGR8", "BayerBG8", "Mono8", "RGB8")
"""Of deeper images, too: the bits are told by the file."""
LIVE_POINT_MM = 1.0
"""Live, points stand a millimetre apart: files of two million points would not keep up."""


@verb
def reconstruct(  # noqa: PLR0913, PLR0917
    source: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder DIR/<camera>/<index>.png|tiff; else a rig is used.")
    ] = None,
    calibration: CalibrationOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder; reconstruction-<time> if not given.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Frame sets to take from a rig.")] = 10,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Frame sets a second; the rig file's if not given.")
    ] = None,
    mesh: Annotated[
        list[str] | None,
        typer.Option("--mesh", help="Also write meshes: ply, obj, glb, gltf, stl (closed). Repeat it."),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw shaded views and maps.")] = True,
    tracks: Annotated[bool, typer.Option("--tracks", help="Follow points of the first frame set's skin.")] = False,
    mosaic: Annotated[
        str, typer.Option("--mosaic", help="Pixel format of the colour images in a folder; a rig tells its own.")
    ] = "BayerRG8",
    live: Annotated[bool, typer.Option("--live", help="Keep up with the rig; only clouds and figures.")] = False,
    lock: LockOption = None,
    lock_days: LockDaysOption = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Measure surfaces: point clouds with uncertainty, meshes, pictures."""
    with undisturbed():
        from rigdriver.stereo.folder import ImageFolder  # noqa: PLC0415  compiled code is slow to import
        from rigdriver.stereo.reconstruct import CellReconstructor, StereoSettings  # noqa: PLC0415
        from rigdriver.stereo.results import Results  # noqa: PLC0415

    if source is not None and (live or rig or sim or scenario):
        raise UsageError(f"{source}: a folder is not live; give the folder, or a rig with --rig or --sim, not both")
    if mosaic not in MOSAICS:
        raise UsageError(f"--mosaic {mosaic}: expected one of {', '.join(MOSAICS)}")
    if live and (mesh or tracks):
        raise UsageError("--live writes clouds and figures only; leave --mesh and --tracks out, or leave --live out")
    folder = _empty_folder(out)
    settings = StereoSettings(point_mm=LIVE_POINT_MM) if live else None
    trains: FlashTrains | None = None
    with ExitStack() as stack:
        config = None if source else resolve(chosen_source(rig, sim, scenario), stack)
        known = load(calibration_file(calibration, config))
        refuse_unless_accepted(lock, lock_days, config, known)
        results = Results(folder, known, mesh or (), pictures and not live, tracks, mosaic)
        stack.enter_context(results)
        made = stack.enter_context(CellReconstructor(known, settings=settings))
        # From here on Ctrl-C, too, leaves a figures.json of what was measured.
        stack.callback(lambda: results.keep(trains.dropped if trains else 0))
        if config is not None:
            known.check_rig(config)
            if live:
                made.warm_up()  # compiling loops would cost the first frame sets
            expect_to_go_on()
            opened = stack.enter_context(Rig.open(dropping(config) if live else config))
            known.check_sizes(opened.sizes_px())
            trains = FlashTrains(opened, frames, rate_hz)
            if live:
                measure_live(trains, frames, made, results)
            else:
                results.mosaic = captured(trains, frames, folder / "images", config, mosaic)
                opened.close()
        if not live:
            measure_folder(ImageFolder(source or folder / "images", list(known.cameras)), made, results)
    summary = results.finish(trains.dropped if trains else 0)
    if json:
        show_json({**asdict(summary), "folder": str(folder)})
    else:
        _tell(summary, folder)
    if trains and trains.pulses < frames:
        note(f"{trains.pulses} of {frames} frame sets came; `rigdriver selftest` tells what the rig lacks")
        return CHECK_FAILED
    return GOOD if summary.reconstructed == summary.frame_sets and summary.frame_sets else CHECK_FAILED


def _empty_folder(out: Path | None) -> Path:
    folder = out or Path(f"reconstruction-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if (folder / "figures.json").exists():
        raise UsageError(f"{folder}: holds a reconstruction already; name another folder with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name another with --out")
    return folder


def _tell(summary: Summary, folder: Path) -> None:
    show(f"{summary.reconstructed} of {summary.frame_sets} frame sets, {summary.dropped_frame_sets} dropped")
    if summary.points_median is not None:
        show(f"{summary.points_median:.0f} points a frame set, {summary.time_ms_median:.0f} ms each (medians)")
    for text, count in summary.warnings.items():
        show(f"  {count} x {text}")
    show(f"written to {folder}")
