"""The one rule for what verbs write: a result that is there already is never overwritten unless the user says so.

In: the files that a verb would write, before its work begins. Out: nothing, or a refusal that names every file that is
there. A folder that collects many results (a capture, a reconstruction) is used once, and has its own check that names
another folder as the remedy. Not here: how files are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rigdriver.errors import UsageError

OVERWRITE = "--overwrite"
"""Option with which a user allows it."""
IMAGE_SUFFIXES = (".png", ".tif", ".tiff")
"""Suffixes of the images that a capture writes."""


def refuse_overwriting(files: Iterable[Path | None], is_allowed: bool) -> None:
    """Refuse to replace files; those that are None are not written.

    Raises:
        UsageError: a file is there already and `is_allowed` is false, or a folder stands in its place.
    """
    named = [path for path in files if path is not None]
    for path in named:
        if path.is_dir():
            raise UsageError(device=str(path), seen="is a folder", expected="the name of a file to write")
    there = [] if is_allowed else [path for path in named if path.exists()]
    if there:
        are = "is" if len(there) == 1 else "are"
        raise UsageError(
            device=", ".join(map(str, there)), seen=f"{are} there already; nothing was done",
            remedy=f"name another file, or give {OVERWRITE} to replace {'it' if len(there) == 1 else 'them'}",
        )  # fmt: skip


def refuse_mixing(folder: Path, is_allowed: bool) -> None:
    """Refuse a folder for results that holds anything.

    Raises:
        UsageError: it does and `is_allowed` is false, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(device=str(folder), seen="is no folder", remedy="name another folder with --out")
    if not is_allowed and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            device=str(folder), seen="is not empty; nothing was done",
            remedy=f"name another folder with --out, or give {OVERWRITE} to replace what is of the same name",
        )  # fmt: skip


def holds_images(folder: Path) -> bool:
    """Whether a folder holds images in folders of cameras, from whichever program."""
    return folder.is_dir() and any(
        # A pipe or a device of that name is somebody's way to take the images, and holds none.
        path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
        for path in folder.glob("*/*")
    )
