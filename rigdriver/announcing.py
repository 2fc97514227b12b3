"""Says which files and folders this program is about to make, to whoever listens.

In: each path right before its first byte, from all ways of writing (`whole_file`, `line_file`, the writer of
recordings). Out: a call of each listener, on the thread that writes. So whoever must know all results knows them before
they exist, and no verb can forget to tell. Not here: what a listener does with a path (see procedures/derived.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TypeAlias


class MadeKind(Enum):
    """What is about to be made."""

    FILE = "file"
    FOLDER = "folder"


Listener: TypeAlias = Callable[[Path, MadeKind], None]
_listeners: list[Listener] = []
"""Listeners of this process: files are written on many threads, far below those who listen."""


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Have the listener called before each file and folder that is made meanwhile; what it raises stops the writing."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def announce(path: Path, kind: MadeKind = MadeKind.FILE) -> None:
    """Say that this will be made."""
    for listener in tuple(_listeners):
        listener(path, kind)
