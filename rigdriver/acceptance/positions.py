"""Guided positions of an artefact: which of many measurements, made while a person moves it, count as positions.

In: measurements one after the other. Out: a `Placement` for each: a new position, or why it is none. A position counts
when the artefact rests (it stands where the measurement before found it) and stands where no position has been taken
yet. So no position is counted twice and none is blurred. Not here: what was measured and how (see artefacts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

import numpy as np

from rigdriver.arrays import Array

REST_MM = 0.3
"""Largest movement between two measurements of an artefact at rest. At three measurements per second, what moves so
slowly moves 2 um during an exposure of 2 ms. At a third of the full resolution the rig's own noise is 0.1 mm at a
plate's marks."""
NEW_MM = 10.0
"""Least distance that some mark must have from every position taken, in mm."""


class Placed(Protocol):
    """A measurement of where an artefact stands."""

    @property
    def marks_mm(self) -> Array:
        """Places, (M, 3), that show where the artefact stands."""
        ...


R = TypeVar("R", bound=Placed)


class Placing(Enum):
    """What can become of one measurement; the value is the sentence, with the facts of `Placement` to fill in."""

    TAKEN = "position {number} taken"
    FIRST = "hold it still"
    MOVES = "it moved {moved_mm:.1f} mm; hold it still, or put it down"
    NOT_NEW = "taken; move it elsewhere, or turn it"


@dataclass(frozen=True, slots=True)
class Placement:
    """What became of one measurement."""

    kind: Placing
    number: int = 0
    """Number of positions taken so far, this one included."""
    moved_mm: float = 0.0
    """Distance from the measurement before."""

    @property
    def is_taken(self) -> bool:
        """Whether the measurement counts as a position."""
        return self.kind is Placing.TAKEN

    @property
    def reason(self) -> str:
        """The sentence for the person who holds the artefact."""
        return str(self)

    def __str__(self) -> str:
        return self.kind.value.format(number=self.number, moved_mm=self.moved_mm)


class Positions(Generic[R]):
    """Collects positions."""

    def __init__(self) -> None:
        self.taken: list[R] = []
        self._before: Array | None = None

    def offer(self, measured: R) -> Placement:
        """Take the measurement when it is a new position at rest."""
        before, self._before = self._before, measured.marks_mm
        if before is None:
            return Placement(Placing.FIRST, len(self.taken))
        moved_mm = distance_mm(measured.marks_mm, before)
        if moved_mm > REST_MM:
            return Placement(Placing.MOVES, len(self.taken), moved_mm)
        # With no position yet the nearest one is infinitely far.
        nearest = min((distance_mm(measured.marks_mm, old.marks_mm) for old in self.taken), default=np.inf)
        if nearest < NEW_MM:
            return Placement(Placing.NOT_NEW, len(self.taken), moved_mm)
        self.taken.append(measured)
        return Placement(Placing.TAKEN, len(self.taken), moved_mm)

    def lose(self) -> None:
        """Forget the last measurement: the artefact was out of sight, so it must rest again."""
        self._before = None


def distance_mm(a: Array, b: Array) -> float:
    """Return how far the marks moved at most, whichever of them came first."""
    # Another number of marks is another artefact. A ball bar has no front end: its marks may come in either order.
    if a.shape != b.shape:
        return float("inf")
    return min(float(np.linalg.norm(a - c, axis=1).max()) for c in (b, b[::-1]))
