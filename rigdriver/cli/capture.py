"""`rigdriver capture --frames N`: frame sets as image files, and their proofs as CSV and JSON.

In: a rig and a number of frame sets. Out: a folder, a summary, and exit status 0 when every frame set is complete, else
1. What is written is what the cameras delivered; this file refuses to know how frames are matched.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.image_writer import ImageFormat, ImageWriter
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note, progress_bar, show, show_json
from rigdriver.cli.source import JsonOption, RigOption, ScenarioOption, SimOption, chosen_source
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.errors import RigError, UsageError
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics

FrameSetSink = Callable[[FrameSet, int], None]
"""Takes a frame set and its index: the place that it gets in a folder."""


@verb
def capture(
    frames: Annotated[int, typer.Option("--frames", "-n", min=1, help="How many frame sets.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the files; capture-<time> if not given."),
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option("--rate", metavar="HZ", help="Frame sets a second; the rig file's if not given.")
    ] = None,
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="png is smaller, tiff is faster; both keep every digital number.")
    ] = ImageFormat.PNG,
    images: Annotated[bool, typer.Option("--images/--no-images", help="Write the images, or the proofs alone.")] = True,
    rig: RigOption = None,
    sim: SimOption = False,
    scenario: ScenarioOption = "",
    json: JsonOption = False,
) -> int:
    """Capture frame sets into image files with their proofs."""
    folder = out or Path(f"capture-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if (folder / "proofs.csv").exists():
        raise UsageError(f"{folder}: holds a capture already; name another folder with --out")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name another with --out")
    with _named_as(folder), ExitStack() as stack:
        opened = stack.enter_context(Rig.open(chosen_source(rig, sim, scenario)))
        sinks: list[FrameSetSink] = [stack.enter_context(ProofFiles(folder, opened.config.name)).write]
        if images:
            sinks.append(stack.enter_context(ImageWriter(folder, image_format)).write)
        statistics = capture_run(opened, frames, rate_hz, sinks)
    if json:
        show_json({**facts(statistics), "folder": str(folder)})
    else:
        tell(statistics, folder)
    return GOOD if statistics.complete == frames else CHECK_FAILED


@contextmanager
def _named_as(folder: Path) -> Iterator[None]:
    """Give errors of the file system that name no file the folder's name."""
    try:
        yield
    except OSError as exc:
        if isinstance(exc, RigError) or exc.filename is not None or exc.errno is None or exc.errno == errno.EPIPE:
            raise
        raise OSError(exc.errno, f"{exc.strerror}; make room or name another folder with --out", str(folder)) from exc


def capture_run(rig: Rig, frames: int, rate_hz: float | None, sinks: Sequence[FrameSetSink]) -> RunStatistics:
    """Run the rig, hand each frame set to the sinks, and return what the run counted."""
    with progress_bar("capturing", frames) as advance, rig.run(frames=frames, rate_hz=rate_hz) as run:
        for done, frame_set in enumerate(run, start=1):
            for sink in sinks:
                sink(frame_set, frame_set.pulse_index)
            for gap in frame_set.gaps.values():
                note(f"pulse {frame_set.pulse_index}: {gap}")
            advance(done)
        return run.statistics


def facts(statistics: RunStatistics) -> dict[str, object]:
    """Return what a run measured, for `--json`; what could not be measured is null."""
    return {
        "frame_sets": statistics.frame_sets,
        "complete": statistics.complete,
        "gaps": statistics.gaps,
        "dropped_frame_sets": statistics.dropped_frame_sets,
        "rate_hz": _or_none(statistics.rate_hz),
        "skew_us_max": _or_none(statistics.skew_us_max),
        "skew_us_median": _or_none(statistics.skew_us_median),
        "residual_us_max": _or_none(statistics.residual_us_max),
        "gap_reasons": dict(statistics.gap_reasons),
    }


def tell(statistics: RunStatistics, folder: Path) -> None:
    """Print what a run measured, for people."""
    show(
        f"{statistics.frame_sets} frame sets at {statistics.rate_hz:.4f} Hz: {statistics.complete} complete, "
        f"{statistics.gaps} gaps"
    )
    for reason, count in statistics.gap_reasons.items():
        show(f"  {count} x {reason}")
    show(f"skew at most {statistics.skew_us_max:.1f} us, residual at most {statistics.residual_us_max:.1f} us")
    show(f"written to {folder}")


def _or_none(value: float) -> float | None:
    return value if value == value else None
