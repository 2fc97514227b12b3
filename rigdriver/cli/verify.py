"""`rigdriver verify`: the acceptance test after VDI/VDE 2634 part 2, with artefacts before a rig or in folders.

In: a rig before which a ball bar and a plate are held in several positions, or folders of images of them; a
calibration; what the certificates say. Out: an HTML report, one more line in the history, exit status 0 when the rig is
within its limits, else 1. This file refuses to know how artefacts are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rigdriver.calibration.file import load
from rigdriver.cli.acceptance_lock import DEFAULT_FOLDER, HISTORY
from rigdriver.cli.calibration_source import CalibrationOption, calibration_file
from rigdriver.cli.screen import progress_bar, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, undisturbed, verb
from rigdriver.cli.verify_live import Certificate, Gallery, Patience, load_tools, take_live
from rigdriver.config import AcceptanceConfig, RigConfig
from rigdriver.errors import UsageError
from rigdriver.rig import Rig
from rigdriver.schedule.white_light import MAX_RATE_HZ
from rigdriver.sources import resolve

if TYPE_CHECKING:
    from rigdriver.acceptance.judge import Acceptance
    from rigdriver.stereo.reconstruct import CellReconstructor


class Artefact(Enum):
    """What is held before the rig."""

    BALL_BAR = "ball-bar"
    PLATE = "plate"


LimitOption = Annotated[float | None, typer.Option(metavar="UM", help="Limit; the rig file's if not given.")]


@verb
def verify(  # noqa: PLR0913, PLR0917
    calibration: CalibrationOption = None,
    ball_bar: Annotated[
        Path | None, typer.Option("--ball-bar", metavar="DIR", help="Images of a ball bar, a position an index.")
    ] = None,
    plate: Annotated[Path | None, typer.Option("--plate", metavar="DIR", help="Images of a flat plate.")] = None,
    take: Annotated[
        list[Artefact] | None,
        typer.Option("--take", help="Hold it before the rig instead; repeat it. Both if there are no folders."),
    ] = None,
    positions: Annotated[int, typer.Option("--positions", min=1, help="Of each artefact that is taken live.")] = 7,
    patience: Annotated[
        float, typer.Option("--patience", metavar="S", min=1, help="Give up when no position came for so long.")
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
    ] = DEFAULT_FOLDER,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Verify the rig with certified artefacts."""
    with undisturbed():
        from rigdriver.stereo.reconstruct import CellReconstructor  # noqa: PLC0415  compiled code is slow to import

    folders = {k: f for k, f in ((Artefact.BALL_BAR, ball_bar), (Artefact.PLATE, plate)) if f is not None}
    wanted = _wanted(folders, take)
    certificate = Certificate(diameter_mm, spacing_mm)
    gallery = Gallery()
    with ExitStack() as stack:
        config = resolve(chosen_source(rig, sim, scenario), stack) if wanted or rig or sim or scenario else None
        known = load(calibration_file(calibration, config))
        given = {
            "probing_form_um": max_form, "probing_size_um": max_size, "spacing_um": max_spacing,
            "flatness_um": max_flatness,
        }  # fmt: skip
        limits = _limits(config, given)
        made = stack.enter_context(CellReconstructor(known))
        for artefact, folder in folders.items():
            _from_folder(artefact, folder, made, certificate, gallery)
        if config is not None and wanted:
            known.check_rig(config)
            load_tools()
            opened = stack.enter_context(Rig.open(_attentive(config)))
            known.check_sizes(opened.sizes_px())
            for artefact in wanted:
                take_live(
                    opened, artefact.value, Patience(positions, patience), out, made, certificate, gallery
                )  # fmt: skip
    done = _judged(known.rig, known.created, gallery, limits)
    page = _written(done, out, _history_of(config, out), gallery)
    if json:
        show_json(_facts(done, page))
    else:
        _tell(done, page)
    return GOOD if done.is_passed else CHECK_FAILED


def _wanted(folders: Mapping[Artefact, Path], take: list[Artefact] | None) -> list[Artefact]:
    wanted = list(dict.fromkeys(take or ())) if take or folders else list(Artefact)
    both = [artefact.value for artefact in wanted if artefact in folders]
    if both:
        raise UsageError(f"{both[0]}: a folder is given and --take, too; name one of them")
    return wanted


def _limits(config: RigConfig | None, given: Mapping[str, float | None]) -> AcceptanceConfig:
    limits = config.acceptance if config else AcceptanceConfig()
    wrong = [(name, value) for name, value in given.items() if value is not None and not value > 0]
    if wrong:
        raise UsageError(f"limit {wrong[0][0]} = {wrong[0][1]:g}: expected more than 0 um")
    return limits.model_copy(update={name: value for name, value in given.items() if value is not None})


def _history_of(config: RigConfig | None, out: Path) -> Path:
    return config.acceptance.history if config and config.acceptance.history else out / HISTORY


def _attentive(config: RigConfig) -> RigConfig:
    """Look slowly, and at the newest frame set: a person moves the artefact, and light is not wasted on waiting."""
    run = config.run.model_copy(update={"queue_frame_sets": 1, "on_gap": "continue", "slow_consumer": "drop_oldest"})
    rate_hz = min(config.schedule.rate_hz, MAX_RATE_HZ)
    schedule = config.schedule.model_copy(update={"rate_hz": rate_hz})
    return config.model_copy(update={"run": run, "schedule": schedule})


def _from_folder(
    artefact: Artefact, folder: Path, made: CellReconstructor, certificate: Certificate, gallery: Gallery
) -> None:
    from rigdriver.stereo.folder import ImageFolder  # noqa: PLC0415  compiled code is slow to import

    images = ImageFolder(folder, list(made.calibration.cameras))
    with progress_bar(f"measuring {folder.name}", len(images)) as advance:
        for done, (index, frames) in enumerate(images, start=1):
            cloud, surfaces = made.reconstruct_surfaces(frames)
            try:
                result = certificate.measure(artefact.value, cloud)
            except UsageError as exc:
                raise UsageError(f"{folder}, index {index}: {exc}") from exc
            gallery.add(artefact.value, index, result, surfaces, made.calibration)
            advance(done)


def _judged(rig: str, calibration: str, gallery: Gallery, limits: AcceptanceConfig) -> Acceptance:
    from rigdriver.acceptance.judge import judge  # noqa: PLC0415  compiled code is slow to import

    return judge(rig, calibration, gallery.bars, gallery.plates, limits, datetime.now(UTC))


def _written(done: Acceptance, out: Path, history: Path, gallery: Gallery) -> Path:
    from rigdriver.acceptance.lock import append_history, read_history  # noqa: PLC0415  compiled code is slow to import
    from rigdriver.acceptance.page import report_html  # noqa: PLC0415

    tests = [*(test for test in read_history(history) if test.rig == done.rig), done]
    out.mkdir(parents=True, exist_ok=True)
    page = out / "acceptance.html"
    page.write_text(report_html(tests, gallery.pictures), encoding="utf-8")
    append_history(history, done)
    return page


def _facts(done: Acceptance, page: Path) -> dict[str, object]:
    return {
        "passed": done.is_passed,
        "missing": list(done.missing),
        "ball_bar_positions": done.ball_bar_positions,
        "plate_positions": done.plate_positions,
        "characteristics": {
            line.name: {
                "worst_um": line.worst_um, "limit_um": line.limit_um, "rms_um": line.rms_um,
                "full_range_um": line.full_range_um, "passed": line.is_passed,
            }
            for line in done.characteristics
        },
        "report": str(page),
    }  # fmt: skip


def _tell(done: Acceptance, page: Path) -> None:
    for line in done.characteristics:
        verdict = "pass" if line.is_passed else "FAIL"
        figures = f"{line.worst_um:+.1f} um, at most {line.limit_um:g} um (RMS {line.rms_um:.1f} um)"
        show(f"{verdict}  {line.name}: {figures}")
    for name in done.missing:
        show(f"      no {name} was measured: what it would show is not tested")
    show(f"written to {page}")
