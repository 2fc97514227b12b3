"""What every run offers its consumer: a loop over frame sets that starts by itself and never leaves anything running.

In: an outbox that a run fills. Out: an iterator and a context manager over `FrameSet`. This file refuses to know how
frame sets come about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rigdriver.frames import FrameSet
from rigdriver.run.queues import Outbox
from rigdriver.run.statistics import RunStatistics

TURN_S = 0.05
"""Longest sleep of a waiting consumer or thread; bounds how late a timeout is noticed."""


class FrameSets(ABC):
    """Frame sets of one run.

    It starts with the first frame set asked for and ends with the loop, however that ends: all outputs are off then.
    """

    _outbox: Outbox[FrameSet]

    @abstractmethod
    def start(self) -> None:
        """Start; iterating does it by itself."""

    @abstractmethod
    def stop(self) -> None:
        """End after the pulse under way; frames that are on their way still come. Returns at once."""

    @abstractmethod
    def close(self) -> None:
        """Turn all outputs off now and let the cameras rest. Closing twice is harmless."""

    @property
    @abstractmethod
    def statistics(self) -> RunStatistics:
        """The figures so far; may be read from any thread while the run goes on."""

    def __iter__(self) -> Iterator[FrameSet]:
        try:
            self.start()
            while True:
                try:
                    frame_set = self._outbox.take(TURN_S)
                except StopIteration:
                    return
                if frame_set is not None:
                    yield frame_set
        finally:
            self.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
