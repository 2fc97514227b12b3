"""Looks for words in every file of some folders, in names and in bytes.

In: folders, words, and other words that contain one of them by right. Out: where a word was found, what was looked at,
and what could not be. Links are not followed, and a file that stands in two folders is read once. A word is looked for
as it is, in small letters, and as UTF-16. Not here: what the words mean.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PIECE = 4 << 20
"""Bytes that are read at once."""
_AROUND = 64
"""Bytes around a hit that may belong to the same word."""


@dataclass(frozen=True, slots=True)
class SearchedFolder:
    """A folder to look into."""

    path: Path
    is_deep: bool = True
    """Whether the folders in it are looked into, too."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Bytes that are looked for, and longer words that contain them by right."""

    raw: bytes
    longer: tuple[tuple[int, bytes], ...]
    """Place of the pattern in each longer word, and that word."""

    def is_part(self, raw: bytes, place: int) -> bool:
        """Return whether a longer word stands around a hit."""
        return any(place >= at and raw.startswith(text, place - at) for at, text in self.longer)


@dataclass(slots=True)
class ByteSearch:
    """What was looked at, and what was found."""

    folders: list[Path] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    found: list[Path] = field(default_factory=list)
    """Files and folders with a word in their name or their bytes."""
    unread: list[Path] = field(default_factory=list)
    """Files and folders that could not be read."""

    @property
    def is_clean(self) -> bool:
        """Whether everything was read and nothing found."""
        return not self.found and not self.unread


def search_bytes(
    folders: Sequence[SearchedFolder],
    words: Sequence[str],
    others: Sequence[str] = (),
    advance: Callable[[int], object] = lambda _done: None,
) -> ByteSearch:
    """Look for the words; `advance` is told how many files were looked at.

    A hit that is a part of one of `others` is none: the id P00012 stands in that of the subject P00012A3.
    """
    done, seen = ByteSearch(), set()
    patterns = _patterns(words, others)
    for folder in folders:
        if not os.path.lexists(folder.path):
            continue
        done.folders.append(folder.path)
        for path in _walk(folder, done.unread):
            if path in seen:
                continue
            seen.add(path)
            try:
                is_found = _stands_in(os.fsencode(path.name), patterns) or _is_in(path, patterns, done)
            except OSError:
                if os.path.lexists(path):
                    done.unread.append(path)
                continue
            if is_found:
                done.found.append(path)
            advance(len(seen))
    return done


def _walk(folder: SearchedFolder, unread: list[Path]) -> Iterator[Path]:
    """Yield the folder and everything in it."""
    yield folder.path
    try:
        with os.scandir(folder.path) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except NotADirectoryError:
        return
    except OSError:
        unread.append(folder.path)
        return
    for entry in entries:
        path = Path(entry.path)
        if folder.is_deep and entry.is_dir(follow_symlinks=False):
            yield from _walk(SearchedFolder(path), unread)
        else:
            yield path


def _is_in(path: Path, patterns: Sequence[_Pattern], done: ByteSearch) -> bool:
    """Look into a regular file; of a link its target's name is looked at."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return _stands_in(os.fsencode(path.readlink()), patterns)
    if not stat.S_ISREG(mode):
        return False
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    done.files += 1
    with open(handle, "rb", buffering=0) as stream:  # noqa: PTH123  of a handle that followed no link
        raw, first = b"", 0
        while True:
            piece = stream.read(_PIECE)
            raw += piece
            # A hit near the end is judged with the next piece: its word may go on there.
            last = len(raw) - _AROUND if piece else len(raw)
            if _stands_in(raw, patterns, first, last):
                return True
            if not piece:
                return False
            done.bytes += len(piece)
            cut = max(0, last - _AROUND)
            raw, first = raw[cut:], max(first, last) - cut


def _stands_in(raw: bytes, patterns: Sequence[_Pattern], first: int = 0, last: int | None = None) -> bool:
    """Return whether a pattern begins at a place from `first` to before `last` and is no part of another word."""
    end = len(raw) if last is None else last
    for pattern in patterns:
        place = raw.find(pattern.raw, first)
        while 0 <= place < end:
            if not pattern.is_part(raw, place):
                return True
            place = raw.find(pattern.raw, place + 1)
    return False


def _patterns(words: Sequence[str], others: Sequence[str]) -> list[_Pattern]:
    """Return each word in capital and in small letters, in both codes, with the words that contain it."""
    made = []
    for word in words:
        longer = [other for other in others if word in other and word != other]
        for case in (str.upper, str.lower):
            for code in ("utf-8", "utf-16-le"):
                raw = case(word).encode(code)
                texts = [case(other).encode(code) for other in longer]
                made.append(_Pattern(raw, tuple((text.find(raw), text) for text in texts)))
    return made
