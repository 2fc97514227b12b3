"""Writing files: each is written whole, under its own name, or not at all.

In: a path, and content. Out: the file. It is written under a temporary name in the same folder, checked, put on the
disk and renamed; when anything fails, an older file of that name stays and no half one is left. Files of people
(images, meshes, proofs) are private: their owner alone reads them, whatever the umask says.
Not here: files that grow line by line (see line_file.py).
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeAlias

from rigdriver.announcing import MadeKind, announce
from rigdriver.errors import FileNotWritten, UsageError

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
"""Permissions of what shows people: for its owner alone."""
Content: TypeAlias = "bytes | memoryview | str"
_OPEN_FILE, _OPEN_FOLDER = 0o666, 0o777
_REMEDIES = {
    errno.ENOSPC: "free space on the disk, or name a file on another one",
    errno.EDQUOT: "free space within the quota, or name a file on another disk",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or name a file on another disk",
    errno.EACCES: "name a folder that you may write to",
    errno.EPERM: "name a folder that you may write to",
    errno.EROFS: "name a folder on a disk that can be written to",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOENT: "name a folder that exists",
    errno.ENOTDIR: "name a folder that exists",
    errno.EEXIST: "name another folder",
    errno.ENAMETOOLONG: "name a shorter one",
}


def not_written(path: Path, exc: OSError) -> FileNotWritten:
    """Return the error for a file or folder that could not be written."""
    told = FileNotWritten(
        device=str(path),
        seen=f"cannot be written: {exc.strerror or exc}",
        remedy=_REMEDIES.get(exc.errno or 0, "check the disk, or name a file on another one"),
    )
    told.errno = exc.errno
    return told


def write_whole(path: Path, *parts: Content, is_private: bool = False, is_durable: bool = True) -> None:
    """Write a file of these parts, one after the other; text is written as UTF-8.

    `is_durable` False leaves it to the system when the content reaches the disk, which a power cut then may prevent:
    for images, which come at 189 MB/s.

    Raises:
        FileNotWritten: it cannot be written; an older file of that name is as it was.
    """
    _write([(path, parts)], is_private=is_private, is_durable=is_durable)


def write_set(
    files: Mapping[Path, Content],
    *,
    is_private: bool = False,
    is_durable: bool = True,
    turn: AbstractContextManager[object] | None = None,
) -> None:
    """Write files that belong together: all of them, or none when one does not fit.

    All of them are on the disk under other names when `turn` is entered, and have their names when it ends; what it
    raises on entry leaves no file.

    Raises:
        FileNotWritten: one cannot be written.
    """
    named = [(path, [content]) for path, content in files.items()]
    _write(named, is_private=is_private, is_durable=is_durable, turn=turn)


def write_new(path: Path, *parts: Content, is_private: bool = False) -> None:
    """Write a file that is not there yet.

    Raises:
        UsageError: it is there already, and is never overwritten.
        FileNotWritten: it cannot be written.
    """
    _write([(path, parts)], is_private=is_private, is_durable=True, is_new=True)


def refuse_existing(path: Path) -> None:
    """Raise UsageError when there is a file of that name: what users have is never overwritten."""
    if path.exists():
        raise _is_there(path)


def make_folder(folder: Path, *, is_private: bool = False) -> None:
    """Make a folder and those above it; one that is there stays as it is.

    Raises:
        FileNotWritten: it cannot be made.
    """
    try:
        for part in reversed([folder, *folder.parents]):
            if not part.is_dir():
                announce(part, MadeKind.FOLDER)
                part.mkdir(mode=PRIVATE_FOLDER if is_private else _OPEN_FOLDER, exist_ok=True)
    except OSError as exc:
        raise not_written(folder, exc) from exc


def _is_there(path: Path) -> UsageError:
    return UsageError(device=str(path), seen="exists already and is never overwritten", remedy="choose another name")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the system refuses in terms of this file."""
    try:
        yield
    except FileExistsError as exc:
        raise _is_there(path) from exc
    except OSError as exc:
        raise not_written(path, exc) from exc
    except RuntimeError as exc:  # a link that leads to itself, before Python 3.13
        raise not_written(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from exc


def _write(
    files: Sequence[tuple[Path, Sequence[Content]]],
    *,
    is_private: bool,
    is_durable: bool,
    is_new: bool = False,
    turn: AbstractContextManager[object] | None = None,
) -> None:
    """Write all files beside their places first, then put them there: what does not fit is noticed before that."""
    staged: list[tuple[Path, Path, Path]] = []
    try:
        for path, parts in files:
            raw = [part.encode("utf-8") if isinstance(part, str) else memoryview(part).cast("B") for part in parts]
            with _told(path):
                target = path.resolve()  # a link stays a link
                found = _found(target)
                if found is not None and is_new:
                    raise _is_there(path)
                if found is not None and not stat.S_ISREG(found.st_mode):
                    # A terminal or a pipe has no name to rename, and must not be replaced by a file.
                    _pass_on(target, raw)
                else:
                    announce(target)
                    staged.append((path, target, _temporary(target, is_private)))
                    _fill(staged[-1][2], raw, found, is_private, is_durable)
        with turn or nullcontext():
            for path, target, temporary in staged:
                with _told(path):
                    if is_new:
                        _link(temporary, target)
                    else:
                        temporary.replace(target)
    finally:
        for _, _, temporary in staged:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    if is_durable:
        for folder in {target.parent for _, target, _ in staged}:
            with suppress(OSError):  # some network folders cannot be synchronized; the files themselves are
                _sync_folder(folder)


def _found(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _pass_on(target: Path, raw: Sequence[bytes | memoryview]) -> None:
    with target.open("wb", buffering=0) as stream:
        for part in raw:
            _write_all(stream.fileno(), part)


def _temporary(target: Path, is_private: bool) -> Path:
    """Make an empty file beside its place."""
    path = target.with_name(f".rigdriver-{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    os.close(os.open(path, flags, PRIVATE_FILE if is_private else _OPEN_FILE))
    return path


def _fill(
    temporary: Path,
    raw: Sequence[bytes | memoryview],
    known: os.stat_result | None,
    is_private: bool,
    is_durable: bool,
) -> None:
    handle = os.open(temporary, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if known is not None:
            with suppress(PermissionError):  # only root may give a file away
                os.fchown(handle, known.st_uid, known.st_gid)
            # Whoever read the old file reads the new one.
            os.fchmod(handle, PRIVATE_FILE if is_private else stat.S_IMODE(known.st_mode))
        for part in raw:
            _write_all(handle, part)
        if os.fstat(handle).st_size != sum(map(len, raw)):
            raise OSError(errno.EIO, "the disk holds another number of bytes than was written")
        if is_durable:
            # Before the rename: after a power cut the name could otherwise stand for an empty file.
            os.fsync(handle)
    finally:
        os.close(handle)  # a network disk may report only here that it is full


def _write_all(handle: int, part: bytes | memoryview) -> None:
    rest = memoryview(part)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _link(temporary: Path, target: Path) -> None:
    """Give the file its name unless somebody has taken that meanwhile."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network disks have no links
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        temporary.replace(target)


def _sync_folder(folder: Path) -> None:
    """Make sure that the new name is on the disk too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
