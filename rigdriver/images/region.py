"""Where on its sensor a camera takes its images: offset, binning, decimation, flips.

In: a camera's features, or stored values. Out: the value `ImageRegion`. With the image's size it says which point of
the sensor a pixel is; a calibration holds for one region only. Not here: sizes, which travel with the pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rigdriver.json_values import JsonObject

Reading = Callable[[str], float | None]
"""Function that returns a feature's value; None where the camera has no such feature."""


@dataclass(frozen=True, slots=True)
class ImageRegion:
    """Place of an image on the sensor."""

    offset_px: tuple[int, int] = (0, 0)
    """OffsetX and OffsetY, as the camera counts them."""
    binning: tuple[int, int] = (1, 1)
    """Horizontal and vertical."""
    decimation: tuple[int, int] = (1, 1)
    is_reversed: tuple[bool, bool] = (False, False)
    """ReverseX and ReverseY."""

    def __str__(self) -> str:
        parts = [f"offset {self.offset_px[0]},{self.offset_px[1]} px"]
        if self.binning != (1, 1):
            parts.append(f"binning {self.binning[0]}x{self.binning[1]}")
        if self.decimation != (1, 1):
            parts.append(f"decimation {self.decimation[0]}x{self.decimation[1]}")
        parts += [f"Reverse{axis}" for axis, is_on in zip("XY", self.is_reversed, strict=True) if is_on]
        return ", ".join(parts)

    def to_json(self) -> JsonObject:
        """Return plain values."""
        return {name: list(pair) for name, pair in asdict(self).items()}


def region_of(read: Reading) -> ImageRegion:
    """Return a camera's region; a camera without such a feature does not move, bin or flip its image."""

    def pair(first: str, second: str, neutral: int) -> tuple[int, int]:
        values = [read(name) for name in (first, second)]
        x, y = (neutral if value is None else int(value) for value in values)
        return x, y

    flips = pair("ReverseX", "ReverseY", 0)
    return ImageRegion(
        pair("OffsetX", "OffsetY", 0),
        pair("BinningHorizontal", "BinningVertical", 1),
        pair("DecimationHorizontal", "DecimationVertical", 1),
        (bool(flips[0]), bool(flips[1])),
    )


def region_from_json(table: JsonObject | None) -> ImageRegion | None:
    """Read plain values again; None where nothing was stored. ValueError, KeyError or TypeError for other values."""
    if table is None:
        return None

    def pair(name: str) -> tuple[int, int]:
        plain: Any = table[name]
        x, y = plain
        return int(x), int(y)

    flips = pair("is_reversed")
    return ImageRegion(pair("offset_px"), pair("binning"), pair("decimation"), (bool(flips[0]), bool(flips[1])))
