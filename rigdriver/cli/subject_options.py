"""Options with which verbs name the catalogue of subjects, a subject, and what an operator says.

In: the words of the command line. Out: values for the procedures. Not here: the verbs.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.catalogue.data_folder import default_catalogue
from rigdriver.catalogue.subjects import SubjectWishes
from rigdriver.errors import UsageError
from rigdriver.procedures.subject_take import TakeWishes

CatalogueOption = Annotated[
    Path | None,
    typer.Option("--catalogue", metavar="FILE", help="Catalogue of subjects; if not given, the user's own."),
]
SubjectOption = Annotated[
    str | None, typer.Option("--subject", metavar="ID", help="Pseudonym of the subject that this is a take of.")
]
NoteOption = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Operator's note; no personal data.")]
KeepUntilOption = Annotated[
    str | None, typer.Option("--keep-until", metavar="YYYY-MM-DD", help="Last day on which the data may be kept.")
]


def chosen_catalogue(named: Path | None) -> Path:
    """Return the catalogue that the option names, or the user's own."""
    return named or default_catalogue(os.environ)


def said(consent: str | None, keep_until: str | None, note: str | None) -> SubjectWishes:
    """Return what the options say.

    Raises:
        UsageError: the day is none, or a text is too long.
    """
    return SubjectWishes(consent, _day(keep_until), note)


def take_wishes(subject: str | None, catalogue: Path | None, note: str | None) -> TakeWishes | None:
    """Return whose take this is; None without `--subject`.

    Raises:
        UsageError: a note was given without a subject.
    """
    if subject is None:
        if note is not None:
            raise UsageError(device="--note", seen="was given without --subject", remedy="name the subject")
        return None
    return TakeWishes(chosen_catalogue(catalogue), subject, SubjectWishes(note=note))


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(device="--keep-until", seen="is no day", expected="YYYY-MM-DD") from None
