"""What is known of a gap besides its reason: facts with their units; each makes its own sentence.

In: numbers that the proof, the camera process or a file found. Out: frozen values. Not here: the reason (see frames.py)
and what files keep of them (see recording/stored_facts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Oddity(Enum):
    """A fact without numbers. The value is what a technician reads."""

    NOT_LOCKED = "the camera's clock is not locked"
    NO_STAMP = "it has none"
    SECOND_FRAME = "a second frame for an exposure that has one"
    NO_TWO_AGREE = "clock, counter and arrival disagree"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class BadExposure:
    """The exposure was not as planned."""

    late_us: float
    """Its start, after that of the plan."""
    length_us: float
    planned_us: float

    def __str__(self) -> str:
        plan = f"lasted {self.length_us:.1f} us instead of {self.planned_us:.1f} us"
        return f"began {self.late_us:+.1f} us from plan, {plan}"


@dataclass(frozen=True, slots=True)
class Skew:
    """The exposure began at another time than those of the other cameras."""

    late_us: float
    """Its start, after the median of the cameras."""
    limit_us: float

    def __str__(self) -> str:
        return f"{self.late_us:+.1f} us from the others; limit {self.limit_us:g} us"


@dataclass(frozen=True, slots=True)
class StampOff:
    """The time stamp names no exposure."""

    off_us: float | None
    """Time stamp minus start of the exposure that the other witnesses name; None if they name none."""

    def __str__(self) -> str:
        return "far off" if self.off_us is None else f"{self.off_us:+.0f} us off"


@dataclass(frozen=True, slots=True)
class Miscounted:
    """The frame id names another exposure than the time stamp."""

    counted: int | None
    """Number of the exposure that the frame id names; None if that is long gone or yet to come."""
    by_clock: int
    """Number of the exposure that the time stamp names."""

    def __str__(self) -> str:
        return f"it counts {_exposure(self.counted)}, the clock says {self.by_clock}"


@dataclass(frozen=True, slots=True)
class CountAgainstArrival:
    """A camera without time stamps counts one exposure, and its frame arrived as that of another would."""

    counted: int
    """Number of the exposure that the frame id names."""
    is_known: bool
    """Whether that exposure is neither long gone nor yet to come."""
    by_arrival: int | None
    """Number of the exposure that the arrival names; None if it names none."""
    in_a_row: int = 1
    """Number of frames in a row for which this holds."""

    def __str__(self) -> str:
        counted = _exposure(self.counted if self.is_known else None)
        arrived = "none" if self.by_arrival is None else f"exposure {self.by_arrival}"
        again = "; start a new run to count anew" if self.in_a_row > 1 else ""
        return f"it gives no time stamps; its frame id counts {counted}, its arrival says {arrived}{again}"


@dataclass(frozen=True, slots=True)
class LostFrame:
    """The frame that is missing, by the camera's count."""

    frame_id: int

    def __str__(self) -> str:
        return f"frame id {self.frame_id}"


@dataclass(frozen=True, slots=True)
class Told:
    """What an error says of it: a camera that is gone, a file that cannot be used."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class InARow:
    """The same was found for several frames in a row."""

    last: GapFacts
    """What was found for the last of them."""
    frames: int

    def __str__(self) -> str:
        return f"{self.last}; {self.frames} frames in a row"


GapFacts: TypeAlias = (
    "Oddity | BadExposure | Skew | StampOff | Miscounted | CountAgainstArrival | LostFrame | Told | InARow"
)
"""All that may be known of a gap besides its reason."""


def _exposure(number: int | None) -> str:
    return "an exposure long gone or yet to come" if number is None else f"exposure {number}"
