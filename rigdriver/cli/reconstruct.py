"""`rigdriver reconstruct`: measured surfaces from a rig or from a folder of images.

In: a rig (or DIR/<camera>/<index>.png), a calibration file. Out: point clouds, meshes, pictures and figures.json in a
folder; exit status 0 when every frame set that was looked at gave a surface, else 1. A rig's frame sets are captured
into DIR/images first and measured then; with --live they are measured as they come, and those that come meanwhile are
dropped whole and counted. Ctrl-C keeps what was measured. This file refuses to know how surfaces are found.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.calibration.file import load
from rigdriver.cli.acceptance_lock import LockDaysOption, LockOption, refuse_unless_accepted
from rigdriver.cli.flash_trains import FlashTrains
from rigdriver.cli.image_writer import ImageFormat, ImageWriter
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note, progress_bar, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, expect_to_go_on, undisturbed, verb
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from rigdriver.sources import resolve

if TYPE_CHECKING:
    from rigdriver.stereo.folder import ImageFolder
    from rigdriver.stereo.reconstruct import CellReconstructor
    from rigdriver.stereo.results import Results

MOSAICS = ("BayerRG8", "BayerGB8", "BayerGR8", "BayerBG8", "Mono8", "RGB8")
"""Of deeper images, too: the bits are told by the file."""
LIVE_POINT_MM = 1.0
"""Live, points stand a millimetre apart: files of two million points would not keep up."""
LIVE_QUEUE = 8
"""Frame sets that may wait, so that a hiccup of some tenths of a second loses none."""


@verb
def reconstruct(  # noqa: PLR0913, PLR0917
    source: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder DIR/<camera>/<index>.png|tiff; else a rig is used.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", "-c", metavar="FILE", help="Calibration; the rig file's if not given."),
    ] = None,
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
            opened = stack.enter_context(Rig.open(_dropping(config) if live else config))
            known.check_sizes(opened.sizes_px())
            trains = FlashTrains(opened, frames, rate_hz)
            if live:
                _live(trains, frames, made, results)
            else:
                results.mosaic = _captured(trains, frames, folder / "images", config, mosaic)
                opened.close()
        if not live:
            _from_folder(ImageFolder(source or folder / "images", list(known.cameras)), made, results)
    summary = results.finish(trains.dropped if trains else 0)
    if json:
        show_json({**summary, "folder": str(folder)})
    else:
        _tell(summary, folder)
    return GOOD if summary["reconstructed"] == summary["frame_sets"] and summary["frame_sets"] else CHECK_FAILED


def calibration_file(named: Path | None, config: RigConfig | None) -> Path:
    """Return the calibration file: the one that was named, else the rig file's.

    Raises:
        UsageError: there is none.
    """
    found = named or (config.calibration if config else None)
    if found is not None:
        return found
    where = f"rig {config.name}: its rig file names no calibration" if config else "a folder of images names none"
    raise UsageError(f"no calibration: {where}; give one with --calibration FILE (`rigdriver calibrate` makes it)")


def _empty_folder(out: Path | None) -> Path:
    folder = out or Path(f"reconstruction-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if (folder / "figures.json").exists():
        raise UsageError(f"{folder}: holds a reconstruction already; name another folder with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name another with --out")
    return folder


def _dropping(config: RigConfig) -> RigConfig:
    run = config.run.model_copy(
        update={"slow_consumer": "drop_oldest", "queue_frame_sets": LIVE_QUEUE, "on_gap": "continue"}
    )
    return config.model_copy(update={"run": run})


def _live(trains: FlashTrains, frames: int, made: CellReconstructor, results: Results) -> None:
    """Measure what comes; one that comes while others wait pushes the oldest of them out, whole."""
    told: set[str] = set()
    with progress_bar("measuring live", frames) as advance, closing(iter(trains)) as frame_sets:
        for frame_set in frame_sets:
            cloud = made.reconstruct(frame_set)
            results.add(f"{frame_set.index:06d}", cloud)
            _tell_once((cloud.reason, *cloud.figures.warnings), frame_set, told)
            advance(frame_set.index + 1)


def _tell_once(reasons: Iterable[str], frame_set: FrameSet, told: set[str]) -> None:
    """Ten times a second the same line helps nobody; figures.json holds them all."""
    kinds = {f"camera {name}: {gap.reason.name}": str(gap) for name, gap in frame_set.gaps.items()}
    texts = set(kinds.values())
    kinds |= {reason.partition(":")[0]: reason for reason in reasons if reason and reason not in texts}
    for kind, text in kinds.items():
        if kind not in told:
            told.add(kind)
            note(f"pulse {frame_set.index}: {text} (told once)")


def _captured(trains: FlashTrains, frames: int, folder: Path, config: RigConfig, mosaic: str) -> str:
    """Write all images and proofs, so that nothing is lost while surfaces are found; return the mosaic's format."""
    with (
        progress_bar("capturing", frames) as advance,
        ProofFiles(folder, config.name) as proofs,
        ImageWriter(folder, ImageFormat.PNG) as images,
        closing(iter(trains)) as frame_sets,
    ):
        for frame_set in frame_sets:
            proofs.write(frame_set)
            images.write(frame_set)
            formats = [f.pixel_format for f in frame_set if f.pixel_format.startswith("Bayer")]
            mosaic = formats[0] if formats else mosaic
            advance(frame_set.index + 1)
    return mosaic


def _from_folder(images: ImageFolder, made: CellReconstructor, results: Results) -> None:
    with progress_bar("reconstructing", len(images)) as advance:
        for done, (index, found) in enumerate(images, start=1):
            try:
                cloud, surfaces = made.reconstruct_surfaces(found)
            except CalibrationMismatch as exc:
                raise CalibrationMismatch(f"frame set {index}: {exc}") from exc
            if cloud.is_empty:
                note(f"frame set {index}: {cloud.reason}")
            results.add(index, cloud, surfaces, found)
            advance(done)


def _tell(summary: dict[str, object], folder: Path) -> None:
    show(f"{summary['reconstructed']} of {summary['frame_sets']} frame sets, {summary['dropped_frame_sets']} dropped")
    if summary["points_median"] is not None:
        show(f"{summary['points_median']:.0f} points a frame set, {summary['time_ms_median']:.0f} ms each (medians)")
    warnings = summary["warnings"]
    assert isinstance(warnings, dict)
    for text, count in warnings.items():
        show(f"  {count} x {text}")
    show(f"written to {folder}")
