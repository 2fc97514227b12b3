"""Measure surfaces: of a folder of images, of any source, of a rig that is captured first or while it runs.

In: a folder, a source or a rig, options. Out: point clouds, meshes, pictures and figures.json in a folder, and a
summary. However it ends, also by Ctrl-C, figures.json holds what was measured until then. Not here: how surfaces are
found (see rigdriver.stereo).
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.file import load
from rigdriver.config import RigConfig, VolumeConfig
from rigdriver.errors import UsageError
from rigdriver.procedures.acceptance_lock import LockWish, refuse_unless_accepted
from rigdriver.procedures.calibration_source import calibration_file
from rigdriver.procedures.fitting_images import refuse_other_images, refuse_other_regions
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.procedures.measuring import dropping, keep_all, measure_all, measure_live
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.capture_folder import CaptureFolder
from rigdriver.recording.frame_source import FrameSource
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import SealState
from rigdriver.recording.stored_formats import NO_ANSWERS, FormatAnswers
from rigdriver.rig import Rig
from rigdriver.sources import resolve
from rigdriver.stereo.reconstruct import Reconstructor, StereoSettings
from rigdriver.stereo.reconstructors import BUILT_IN, SlowStarter, SurfaceReconstructor, open_reconstructor
from rigdriver.stereo.results import Results

LIVE_POINT_MM = 1.0
"""Distance between points with --live, in mm; files of two million points would take too long to write."""


@dataclass(frozen=True, slots=True)
class ReconstructOptions:
    """What to measure with, and what to leave."""

    folder: Path
    """Folder of the results."""
    calibration: Path | None = None
    """Calibration file; the rig file's when it is None."""
    reconstructor: str = BUILT_IN
    meshes: tuple[str, ...] = ()
    """Kinds of mesh file: ply, obj, glb, gltf, stl."""
    has_pictures: bool = True
    has_tracks: bool = False
    lock: LockWish = field(default_factory=LockWish)
    frames: int = 10
    """Frame sets to take from a rig."""
    rate_hz: float | None = None
    volume: VolumeConfig | None = None
    """Working volume; the rig file's when it is None, and else that of the calibration."""


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What was measured."""

    folder: Path
    frame_sets: int
    reconstructed: int
    dropped_frame_sets: int
    points_median: float | None
    time_ms_median: float | None
    time_ms_95: float | None
    warnings: dict[str, int]
    """Number of frame sets by warning."""
    measured_share: dict[str, float]
    """Median share, by pod, of what is lit that was measured."""
    asked: int | None = None
    """Number of frame sets that a rig was asked for; None for a folder."""
    came: int | None = None
    """Number of frame sets that the rig made."""

    @property
    def lacks_frame_sets(self) -> bool:
        """Whether the rig made fewer frame sets than were asked for."""
        return self.asked is not None and self.came is not None and self.came < self.asked

    @property
    def has_passed(self) -> bool:
        """Whether every measured frame set gave a surface, and as many came as were asked for."""
        return 0 < self.reconstructed == self.frame_sets and not self.lacks_frame_sets


def reconstruct_folder(
    source: Path, options: ReconstructOptions, answers: FormatAnswers = NO_ANSWERS, progress: Progress = SILENT
) -> Reconstruction:
    """Measure all frame sets of a folder of images.

    Raises:
        UsageError: it is not clear what the files hold, or the results' folder is used.
        CalibrationError: the images do not fit the calibration.
    """
    refuse_measured(options.folder)
    known = _accepted(options)
    images = ImageFolder(source, {camera.name: camera.role for camera in known}, answers)
    return _reconstruct(images, known, options, progress)


def reconstruct_source(source: FrameSource, options: ReconstructOptions, progress: Progress = SILENT) -> Reconstruction:
    """Measure all frame sets of any source, one after the other.

    Raises:
        UsageError: the results' folder is used.
        CalibrationError: the images do not fit the calibration.
    """
    refuse_measured(options.folder)
    return _reconstruct(source, _accepted(options), options, progress)


def reconstruct_recording(path: Path, options: ReconstructOptions, progress: Progress = SILENT) -> Reconstruction:
    """Measure all frame sets of a recording; what its seal says against it is noted first.

    Raises:
        UsageError: the file is no recording, or the results' folder is used.
        RecordingDamaged: a frame set is not what was written; what was measured before it stays.
        CalibrationError: the images do not fit the calibration.
    """
    refuse_measured(options.folder)
    with Recording(path) as recording:
        if recording.state is not SealState.COMPLETE:
            seal = recording.seal
            progress.note(f"{path}: {recording.state}{f': {seal.reason}' if seal else ''}")
        return _reconstruct(recording, _accepted(options, recording.config), options, progress)


def _accepted(options: ReconstructOptions, config: RigConfig | None = None) -> RigCalibration:
    known = load(calibration_file(options.calibration, config))
    # Before anything is opened or lit: a refusal costs nobody a sitting.
    refuse_unless_accepted(options.lock, None, known)
    return known


def _reconstruct(
    source: FrameSource, known: RigCalibration, options: ReconstructOptions, progress: Progress
) -> Reconstruction:
    with ExitStack() as stack:
        results, made = _opened(options, known, source.config, None, stack)
        stack.callback(results.keep)  # from here on Ctrl-C, too, leaves a figures.json of what was measured
        refuse_other_regions(known, source, progress)
        measure_all(source, known, made, results, progress)
    return _summed_up(results, options, None)


def reconstruct_rig(
    source: str | Path | RigConfig, options: ReconstructOptions, progress: Progress = SILENT
) -> Reconstruction:
    """Capture frame sets of a rig into DIR/images, then measure all of them; raises as `Rig.open` does, too."""
    refuse_measured(options.folder)
    trains: FlashTrains | None = None
    with ExitStack() as stack:
        config = resolve(source, stack)
        known = _fitting(config, options)
        results, made = _opened(options, known, config, None, stack)
        stack.callback(lambda: results.keep(trains.dropped if trains else 0))
        progress.go_on()
        with Rig.open(config) as rig:
            # Only open cameras know their size; a calibration of another resolution would give a plausible wrong shape.
            refuse_other_images(known, rig, progress)
            trains = FlashTrains(rig, options.frames, options.rate_hz)
            sink = CaptureFolder(options.folder / "images", config, regions=rig.regions())
            keep_all(trains, options.frames, sink, progress)
        images = ImageFolder(options.folder / "images", {camera.name: camera.role for camera in known})
        measure_all(images, known, made, results, progress)
    return _summed_up(results, options, trains)


def reconstruct_live(
    source: str | Path | RigConfig, options: ReconstructOptions, progress: Progress = SILENT
) -> Reconstruction:
    """Measure frame sets of a rig as they come; what comes meanwhile is dropped whole, and counted."""
    if options.meshes or options.has_tracks:
        raise UsageError(
            device="--live",
            seen="was given together with --mesh or --tracks",
            expected="neither of them, because --live writes clouds and figures only",
            remedy="leave --mesh and --tracks out, or leave --live out",
        )
    refuse_measured(options.folder)
    trains: FlashTrains | None = None
    with ExitStack() as stack:
        config = resolve(source, stack)
        known = _fitting(config, options)
        results, made = _opened(options, known, config, StereoSettings(point_mm=LIVE_POINT_MM), stack)
        stack.callback(lambda: results.keep(trains.dropped if trains else 0))
        if isinstance(made, SlowStarter):
            made.warm_up()  # compiling loops would cost the first frame sets
        progress.go_on()
        # Opened last, closed first: the lamps are off before results are finished.
        rig = stack.enter_context(Rig.open(dropping(config)))
        refuse_other_images(known, rig, progress)
        trains = FlashTrains(rig, options.frames, options.rate_hz)
        measure_live(trains, options.frames, made, results, progress)
    return _summed_up(results, options, trains)


def refuse_measured(folder: Path) -> None:
    """Raise UsageError when a folder cannot take a new reconstruction."""
    # figures.json comes last: clouds without it are of a reconstruction that was cut short.
    if (folder / "figures.json").exists() or any(folder.glob("*.ply")):
        raise UsageError(
            device=str(folder), seen="holds a reconstruction already", remedy="name another folder with --out"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(device=str(folder), seen="is no folder", remedy="name another folder with --out")


def _fitting(config: RigConfig, options: ReconstructOptions) -> RigCalibration:
    known = load(calibration_file(options.calibration, config))
    refuse_unless_accepted(options.lock, config, known)
    known.check_rig(config)
    return known


def _opened(
    options: ReconstructOptions, known: RigCalibration, config: RigConfig | None, live: StereoSettings | None,
    stack: ExitStack,
) -> tuple[Results, Reconstructor]:  # fmt: skip
    # Pictures take longer than a frame set may, so that live measuring draws none.
    has_pictures = options.has_pictures and live is None
    if options.volume and options.reconstructor != BUILT_IN:
        raise UsageError(
            device=f"reconstructor {options.reconstructor}",
            seen="takes no working volume",
            remedy=f"leave --volume out, or take --reconstructor {BUILT_IN}",
        )
    volume = options.volume or (config.volume if config else VolumeConfig())
    results = Results(options.folder, known, options.meshes, has_pictures, options.has_tracks)
    stack.enter_context(results)
    made = stack.enter_context(closing(open_reconstructor(known, options.reconstructor, live, volume)))
    if (options.meshes or options.has_tracks) and not isinstance(made, SurfaceReconstructor):
        raise UsageError(
            device=f"reconstructor {options.reconstructor}",
            seen="gives points and no surfaces",
            remedy=f"leave --mesh and --tracks out, or take --reconstructor {BUILT_IN}",
        )
    return results, made


def _summed_up(results: Results, options: ReconstructOptions, trains: FlashTrains | None) -> Reconstruction:
    summary = results.finish(trains.dropped if trains else 0)
    return Reconstruction(
        options.folder,
        summary.frame_sets,
        summary.reconstructed,
        summary.dropped_frame_sets,
        summary.points_median,
        summary.time_ms_median,
        summary.time_ms_95,
        dict(summary.warnings),
        dict(summary.measured_share),
        options.frames if trains else None,
        trains.pulses if trains else None,
    )
