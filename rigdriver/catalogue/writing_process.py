"""Which process writes a take, so that nobody erases files that are still being written.

In: nothing, or what another process noted. Out: a text that names this process, or whether the noted one still runs.
The start time tells a process from a later one with the same number. Not here: the takes (see takes.py).
"""

from __future__ import annotations

import os
from pathlib import Path

_STARTED_AT = 19
"""Place of the start time behind the name of the program in /proc/PID/stat (proc(5), field 22)."""


def this_process() -> str:
    """Return number and start time of this process."""
    return f"{os.getpid()} {_started(os.getpid()) or ''}".rstrip()


def is_running(noted: str) -> bool:
    """Return whether the process that `this_process` noted still runs on this computer."""
    number, _, started = noted.partition(" ")
    if not number.isdigit():
        return False
    if not started:
        return Path("/proc", number).exists()
    return _started(int(number)) == started


def number_of(noted: str) -> str:
    """Return the number of the noted process."""
    return noted.partition(" ")[0]


def _started(process: int) -> str | None:
    try:
        text = Path("/proc", str(process), "stat").read_bytes().rpartition(b")")[2]
    except OSError:
        return None
    parts = text.split()
    return parts[_STARTED_AT].decode("ascii") if len(parts) > _STARTED_AT else None
