"""The acceptance test after VDI/VDE 2634 part 2, with artefacts before a rig or in folders of images.

In: folders of positions, or a rig before which artefacts are held; a calibration; what the certificates say; limits.
Out: the verdict, an HTML report, and one more line in the history.
Not here: how artefacts are measured and judged (see rigdriver.stereo).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from rigdriver.acceptance.judge import Acceptance, judge
from rigdriver.acceptance.lock import append_history, read_history
from rigdriver.acceptance.page import report_html
from rigdriver.calibration.file import load
from rigdriver.config import AcceptanceConfig, RigConfig, VolumeConfig
from rigdriver.errors import NotMeasured, UsageError
from rigdriver.procedures.acceptance_lock import DEFAULT_FOLDER, HISTORY
from rigdriver.procedures.artefacts import Artefact, Certificate, Gallery
from rigdriver.procedures.calibration_source import calibration_file
from rigdriver.procedures.fitting_images import refuse_other_images, refuse_other_regions
from rigdriver.procedures.positions_live import PositionWishes, take_live
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.image_folder import ImageFolder
from rigdriver.recording.recording_file import Recording, is_recording
from rigdriver.recording.stored_formats import FormatAnswers
from rigdriver.rig import Rig
from rigdriver.schedule.white_light import MAX_RATE_HZ
from rigdriver.sources import resolve
from rigdriver.stereo.geometry.rectify import working_volume
from rigdriver.stereo.reconstruct import CellReconstructor
from rigdriver.whole_file import make_folder, write_whole


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to test with, against which limits, and where the report goes."""

    calibration: Path | None = None
    folders: Mapping[Artefact, Path] = field(default_factory=lambda: MappingProxyType({}))
    """Folder of positions that were captured before, or a recording of them, by artefact."""
    take: tuple[Artefact, ...] = ()
    """Artefacts that are held before the rig."""
    wishes: PositionWishes = field(default_factory=PositionWishes)
    certificate: Certificate = field(default_factory=Certificate)
    limits_um: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))
    """Limits by their key in the rig file's [acceptance]; that file's, where one is None or left out."""
    out: Path = DEFAULT_FOLDER
    answers: FormatAnswers = field(default_factory=FormatAnswers)

    def __post_init__(self) -> None:
        both = [artefact.value for artefact in self.take if artefact in self.folders]
        if both:
            raise UsageError(device=both[0], seen="a folder and --take were given", remedy="name one of them")
        for name, value in self.limits_um.items():
            # `not >` and not `<=`, so that NaN is refused too.
            if value is not None and not value > 0:
                raise UsageError(device=f"limit {name}", seen=f"{value:g} um", expected="more than 0 um")


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict and its page."""

    acceptance: Acceptance
    page: Path


def verify(source: str | Path | RigConfig | None, options: VerifyOptions, progress: Progress = SILENT) -> Verified:
    """Test the rig with certified artefacts. `source` may be None when there are folders only.

    Raises:
        NotMeasured: no position was measured, or an image shows no such artefact.
        NotMeasured: an artefact was not held where it can be measured.
        RigError: what `Rig.open` and its runs raise.
    """
    gallery = Gallery()
    with ExitStack() as stack:
        config = resolve(source, stack) if source is not None else None
        known = load(calibration_file(options.calibration, config))
        limits = _limits(config, options.limits_um)
        made = stack.enter_context(
            CellReconstructor(known, working_volume(known, config.volume if config else VolumeConfig()))
        )
        for artefact, folder in options.folders.items():
            _measure_folder(artefact, folder, made, options, gallery, progress)
        if config is not None and options.take:
            known.check_rig(config)
            progress.go_on()
            # After the folders: they need no lamp, and a mistake in them shows before somebody holds an artefact.
            rig = stack.enter_context(Rig.open(_attentive(config)))
            refuse_other_images(known, rig, progress)
            for artefact in options.take:
                folder = options.out / artefact.value
                take_live(rig, artefact, options.wishes, folder, made, options.certificate, gallery, progress)
    done = judge(known.rig, known.created, gallery.bars, gallery.plates, limits, datetime.now(UTC))
    return Verified(done, _written(done, options.out, _history_of(config, options.out), gallery))


def _limits(config: RigConfig | None, given: Mapping[str, float | None]) -> AcceptanceConfig:
    limits = config.acceptance if config else AcceptanceConfig()
    return limits.model_copy(update={name: value for name, value in given.items() if value is not None})


def _history_of(config: RigConfig | None, out: Path) -> Path:
    return config.acceptance.history if config and config.acceptance.history else out / HISTORY


def _attentive(config: RigConfig) -> RigConfig:
    """Look slowly, and at the newest frame set: a person moves the artefact, and light is not wasted on waiting."""
    run = config.run.model_copy(update={"queue_frame_sets": 1, "on_gap": "continue", "slow_consumer": "drop_oldest"})
    rate_hz = min(config.schedule.rate_hz, MAX_RATE_HZ)
    schedule = config.schedule.model_copy(update={"rate_hz": rate_hz})
    return config.model_copy(update={"run": run, "schedule": schedule})


def _measure_folder(
    artefact: Artefact, folder: Path, made: CellReconstructor, options: VerifyOptions, gallery: Gallery,
    progress: Progress,
) -> None:  # fmt: skip
    with ExitStack() as stack:
        images: ImageFolder | Recording
        if is_recording(folder):
            images = stack.enter_context(Recording(folder))
        else:
            roles = {camera.name: camera.role for camera in made.calibration}
            images = ImageFolder(folder, roles, options.answers)
        _measure_positions(artefact, folder, images, made, options, gallery, progress)


def _measure_positions(
    artefact: Artefact, folder: Path, images: ImageFolder | Recording, made: CellReconstructor, options: VerifyOptions,
    gallery: Gallery, progress: Progress,
) -> None:  # fmt: skip
    refuse_other_regions(made.calibration, images, progress)
    with progress.stage(f"measuring {folder.name}", len(images)) as advance:
        for done, taken in enumerate(images, start=1):
            cloud, surfaces = made.reconstruct_surfaces(taken.frame_set)
            try:
                result = options.certificate.measure(artefact, cloud)
            except NotMeasured as exc:
                where = f"{folder}, index {taken.name}: {exc.device}"
                raise NotMeasured(device=where, seen=exc.seen, expected=exc.expected, remedy=exc.remedy) from exc
            gallery.add(artefact, taken.name, result, surfaces, made.calibration)
            advance(done)


def _written(done: Acceptance, out: Path, history: Path, gallery: Gallery) -> Path:
    tests = [*(test for test in read_history(history) if test.rig == done.rig), done]
    make_folder(out)
    page = out / "acceptance.html"
    write_whole(page, report_html(tests, gallery.pictures))
    append_history(history, done)
    return page
