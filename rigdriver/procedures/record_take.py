"""Record frame sets as a take of a subject, or without one into a file of a name of its own.

In: a rig, a subject or none, what to record. Out: the sealed recording and the number of its take; the catalogue knows
the take before its first byte, and at its end what it came to. Not here: the recording (see record.py), and the
catalogue (see subject_take.py).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.procedures.record import Recorded, RecordOptions, record
from rigdriver.procedures.subject_take import TakeWishes, running_take
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.pre_trigger import SaveButton
from rigdriver.recording.recording_file import SUFFIX


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """What was recorded, and as which take of its subject."""

    recorded: Recorded
    number: int | None
    """Number of the take; None where it is nobody's."""


def record_take(
    source: str | Path | RigConfig,
    options: RecordOptions,
    whose: TakeWishes | None = None,
    out: Path | None = None,
    progress: Progress = SILENT,
    button: AbstractContextManager[SaveButton | None] | None = None,
) -> RecordedTake:
    """Record frame sets; those of a take into `out`, or into the subject's folder when it is None.

    `options.path` is the file where it is nobody's take. `button`: entered while it may be pressed.

    Raises:
        UsageError: the catalogue has no such subject, or as in `record`.
        CatalogueUnusable: the catalogue cannot be written. The take itself is whole even then.
        FileNotWritten, RigError: as in `record`.
    """
    with ExitStack() as stack:
        take = stack.enter_context(running_take(whose, out, options.frames, SUFFIX)) if whose else None
        if take is not None:
            options = replace(options, path=take.path, watch=take.watch)
        pressed = stack.enter_context(button or nullcontext())
        return RecordedTake(record(source, options, progress, pressed), take.number if take else None)


def name_by_time() -> Path:
    """Return a name for a recording that nobody has named: the time of its beginning, in this folder."""
    return Path(f"take-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}")
