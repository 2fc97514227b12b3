"""A measured value with its standard uncertainty.

In: a value, its uncertainty and unit. Out: the same as one value, and as text. Not here: how either is found.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measured value."""

    value: float
    sigma: float
    """Standard uncertainty; NaN where the mesh holds none."""
    unit: str

    def __str__(self) -> str:
        known = f"sigma {self.sigma:.2g} {self.unit}" if math.isfinite(self.sigma) else "sigma unknown"
        return f"{self.value:.6g} {self.unit} ({known})"
