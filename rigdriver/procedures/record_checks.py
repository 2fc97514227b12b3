"""Whether a recording can succeed: room on the disk, speed of the disk, memory for what waits before a trigger.

In: what is asked for, and what an open rig sends. Out: nothing, or a refusal with the figures. Not here: how a disk is
tried (see recording/disk_speed.py), and what happens when a disk becomes slow later (see recording/recorder.py).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rigdriver.errors import UsageError
from rigdriver.images.pixel_formats import BY_NAME
from rigdriver.recording.disk_speed import default_file, disk_megabytes_per_s, measured_megabytes_per_s
from rigdriver.recording.recorder import RESERVE_BYTES
from rigdriver.rig import Rig
from rigdriver.whole_file import make_folder

UNTRIED_MB_S = 5.0
"""Data rate, in MB/s, up to which no disk is tried: each takes that."""
MEMORY_SHARE = 0.8
"""Share of the free memory that frame sets before a trigger may take."""


def frame_set_bytes(rig: Rig) -> int:
    """Return how many bytes the images of one frame set take on the disk."""
    total = 0
    for name, (width, height) in rig.sizes_px().items():
        known = BY_NAME.get(str(rig.cameras.get(name, "PixelFormat")))
        total += known.image_bytes(width, height) if known else 2 * width * height
    return total


def refuse_if_too_large(path: Path, frames: int | None, need_bytes: int) -> None:
    """Raise UsageError when the disk has no room for the recording, or for a single frame set."""
    make_folder(path.parent, is_private=True)
    free = shutil.disk_usage(path.parent).free - RESERVE_BYTES
    need = need_bytes * (frames or 1)
    if need <= free:
        return
    fits = max(0, free // need_bytes)
    raise UsageError(
        device=str(path),
        seen=f"needs {need / 1e9:.2f} GB, and the disk has {max(0, free) / 1e9:.2f} GB free",
        expected=f"{fits} frame sets at most",
        remedy="free space, name a file on another disk with --out, or begin in spite of it with --force",
    )


def refuse_if_too_slow(
    path: Path,
    need_bytes: int,
    rate_hz: float,
    file: Path | None = None,
    measure: Callable[[Path], float | None] = measured_megabytes_per_s,
) -> None:
    """Raise UsageError when the disk takes less than the cameras send; `file`: where speeds are remembered.

    Raises:
        FileNotWritten: nothing can be written there.
    """
    need = need_bytes * rate_hz / 1e6
    if need <= UNTRIED_MB_S:
        return
    make_folder(path.parent, is_private=True)
    speed = disk_megabytes_per_s(path.parent, need, file or default_file(os.environ), measure)
    if speed is None or speed >= need:
        return
    raise UsageError(
        device=str(path),
        seen=f"the disk takes {speed:.0f} MB/s, and the cameras send {need:.0f} MB/s",
        expected=f"{speed * 1e6 / need_bytes:.1f} frame sets per second at most",
        remedy="name a file on a faster disk with --out, lower --rate, or begin in spite of it with --force",
    )


def refuse_if_memory_is_short(pre_s: float, frame_sets: int, need_bytes: int, free_bytes: int | None) -> None:
    """Raise UsageError when that many frame sets do not fit into the free memory; None: nobody knows what is free."""
    need = frame_sets * need_bytes
    if free_bytes is None or need <= MEMORY_SHARE * free_bytes:
        return
    raise UsageError(
        device=f"--pre {pre_s:g}",
        seen=f"needs {need / 1e9:.2f} GB of memory, and {free_bytes / 1e9:.2f} GB are free",
        expected=f"{pre_s * MEMORY_SHARE * free_bytes / need:.1f} s at most",
        remedy="lower --pre or --rate, or end other programs",
    )
