"""Where frame sets come from and where they go, whatever is behind it.

In: nothing. Out: the protocols `FrameSource` and `FrameSetSink`, and `Indexed`, a frame set and its place in a source.
A live rig (`FlashTrains`) and a folder of images (`ImageFolder`) are sources; `procedures.reconstruct` takes any.
Not here: any of them (see image_folder.py, capture_folder.py and procedures/flash_trains.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rigdriver.config import RigConfig
from rigdriver.frames import FrameSet
from rigdriver.images.region import ImageRegion


@dataclass(frozen=True, slots=True, eq=False)
class Indexed:
    """A frame set and its place in its source.

    The pulse index is the box's and begins anew with each run; a source may hold frame sets of several runs.
    """

    index: int
    """Running number in the source, through all its runs, from 0; a frame set that was dropped leaves a hole."""
    name: str
    """Name of its files: the index with six digits, or the name that a folder's files have."""
    frame_set: FrameSet
    is_out_of_place: bool = False
    """Whether its source holds proofs, but none of this frame set: its images came from elsewhere."""


def indexed(index: int, frame_set: FrameSet) -> Indexed:
    """Return the frame set under that index, with the usual name."""
    return Indexed(index, f"{index:06d}", frame_set)


class FrameSource(Protocol):
    """A sequence of frame sets; the pixel format, the proof and the gaps of each one travel with it."""

    @property
    def config(self) -> RigConfig | None:
        """The rig that made the frame sets; None for images whose rig is not known."""
        ...

    def sizes_px(self) -> Mapping[str, tuple[int, int]]:
        """Return width and height of each camera's images."""
        ...

    def regions(self) -> Mapping[str, ImageRegion | None]:
        """Return each camera's place on the sensor; None where it is not known."""
        ...

    def __iter__(self) -> Iterator[Indexed]:
        """Yield the frame sets, one after the other."""
        ...


class FrameSetSink(Protocol):
    """A place that keeps frame sets."""

    def write(self, frame_set: FrameSet, index: int | None = None) -> None:
        """Keep one under that index in its source; under its pulse index when none is given."""
        ...

    def close(self) -> None:
        """Finish; closing twice is harmless."""
        ...

    def __enter__(self) -> Self:
        """Return the sink, which is closed at the end of the block."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...
