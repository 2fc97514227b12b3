"""The folder of one running rig, and the sweeping up of folders whose rig is dead.

In: the system's folder for temporary files. Out: a new folder in a folder of this user's simulated rigs, with a mark
that names the process that made it, and a lock that is held as long as anybody of the rig lives. Removed is only what
lies there, bears this mark, and whose process and lock are dead: nothing else is ours, whatever it is called.
Not here: what lies in a folder (see program/serve.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOME = "rigsim-of-user-"
PREFIX = "rig-"
LOCK = "alive.lock"
MARK = "rigsim-folder.json"
_FORM = "rigdriver_sim folder 1"


def make_folder() -> tuple[Path, int]:
    """Return a new folder and the descriptor that holds its lock; whoever inherits the descriptor holds it as well."""
    home = runtime_folder()
    sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=home))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # The mark comes last: what bears it also has its lock.
    (folder / MARK).write_text(json.dumps(_mark(os.getpid())), encoding="utf-8")
    return folder, lock


def runtime_folder() -> Path:
    """Return the folder of all simulated rigs of this user; another one when somebody else has taken its name."""
    home = Path(tempfile.gettempdir()) / f"{HOME}{os.getuid()}"
    with suppress(FileExistsError):
        home.mkdir(mode=0o700)
    found = home.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
        return home
    return Path(tempfile.mkdtemp(prefix=f"{HOME}{os.getuid()}-"))


@contextmanager
def address_in(folder: Path, name: str) -> Iterator[str]:
    """Name a local socket in the folder; its path may be longer than the 107 characters that an address holds."""
    directory = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{name}"
    finally:
        os.close(directory)


def sweep(home: Path) -> None:
    """Remove the folders there that no living rig holds."""
    for folder in home.glob(f"{PREFIX}*"):
        try:
            if is_dead(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # somebody else swept it, or it is no rig's folder


def is_dead(folder: Path) -> bool:
    """Return whether a folder is a rig's, and nobody of that rig lives."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return False
    try:
        mark = json.loads((folder / MARK).read_bytes())
        if mark["form"] != _FORM or mark == _mark(int(mark["pid"])):
            return False
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return _is_free(folder / LOCK)


def _mark(pid: int) -> dict[str, object]:
    """Return what tells a process from all others: its number, when it began, and since when the computer runs."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Field 22, and the name of field 2 may hold blanks (proc(5)).
        start = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return {"form": _FORM, "pid": pid, "start": None}
    return {"form": _FORM, "pid": pid, "start": int(start), "boot": boot}


def _is_free(path: Path) -> bool:
    lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
