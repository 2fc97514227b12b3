"""The file of the catalogue: made whole, readable by its owner only, and never touched when it is not sound.

In: a path. Out: transactions, or an error of a known kind with its remedy. The file has a rollback journal and no WAL:
a WAL keeps old rows after they were deleted and overwritten (DECISIONS.md). Deleted rows are overwritten with zeros;
`scrub` writes the file anew and leaves neither a journal nor a WAL. Every wait for another program is bounded.
Not here: what the rows mean (see subjects.py).
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rigdriver.catalogue.schema import APPLICATION_ID, STEPS, new_catalogue, newest_tables, tables_of, upgrade
from rigdriver.errors import CatalogueUnusable, UsageError
from rigdriver.findings import CatalogueFault
from rigdriver.whole_file import PRIVATE_FILE, make_folder, write_new

BUSY_S = 5.0
"""Longest time, in s, for which a step waits for another program that writes."""
BESIDE = ("-journal", "-wal", "-shm")
"""Endings of the files that SQLite keeps beside its own."""
_MAGIC = b"SQLite format 3\0"
_HEAD_BYTES = 100
_VERSION_AT, _APPLICATION_AT = 60, 68
"""Places of two numbers in the file's head (SQLite: Database File Format, section 1.3)."""
_SETTINGS = (
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA synchronous = EXTRA",
)
_FAULTS = {
    sqlite3.SQLITE_CORRUPT: CatalogueFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: CatalogueFault.FOREIGN,
    sqlite3.SQLITE_BUSY: CatalogueFault.LOCKED,
    sqlite3.SQLITE_LOCKED: CatalogueFault.LOCKED,
    sqlite3.SQLITE_PROTOCOL: CatalogueFault.LOCKED,
    sqlite3.SQLITE_READONLY: CatalogueFault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: CatalogueFault.READ_ONLY,
    sqlite3.SQLITE_PERM: CatalogueFault.READ_ONLY,
    sqlite3.SQLITE_AUTH: CatalogueFault.READ_ONLY,
    sqlite3.SQLITE_FULL: CatalogueFault.FULL,
}
_TOLD = {
    CatalogueFault.DAMAGED: ("is damaged", "copy it away as it is, and put back its last copy"),
    CatalogueFault.FOREIGN: ("is no catalogue of rigdriver", "name another file with --catalogue"),
    CatalogueFault.NEWER: ("was written by a newer version of rigdriver", "install that version"),
    CatalogueFault.LOCKED: (f"is held by another program for more than {BUSY_S:.0f} s", "try again when it has ended"),
    CatalogueFault.READ_ONLY: ("cannot be written to", "give its owner the right to write to it and to its folder"),
    CatalogueFault.FULL: ("finds no room on the disk", "free space on that disk, and try again"),
    CatalogueFault.UNREADABLE: ("cannot be read", "check the disk and the rights of the file"),
}
"""Sentences about each fault: what is seen, and what to do."""


def unusable(path: Path, fault: CatalogueFault, detail: str = "", expected: str = "") -> CatalogueUnusable:
    """Return the error for a catalogue with that fault."""
    seen, remedy = _TOLD[fault]
    told = f"{seen} ({detail})" if detail else seen
    return CatalogueUnusable(kind=fault, device=str(path), seen=told, expected=expected, remedy=remedy)


class CatalogueFile:
    """An open catalogue; close it, or use it as a context."""

    def __init__(self, path: Path, *, is_made: bool = False) -> None:
        """Open a catalogue; `is_made`: make it when there is none.

        Raises:
            UsageError: there is none.
            CatalogueUnusable: it is damaged, foreign, of a newer version, held by another program or not readable.
            FileNotWritten: it cannot be made.
        """
        self.path = path.resolve()
        if not self.path.exists():
            self._make(is_made)
        known = _known_version(self.path)
        with self._told():
            self._connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=rw", timeout=BUSY_S, isolation_level=None, uri=True
            )
        try:
            with self._told():
                self._prepare(known)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection in a transaction that no other program writes beside; all of it counts, or nothing."""
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for questions."""
        with self._told():
            yield self._connection

    def scrub(self) -> None:
        """Write the file anew without a trace of deleted rows, and leave neither a journal nor a WAL.

        Raises:
            CatalogueUnusable: another program holds it; nothing is lost, and it can be done again.
        """
        with self._told():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            (mode,) = self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode != "delete":
                raise unusable(self.path, CatalogueFault.LOCKED)
            self._connection.execute("VACUUM")

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self, is_wanted: bool) -> None:
        """Make an empty catalogue, as a whole file; another program may make it at the same time."""
        if not is_wanted:
            raise UsageError(
                device=str(self.path), seen="there is no catalogue of subjects",
                remedy="let `rigdriver subject new` make one, or name another file with --catalogue",
            )  # fmt: skip
        left = [f"{self.path.name}{end}" for end in BESIDE if self.path.with_name(f"{self.path.name}{end}").exists()]
        if left:
            # SQLite would play the journal of the lost catalogue into the new one.
            raise unusable(self.path, CatalogueFault.DAMAGED, f"it is gone, and {', '.join(left)} is there")
        make_folder(self.path.parent, is_private=True)
        with suppress(UsageError):  # another program was faster
            write_new(self.path, new_catalogue(), is_private=True)

    def _prepare(self, known: int) -> None:
        for setting in _SETTINGS:
            self._connection.execute(setting)
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise unusable(self.path, CatalogueFault.DAMAGED)
        if known < len(STEPS):
            upgrade(self._connection)
        if tables_of(self._connection) != newest_tables():
            raise unusable(self.path, CatalogueFault.FOREIGN, "its tables are others")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what SQLite refuses in terms of this file; SQLite's own texts hold no values."""
        try:
            yield
        except sqlite3.Error as exc:
            code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
            fault = _FAULTS.get(code, CatalogueFault.UNREADABLE)
            raise unusable(self.path, fault, "" if code in _FAULTS else type(exc).__name__) from exc


def _known_version(path: Path) -> int:
    """Return the version of a catalogue, by its head alone: SQLite would play a journal into a foreign file."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise unusable(path, CatalogueFault.FOREIGN, "it is no file")
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        if found.st_mode & 0o077:
            path.chmod(PRIVATE_FILE)  # somebody has copied it: subjects are for its owner alone
    except OSError as exc:
        raise unusable(path, CatalogueFault.UNREADABLE, exc.strerror or type(exc).__name__) from exc
    if not head:
        raise unusable(path, CatalogueFault.DAMAGED, "it is empty")
    if not head.startswith(_MAGIC):
        raise unusable(path, CatalogueFault.FOREIGN)
    if len(head) < _HEAD_BYTES:
        raise unusable(path, CatalogueFault.DAMAGED, "it is cut")
    if int.from_bytes(head[_APPLICATION_AT : _APPLICATION_AT + 4], "big") != APPLICATION_ID:
        raise unusable(path, CatalogueFault.FOREIGN)
    version = int.from_bytes(head[_VERSION_AT : _VERSION_AT + 4], "big")
    if version > len(STEPS):
        raise unusable(path, CatalogueFault.NEWER, f"version {version}", f"at most {len(STEPS)}")
    return version
