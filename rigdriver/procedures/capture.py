"""Capture frame sets of a rig into a folder: images, what they hold, and proofs.

In: a rig and a number of frame sets. Out: the folder, and what the run counted. What is written is what the cameras
delivered.
Not here: how frames are matched (see sync), and how a folder is written (see recording/capture_folder.py).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.errors import RigError, RunCutShort
from rigdriver.frames import FrameSet
from rigdriver.images.image_writer import ImageFormat
from rigdriver.procedures.notes import PulseNote
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.capture_folder import CaptureFolder, refuse_used
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What to capture, and how it is kept."""

    frames: int
    folder: Path
    rate_hz: float | None = None
    """Frame sets per second; the rig file's when it is None."""
    image_format: ImageFormat | None = ImageFormat.PNG
    """Format of the image files; None writes the proofs alone."""
    watch: Callable[[FrameSet], object] = id
    """Function that is called with each frame set that was taken."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What was captured."""

    folder: Path
    asked: int
    statistics: RunStatistics

    @property
    def has_passed(self) -> bool:
        """Whether every frame set came and is complete."""
        return self.statistics.complete == self.asked


def capture(source: str | Path | RigConfig, options: CaptureOptions, progress: Progress = SILENT) -> Captured:
    """Capture frame sets into a folder.

    Raises:
        UsageError: the folder holds a capture already.
        OSError: a file cannot be written.
        RigError: what `Rig.open` and its runs raise.
    """
    refuse_used(options.folder)
    with (
        _named_as(options.folder),
        Rig.open(source) as rig,
        CaptureFolder(options.folder, rig.config, options.image_format, rig.regions()) as sink,
    ):
        statistics = capture_run(rig, options.frames, options.rate_hz, [sink.write, options.watch], progress)
    return Captured(options.folder, options.frames, statistics)


def capture_run(
    rig: Rig, frames: int, rate_hz: float | None, takers: Sequence[Callable[[FrameSet], object]], progress: Progress
) -> RunStatistics:
    """Run the rig, hand each frame set to the takers, and return what the run counted.

    A run that is cut short is noted, and what came of it counts: `stopped_by` names the cause.
    """
    with progress.stage("capturing", frames) as advance, rig.run(frames=frames, rate_hz=rate_hz) as run:
        try:
            for done, frame_set in enumerate(run, start=1):
                # Takers come before the notes: what is kept does not wait for a terminal.
                for take in takers:
                    take(frame_set)
                for gap in frame_set.gaps.values():
                    progress.note(PulseNote(frame_set.pulse_index, gap))
                advance(done)
        except RunCutShort as exc:
            progress.note(exc)
        return run.statistics


@contextmanager
def _named_as(folder: Path) -> Iterator[None]:
    """Give errors of the file system that name no file the folder's name."""
    try:
        yield
    except OSError as exc:
        # Errors of devices are OSErrors too (LinkTimeout), and a pipe that closed is no matter of this folder.
        if isinstance(exc, RigError) or exc.filename is not None or exc.errno is None or exc.errno == errno.EPIPE:
            raise
        raise OSError(exc.errno, f"{exc.strerror}; make room or name another folder with --out", str(folder)) from exc
