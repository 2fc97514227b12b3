"""Guided positions of an artefact: which of many measurements, taken while a person moves it, count as positions.

In: measurements one after the other. Out: for each whether it is a new position, or why not. A position counts when the
artefact rests (it stands where the measurement before saw it) and stands where no position has been taken yet, so no
position is counted twice and none is blurred. This file refuses to know what was measured and how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

REST_MM = 0.3
"""Between two looks at three a second: what moves so slowly moves 2 um while it is exposed for 2 ms. At a third of the
full resolution the rig's own noise is 0.1 mm at a plate's marks."""
NEW_MM = 10.0
"""That some mark must have moved from every position taken."""


class Placed(Protocol):
    """What tells where it stands."""

    @property
    def marks_mm(self) -> Array:
        """Places, (M, 3)."""
        ...


R = TypeVar("R", bound=Placed)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one measurement."""

    is_taken: bool
    reason: str


class Positions(Generic[R]):
    """Collects positions."""

    def __init__(self) -> None:
        self.taken: list[R] = []
        self._before: Array | None = None

    def offer(self, measured: R) -> Verdict:
        """Take the measurement when it is a new position at rest."""
        before, self._before = self._before, measured.marks_mm
        if before is None:
            return Verdict(False, "hold it still")
        moved_mm = distance_mm(measured.marks_mm, before)
        if moved_mm > REST_MM:
            return Verdict(False, f"it moved {moved_mm:.1f} mm; hold it still, or put it down")
        nearest = min((distance_mm(measured.marks_mm, old.marks_mm) for old in self.taken), default=np.inf)
        if nearest < NEW_MM:
            return Verdict(False, "taken; move it elsewhere, or turn it")
        self.taken.append(measured)
        return Verdict(True, f"position {len(self.taken)} taken")

    def lose(self) -> None:
        """Nothing was seen: the next measurement has none to rest from."""
        self._before = None


def distance_mm(a: Array, b: Array) -> float:
    """Return how far the marks moved, at most, whichever of them came first."""
    if a.shape != b.shape:
        return float("inf")
    return min(float(np.linalg.norm(a - c, axis=1).max()) for c in (b, b[::-1]))
