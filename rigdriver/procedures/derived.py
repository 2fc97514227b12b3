"""Notes what is made from takes of subjects as files of these takes, so that erasing a subject finds all of it.

In: the files and folders that somebody works from, a catalogue. Out: rows of the catalogue, right before the first byte
of each new file, whoever writes it; what lies in a new folder is noted when the work ends, however it ends. Where the
sources are nobody's, nothing is noted. Not here: takes while they are recorded (see subject_take.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rigdriver.announcing import MadeKind, heard_by
from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.takes import Take, forget_places, note_results, owners_of, real


class DerivedResults:
    """What has been made from some sources so far; a listener of `announcing`."""

    def __init__(self, catalogue: Path, sources: Sequence[Path]) -> None:
        self._catalogue = catalogue
        # What is there only later is a result and no source.
        self._sources = [path for path in sources if path.exists()]
        self._takes: list[Take] | None = None
        """Takes of the sources; None: nobody has asked, because nothing was made yet."""
        self._folders: set[Path] = set()
        """Folders that were made meanwhile."""
        self._noted: set[Path] = set()
        """Files and folders that the catalogue knows by now."""
        self._later: dict[Path, tuple[int, int] | None] = {}
        """Files to note at the end, with what tells one that was there before from its successor."""
        self._lock = threading.Lock()

    def hear(self, path: Path, kind: MadeKind) -> None:
        """Note what is about to be made.

        Raises:
            UsageError: it belongs to another take.
            CatalogueUnusable: the catalogue cannot be used.
        """
        with self._lock:
            if not self._sources or self._takes == [] or not self._catalogue.exists():
                return
            place = real(path)
            if kind is MadeKind.FILE and (place.parent in self._folders or (place.exists() and not self._knows(place))):
                self._later.setdefault(place, _mark_of(place))
                return
            if self._note([place], kind):
                self._noted.add(place)
                if kind is MadeKind.FOLDER:
                    self._folders.add(place)

    def finish(self) -> None:
        """Note the files that were not noted before, and forget what was announced and not written."""
        made = [path for path, mark in self._later.items() if (now := _mark_of(path)) is not None and now != mark]
        self._note(made, MadeKind.FILE)
        if gone := [path for path in self._noted if not path.exists()]:
            with CatalogueFile(self._catalogue) as file:
                forget_places(file, self._takes or (), gone)

    def _knows(self, path: Path) -> bool:
        """Return whether the catalogue has a file; that of another take is refused then."""
        with CatalogueFile(self._catalogue) as file:
            return bool(owners_of(file, path))

    def _note(self, paths: Sequence[Path], kind: MadeKind) -> bool:
        """Note files or folders; return whether they are somebody's."""
        if not paths or self._takes == []:
            return False
        with CatalogueFile(self._catalogue) as file:
            if self._takes is None:
                found = {take.key: take for source in self._sources for take in owners_of(file, source)}
                self._takes = list(found.values())
            if self._takes:
                is_file = kind is MadeKind.FILE
                note_results(file, self._takes, paths if is_file else (), () if is_file else paths)
        return bool(self._takes)


@contextmanager
def noting_results(catalogue: Path, sources: Sequence[Path]) -> Iterator[None]:
    """Note what is made meanwhile from these sources.

    Raises:
        UsageError: a file that would be written belongs to another take.
        CatalogueUnusable: the catalogue cannot be used.
    """
    results = DerivedResults(catalogue, sources)
    try:
        with heard_by(results.hear):
            yield
    finally:
        results.finish()


def _mark_of(path: Path) -> tuple[int, int] | None:
    """Return what differs between a file and its successor; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
