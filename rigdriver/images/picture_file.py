"""Pictures to look at, as files.

In: (H, W, 3) uint8, red, green, blue, and a path. Out: a file; its name's ending says of which kind.
Not here: images to measure in, which keep every digital number (see image_writer.py).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.errors import UsageError
from rigdriver.whole_file import write_whole

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""Endings of names that a picture can have, in small letters."""


def check_picture_name(path: Path) -> None:
    """Refuse a name that says of no kind of picture; for a look before the work begins.

    Raises:
        UsageError: the name's ending is none of a picture.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(
            device=str(path),
            seen="does not have the ending of a picture file",
            expected=f"a name that ends in one of {', '.join(PICTURE_SUFFIXES)}",
        )


def write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """Write a picture, which its owner alone can read.

    Raises:
        UsageError: the name's ending is none of a picture, or a picture of that kind cannot be so large.
        FileNotWritten: the file cannot be written.
    """
    check_picture_name(path)
    try:
        is_encoded, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error:
        is_encoded, data = False, np.zeros(0, np.uint8)
    if not is_encoded:
        raise UsageError(
            device=str(path),
            seen=f"cannot hold a picture of {picture.shape[1]} x {picture.shape[0]} px",
            remedy="choose a name that ends in .png",
        )
    write_whole(path, data.data, is_private=True)
