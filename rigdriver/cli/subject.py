"""`rigdriver subject new|list|show|change|add|erase|expired`: who was recorded, under a pseudonym, and erasing it.

In: an id, and the catalogue's file. Out: what the catalogue knows; exit status 0 when it was done (and proved, where
something was erased), 1 when something of a subject is left or somebody said no, 2 when it could not be done.
Not here: the catalogue (see rigdriver/catalogue), the steps of an erasure (see procedures/erase_subject.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subject_id import checked_id
from rigdriver.catalogue.subjects import find_subject
from rigdriver.cli.screen import can_ask, show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.subject_options import CatalogueOption, KeepUntilOption, NoteOption, chosen_catalogue, said
from rigdriver.cli.subject_text import (
    counted,
    erased_facts,
    erased_lines,
    plan_lines,
    subject_facts,
    subject_line,
    take_facts,
    take_lines,
)
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.cli.watching import PROGRESS
from rigdriver.errors import UsageError
from rigdriver.procedures.erase_subject import Erased, ErasurePlan, erase, finish_erasure, plan_erasure
from rigdriver.procedures.subject_take import TakeWishes, note_by_hand
from rigdriver.procedures.subjects import (
    change,
    list_subjects,
    new_subject,
    overdue,
    show_subject,
    today,
)

app = typer.Typer(help="Keep the catalogue of subjects and their takes, and erase them.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Pseudonym of a subject.")]
ConsentOption = Annotated[
    str | None, typer.Option("--consent", metavar="REF", help="Reference to the consent, such as a form's number.")
]
TakeOption = Annotated[int | None, typer.Option("--take", metavar="N", min=1, help="Number of the take.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Erase without a question.")]


@app.command("new")
@verb
def new(
    subject_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Pseudonym; a random one if not given.")
    ] = None,
    consent: ConsentOption = None,
    keep_until: KeepUntilOption = None,
    note: NoteOption = None,
    catalogue: CatalogueOption = None,
    json: JsonOption = False,
) -> int:
    """Add a subject, and show its id."""
    file = chosen_catalogue(catalogue)
    made = new_subject(file, subject_id, said(consent, keep_until, note))
    if json:
        show_json({"id": made, "catalogue": str(file)})
    else:
        show(made)
    return GOOD


@app.command("list")
@verb
def list_all(catalogue: CatalogueOption = None, json: JsonOption = False) -> int:
    """List all subjects."""
    known = list_subjects(chosen_catalogue(catalogue))
    if json:
        show_json({"subjects": [subject_facts(subject) for subject in known]})
    else:
        show("\n".join(map(subject_line, known)) or "no subjects")
    return GOOD


@app.command("show")
@verb
def show_one(subject_id: IdArgument, catalogue: CatalogueOption = None, json: JsonOption = False) -> int:
    """Show a subject, its takes with their seals and sync quality, and their files."""
    known = show_subject(chosen_catalogue(catalogue), subject_id)
    if json:
        show_json(subject_facts(known))
        return GOOD
    show(subject_line(known))
    if known.subject.note:
        show(f"note: {known.subject.note}")
    for take in known.takes:
        show("\n".join(take_lines(take, known.places)))
    return GOOD


@app.command("change")
@verb
def change_one(
    subject_id: IdArgument,
    take: TakeOption = None,
    consent: ConsentOption = None,
    keep_until: KeepUntilOption = None,
    note: NoteOption = None,
    catalogue: CatalogueOption = None,
    json: JsonOption = False,
) -> int:
    """Change consent, last day or note of a subject, or last day and note of one take."""
    if take is not None and consent is not None:
        raise UsageError(device="--consent", seen="was given with --take", remedy="a consent is the subject's")
    file = chosen_catalogue(catalogue)
    change(file, subject_id, take, said(consent, keep_until, note))
    if json:
        show_json(subject_facts(show_subject(file, subject_id)))
    return GOOD


@app.command("add")
@verb
def add(
    subject_id: IdArgument,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders of the subject.")],
    take: TakeOption = None,
    catalogue: CatalogueOption = None,
    json: JsonOption = False,
) -> int:
    """Note files and folders as a subject's, so that erasing removes them; without --take as a take of their own."""
    wishes = TakeWishes(chosen_catalogue(catalogue), subject_id)
    number, files = note_by_hand(wishes, paths, take)
    if json:
        show_json({"take": number, "files": files})
    else:
        show(f"take {number}: {counted(files, 'file')} noted")
    return GOOD


@app.command("erase")
@verb
def erase_one(
    subject_id: IdArgument,
    take: TakeOption = None,
    yes: YesOption = False,
    catalogue: CatalogueOption = None,
    json: JsonOption = False,
) -> int:
    """Remove a subject, or one take: files, rows and traces; then search for the id, and say what was searched."""
    checked_id(subject_id)
    with CatalogueFile(chosen_catalogue(catalogue)) as file:
        subject = find_subject(file, subject_id)
        if subject is None:
            return _told([(None, finish_erasure(file, subject_id, os.environ, PROGRESS))], json)
        takes = (
            None if take is None else [one for one in show_subject(file.path, subject_id).takes if one.number == take]
        )
        if takes == []:
            raise UsageError(device=f"take {take}", seen="the subject has none", remedy="see `rigdriver subject show`")
        return _erased(file, [plan_erasure(file, subject, takes)], yes, json)


@app.command("expired")
@verb
def expired(
    erase_them: Annotated[bool, typer.Option("--erase", help="Erase them, after a question.")] = False,
    yes: YesOption = False,
    catalogue: CatalogueOption = None,
    json: JsonOption = False,
) -> int:
    """List the takes whose last day is over."""
    with CatalogueFile(chosen_catalogue(catalogue)) as file:
        found = overdue(file, today())
        if erase_them and found:
            plans = [plan_erasure(file, one.subject, None if one.is_whole else one.takes) for one in found]
            return _erased(file, plans, yes, json)
        if json:
            show_json(
                {
                    "expired": [
                        {
                            "id": one.subject.id,
                            "is_whole": one.is_whole,
                            "takes": [take_facts(t, ()) for t in one.takes],
                        }
                        for one in found
                    ]
                }
            )
            return GOOD
        for one in found:
            show(one.subject.id + (": the subject's own last day is over, too" if one.is_whole else ""))
            for take in one.takes:
                show("\n".join(f"  {line}" for line in take_lines(take, ())))
        if not found:
            show("no take is kept too long")
    return GOOD


def _erased(file: CatalogueFile, plans: Sequence[ErasurePlan], yes: bool, json: bool) -> int:
    if json and not yes:
        raise UsageError(device="--json", seen="was given without --yes; nothing was erased", remedy="give both")
    if not json:
        for plan in plans:
            show("\n".join(plan_lines(plan)))
    if not yes and not _agreed():
        show("nothing was erased")
        return CHECK_FAILED
    return _told([(plan, erase(file, plan, os.environ, PROGRESS)) for plan in plans], json)


def _agreed() -> bool:
    if not can_ask():
        raise UsageError(
            device="erasing",
            seen="there is no terminal to ask at; nothing was erased",
            remedy="give --yes if you mean it",
        )
    return typer.confirm("Erase all of this for ever?", default=False, err=True)


def _told(done: Sequence[tuple[ErasurePlan | None, Erased]], json: bool) -> int:
    if json:
        show_json({"erased": [erased_facts(plan, erased) for plan, erased in done]})
    else:
        for _, erased in done:
            show("\n".join(erased_lines(erased)))
    return GOOD if all(erased.is_proved for _, erased in done) else CHECK_FAILED
