"""Subjects in the catalogue: a pseudonym, a reference to the consent, a date until which data may be kept, a note.

In: an open catalogue. Out: rows as values. No error repeats an id.
Not here: takes (see takes.py), erasing (see erasing.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subject_id import checked_id
from rigdriver.errors import UsageError

MOST_CONSENT, MOST_NOTE = 100, 1000
"""Largest numbers of characters of a reference and of a note."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who was or will be recorded."""

    key: int
    """Number of the row; it means nothing outside the catalogue."""
    id: str
    created_utc: str
    consent: str
    """Reference to the consent, such as the number of a form; empty where none was given."""
    keep_until: date | None
    """Last day on which data may be kept; None: no day was set."""
    note: str
    is_erasing: bool
    """Whether an erasure has begun that is not finished."""


@dataclass(frozen=True, slots=True)
class SubjectWishes:
    """What an operator says about a subject or a take; None leaves it as it is."""

    consent: str | None = None
    keep_until: date | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        _refuse_text("consent", self.consent, MOST_CONSENT)
        _refuse_text("note", self.note, MOST_NOTE)


def add_subject(file: CatalogueFile, subject_id: str, wishes: SubjectWishes) -> None:
    """Add a subject.

    Raises:
        UsageError: the text is no id, or the catalogue has it already.
    """
    checked_id(subject_id)
    with file.transaction() as rows:
        if rows.execute("SELECT 1 FROM subject WHERE id = ?", (subject_id,)).fetchone():
            raise UsageError(
                device="subject", seen="the catalogue has this id already", remedy="use it, or choose another one"
            )
        rows.execute(
            "INSERT INTO subject (id, created_utc, consent, keep_until, note, takes_given, is_erasing)"
            " VALUES (?, ?, ?, ?, ?, 0, 0)",
            (subject_id, now_utc(), wishes.consent or "", day_text(wishes.keep_until), wishes.note or ""),
        )


def all_subjects(file: CatalogueFile) -> list[Subject]:
    """Return all subjects, by id."""
    with file.reading() as rows:
        return [_subject(row) for row in rows.execute(f"{_QUESTION} ORDER BY id")]


def find_subject(file: CatalogueFile, subject_id: str) -> Subject | None:
    """Return the subject of that id; None when there is none."""
    with file.reading() as rows:
        row = rows.execute(f"{_QUESTION} WHERE id = ?", (subject_id,)).fetchone()
    return None if row is None else _subject(row)


def subject_of(file: CatalogueFile, subject_id: str) -> Subject:
    """Return the subject of that id.

    Raises:
        UsageError: the text is no id, or the catalogue has none of it.
    """
    found = find_subject(file, checked_id(subject_id))
    if found is None:
        raise no_such_subject(file)
    return found


def no_such_subject(file: CatalogueFile) -> UsageError:
    """Return the error for an id that the catalogue does not have."""
    return UsageError(
        device=str(file.path), seen="it has no subject of this id",
        remedy="see `rigdriver subject list`, add it with `rigdriver subject new`, or name another --catalogue",
    )  # fmt: skip


def change_subject(file: CatalogueFile, subject_id: str, wishes: SubjectWishes) -> None:
    """Change what was said about a subject.

    Raises:
        UsageError: there is no such subject.
    """
    known = subject_of(file, subject_id)
    with file.transaction() as rows:
        rows.execute(
            "UPDATE subject SET consent = coalesce(?, consent), keep_until = coalesce(?, keep_until),"
            " note = coalesce(?, note) WHERE subject_key = ?",
            (wishes.consent, day_text(wishes.keep_until), wishes.note, known.key),
        )


def now_utc() -> str:
    """Return date and time now, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def day_text(day: date | None) -> str | None:
    """Return a day as the catalogue writes it."""
    return None if day is None else day.isoformat()


def day_of(text: str | None) -> date | None:
    """Return a day that the catalogue wrote."""
    return None if text is None else date.fromisoformat(text)


_QUESTION = "SELECT subject_key, id, created_utc, consent, keep_until, note, is_erasing FROM subject"


def _subject(row: tuple[Any, ...]) -> Subject:
    key, subject_id, created_utc, consent, keep_until, note, is_erasing = row
    return Subject(key, subject_id, created_utc, consent, day_of(keep_until), note, bool(is_erasing))


def _refuse_text(what: str, text: str | None, most: int) -> None:
    """Refuse what would break a terminal, and texts that are whole records of a person."""
    if text is not None and (len(text) > most or not text.isprintable()):
        raise UsageError(
            device=f"--{what}", seen=f"has {len(text)} characters or control characters",
            expected=f"one line of at most {most} characters",
        )  # fmt: skip
