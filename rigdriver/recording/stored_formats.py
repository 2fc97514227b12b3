"""What the numbers in a folder's image files mean: the sidecar images.json, or what a person says of a folder without.

In: the cameras of a capture; or a folder, the roles of its cameras, and answers. Out: a `Sidecar`, and the pixel format
of each camera's files. Eight bits have one full scale, so such files need no answer; sixteen bits hold 10, 12, 14 or
16, and nobody guesses which from the pixels. Files that hold Bayer mosaics without a sidecar begin with red.
Not here: the images (see images/folder.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import ValidationError

from rigdriver.arrays import Pixels
from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.file_text import json_values, read_utf8
from rigdriver.frames import Frame
from rigdriver.images.pixel_formats import BY_NAME, full_scale, named
from rigdriver.images.region import ImageRegion, region_from_json
from rigdriver.whole_file import write_whole

SIDECAR = "images.json"
FORM = "rigdriver-images"
VERSION = 1
DEEP_BITS = (10, 12, 14, 16)
"""Bits that a sample of 16-bit files can have."""
USUAL_BAYER = "RG"
LONGEST = 100_000
"""Longest side of an image, in px."""


@dataclass(frozen=True, slots=True)
class StoredImages:
    """What the files of one camera hold."""

    pixel_format: str
    """PFNC name; the samples of packed formats are unpacked, colours are in the order red, green, blue."""
    size_px: tuple[int, int]
    region: ImageRegion | None = None
    """Place on the sensor; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a capture says of its image files."""

    cameras: Mapping[str, StoredImages]
    config: RigConfig | None = None
    """The rig as it was; None when this version cannot read how another one described it."""


@dataclass(frozen=True, slots=True)
class FormatAnswers:
    """What a person says of image files that have no sidecar."""

    pixel_formats: tuple[str, ...] = ()
    """`Mono12` of all cameras it fits, `BayerGB8` of the colour cameras, `left_upper=Mono10` of one camera."""
    bits: int | None = None
    """Bits per sample in 16-bit files."""

    def __post_init__(self) -> None:
        if self.bits is not None and self.bits not in DEEP_BITS:
            raise UsageError(device="--bits", seen=str(self.bits), expected=_choice(DEEP_BITS))
        for answer in self.pixel_formats:
            named(answer.rpartition("=")[2])


NO_ANSWERS = FormatAnswers()
"""Answers of a person who was not asked."""


def stored_format(frame: Frame) -> str:
    """Return the pixel format of a frame's file: colours are stored as red, green, blue."""
    # The writers put red first, whatever the camera sent.
    return frame.pixel_format.replace("BGR", "RGB")


def write_sidecar(folder: Path, sidecar: Sidecar) -> None:
    """Write images.json; the file is whole or not there."""
    table = {
        "format": FORM,
        "version": VERSION,
        "cameras": {name: _stored_table(stored) for name, stored in sidecar.cameras.items()},
        "rig": sidecar.config.model_dump(mode="json") if sidecar.config else None,
    }
    write_whole(folder / SIDECAR, json.dumps(table, indent=1, allow_nan=False) + "\n", is_private=True)


def _stored_table(stored: StoredImages) -> dict[str, object]:
    region = {} if stored.region is None else {"region": stored.region.to_json()}
    return {"pixel_format": stored.pixel_format, "size_px": list(stored.size_px), **region}


def read_sidecar(folder: Path) -> Sidecar | None:
    """Return what images.json says; None where there is none.

    Raises:
        UsageError: it cannot be understood.
    """
    path = folder / SIDECAR
    try:
        text = read_utf8(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as exc:
        raise UsageError(
            device=str(path), seen=f"cannot be read: {exc}", remedy="name a folder that you may read"
        ) from exc
    try:
        table = json_values(text)
        # A later version may mean other numbers by the same keys; a wrong full scale would be silent.
        if (table["format"], table["version"]) != (FORM, VERSION):
            raise ValueError(f"format {table['format']}, version {table['version']}; expected {FORM}, {VERSION}")
        cameras = {
            name: StoredImages(
                named(stored["pixel_format"]).name,
                _size_px(stored["size_px"]),
                region_from_json(stored.get("region")),
            )
            for name, stored in table["cameras"].items()
        }
        rig = table.get("rig")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as exc:
        raise UsageError(
            device=str(path),
            seen=f"does not say what the images are ({exc})",
            remedy="remove it and give --pixel-format, or capture again",
        ) from exc
    return Sidecar(MappingProxyType(cameras), _rig(rig))


def _size_px(sides: Any) -> tuple[int, int]:
    width, height = sides
    if not (isinstance(width, int) and isinstance(height, int) and 0 < width <= LONGEST and 0 < height <= LONGEST):
        raise ValueError(f"{str(sides)[:40]} is no image size; expected two sides of 1 to {LONGEST} px")
    return width, height


def _rig(table: object) -> RigConfig | None:
    """Images stay readable when a later version knows other keys of a rig file."""
    try:
        return RigConfig.model_validate_json(json.dumps(table)) if table else None
    except ValidationError:
        return None


def format_of(camera: str, role: str, pixels: Pixels, answers: FormatAnswers) -> str:
    """Return the pixel format of a camera's files where no sidecar says it; `pixels` is one of its images.

    Raises:
        UsageError: it is not clear, with the options that make it clear.
    """
    # The last answer counts, as with any option that is given twice.
    for answer in reversed(answers.pixel_formats):
        who, _, name = answer.rpartition("=")
        if who == camera:
            _refuse_unfit(camera, name, pixels)
            return name
    for answer in reversed(answers.pixel_formats):
        if "=" not in answer and _is_meant(answer, role, pixels, answers):
            return answer
    if pixels.ndim == 3:
        family = "RGB" if pixels.shape[2] == 3 else "RGBa"
    else:
        family = "Mono" if role == "geometry" else f"Bayer{_said_order(answers)}"
    if pixels.dtype.itemsize == 1:
        return f"{family}8"
    if answers.bits is not None:
        return named(f"{family}{answers.bits}").name
    known = [str(bits) for bits in DEEP_BITS if f"{family}{bits}" in BY_NAME]
    raise UsageError(
        device=f"camera {camera}",
        seen="its files have 16 bits per sample, and nothing says how many of them the camera used",
        remedy=f"give --bits ({_choice(known)}), or --pixel-format (such as {family}12)",
    )


def refuse_unfit_file(path: Path, pixels: Pixels, pixel_format: str) -> None:
    """Raise UsageError when a file is not of that format: by its type, or by a number beyond full scale."""
    if not _fits(pixel_format, pixels):
        raise UsageError(
            device=str(path),
            seen=f"holds {8 * pixels.dtype.itemsize} bits per sample and {_channels(pixels)} channels, which are no "
            f"{pixel_format}",
            remedy="leave that image out, or name another --pixel-format",
        )
    full = full_scale(pixel_format)
    # Where the type itself ends at full scale no number can be beyond it, and the pass over all pixels is saved.
    if full < np.iinfo(pixels.dtype).max and (top := int(pixels.max(initial=0))) > full:
        raise UsageError(
            device=str(path),
            seen=f"holds the value {top}, and {pixel_format} ends at {full}",
            remedy="give more --bits, or another --pixel-format",
        )


def _said_order(answers: FormatAnswers) -> str:
    """Return the Bayer order that an answer of another depth names; cameras of one rig have one."""
    orders = [named(answer.rpartition("=")[2]).bayer_order for answer in answers.pixel_formats]
    return next(filter(None, reversed(orders)), USUAL_BAYER)


def _is_meant(name: str, role: str, pixels: Pixels, answers: FormatAnswers) -> bool:
    """Return whether an answer for all cameras is meant for this one."""
    if not _fits(name, pixels):
        return False
    # Geometry cameras of a rig are monochrome; a Bayer format is an answer for the colour cameras beside them.
    if role == "geometry":
        return not named(name).bayer_order
    is_colour_named = any(named(a.rpartition("=")[2]).name[:4] != "Mono" for a in answers.pixel_formats)
    return not name.startswith("Mono") or not is_colour_named


def _fits(name: str, pixels: Pixels) -> bool:
    pixel_format = named(name)
    return pixels.dtype == pixel_format.dtype and _channels(pixels) == pixel_format.channels


def _refuse_unfit(camera: str, name: str, pixels: Pixels) -> None:
    if not _fits(name, pixels):
        raise UsageError(
            device=f"--pixel-format {camera}={name}",
            seen=f"its files hold {8 * pixels.dtype.itemsize} bits per sample and {_channels(pixels)} channels",
            remedy="name the pixel format of these files",
        )


def _channels(pixels: Pixels) -> int:
    return 1 if pixels.ndim == 2 else int(pixels.shape[2])


def _choice(values: tuple[int, ...] | list[str]) -> str:
    words = [str(value) for value in values]
    return ", ".join(words[:-1]) + f" or {words[-1]}"
