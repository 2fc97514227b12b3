"""Folders of images, from this rig or from elsewhere: DIR/<camera>/<index>.png or .tiff.

In: a folder and the calibration's camera names. Out: the images of one index after the other. An index that lacks an
image is given without it; the reconstructor tells what that costs. This file refuses to reconstruct.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from rigdriver.arrays import Pixels as Image
from rigdriver.calibration.folder import list_images
from rigdriver.errors import UsageError


class ImageFolder:
    """The frame sets of a folder; iterating reads them one by one."""

    def __init__(self, folder: Path, cameras: Sequence[str]) -> None:
        """Raises UsageError when none of the cameras has images there."""
        found = list_images(folder)
        self._paths = {name: found[name] for name in cameras if name in found}
        if not self._paths:
            raise UsageError(
                f"{folder}: holds folders {', '.join(found)}, but the calibration's cameras are {', '.join(cameras)}"
            )
        found_indices = {index for paths in self._paths.values() for index in paths}
        self.indices: tuple[str, ...] = tuple(sorted(found_indices, key=_counting))

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[str, dict[str, Image]]]:
        for index in self.indices:
            yield index, {name: read_image(paths[index]) for name, paths in self._paths.items() if index in paths}


def _counting(index: str) -> tuple[tuple[int, str], ...]:
    """Let 9 come before 10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", index))


def read_image(path: Path) -> Image:
    """Read a grey, mosaic or colour image, 8 or 16 bit; colours come as red, green, blue.

    Raises:
        UsageError: the file is no such image.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"{path}: cannot be read as an image of 8 or 16 bit; make it a PNG or TIFF")
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[:, :, 2::-1])
    return np.asarray(pixels, np.uint8) if pixels.dtype == np.uint8 else np.asarray(pixels, np.uint16)
