"""A few frame sets of a run, copied, so that they can be looked at when it is over.

In: frame sets as they come. Out: the same, and copies of some. Not here: what the copies show (see
calibration_checks.py). Measuring takes longer than a pulse, and the cameras' slots must come free meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rigdriver.frames import FrameSet

EVERY = 5


class Samples:
    """Copies every fifth frame set until there are `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.frame_sets: list[FrameSet] = []

    def watch(self, frame_sets: Iterable[FrameSet]) -> Iterator[FrameSet]:
        """Hand frame sets on and copy some."""
        for number, frame_set in enumerate(frame_sets):
            if number % EVERY == 0 and len(self.frame_sets) < self._most:
                self.frame_sets.append(copied(frame_set))
            yield frame_set


def copied(frame_set: FrameSet) -> FrameSet:
    """Return the frame set with pixels of its own."""
    frames = {name: replace(frame, pixels=frame.pixels.copy()) for name, frame in frame_set.frames.items()}
    return replace(frame_set, frames=frames)
