"""Files that grow line by line: a line is in the file as a whole or not at all.

In: lines of text (`LineFile`), or values of a JSON list (`JsonListFile`). Out: a file whose every line is whole,
whatever happens to this program: a line is handed to the system at once, so that it outlives a kill, and a line of
which only a part fitted is taken back. A file that ends in the middle of a line (after a power cut) gets an end of line
first, so that the next line does not continue it.
Not here: files that are replaced as a whole (see whole_file.py), and what a line means.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rigdriver.announcing import announce
from rigdriver.json_values import JsonObject
from rigdriver.whole_file import PRIVATE_FILE, make_folder, not_written

logger = logging.getLogger("rigdriver.files")
_OPEN_FILE = 0o666


class LineFile:
    """A file that lines are added to."""

    def __init__(self, path: Path, *, is_private: bool = False, is_new: bool = False) -> None:
        """Open or make the file; `is_new` empties one that is there.

        Raises:
            FileNotWritten: it cannot be written.
        """
        self.path = path
        make_folder(path.parent, is_private=is_private)
        if is_new or not path.exists():  # what grows from run to run is nobody's result
            announce(path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if is_new else 0)
        self._handle: int | None = None
        try:
            self._handle = os.open(path, flags, PRIVATE_FILE if is_private else _OPEN_FILE)
            self._end_torn_line()
        except OSError as exc:
            self.close()
            raise not_written(path, exc) from exc

    def append(self, *lines: str, is_durable: bool = False) -> None:
        """Add lines, which have no end of line yet; `is_durable`: they are on the disk when this returns.

        Raises:
            FileNotWritten: they cannot be written, or the file was removed; no part of them stays.
        """
        assert self._handle is not None, "a closed file takes no lines"
        try:
            found = _refuse_removed(self._handle)
            self._write("".join(f"{line}\n" for line in lines).encode("utf-8"))
            if is_durable and stat.S_ISREG(found.st_mode):  # a terminal or a pipe has no disk
                os.fsync(self._handle)
        except OSError as exc:
            raise not_written(self.path, exc) from exc

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        handle, self._handle = self._handle, None
        if handle is not None:
            try:
                os.close(handle)
            except OSError as exc:  # some network disks report a full disk only here
                raise not_written(self.path, exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, raw: bytes) -> None:
        assert self._handle is not None, "append has checked it"
        rest = memoryview(raw)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            self._take_back(len(raw) - len(rest))
            raise

    def _take_back(self, written: int) -> None:
        """Remove what was written of a line, unless another program has added to the file since."""
        assert self._handle is not None, "append has checked it"
        end = os.lseek(self._handle, 0, os.SEEK_CUR)
        if written and os.fstat(self._handle).st_size == end:
            os.ftruncate(self._handle, end - written)

    def _end_torn_line(self) -> None:
        assert self._handle is not None, "just opened"
        found = os.fstat(self._handle)
        if stat.S_ISREG(found.st_mode) and found.st_size and os.pread(self._handle, 1, found.st_size - 1) != b"\n":
            logger.warning("%s: its last line is not whole; a new one begins after it", self.path)
            self._write(b"\n")


class JsonListFile:
    """A JSON object whose last member is a list that grows, one line per value; it is whole JSON after each of them."""

    _TAIL = b"]}\n"

    def __init__(self, path: Path, head: JsonObject, key: str) -> None:
        """Make the file, or empty one that is there; `head` are the members before the list, `key` is its name.

        Raises:
            FileNotWritten: it cannot be written.
        """
        self.path = path
        make_folder(path.parent, is_private=True)
        announce(path)
        self._handle: int | None = None
        self._end = self._end_before = 0
        """Where the tail stands, and where it stood before the newest value."""
        self._first = 0
        """Where the list begins."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._handle = os.open(path, flags, PRIVATE_FILE)
            self._add(json.dumps({**head, key: []}, allow_nan=False).removesuffix("]}") + "\n")
        except OSError as exc:
            self._abandon()
            raise not_written(path, exc) from exc
        self._first = self._end

    def append(self, value: JsonObject) -> None:
        """Add a value.

        Raises:
            FileNotWritten: it cannot be written, or the file was removed; no part of it stays.
        """
        assert self._handle is not None, "a closed file takes no values"
        # JSON has no NaN (RFC 8259, section 6): one that slipped through is an error here.
        line = json.dumps(value, allow_nan=False) + "\n"
        try:
            _refuse_removed(self._handle)
            self._add(line if self._end == self._first else f",{line}")
        except OSError as exc:
            raise not_written(self.path, exc) from exc

    def take_back(self) -> None:
        """Remove the newest value; only one can be taken back."""
        self._cut(self._end_before)

    def close(self) -> None:
        """Put all of it on the disk and close the file; closing twice is harmless."""
        if self._handle is None:
            return
        try:
            if stat.S_ISREG(os.fstat(self._handle).st_mode):
                os.fsync(self._handle)
            handle, self._handle = self._handle, None
            os.close(handle)
        except OSError as exc:
            self._abandon()
            raise not_written(self.path, exc) from exc

    def _add(self, text: str) -> None:
        """Write over the tail, with a new one behind: its old place takes it back when the disk is full."""
        assert self._handle is not None, "callers have checked it"
        raw = text.encode("utf-8")
        end = self._end
        try:
            _write_at(self._handle, raw + self._TAIL, end)
        except OSError:
            with suppress(OSError):
                self._cut(end)
            raise
        self._end_before, self._end = end, end + len(raw)

    def _cut(self, end: int) -> None:
        assert self._handle is not None, "callers have checked it"
        os.ftruncate(self._handle, end)
        if end:
            _write_at(self._handle, self._TAIL, end)
        self._end = end

    def _abandon(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            with suppress(OSError):
                os.close(handle)


def _refuse_removed(handle: int) -> os.stat_result:
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and not found.st_nlink:
        raise OSError(errno.ENOENT, "it was removed while it was written to")
    return found


def _write_at(handle: int, raw: bytes, place: int) -> None:
    rest = memoryview(raw)
    while rest:
        written = os.pwrite(handle, rest, place)
        rest, place = rest[written:], place + written
