"""Erase a subject, or takes of it, and prove it: files, folders, rows, free pages and journals of the catalogue.

In: an open catalogue, an id. Out: first a plan, which says what would go; then what went, what stays and why, and what
a search for the id found. Each step may be interrupted at any moment; running the erasure again finishes it. Rows go
only after all files have gone, so nothing of the subject is left that nobody knows of.
Not here: how a file is removed and searched (see rigdriver/catalogue), questions to the operator (see cli/subject.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rigdriver.catalogue.byte_search import ByteSearch, SearchedFolder, search_bytes
from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.data_folder import cache_folder, subject_folder, take_name
from rigdriver.catalogue.erasing import forget, is_unfinished, mark_erasing, note_finished
from rigdriver.catalogue.removing import Removal, RemovalKind, remove_file, remove_folder, size_of
from rigdriver.catalogue.subject_id import checked_id
from rigdriver.catalogue.subjects import Subject, all_subjects, find_subject, no_such_subject
from rigdriver.catalogue.takes import Take, TakePlace, places_of, takes_of
from rigdriver.catalogue.writing_process import number_of
from rigdriver.errors import StateError
from rigdriver.progress import SILENT, Progress

NOT_PROMISED = (
    (
        "The disk keeps the blocks of a removed file until something else is written there, and flash memory keeps "
        "copies by itself (wear levelling). Only encryption of the whole disk makes them unreadable."
    ),
    "Snapshots, backups and copies elsewhere are not reached: erase them there, too.",
    "Compressed or encrypted files in the searched folders were searched as they are, not unpacked.",
)
"""What an erasure cannot promise; an operator must know it."""


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What an erasure would remove."""

    subject: Subject
    takes: tuple[Take, ...]
    is_whole: bool
    """Whether the subject goes with all its takes."""
    places: tuple[TakePlace, ...]
    sizes: Mapping[Path, int]
    """Length of each file that is there, in bytes."""

    @property
    def missing(self) -> list[Path]:
        """Files that are not where the catalogue has them: moved, or removed before."""
        return [place.path for place in self.places if not place.is_folder and place.path not in self.sizes]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did."""

    removed: int = 0
    """Number of files that are gone now."""
    missing: tuple[Path, ...] = ()
    """Files that were not there any more: moved by somebody, or removed by an erasure that was interrupted."""
    kept: tuple[Removal, ...] = ()
    """Folders that hold other files."""
    failures: tuple[Removal, ...] = ()
    search: ByteSearch | None = None
    """What was searched; None when files are in the way, so that the rows stay."""

    @property
    def is_proved(self) -> bool:
        """Whether everything is gone and the search found nothing."""
        return not self.failures and self.search is not None and self.search.is_clean


@dataclass(slots=True)
class _Removals:
    """What became of files and folders."""

    done: list[tuple[TakePlace, Removal]] = field(default_factory=list)

    def of(self, kind: RemovalKind) -> list[Removal]:
        return [removal for _, removal in self.done if removal.kind is kind]

    @property
    def failures(self) -> tuple[Removal, ...]:
        return tuple(removal for _, removal in self.done if removal.kind.is_failure)


def plan_erasure(file: CatalogueFile, subject: Subject, takes: Sequence[Take] | None = None) -> ErasurePlan:
    """Return what erasing these takes would remove; None: all takes, and the subject.

    Raises:
        StateError: one of them is being written.
    """
    chosen = tuple(takes_of(file, subject) if takes is None else takes)
    if writing := next((take for take in chosen if take.is_being_written), None):
        raise StateError(
            device=f"take {writing.number}", seen=f"is being written by process {number_of(writing.writer)}",
            remedy="end it, and erase again",
        )  # fmt: skip
    places = (*places_of(file, chosen), TakePlace(0, 0, subject_folder(file.path, subject.id), is_folder=True))
    sizes = {place.path: size_of(place.path) for place in places if not place.is_folder}
    there = {path: size for path, size in sizes.items() if size is not None}
    return ErasurePlan(subject, chosen, takes is None, places, there)


def erase(
    file: CatalogueFile, plan: ErasurePlan, environment: Mapping[str, str], progress: Progress = SILENT
) -> Erased:
    """Remove what the plan holds, and search for what may be left.

    Raises:
        CatalogueUnusable: the catalogue cannot be written; files may have gone, and erasing again finishes.
    """
    mark_erasing(file, plan.subject, plan.takes, is_whole=plan.is_whole)
    removals = _remove(plan, progress)
    files = [removal for place, removal in removals.done if not place.is_folder]
    told = Erased(
        sum(removal.kind in {RemovalKind.REMOVED, RemovalKind.OTHER_NAMES} for removal in files),
        tuple(removal.path for removal in files if removal.kind is RemovalKind.NOT_THERE),
        tuple(removals.of(RemovalKind.NOT_EMPTY)),
        removals.failures,
    )
    if any(removal.kind.is_in_the_way for removal in told.failures):
        return told
    forget(file, plan.subject, plan.takes, is_whole=plan.is_whole)
    words = [plan.subject.id] if plan.is_whole else [take_name(plan.subject.id, take.number) for take in plan.takes]
    return replace(told, search=_finish(file, words, list(_folders(file, plan, environment)), progress))


def finish_erasure(
    file: CatalogueFile, subject_id: str, environment: Mapping[str, str], progress: Progress = SILENT
) -> Erased:
    """Finish an erasure that was interrupted after its rows had gone.

    Raises:
        UsageError: no erasure is unfinished, and the catalogue has no subject of this id.
    """
    checked_id(subject_id)
    if find_subject(file, subject_id) is not None or not is_unfinished(file):
        raise no_such_subject(file)
    return Erased(search=_finish(file, [subject_id], _own_folders(file, environment), progress))


def _remove(plan: ErasurePlan, progress: Progress) -> _Removals:
    """Remove files, then the folders that are empty."""
    killed = {take.number for take in plan.takes if take.ended_utc is None}
    noted = [place.path for place in plan.places if not place.is_folder]
    removals = _Removals()
    with progress.stage("removing", len(plan.places)) as advance:
        for done, place in enumerate(plan.places, start=1):
            removal = remove_folder(place.path) if place.is_folder else remove_file(place.path)
            # The folder of a result is noted before its files are, and the subject's own is of no take.
            is_empty_of_noted = place.take_number and not any(path.is_relative_to(place.path) for path in noted)
            if removal.kind is RemovalKind.NOT_EMPTY and (place.take_number in killed or is_empty_of_noted):
                removal = Removal(place.path, RemovalKind.NOT_NOTED)
            removals.done.append((place, removal))
            advance(done)
    return removals


def _finish(
    file: CatalogueFile, words: Sequence[str], folders: Sequence[SearchedFolder], progress: Progress
) -> ByteSearch:
    file.scrub()
    others = [subject.id for subject in all_subjects(file)]
    with progress.stage("searching", None) as advance:
        found = search_bytes(folders, words, [other for other in others if other not in words], advance)
    if found.is_clean:
        note_finished(file)
    return found


def _own_folders(file: CatalogueFile, environment: Mapping[str, str]) -> list[SearchedFolder]:
    return [SearchedFolder(file.path.parent), SearchedFolder(cache_folder(environment))]


def _folders(file: CatalogueFile, plan: ErasurePlan, environment: Mapping[str, str]) -> Iterator[SearchedFolder]:
    """Yield data folder and caches with all that is in them, and other folders that held a file of the subject."""
    yield from _own_folders(file, environment)
    for folder in sorted({place.path.parent for place in plan.places if not place.is_folder}):
        yield SearchedFolder(folder, is_deep=False)
    for place in plan.places:
        if place.is_folder:
            yield SearchedFolder(place.path)
