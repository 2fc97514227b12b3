"""Keep the catalogue of subjects: add, show, change, and find what is kept too long.

In: the catalogue's file, an id, what an operator says. Out: subjects with their takes, as values.
Not here: recording a take (see subject_take.py), erasing (see erase_subject.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.erasing import over_on
from rigdriver.catalogue.subject_id import checked_id, new_id
from rigdriver.catalogue.subjects import Subject, SubjectWishes, add_subject, all_subjects, change_subject, subject_of
from rigdriver.catalogue.takes import Take, TakePlace, change_take, places_of, take_of, takes_of


@dataclass(frozen=True, slots=True)
class SubjectTakes:
    """A subject with its takes."""

    subject: Subject
    takes: tuple[Take, ...]
    places: tuple[TakePlace, ...] = ()


@dataclass(frozen=True, slots=True)
class OverdueTakes:
    """Takes of a subject whose last day is over."""

    subject: Subject
    takes: tuple[Take, ...]
    is_whole: bool
    """Whether these are all its takes, and its own last day is over, too."""


def new_subject(catalogue: Path, subject_id: str | None, wishes: SubjectWishes) -> str:
    """Add a subject and return its id; None makes a random one. The catalogue is made when there is none.

    Raises:
        UsageError: the text is no id, or the catalogue has it already.
        CatalogueUnusable: the catalogue cannot be used.
    """
    made = new_id() if subject_id is None else checked_id(subject_id)  # before a catalogue is made for nothing
    with CatalogueFile(catalogue, is_made=True) as file:
        add_subject(file, made, wishes)
    return made


def list_subjects(catalogue: Path) -> list[SubjectTakes]:
    """Return all subjects with their takes, without their files."""
    with CatalogueFile(catalogue) as file:
        return [SubjectTakes(subject, tuple(takes_of(file, subject))) for subject in all_subjects(file)]


def show_subject(catalogue: Path, subject_id: str) -> SubjectTakes:
    """Return a subject with its takes and files.

    Raises:
        UsageError: there is none.
    """
    with CatalogueFile(catalogue) as file:
        subject = subject_of(file, subject_id)
        takes = takes_of(file, subject)
        return SubjectTakes(subject, tuple(takes), tuple(places_of(file, takes)))


def change(catalogue: Path, subject_id: str, number: int | None, wishes: SubjectWishes) -> None:
    """Change what was said about a subject, or about one of its takes.

    Raises:
        UsageError: there is none.
    """
    with CatalogueFile(catalogue) as file:
        if number is None:
            change_subject(file, subject_id, wishes)
        else:
            change_take(file, take_of(file, subject_of(file, subject_id), number), wishes)


def overdue(file: CatalogueFile, day: date) -> list[OverdueTakes]:
    """Return the takes whose last day was before that day, and subjects without takes whose own was."""
    found = []
    for subject in all_subjects(file):
        takes, is_whole = over_on(day, subject, takes_of(file, subject))
        if takes or is_whole:
            found.append(OverdueTakes(subject, tuple(takes), is_whole))
    return found


def today() -> date:
    """Return the day now, UTC."""
    return datetime.now(UTC).date()
