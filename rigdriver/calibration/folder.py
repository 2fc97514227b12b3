"""Boards in images: of a folder DIR/<camera>/<index>.png or .tiff, one index per view, or of any other source.

In: images, a board. Out: detections by view and camera, images' sizes, and what could not be used, in words.
A view that one camera lacks is fine; an image that cannot be read or has another size is reported and left out, a
blurred one is reported and kept: the adjustment weighs it by what it is worth. Not here: listing the folder (see
images/folder.py); solving.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Pixels
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.board.detect import Detection, detect, guess_dictionaries
from rigdriver.calibration.board.identity import markers_beyond
from rigdriver.calibration.views.capture import blur_problem
from rigdriver.calibration.views.observations import Observations, from_detections
from rigdriver.errors import BoardMismatch, UsageError
from rigdriver.images.decoding import decode
from rigdriver.images.folder import list_images

Tell = Callable[[float, str], None]
IMAGES_TO_IDENTIFY = 6
"""Number of images in which markers beyond the board are looked for."""
FEWEST_MARKERS_BEYOND = 2
"""Fewest different markers beyond the board that make it another board; one can be a false reading."""


class ViewImage(Protocol):
    """An image that is read when it is needed."""

    @property
    def name(self) -> str:
        """Short name, such as 0001.png."""
        ...

    def read(self) -> Pixels | None:
        """Return (H, W) or (H, W, 3), 8 or 16 bits; None where it cannot be read as such an image."""
        ...


@dataclass(frozen=True, slots=True)
class FileImage:
    """An image file."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def read(self) -> Pixels | None:
        """Return its pixels as OpenCV gives them."""
        try:
            pixels = decode(self.path)
        except UsageError:  # more pixels than the memory holds
            return None
        if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
            return None
        return pixels.astype(np.uint16) if pixels.dtype == np.uint16 else pixels.astype(np.uint8)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True, eq=False)
class FoundCorners:
    """What images show."""

    observations: Observations
    detections: dict[str, dict[str, Detection]]
    """Detections of boards per view, then per camera; only found boards."""
    notes: tuple[str, ...]
    images: int


def detect_folder(
    folder: Path, board: Board, cameras: Sequence[str] = (), workers: int = 2, progress: Tell | None = None,
    pixel_formats: Mapping[str, str] = MappingProxyType({}),
) -> FoundCorners:  # fmt: skip
    """Search the board in all images of a folder.

    `pixel_formats`: PFNC name by camera; of a camera that is not in it, an image itself shows whether it is a mosaic.

    Raises:
        UsageError: no images.
        BoardMismatch: the board is nowhere; says which markers are there instead.
    """
    images = {
        name: {view: FileImage(path) for view, path in paths.items()}
        for name, paths in list_images(folder, cameras).items()
    }
    return detect_images(str(folder), images, board, workers, progress, pixel_formats)


def detect_images(
    source: str, images: Mapping[str, Mapping[str, ViewImage]], board: Board, workers: int = 2,
    progress: Tell | None = None, pixel_formats: Mapping[str, str] = MappingProxyType({}),
) -> FoundCorners:  # fmt: skip
    """Search the board in images by camera and view; `source` names them in errors.

    Raises:
        UsageError: no view has images of two cameras.
        BoardMismatch: the board is nowhere; says which markers are there instead.
    """
    tell = progress or (lambda _share, _what: None)
    _refuse_unpaired(source, images)
    jobs = [(name, view, path) for name, paths in images.items() for view, path in paths.items()]
    detections: dict[str, dict[str, Detection]] = {view: {} for view in sorted({view for _, view, _ in jobs})}
    notes: list[str] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="detect") as pool:
        results: list[Detection | None] = []
        for found in pool.map(lambda job: _detect_file(board, job[2], pixel_formats.get(job[0], "")), jobs):
            name, _, path = jobs[len(results)]
            results.append(found)
            tell(len(results) / len(jobs), f"{name}/{path.name}")
    sizes = _usual_sizes([name for name, _, _ in jobs], results)
    for (name, view, path), found in zip(jobs, results, strict=True):
        if found is None:
            notes.append(f"{path}: cannot be read as an image; left out")
        # One camera matrix holds for one image size only.
        elif sizes[name] != found.size_px:
            notes.append(f"{path}: {found.size_px} pixels, the others {sizes[name]}; left out")
        elif not found.is_found:
            notes.append(f"view {view}, camera {name}: board not found")
        else:
            detections[view][name] = found
            if problem := blur_problem(found):
                notes.append(f"view {view}, camera {name}: {problem}")
    paths = {(view, name): path for name, view, path in jobs}
    _refuse_larger_board(board, detections, paths, pixel_formats)
    if not any(detections.values()):
        _refuse_nowhere(source, board, [image for _, _, image in jobs])
    for name in images:
        if not any(name in by_camera for by_camera in detections.values()):
            _refuse_mirrored(board, name, list(images[name].values()), pixel_formats.get(name, ""))
    ordered = {name: sizes[name] for name in images if name in sizes}
    return FoundCorners(from_detections(detections, ordered), detections, tuple(notes), len(jobs))


def _refuse_unpaired(source: str, images: Mapping[str, Mapping[str, ViewImage]]) -> None:
    """Refuse cameras whose file names have nothing in common: images of one moment go by one name."""
    for name, mine in images.items():
        others = {other: paths for other, paths in images.items() if other != name}
        if others and not any(set(mine) & set(paths) for paths in others.values()):
            other, theirs = next(iter(others.items()))
            raise UsageError(
                device=source,
                seen=f"{name} has no file name in common with another camera ({next(iter(mine.values())).name}; "
                f"{other}: {next(iter(theirs.values())).name}), so no images belong together",
                expected="the same file name for all images of one moment",
                remedy="name the files alike, for example 0001.png in each folder",
            )


def _usual_sizes(names: Sequence[str], results: Sequence[Detection | None]) -> dict[str, tuple[int, int]]:
    """Return the size that most images of each camera have; the first image may be the odd one."""
    counts: dict[str, Counter[tuple[int, int]]] = {}
    for name, found in zip(names, results, strict=True):
        if found is not None:
            counts.setdefault(name, Counter())[found.size_px] += 1
    return {name: sizes.most_common(1)[0][0] for name, sizes in counts.items()}


def _some(paths: Sequence[ViewImage]) -> Sequence[ViewImage]:
    # Two or three images suffice for a hint, and each costs a search of its own.
    return paths[:: max(1, len(paths) // 2)]


def _turned_over(pixels: Pixels) -> Pixels:
    if pixels.dtype == np.uint16:
        return np.ascontiguousarray(pixels[:, ::-1]).astype(np.uint16)
    return np.ascontiguousarray(pixels[:, ::-1]).astype(np.uint8)


def _refuse_mirrored(board: Board, camera: str, paths: Sequence[ViewImage], pixel_format: str) -> None:
    """Refuse a camera that shows the board only when its images are turned over."""
    for path in _some(paths):
        pixels = path.read()
        if pixels is not None and detect(board, _turned_over(pixels), pixel_format).is_found:
            raise BoardMismatch(
                device=f"camera {camera}", seen="its images are mirrored, those of the other cameras are not",
                remedy="turn off ReverseX or ReverseY (one of them alone mirrors), or mirror the image files back",
            )  # fmt: skip


def _fits_as(board: Board, paths: Sequence[ViewImage]) -> str:
    """Return what the board fits as, in words, if one flag or a mirror explains why it was not found; else nothing."""
    other = replace(board, legacy=not board.legacy)
    for path in _some(paths):
        pixels = path.read()
        if pixels is None:
            continue
        if board.kind == "charuco" and detect(other, pixels).is_found:
            return f"it fits as --board {other.name}"
        if detect(board, _turned_over(pixels)).is_found:
            return "it fits when the images are mirrored: turn off ReverseX or ReverseY, or mirroring in the printer"
    return ""


def _refuse_larger_board(
    board: Board, detections: Mapping[str, Mapping[str, Detection]], paths: Mapping[tuple[str, str], ViewImage],
    pixel_formats: Mapping[str, str],
) -> None:  # fmt: skip
    """Refuse when the images show markers of the same print beyond the board that was described."""
    found = [(len(d.ids), view, name) for view, by_camera in detections.items() for name, d in by_camera.items()]
    beyond: set[int] = set()
    # The fullest images show most of the board's edge; each costs a search with the whole dictionary.
    for _, view, name in sorted(found, reverse=True)[:IMAGES_TO_IDENTIFY]:
        pixels = paths[view, name].read()
        if pixels is not None:
            beyond |= markers_beyond(board, pixels, detections[view][name], pixel_formats.get(name, ""))
    if len(beyond) >= FEWEST_MARKERS_BEYOND:
        raise BoardMismatch(
            device=f"board {board.name}",
            seen=f"the images show markers {min(beyond)} to {max(beyond)} of a larger board; the last marker of this "
            f"one is {board.columns * board.rows // 2 - 1}",
            expected="the board that was held before the cameras",
            remedy="count the squares of the print, and name that board with --board; its squares may have another "
            "size, which would make every result too large or too small",
        )


def _detect_file(board: Board, path: ViewImage, pixel_format: str) -> Detection | None:
    pixels = path.read()
    return None if pixels is None else detect(board, pixels, pixel_format)


def _grey(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return 8 bits per pixel, stretched where there were more."""
    grey = cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2GRAY) if pixels.ndim == 3 else pixels
    if grey.dtype == np.uint8:
        return np.asarray(grey, np.uint8)
    return np.asarray(grey // max(1, int(grey.max(initial=0)) // 255 + 1), np.uint8)


def _refuse_nowhere(source: str, board: Board, paths: Sequence[ViewImage]) -> None:
    if fitting := _fits_as(board, paths):
        raise BoardMismatch(
            device=source, seen=f"board {board.name} was found in none of {len(paths)} images", remedy=fitting
        )
    seen: dict[str, int] = {}
    for path in _some(paths):
        pixels = path.read()
        if pixels is not None:
            for name, count in guess_dictionaries(_grey(pixels)).items():
                seen[name] = max(seen.get(name, 0), count)
    likely = max(seen, key=lambda name: seen[name], default="")
    hint = (
        f"they show markers of {likely.removesuffix('_250')}, so the described board is another one"
        if likely
        else "they show no markers either"
    )
    raise BoardMismatch(
        device=source,
        seen=f"board {board.name} was found in none of {len(paths)} images; {hint}",
        remedy="check columns, rows and dictionary, whether OpenCV before 4.6 made the print (add :legacy), and "
        "whether print or images are mirrored",
    )
