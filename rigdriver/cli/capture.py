"""`rigdriver capture --frames N`: frame sets as image files, and their proofs as CSV and JSON.

In: a rig and a number of frame sets. Out: a folder, a summary, and exit status 0 when every frame set is complete, else
1.
Not here: the capture itself (see procedures/capture.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.subject_options import CatalogueOption, NoteOption, SubjectOption, take_wishes
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.images.image_writer import ImageFormat
from rigdriver.json_values import JsonObject
from rigdriver.procedures.capture import CaptureOptions
from rigdriver.procedures.capture import capture as capture_frame_sets
from rigdriver.procedures.subject_take import running_take
from rigdriver.recording.capture_folder import refuse_used
from rigdriver.run.statistics import RunStatistics


@verb
def capture(  # noqa: PLR0913, PLR0917  one argument per option
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="Number of frame sets.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; capture-<time> if not given."),
    ] = None,
    rate_hz: Annotated[
        float | None,
        typer.Option("--rate", metavar="HZ", help="Frame sets per second; if not given, as in the rig file."),
    ] = None,
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="png is smaller, tiff is faster; both keep every digital number.")
    ] = ImageFormat.PNG,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Write images and proofs, or proofs only.")
    ] = True,
    subject: SubjectOption = None,
    note: NoteOption = None,
    catalogue: CatalogueOption = None,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Capture frame sets into image files with their proofs."""
    source, whose = chosen_source(rig, sim, scenario), take_wishes(subject, catalogue, note)
    if out is not None:
        refuse_used(out)  # before the rig is opened, so that a used folder costs no waiting
    with ExitStack() as stack:
        take = stack.enter_context(running_take(whose, out, frames)) if whose else None
        # UTC: names sort by time, also when the clocks change.
        folder = take.path if take else out or Path(f"capture-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        options = CaptureOptions(frames, folder, rate_hz, image_format if images else None)
        done = capture_frame_sets(source, replace(options, watch=take.watch) if take else options, PROGRESS)
        if json:
            show_json({**facts(done.statistics), "folder": str(folder)})
        else:
            tell(done.statistics, folder)
    return GOOD if done.has_passed else CHECK_FAILED


def facts(statistics: RunStatistics) -> JsonObject:
    """Return what a run measured, for `--json`; what could not be measured is null."""
    return {
        "frame_sets": statistics.frame_sets,
        "complete": statistics.complete,
        "gaps": statistics.gaps,
        "dropped_frame_sets": statistics.dropped_frame_sets,
        "stopped_by": None if statistics.stopped_by is None else str(statistics.stopped_by),
        "rate_hz": _or_none(statistics.rate_hz),
        "skew_us_max": _or_none(statistics.skew_us_max),
        "skew_us_median": _or_none(statistics.skew_us_median),
        "residual_us_max": _or_none(statistics.residual_us_max),
        "gap_reasons": dict(statistics.gap_reasons),
    }


def tell(statistics: RunStatistics, folder: Path) -> None:
    """Print what a run measured, for people."""
    pace = rate_text(statistics.rate_hz)
    show(f"{statistics.frame_sets} frame sets{pace}: {statistics.complete} complete, {statistics.gaps} gaps")
    for reason, count in statistics.gap_reasons.items():
        show(f"  {count} x {reason}")
    show(f"{_at_most('skew', statistics.skew_us_max)}, {_at_most('residual', statistics.residual_us_max)}")
    show(f"written to {folder}")


def rate_text(rate_hz: float, digits: int = 4) -> str:
    """Return ` at 10.0000 Hz`; nothing when there were too few frame sets to measure a rate."""
    return "" if _or_none(rate_hz) is None else f" at {rate_hz:.{digits}f} Hz"


def _at_most(what: str, value_us: float) -> str:
    return f"{what} not measured" if _or_none(value_us) is None else f"{what} at most {value_us:.1f} us"


def _or_none(value: float) -> float | None:
    # JSON has no NaN (RFC 8259, section 6).
    return value if value == value else None
