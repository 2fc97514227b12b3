"""Removes files and empty folders that the catalogue names, and nothing else.

In: a path without links in it, as the catalogue notes them. Out: what became of it, with the reason where it stays. The
way to a file is gone folder by folder without following a link, so that a link that somebody has put there since leads
nowhere. A folder goes only when it is empty, and what is no regular file stays.
Not here: what belongs to whom (see takes.py).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_WAY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWN_TEMPORARY = re.compile(r"\.rigdriver-[0-9a-f]{16}\.part")
"""Name under which this program writes a file before it has its name (see whole_file.py)."""


class RemovalKind(Enum):
    """What became of a file or folder. The value is what an operator reads."""

    REMOVED = "was removed"
    NOT_THERE = "was not there any more"
    LINK = "is a link or lies behind one that the catalogue does not know: stays; remove the link, and erase again"
    NO_FILE = "is no regular file any more: stays; move it away, and erase again"
    OTHER_NAMES = "was removed, but its content has another name (hard link) that the catalogue does not know"
    NOT_EMPTY = "stays: it holds other files"
    NOT_NOTED = (
        "stays: the program that filled it was killed, so nobody has noted whose files are in it; note those of the "
        "subject with `rigdriver subject add`, move others away, and erase again"
    )
    REFUSED = "cannot be removed"

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left under that name."""
        return self in {RemovalKind.REMOVED, RemovalKind.NOT_THERE, RemovalKind.OTHER_NAMES}

    @property
    def is_in_the_way(self) -> bool:
        """Whether the catalogue must keep its rows until this is mended."""
        return self.is_failure and not self.is_gone

    @property
    def is_failure(self) -> bool:
        """Whether something of the subject may be left."""
        return self not in {RemovalKind.REMOVED, RemovalKind.NOT_THERE, RemovalKind.NOT_EMPTY}


@dataclass(frozen=True, slots=True)
class Removal:
    """A file or folder, and what became of it."""

    path: Path
    kind: RemovalKind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.kind.value}" + (f" ({self.detail})" if self.detail else "")


def remove_file(path: Path) -> Removal:
    """Remove a regular file."""
    try:
        with _folder_of(path) as folder:
            found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                return Removal(path, RemovalKind.LINK)
            if not stat.S_ISREG(found.st_mode):
                return Removal(path, RemovalKind.NO_FILE)
            os.unlink(path.name, dir_fd=folder)
            _sync(folder)
            return Removal(path, RemovalKind.OTHER_NAMES if found.st_nlink > 1 else RemovalKind.REMOVED)
    except OSError as exc:
        return _refused(path, exc)


def remove_folder(path: Path) -> Removal:
    """Remove a folder that is empty; files that this program has not finished writing do not count."""
    try:
        with _folder_of(path) as above:
            with suppress(FileNotFoundError):
                _remove_unfinished(path.name, above)
            os.rmdir(path.name, dir_fd=above)
            _sync(above)
            return Removal(path, RemovalKind.REMOVED)
    except OSError as exc:
        if exc.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return Removal(path, RemovalKind.NOT_EMPTY)
        return _refused(path, exc)


def size_of(path: Path) -> int | None:
    """Return the length of a file in bytes; None when it is no regular file or not there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """Open the folder of a file without following a link on the way; yields its handle."""
    handle = os.open(path.anchor, _WAY)
    try:
        for part in path.parent.parts[1:]:
            below = os.open(part, _WAY, dir_fd=handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _remove_unfinished(name: str, above: int) -> None:
    handle = os.open(name, _WAY, dir_fd=above)
    try:
        for part in os.listdir(handle):  # noqa: PTH208  of a handle that followed no link
            if _OWN_TEMPORARY.fullmatch(part):
                os.unlink(part, dir_fd=handle)
    finally:
        os.close(handle)


def _refused(path: Path, exc: OSError) -> Removal:
    if exc.errno == errno.ENOENT:
        return Removal(path, RemovalKind.NOT_THERE)
    # Linux says ENOTDIR for a link where a folder was expected, and for a file there.
    if exc.errno in {errno.ELOOP, errno.ENOTDIR}:
        return Removal(path, RemovalKind.LINK)
    return Removal(path, RemovalKind.REFUSED, exc.strerror or type(exc).__name__)


def _sync(folder: int) -> None:
    """Make sure that the removal is on the disk, where its file system can."""
    with suppress(OSError):
        os.fsync(folder)
