"""Takes of subjects: numbers that are given out once, what each take came to, and which files belong to it.

In: an open catalogue. Out: rows as values. A number is given in a transaction, so that two programs never get the same.
A file is noted before it is written, so that a program that is killed leaves none that nobody knows.
Not here: recording (see procedures/subject_take.py), erasing (see erasing.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subjects import Subject, SubjectWishes, day_of, day_text, now_utc
from rigdriver.catalogue.writing_process import is_running, this_process
from rigdriver.errors import StateError, UsageError

INTERRUPTED = "interrupted"
"""State of a take whose program ended without a word."""
OPEN = "open"
"""State of a take that is being written."""


@dataclass(frozen=True, slots=True)
class TakeQuality:
    """What a take came to."""

    state: str
    """`complete`, `incomplete` or `interrupted`, as the seal of a recording says."""
    reason: str
    frame_sets: int
    complete: int
    """Number of frame sets with a frame of every camera."""
    gaps: int
    """Number of frames that are missing, over all cameras."""
    worst_skew_us: float | None
    """Largest skew of a frame set; None where none was measured."""


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded run of a subject."""

    key: int
    number: int
    """Number that counts the subject's takes, from 1."""
    began_utc: str
    ended_utc: str | None
    keep_until: date | None
    note: str
    writer: str
    """Process that writes it, or wrote it."""
    planned: int | None
    """Number of frame sets that were asked for."""
    quality: TakeQuality | None
    """What it came to; None: its end was not noted."""

    @property
    def is_being_written(self) -> bool:
        """Whether its program still runs and has not noted its end."""
        return self.ended_utc is None and is_running(self.writer)

    @property
    def state(self) -> str:
        """Whether it holds what was planned."""
        if self.quality is not None:
            return self.quality.state
        return OPEN if self.is_being_written else INTERRUPTED


@dataclass(frozen=True, slots=True)
class TakePlace:
    """A file of a take, or a folder that was made for it."""

    key: int
    take_number: int
    path: Path
    is_folder: bool


def begin_take(file: CatalogueFile, subject: Subject, wishes: SubjectWishes, planned: int | None) -> Take:
    """Give out the subject's next number.

    Raises:
        StateError: the subject is being erased.
    """
    with file.transaction() as rows:
        found = rows.execute(
            "SELECT takes_given, is_erasing FROM subject WHERE subject_key = ?", (subject.key,)
        ).fetchone()
        if found is None or found[1]:
            raise StateError(
                device="subject", seen="is being erased", remedy="finish with `rigdriver subject erase`, add it anew"
            )
        keep_until = wishes.keep_until or subject.keep_until
        number = found[0] + 1
        rows.execute("UPDATE subject SET takes_given = ? WHERE subject_key = ?", (number, subject.key))
        made = rows.execute(
            "INSERT INTO take (subject_key, number, began_utc, keep_until, note, writer, reason, planned, is_erasing)"
            " VALUES (?, ?, ?, ?, ?, ?, '', ?, 0)",
            (subject.key, number, now_utc(), day_text(keep_until), wishes.note or "", this_process(), planned),
        )
        key = made.lastrowid
    assert key is not None, "a row that was inserted has a number"
    return next(take for take in takes_of(file, subject) if take.key == key)


def end_take(file: CatalogueFile, take: Take, quality: TakeQuality) -> None:
    """Note what a take came to; of one that was erased meanwhile nothing is noted."""
    with file.transaction() as rows:
        rows.execute(
            "UPDATE take SET ended_utc = ?, state = ?, reason = ?, frame_sets = ?, complete = ?, gaps = ?,"
            " worst_skew_us = ? WHERE take_key = ?",
            (now_utc(), quality.state, quality.reason, quality.frame_sets, quality.complete, quality.gaps,
             quality.worst_skew_us, take.key),
        )  # fmt: skip


def withdraw_take(file: CatalogueFile, take: Take) -> None:
    """Remove a take that wrote nothing; its number is given out again when no later one was given."""
    with file.transaction() as rows:
        rows.execute("DELETE FROM place WHERE take_key = ?", (take.key,))
        rows.execute(
            "UPDATE subject SET takes_given = takes_given - 1 WHERE takes_given = ? AND subject_key ="
            " (SELECT subject_key FROM take WHERE take_key = ?)",
            (take.number, take.key),
        )
        rows.execute("DELETE FROM take WHERE take_key = ?", (take.key,))


def takes_of(file: CatalogueFile, subject: Subject) -> list[Take]:
    """Return the takes of a subject, by number."""
    with file.reading() as rows:
        return [_take(row) for row in rows.execute(f"{_TAKES} WHERE subject_key = ? ORDER BY number", (subject.key,))]


def take_of(file: CatalogueFile, subject: Subject, number: int) -> Take:
    """Return one take of a subject.

    Raises:
        UsageError: it has none of that number.
    """
    found = next((take for take in takes_of(file, subject) if take.number == number), None)
    if found is None:
        raise UsageError(device=f"take {number}", seen="the subject has none", remedy="see `rigdriver subject show`")
    return found


def change_take(file: CatalogueFile, take: Take, wishes: SubjectWishes) -> None:
    """Change date and note of a take."""
    with file.transaction() as rows:
        rows.execute(
            "UPDATE take SET keep_until = coalesce(?, keep_until), note = coalesce(?, note) WHERE take_key = ?",
            (day_text(wishes.keep_until), wishes.note, take.key),
        )


def note_places(file: CatalogueFile, take: Take, files: Iterable[Path], folders: Iterable[Path] = ()) -> None:
    """Note files of a take, and folders that were made for it; links in their paths are followed now, not later.

    Raises:
        UsageError: a file belongs to another take.
        StateError: the take was erased meanwhile.
    """
    note_results(file, [take], files, folders)


def note_results(
    file: CatalogueFile, takes: Sequence[Take], files: Iterable[Path], folders: Iterable[Path] = ()
) -> None:
    """Note what was made from these takes as files of each of them; raises as `note_places`."""
    keys = {take.key for take in takes}
    named = [(os.fsencode(real(path)), False) for path in files] + [(os.fsencode(real(path)), True) for path in folders]
    with file.transaction() as rows:
        for key in keys:
            if not rows.execute("SELECT 1 FROM take WHERE take_key = ?", (key,)).fetchone():
                raise StateError(
                    device="take", seen="was erased meanwhile", remedy="remove what was written since by hand"
                )
        for path, is_folder in named:
            owners = dict(rows.execute("SELECT take_key, is_folder FROM place WHERE path = ?", (path,)))
            if not owners.keys() <= keys and not (is_folder and all(owners.values())):
                raise UsageError(
                    device=os.fsdecode(path), seen="belongs to another take", remedy="name a file of this take"
                )
            # A folder of several takes goes with the last of them, when it is empty.
            missing = [] if is_folder and owners else keys - owners.keys()
            rows.executemany(
                "INSERT INTO place (take_key, path, is_folder) VALUES (?, ?, ?)",
                [(key, path, is_folder) for key in missing],
            )


def forget_places(file: CatalogueFile, takes: Iterable[Take], paths: Iterable[Path]) -> None:
    """Remove the rows of files that were noted before they were written, and then were not written."""
    gone = [(take.key, os.fsencode(real(path))) for path in paths for take in takes]
    with file.transaction() as rows:
        rows.executemany("DELETE FROM place WHERE take_key = ? AND path = ?", gone)


def places_of(file: CatalogueFile, takes: Iterable[Take]) -> list[TakePlace]:
    """Return the files and folders of takes; a folder stands behind what is in it."""
    found = []
    with file.reading() as rows:
        for take in takes:
            for key, path, is_folder in rows.execute(
                "SELECT place_key, path, is_folder FROM place WHERE take_key = ?", (take.key,)
            ):
                found.append(TakePlace(key, take.number, Path(os.fsdecode(path)), bool(is_folder)))
    return sorted(found, key=lambda place: (place.is_folder, -len(place.path.parts), place.path))


def owners_of(file: CatalogueFile, path: Path) -> list[Take]:
    """Return the takes that a file or folder belongs to, or something in it; none where the catalogue knows nothing."""
    raw = os.fsencode(path.resolve())
    question = f"{_TAKES} WHERE take_key IN (SELECT take_key FROM place WHERE path = ? OR path > ? AND path < ?)"
    with file.reading() as rows:
        # Paths in a folder sort between its name with `/` and its name with the character after that.
        return [_take(row) for row in rows.execute(question, (raw, raw + b"/", raw + b"0"))]


def real(path: Path) -> Path:
    """Return where a file lies, without links in the way to it; the file itself may be a link and stays one."""
    return path.resolve() if path.name in {"", ".."} else path.parent.resolve() / path.name


_TAKES = (
    "SELECT take_key, number, began_utc, ended_utc, keep_until, note, writer, planned, state, reason, frame_sets,"
    " complete, gaps, worst_skew_us FROM take"
)


def _take(row: tuple[Any, ...]) -> Take:
    key, number, began, ended, keep_until, note, writer, planned, *quality = row
    told = None if quality[0] is None else TakeQuality(*quality)
    return Take(key, number, began, ended, day_of(keep_until), note, writer, planned, told)
