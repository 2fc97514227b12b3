"""Folders of images, from this rig or from elsewhere: DIR/<camera>/<index>.png or .tiff.

In: a folder. Out: paths by camera and index, and what a file holds. Hidden files and folders, other folders and reports
between them are left alone.
Not here: what the numbers in a file mean (see recording/stored_formats.py), and boards and surfaces in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.errors import UsageError
from rigdriver.images.decoding import decode

SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
"""Endings of image files in order of preference: where two files have one index, the lossless one is the image and the
other one its preview."""
REPORT = "index.html"


def list_images(folder: Path, cameras: Sequence[str] = ()) -> dict[str, dict[str, Path]]:
    """Images by camera and index; `cameras` chooses and orders them, else all sub-folders do.

    Raises:
        UsageError: no such folder, or a camera without images.
    """
    if not folder.is_dir():
        raise UsageError(device=str(folder), seen="is no folder", expected="DIR/<camera>/<index>.png")
    # A report that lies among the cameras' folders holds pictures, too.
    names = list(cameras) or sorted(p.name for p in folder.iterdir() if _is_camera(p))
    found = {}
    for name in names:
        paths = sorted((p for p in (folder / name).glob("*") if _is_image(p)), key=_by_preference)
        if not paths and cameras:
            raise UsageError(
                device=str(folder / name), seen="holds no image", expected=f"<index>.png or .tiff for camera {name}"
            )
        if paths:
            # The last file of an index counts: the preferred one.
            by_index = {path.stem: path for path in paths}
            found[name] = {index: by_index[index] for index in sorted(by_index)}
    if not found:
        raise UsageError(device=str(folder), seen="holds no images", expected="DIR/<camera>/<index>.png or .tiff")
    return found


def _is_camera(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and not (path / REPORT).exists()


def _is_image(path: Path) -> bool:
    """Return whether a file may be an image; names that begin with a dot belong to file managers and checkpoints."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _by_preference(path: Path) -> tuple[int, str]:
    return -SUFFIXES.index(path.suffix.lower()), path.name


def in_counting_order(indices: Iterable[str]) -> tuple[str, ...]:
    """Return indices sorted so that 9 comes before 10."""
    return tuple(sorted(indices, key=_counting))


def _counting(index: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", index))


def read_image(path: Path) -> Pixels:
    """Read a grey, mosaic or colour image, 8 or 16 bit; colours come as red, green, blue.

    Raises:
        UsageError: the file is no such image, or its header announces more pixels than the memory holds.
    """
    pixels = decode(path)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise UsageError(
            device=str(path), seen="cannot be read as an image of 8 or 16 bit", remedy="make it a PNG or TIFF"
        )
    if pixels.ndim == 3:
        # OpenCV reads blue, green, red.
        pixels = np.ascontiguousarray(pixels[:, :, 2::-1])
    return np.asarray(pixels, np.uint8) if pixels.dtype == np.uint8 else np.asarray(pixels, np.uint16)
