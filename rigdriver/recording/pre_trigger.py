"""The seconds before somebody says that a recording shall begin: a ring of frame sets in memory, of bounded length.

In: frame sets as they come; a press of a button. Out: the newest frame sets in their order, first those from before
the press. They are copies: the cameras' slots come free at once. Not here: when they are written, and how much memory
there is (see procedures).
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from types import MappingProxyType

from rigdriver.frames import Frame, FrameSet
from rigdriver.recording.frame_source import Indexed


class SaveButton:
    """What makes a recording with a pre-trigger begin; may be pressed on any thread."""

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self._gone = threading.Event()

    def save(self) -> None:
        """Keep what the ring holds, and all that comes from now on. Pressing twice is harmless."""
        self._pressed.set()

    @property
    def is_pressed(self) -> bool:
        """Whether it was pressed."""
        return self._pressed.is_set()

    def withdraw(self) -> None:
        """Say that nobody can press it any more."""
        self._gone.set()

    @property
    def is_out_of_reach(self) -> bool:
        """Whether it was not pressed, and nobody can press it any more."""
        return self._gone.is_set() and not self.is_pressed


class FrameSetRing:
    """The newest frame sets, `capacity` of them at most."""

    def __init__(self, capacity: int) -> None:
        assert capacity > 0, "callers have checked it"
        self._capacity = capacity
        self._kept: deque[Indexed] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether one more makes the oldest one go."""
        return len(self._kept) >= self._capacity

    @property
    def first_index(self) -> int:
        """Index of the oldest frame set. IndexError without any."""
        return self._kept[0].index

    def push(self, taken: Indexed) -> None:
        """Keep a copy; the oldest frame set goes when the ring is full."""
        if self.is_full:
            self._kept.popleft()
        self._kept.append(replace(taken, frame_set=_copied(taken.frame_set)))

    def pop(self) -> Indexed:
        """Take the oldest frame set out. IndexError without any."""
        return self._kept.popleft()


def _copied(frame_set: FrameSet) -> FrameSet:
    frames = {name: _own(frame) for name, frame in frame_set.frames.items()}
    return replace(frame_set, frames=MappingProxyType(frames))


def _own(frame: Frame) -> Frame:
    pixels = frame.pixels.copy()
    pixels.flags.writeable = False
    return replace(frame, pixels=pixels)
