"""`rigdriver reconstruct`: measured surfaces from a rig or from a folder of images.

In: a rig (or DIR/<camera>/<index>.png), a calibration file. Out: point clouds, meshes, pictures and figures.json in a
folder; exit status 0 when every frame set gave a surface, else 1. With --live, frame sets that come while one is being
worked on are dropped whole and counted. This file refuses to know how surfaces are found.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.cli.screen import note, progress_bar, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from rigdriver.sources import resolve

if TYPE_CHECKING:
    from rigdriver.stereo.folder import ImageFolder
    from rigdriver.stereo.reconstruct import CellReconstructor
    from rigdriver.stereo.results import Results
    from rigdriver.stereo.texture import Pixels


@verb
def reconstruct(  # noqa: PLR0913, PLR0917
    calibration: Annotated[Path, typer.Option("--calibration", "-c", metavar="FILE", help="Calibration of the rig.")],
    source: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder DIR/<camera>/<index>.png|tiff; else a rig is used.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder; reconstruction-<time> if not given.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Frame sets to take from a rig.")] = 10,
    mesh: Annotated[
        list[str] | None,
        typer.Option("--mesh", help="Also write meshes: ply, obj, glb, gltf, stl (closed). Repeat it."),
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw shaded views and maps.")] = True,
    live: Annotated[bool, typer.Option("--live", help="Keep up with the rig; only clouds and figures.")] = False,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Measure surfaces: point clouds with uncertainty, meshes, pictures."""
    from rigdriver.stereo.folder import ImageFolder  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.reconstruct import CellReconstructor, StereoSettings  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.stereo.results import Results  # noqa: PLC0415  compiled code is slow to import

    folder = out or Path(f"reconstruction-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    known = load(calibration)
    results = Results(folder, known, mesh or (), pictures and not live)
    dropped = 0
    # Live, points stand a millimetre apart: files of two million points would not keep up.
    with CellReconstructor(known, settings=StereoSettings(point_mm=1.0) if live else None) as made:
        if source is not None:
            _from_folder(ImageFolder(source, list(known.cameras)), made, results)
        else:
            with ExitStack() as stack:
                config = resolve(chosen_source(rig, sim, scenario), stack)
                known.check_rig(config)
                if live:
                    run = config.run.model_copy(update={"slow_consumer": "drop_oldest", "queue_frame_sets": 2})
                    config = config.model_copy(update={"run": run})
                opened = stack.enter_context(Rig.open(config))
                dropped = _from_rig(opened, frames, made, results, live)
    summary = results.finish(dropped)
    if json:
        show_json({**summary, "folder": str(folder)})
    else:
        _tell(summary, folder)
    return GOOD if summary["reconstructed"] == summary["frame_sets"] and summary["frame_sets"] else CHECK_FAILED


def _from_folder(images: ImageFolder, made: CellReconstructor, results: Results) -> None:
    with progress_bar("reconstructing", len(images)) as advance:
        for done, (index, found) in enumerate(images, start=1):
            cloud, surfaces = made.reconstruct_surfaces(found)
            if cloud.is_empty:
                note(f"frame set {index}: {cloud.reason}")
            results.add(index, cloud, surfaces, found)
            advance(done)


def _from_rig(opened: Rig, frames: int, made: CellReconstructor, results: Results, is_live: bool) -> int:
    """Return how many frame sets were dropped whole."""
    with progress_bar("reconstructing", frames) as advance, opened.run(frames=frames) as run:
        for done, frame_set in enumerate(run, start=1):
            if is_live:
                results.add(f"{frame_set.index:06d}", made.reconstruct(frame_set))
            else:
                cloud, surfaces = made.reconstruct_surfaces(frame_set)
                if cloud.is_empty:
                    note(f"pulse {frame_set.index}: {cloud.reason}")
                results.add(f"{frame_set.index:06d}", cloud, surfaces, _colour_images(frame_set, made.calibration))
            advance(done)
        return run.statistics.dropped_frame_sets


def _colour_images(frame_set: FrameSet, calibration: RigCalibration) -> dict[str, Pixels]:
    textures = {camera.name for camera in calibration if camera.role == "texture"}
    return {frame.camera: frame.pixels for frame in frame_set if frame.camera in textures}


def _tell(summary: dict[str, object], folder: Path) -> None:
    show(f"{summary['reconstructed']} of {summary['frame_sets']} frame sets, {summary['dropped_frame_sets']} dropped")
    if summary["points_median"] is not None:
        show(f"{summary['points_median']:.0f} points a frame set, {summary['time_ms_median']:.0f} ms each (medians)")
    show(f"written to {folder}")
