"""What stands about a picture of a surface: title, colour bar, legend; and pictures beside each other.

In: RGB images, (H, W, 3) uint8. Out: larger ones. Each legend says what white and grey mean. Not here: surfaces (see
pictures.py, ../missing.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.arrays import Array, Bytes

Colour = tuple[int, int, int]
PAPER: Colour = (250, 250, 250)
"""Colour of the background."""
UNKNOWN: Colour = (130, 130, 130)
"""Colour of a surface that has no value."""
MARGIN_PX = 12
BAR_PX = 92
"""Width of the colour bar with its numbers, in px."""
TITLE_PX = 34
LINE_PX = 20
"""Height of a line of the legend, in px."""
_INK: Colour = (30, 30, 30)
_LETTER_PX = 7.6
"""Mean width of a small letter, in px."""
_BLUE_TO_RED = np.array([[49, 84, 165], [90, 180, 230], [255, 246, 150], [240, 130, 80], [165, 15, 38]], np.float64)
_DARK_TO_LIGHT = np.array([[40, 30, 90], [40, 110, 150], [70, 175, 130], [200, 215, 80], [252, 246, 185]], np.float64)
Legend = Sequence[tuple[Colour, str]]
"""Colours and what each of them means."""


def colours_of(scaled: npt.NDArray[np.floating], is_diverging: bool) -> Array:
    """Return RGB, 0 to 255, of values 0 to 1; none of them is white or grey."""
    stops = _BLUE_TO_RED if is_diverging else _DARK_TO_LIGHT
    places = np.linspace(0, 1, len(stops))
    clean = np.nan_to_num(scaled)
    return np.stack([np.interp(clean, places, stops[:, k]) for k in range(3)], axis=-1)


def with_bar(picture: Bytes, unit: str, limits: tuple[float, float], is_beyond: tuple[bool, bool]) -> Bytes:
    """Return the picture with a colour bar at its right; `is_beyond`: whether values lie below and above the limits."""
    height, left = picture.shape[0], picture.shape[1] + 12
    page = np.pad(picture, ((0, 0), (0, BAR_PX), (0, 0)), constant_values=PAPER[0])
    top, bottom = min(40, height // 4), height - min(40, height // 4)
    ramp = colours_of(np.linspace(1, 0, bottom - top)[:, None].repeat(18, axis=1), limits[0] < 0)
    page[top:bottom, left : left + 18] = ramp.astype(np.uint8)
    for n in range(5):
        value = limits[1] + (limits[0] - limits[1]) * n / 4
        sign = ">" if n == 0 and is_beyond[1] else "<" if n == 4 and is_beyond[0] else ""
        _write(page, f"{sign}{value:g}", left + 23, top + round((bottom - top - 1) * n / 4) + 5, 0.45)
    _write(page, unit, left, top - 12, 0.45)
    return page


def with_words(picture: Bytes, title: str, legend: Legend) -> Bytes:
    """Return the picture with a title above it and a legend below it, one line per colour."""
    height, width = picture.shape[:2]
    wide = max([width, int(11 * len(title)), *(int(36 + _LETTER_PX * len(words)) for _, words in legend)])
    page = np.full((TITLE_PX + height + LINE_PX * len(legend) + 6, wide, 3), PAPER, np.uint8)
    page[TITLE_PX : TITLE_PX + height, :width] = picture
    _write(page, title, MARGIN_PX, 22, 0.55)
    for n, (colour, words) in enumerate(legend):
        y = TITLE_PX + height + LINE_PX * n
        page[y + 3 : y + 15, MARGIN_PX : MARGIN_PX + 14] = colour
        cv2.rectangle(page, (MARGIN_PX, y + 3), (MARGIN_PX + 13, y + 14), (120, 120, 120), 1)
        _write(page, words, MARGIN_PX + 22, y + 14, 0.42)
    return page


def side_by_side(pictures: Sequence[Bytes]) -> Bytes:
    """Return pictures as one, (H, W, 3) uint8, from left to right, their titles on one line."""
    height = max(picture.shape[0] for picture in pictures)
    parts = [np.pad(p, ((0, height - p.shape[0]), (0, MARGIN_PX), (0, 0)), constant_values=PAPER[0]) for p in pictures]
    return np.asarray(np.hstack(parts), np.uint8)


def one_above_the_other(rows: Sequence[Bytes]) -> Bytes:
    """Return pictures as one, (H, W, 3) uint8, from top to bottom."""
    width = max(row.shape[1] for row in rows)
    parts = [np.pad(r, ((0, MARGIN_PX), (0, width - r.shape[1]), (0, 0)), constant_values=PAPER[0]) for r in rows]
    return np.asarray(np.vstack(parts), np.uint8)


def _write(page: Bytes, text: str, x: int, y: int, size: float) -> None:
    cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
