"""Record or capture a take of a subject: a number, a place for it, and at its end what it came to.

In: a catalogue, an id, what an operator says. Out: the path of the take, a taker of its frame sets that counts, and a
row that says what it came to however it ends. A take that wrote nothing leaves no row.
Not here: recording (see record.py), the rows (see rigdriver/catalogue).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.data_folder import subject_folder, take_name
from rigdriver.catalogue.removing import remove_folder
from rigdriver.catalogue.subjects import SubjectWishes, subject_of
from rigdriver.catalogue.takes import (
    INTERRUPTED,
    Take,
    TakeQuality,
    begin_take,
    end_take,
    note_places,
    real,
    take_of,
    withdraw_take,
)
from rigdriver.errors import RigError, UsageError
from rigdriver.frames import FrameSet
from rigdriver.recording.recording_file import Recording, is_recording
from rigdriver.recording.seal import SealState
from rigdriver.whole_file import make_folder, refuse_existing

BY_HAND = "noted by hand"
"""Reason of a take whose files were recorded without `--subject`."""


@dataclass(frozen=True, slots=True)
class TakeWishes:
    """Whose take it is, and what an operator says about it."""

    catalogue: Path
    subject_id: str
    said: SubjectWishes = field(default_factory=SubjectWishes)


@dataclass(slots=True)
class RunningTake:
    """A take that is being written."""

    path: Path
    number: int
    asked: int | None
    """Number of frame sets that were asked for."""
    frame_sets: int = 0
    complete: int = 0
    gaps: int = 0
    worst_skew_us: float | None = None

    def watch(self, frame_set: FrameSet) -> None:
        """Count a frame set."""
        self.frame_sets += 1
        self.complete += frame_set.is_complete
        self.gaps += len(frame_set.gaps)
        skew_us = frame_set.proof.skew_us
        if skew_us == skew_us:  # NaN differs from itself: fewer than two exposures
            self.worst_skew_us = max(skew_us, self.worst_skew_us or 0.0)


@dataclass(frozen=True, slots=True)
class FolderContent:
    """What lay in a folder before something was written into it."""

    files: frozenset[Path]
    is_there: bool

    @classmethod
    def of(cls, path: Path) -> FolderContent:
        """Return what is there now."""
        files, folders = _content(real(path))
        return cls(frozenset([*files, *folders]), path.exists())

    def new_in(self, path: Path) -> tuple[list[Path], list[Path]]:
        """Return the files and the folders that have come since; links are none of them."""
        files, folders = _content(real(path))
        return [file for file in files if file not in self.files], [
            folder for folder in folders if folder not in self.files
        ]


@contextmanager
def running_take(wishes: TakeWishes, out: Path | None, asked: int | None, suffix: str = "") -> Iterator[RunningTake]:
    """Begin a take, yield where it is to be written, and note at the end what it came to.

    `out`: where to write it; a name in the subject's folder if it is None. `suffix`: `.mcap` for a recording, nothing
    for a folder.

    Raises:
        UsageError: the catalogue has no such subject, or there is a file of that name.
        CatalogueUnusable: the catalogue cannot be written. The take itself is whole even then.
    """
    with CatalogueFile(wishes.catalogue) as file:
        subject = subject_of(file, wishes.subject_id)
        take = begin_take(file, subject, wishes.said, asked)
        folder = subject_folder(file.path, subject.id)
        path = real(out or folder / f"{take_name(subject.id, take.number)}{suffix}")
        before = FolderContent.of(path)
        try:
            if out is None:
                make_folder(folder, is_private=True)
            # Before the first byte: a program that is killed leaves no file that the catalogue does not know.
            if suffix:
                refuse_existing(path)
                note_places(file, take, [path])
            elif not before.is_there:
                note_places(file, take, [], [path])
        except BaseException:
            withdraw_take(file, take)
            raise
    running = RunningTake(path, take.number, asked)
    try:
        yield running
    finally:
        with CatalogueFile(wishes.catalogue) as file:
            _end(file, take, running, before, is_ending_early=sys.exc_info()[0] is not None)
            if out is None:
                remove_folder(folder)  # goes only when it is empty


def note_by_hand(wishes: TakeWishes, paths: Sequence[Path], number: int | None) -> tuple[int, int]:
    """Note files and folders as a subject's; return the number of the take and how many files these are.

    `number` None begins a take for them.

    Raises:
        UsageError: a path is none of a subject's, or belongs to another take.
    """
    with CatalogueFile(wishes.catalogue) as file:
        subject = subject_of(file, wishes.subject_id)
        for path in paths:
            _refuse_foreign(file, path)
        found = [FolderContent(frozenset(), is_there=False).new_in(real(path)) for path in paths]
        files = [path for some, _ in found for path in some]
        is_new = number is None
        take = begin_take(file, subject, wishes.said, None) if number is None else take_of(file, subject, number)
        try:
            note_places(file, take, files, [folder for _, some in found for folder in some])
        except BaseException:
            if is_new:
                withdraw_take(file, take)
            raise
        if is_new:
            end_take(file, take, _quality_by_hand(files))
        return take.number, len(files)


def _content(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the regular files and the folders of a tree, itself too; links are not followed."""
    if path.is_symlink() or not path.exists():
        return [], []
    if not path.is_dir():
        return ([path] if path.is_file() else []), []
    files, folders = [], [path]
    for below in sorted(path.iterdir()):
        more, deeper = _content(below)
        files += more
        folders += deeper
    return files, folders


def _end(
    file: CatalogueFile, take: Take, running: RunningTake, before: FolderContent, *, is_ending_early: bool
) -> None:
    files, folders = before.new_in(running.path)
    if not files:
        withdraw_take(file, take)
        for folder in reversed(folders):
            remove_folder(folder)
        return
    note_places(file, take, files, folders)
    end_take(file, take, _quality(running, is_ending_early=is_ending_early))


def _quality(running: RunningTake, *, is_ending_early: bool) -> TakeQuality:
    if is_recording(running.path):
        return _quality_of_recording(running.path, running.worst_skew_us)
    is_whole = not is_ending_early and running.complete == running.frame_sets == (running.asked or running.frame_sets)
    return TakeQuality(
        "complete" if is_whole else "incomplete", "" if is_whole else "it ended early or lacks frames",
        running.frame_sets, running.complete, running.gaps, running.worst_skew_us,
    )  # fmt: skip


def _quality_of_recording(path: Path, worst_skew_us: float | None) -> TakeQuality:
    """Return what the seal says; a recording without one was interrupted."""
    with suppress(RigError, OSError), Recording(path) as recording:
        seal = recording.seal
        if seal is not None and recording.state is not SealState.INTERRUPTED:
            gaps = sum(sum(reasons.values()) for reasons in seal.gaps.values())
            return TakeQuality(
                recording.state.value, seal.reason, seal.frame_sets, seal.complete, gaps, worst_skew_us
            )  # fmt: skip
        return TakeQuality(INTERRUPTED, "it has no seal", len(recording), 0, 0, worst_skew_us)
    return TakeQuality(INTERRUPTED, "it cannot be read", 0, 0, 0, worst_skew_us)


def _quality_by_hand(files: Sequence[Path]) -> TakeQuality:
    recordings = [path for path in files if is_recording(path)]
    if len(recordings) == 1:
        return _quality_of_recording(recordings[0], None)
    return TakeQuality("unknown", BY_HAND, 0, 0, 0, None)


def _refuse_foreign(file: CatalogueFile, path: Path) -> None:
    """Refuse what cannot be one subject's: nothing, links, and folders that hold the catalogue."""
    if path.is_symlink() or not path.exists():
        raise UsageError(device=str(path), seen="is a link or not there", remedy="name a file or a folder")
    if file.path.is_relative_to(path.resolve()):
        raise UsageError(
            device=str(path), seen="holds the catalogue of all subjects", remedy="name a file or a folder of one take"
        )
