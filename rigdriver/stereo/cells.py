"""What the files that work on cells agree on: a cell's size, what is known of a cell's window, and what it must fulfil.

In: nothing. Out: names. A cell is a square of pixels with one disparity plane (d at its middle, dd/dx, dd/dy); arrays
over cells are (..., h, w) in the image's order. This file refuses to compute anything.
"""

from __future__ import annotations

from typing import NamedTuple

CELL_PX = 4
"""Side of a cell in pixels of its pyramid level."""
MIDDLE_PX = (CELL_PX - 1) / 2
"""From a cell's first pixel to its middle."""

CORRELATION, SIGMA, FULLNESS, GAIN, OFFSET, CONTRAST = range(6)
"""Planes of `quality`: correlation, standard uncertainty of d in pixels, share of the window that counted, gain and
offset from left to right, variance of the right image."""
QUALITIES = 6


class Limits(NamedTuple):
    """What a correction must fulfil for its plane to stand. A named tuple, as compiled loops take no dataclass."""

    reach_px: float
    """Longest correction."""
    correlation: float
    """Least."""
    fullness: float
    """Least."""
    steepest: float
    """Largest slope, pixels a pixel; steeper ones are cut to it."""
