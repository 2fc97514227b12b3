"""What the catalogue notes of an erasure, so that one that was interrupted can be run again and finishes.

In: an open catalogue, a subject or some of its takes. Out: marks before files go, rows removed after they are gone, and
of a whole erasure a day and whether it is finished, nothing of the subject.
Not here: files (see removing.py), and the order of the steps (see procedures/erase_subject.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subjects import Subject, now_utc
from rigdriver.catalogue.takes import Take


def mark_erasing(file: CatalogueFile, subject: Subject, takes: Sequence[Take], *, is_whole: bool) -> None:
    """Note that these takes are being erased, or the whole subject, which then gets no new take."""
    with file.transaction() as rows:
        if is_whole:
            rows.execute("UPDATE subject SET is_erasing = 1 WHERE subject_key = ?", (subject.key,))
        rows.executemany("UPDATE take SET is_erasing = 1 WHERE take_key = ?", [(take.key,) for take in takes])


def forget(file: CatalogueFile, subject: Subject, takes: Sequence[Take], *, is_whole: bool) -> None:
    """Remove the rows of these takes, and that of the subject when it goes as a whole."""
    keys = [(take.key,) for take in takes]
    with file.transaction() as rows:
        rows.executemany("DELETE FROM place WHERE take_key = ?", keys)
        rows.executemany("DELETE FROM take WHERE take_key = ?", keys)
        if is_whole:
            rows.execute("DELETE FROM subject WHERE subject_key = ?", (subject.key,))
        rows.execute("INSERT INTO erasure (day, is_finished) VALUES (?, 0)", (now_utc()[:10],))


def is_unfinished(file: CatalogueFile) -> bool:
    """Return whether rows were removed by an erasure that has not been finished since."""
    with file.reading() as rows:
        return rows.execute("SELECT 1 FROM erasure WHERE NOT is_finished").fetchone() is not None


def note_finished(file: CatalogueFile) -> None:
    """Note that all erasures so far are finished."""
    with file.transaction() as rows:
        rows.execute("UPDATE erasure SET is_finished = 1")


def over_on(day: date, subject: Subject, takes: Sequence[Take]) -> tuple[list[Take], bool]:
    """Return the takes whose last day was before that day, and whether the subject is over with all of them."""
    over = [take for take in takes if take.keep_until is not None and take.keep_until < day]
    is_whole = len(over) == len(takes) and subject.keep_until is not None and subject.keep_until < day
    return over, is_whole
