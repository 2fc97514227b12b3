"""What is known of the disk of a folder: its free space, and how fast it takes data.

In: a folder. Out: free bytes, and megabytes per second, or the reason why one is not known. A simulated computer states
both figures in a file. Not here: how a disk is tried (see recording/disk_speed.py), and what is enough (see
disk_checks.py).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.recording.disk_speed import MOST_BYTES, SPARE, measured_megabytes_per_s

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


def _stated(files: ComputerFiles, folder: Path) -> DiskFacts:
    try:
        free, speed = ((files.text(SIMULATED_DISK) or "").split())[:2]
        return DiskFacts(folder, int(free), int(speed) / 1e6)
    except ValueError:
        return DiskFacts(folder, None, None, "this simulated computer states nothing of its disk")
