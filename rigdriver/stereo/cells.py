"""Cells: their size, the planes of their disparity, and the limits that a plane must keep to stand.

A cell is a square of CELL_PX x CELL_PX pixels of its pyramid level. It holds one disparity plane: d at its middle,
dd/dx and dd/dy. Arrays over cells are (..., h, w) in the image's order. This file only names things; it computes
nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from rigdriver.arrays import Floats32

CELL_PX = 4
"""Side of a cell in pixels of its pyramid level."""
MIDDLE_PX = (CELL_PX - 1) / 2
"""Distance from a cell's first pixel to its middle: pixel centres stand at integers."""

CORRELATION, SIGMA, FULLNESS, GAIN, OFFSET, CONTRAST = range(6)
"""Planes of `quality`: correlation, standard uncertainty of d in pixels, share of the window that counted, gain and
offset from left to right, variance of the right image."""
QUALITIES = 6


class Planes(NamedTuple):
    """Disparity planes of cells side by side: three arrays of equal length. Compiled loops take no dataclass."""

    d: Floats32
    """Disparity in the cell's middle, px."""
    a: Floats32
    """dd/dx."""
    b: Floats32
    """dd/dy."""


class Limits(NamedTuple):
    """Limits that a correction must keep for its plane to stand."""

    reach_px: float
    """Longest correction."""
    correlation: float
    """Least correlation of the window."""
    fullness: float
    """Least share of the window's weight on cells that count."""
    steepest: float
    """Largest slope, pixels per pixel; a steeper one is cut to it."""
