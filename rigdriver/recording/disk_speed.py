"""How fast the disk of a folder takes data: measured with a file that has no name, and remembered for a day.

In: a folder. Out: megabytes per second, down to the disk. The file is written for 2 s and up to 256 MB at most, and is
gone before anything can go wrong; nothing is written where the space is short. A figure is kept by file system in one
file of the user's caches. Not here: what is enough (see procedures/record_checks.py, selftest/disk_checks.py).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import time

from rigdriver.catalogue.data_folder import cache_folder
from rigdriver.file_text import json_values, read_utf8
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.whole_file import make_folder, not_written, write_whole

MOST_BYTES = 256 << 20
LONGEST_S = 2.0
SPARE = 4
"""Ratio of the free space to the bytes of a trial, at least; a smaller disk is tried with less."""
_FIRST_PART = 1 << 20
_LARGEST_PART = 32 << 20
_SHORT_S = 0.1
"""Time of a part below which the next one is twice as large."""
REMEMBERED_S = 86_400.0
_SPEED, _TIME = "megabytes_per_s", "t_utc_s"


def default_file(environment: Mapping[str, str]) -> Path:
    """Return the file in which speeds are remembered."""
    return cache_folder(environment) / "disks.json"


def disk_megabytes_per_s(
    folder: Path, enough: float, file: Path, measure: Callable[[Path], float | None]
) -> float | None:
    """Return how fast the folder's disk is; None where it has no room for a trial.

    A remembered figure counts only when it is `enough`: a disk that was busy yesterday is tried again.

    Raises:
        FileNotWritten: nothing can be written there.
    """
    key, known = _file_system_of(folder), _remembered(file)
    if (found := known.get(key)) is not None and found[0] >= enough and 0 <= time() - found[1] < REMEMBERED_S:
        return found[0]
    try:
        speed = measure(folder)
    except OSError as exc:
        raise not_written(folder, exc) from exc
    if speed is not None:
        table = {**known, key: (speed, time())}
        with suppress(OSError):  # a speed that is not remembered is measured again
            make_folder(file.parent, is_private=True)
            write_whole(file, _text(table), is_private=True)
    return speed


def measured_megabytes_per_s(
    folder: Path, timebase: Timebase = WALL_TIME, write: Callable[[int, bytes], None] | None = None
) -> float | None:
    """Write a file without a name for a while and return how fast it went; None where there is no room for that.

    Raises:
        OSError: the disk refuses.
    """
    put, room = write or _write_through, min(MOST_BYTES, shutil.disk_usage(folder).free // SPARE)
    if room < _FIRST_PART:
        return None
    # Random, because some file systems compress or share what repeats.
    block = os.urandom(_FIRST_PART)
    with tempfile.TemporaryFile(dir=folder) as file:
        begun_s, part, written = timebase.now_s(), _FIRST_PART, 0
        while written + part <= room:
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


def _file_system_of(folder: Path) -> str:
    return f"{folder.stat().st_dev:x}-{os.statvfs(folder).f_fsid:x}"


def _remembered(file: Path) -> dict[str, tuple[float, float]]:
    """Return speed and time by file system; a file that is damaged remembers nothing."""
    try:
        table = json_values(read_utf8(file))
        return {key: (float(entry[_SPEED]), float(entry[_TIME])) for key, entry in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _text(table: Mapping[str, tuple[float, float]]) -> str:
    entries = (f'"{key}": {{"{_SPEED}": {speed:.1f}, "{_TIME}": {t_s:.0f}}}' for key, (speed, t_s) in table.items())
    return "{" + ",\n ".join(entries) + "}\n"
