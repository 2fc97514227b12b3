"""How fast a folder's disk takes data, measured with one file that is gone before anything can go wrong.

In: a folder. Out: free bytes, and megabytes per second. The file has no name, holds 256 MB at most and is written for
2 s at most, each part down to the disk; nothing is written where the space is short. A simulated computer states both
figures in a file. Not here: what is enough (see computer_checks.py).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.timebase import WALL_TIME, Timebase

MOST_BYTES = 256 << 20
LONGEST_S = 2.0
SPARE = 4
"""Free space, as a multiple of what is written at most, below which nothing is written."""
_FIRST_PART = 1 << 20
_LARGEST_PART = 32 << 20
_SHORT_S = 0.1
"""Time of a part below which the next one is twice as large."""
SIMULATED_DISK = "disk"
"""File of a simulated computer: free bytes and bytes per second, one number per line."""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """What is known of the disk of a folder; None where it could not be found out, with the reason."""

    folder: Path
    free_bytes: int | None
    megabytes_per_s: float | None
    why: str = ""


def disk_facts(files: ComputerFiles, folder: Path) -> DiskFacts:
    """Return free space and speed of the disk below a folder."""
    if not files.is_this_computer:
        return _stated(files, folder)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        return DiskFacts(folder, None, None, f"{folder} cannot be looked at: {exc.strerror}")
    if free < SPARE * MOST_BYTES:
        return DiskFacts(
            folder, free, None, f"{folder} has less than {SPARE * MOST_BYTES >> 20} MB free, too few to try"
        )
    try:
        return DiskFacts(folder, free, measured_megabytes_per_s(folder))
    except OSError as exc:
        return DiskFacts(folder, free, None, f"{folder} cannot be written to: {exc.strerror}")


def measured_megabytes_per_s(
    folder: Path, timebase: Timebase = WALL_TIME, write: Callable[[int, bytes], None] | None = None
) -> float:
    """Write a file without a name for a while and return how fast it went. OSError when the disk refuses."""
    put = write or _write_through
    # Random, because some file systems compress or share what repeats.
    block = os.urandom(_FIRST_PART)
    with tempfile.TemporaryFile(dir=folder) as file:
        begun_s, part, written = timebase.now_s(), _FIRST_PART, 0
        while written + part <= MOST_BYTES:
            part_begun_s = timebase.now_s()
            put(file.fileno(), block * (part // _FIRST_PART))
            written += part
            now_s = timebase.now_s()
            # The part after this one may take twice as long.
            if now_s - begun_s + 2 * (now_s - part_begun_s) > LONGEST_S:
                break
            if now_s - part_begun_s < _SHORT_S:
                part = min(2 * part, _LARGEST_PART)
        return written / 1e6 / max(timebase.now_s() - begun_s, 1e-6)


def _write_through(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    # Without this the figure would be that of the memory before the disk.
    os.fsync(descriptor)


def _stated(files: ComputerFiles, folder: Path) -> DiskFacts:
    try:
        free, speed = ((files.text(SIMULATED_DISK) or "").split())[:2]
        return DiskFacts(folder, int(free), int(speed) / 1e6)
    except ValueError:
        return DiskFacts(folder, None, None, "this simulated computer states nothing of its disk")
