"""The folder of one running rig, and the sweeping up of folders whose rig is dead.

In: the system's folder for temporary files. Out: a new folder with a lock that is held as long as anybody of the rig
lives; folders whose lock nobody holds are removed. Not here: what lies in a folder (see program/serve.py).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "rigsim-"
LOCK = "alive.lock"
_GRACE_S = 60.0
"""Age, in s, up to which a folder without a lock file may be in the making."""


def make_folder() -> tuple[Path, int]:
    """Return a new folder and the descriptor that holds its lock; whoever inherits the descriptor holds it as well."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


@contextmanager
def address_in(folder: Path, name: str) -> Iterator[str]:
    """Name a local socket in the folder; its path may be longer than the 107 characters that an address holds."""
    directory = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{name}"
    finally:
        os.close(directory)


def sweep() -> None:
    """Remove this user's folders that no living rig holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.stat().st_uid == os.getuid() and _is_dead(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # somebody else swept it


def _is_dead(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _GRACE_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
