"""How fast the disk of a folder takes recordings: tried the way in which a recorder writes, and remembered for a day.

In: a folder, the length of a frame set. Out: megabytes per second, images on the disk included. The trial writes
frame sets of random numbers by the writer of recordings for one second, and 256 MB at most; its file is removed. A
figure is kept by file system in one file of the user. Not here: what is enough (see procedures/record_checks.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import time

from rigdriver.file_text import json_values, read_utf8
from rigdriver.recording.mcap.writer import McapMessage, McapWriter
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.whole_file import make_folder, write_whole

TRIAL_S = 1.0
MOST_TRIAL_BYTES = 256 << 20
SPARE = 4
"""Ratio of the free space to the bytes of a trial, at least; a smaller disk is tried with less."""
SYNC_BYTES = 64 << 20
"""Bytes between two moments at which all is put on the disk."""
REMEMBERED_S = 86_400.0
_SPEED, _TIME = "megabytes_per_s", "t_utc_s"


def default_file() -> Path:
    """Return the file in which speeds are remembered."""
    return Path.home() / ".cache" / "rigdriver" / "disks.json"


def disk_megabytes_per_s(
    folder: Path, frame_set_bytes: int, enough: float, file: Path, measure: Callable[[Path, int], float | None]
) -> float | None:
    """Return how fast the folder's disk is; None where it has no room for a trial.

    A remembered figure counts only when it is `enough`: a disk that was busy yesterday is tried again.

    Raises:
        FileNotWritten: nothing can be written there.
    """
    key, known = _file_system_of(folder), _remembered(file)
    if (found := known.get(key)) is not None and found[0] >= enough and 0 <= time() - found[1] < REMEMBERED_S:
        return found[0]
    speed = measure(folder, frame_set_bytes)
    if speed is not None:
        table = {**known, key: (speed, time())}
        with suppress(OSError):  # a speed that is not remembered is measured again
            make_folder(file.parent, is_private=True)
            write_whole(file, _text(table), is_private=True)
    return speed


def measured_megabytes_per_s(folder: Path, frame_set_bytes: int, timebase: Timebase = WALL_TIME) -> float | None:
    """Write frame sets for a while and return how fast they came to the disk; None where there is no room.

    Raises:
        FileNotWritten: nothing can be written there.
    """
    room = min(MOST_TRIAL_BYTES, shutil.disk_usage(folder).free // SPARE)
    if room < frame_set_bytes:
        return None
    path = folder / f".rigdriver-{secrets.token_hex(8)}.part"
    # Random, because some file systems compress or share what repeats.
    message = McapMessage(0, 0, 0, (os.urandom(frame_set_bytes),))
    writer = McapWriter(path, "rigdriver")
    try:
        writer.add_channel(writer.add_schema("trial", "", b""), "/trial", "")
        begun_s, synced = timebase.now_s(), 0
        while writer.size + frame_set_bytes <= room and timebase.now_s() - begun_s < TRIAL_S:
            writer.write_chunk([message])
            if writer.size - synced >= SYNC_BYTES:
                writer.sync()
                synced = writer.size
        writer.sync()
        return writer.size / 1e6 / max(timebase.now_s() - begun_s, 1e-6)
    finally:
        writer.abandon()
        path.unlink(missing_ok=True)


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
