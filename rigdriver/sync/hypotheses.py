"""What may be wrong with a camera's clock or counter: explanations of a rejected frame, which later frames confirm.

In: a rejected frame and the exposure that made it if one of its witnesses was wrong. Out: whether a later frame agrees
with that in stamp and count, and whether enough arrivals confirm it. Not here: whether the witness that contradicts it
may be right (see trust.py), and what becomes of the frames (see track.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rigdriver.frames import Frame
from rigdriver.sync.arrivals import Arrivals
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.frame_ids import SHORT_COUNTER

MOST_AHEAD = 32
"""Largest number of pulses by which a frame may arrive ahead of the report of its exposure."""
FORGET_AFTER = 4
"""Number of contradicting frames after which a hypothesis is dropped."""
MOST_HYPOTHESES = 8
"""Largest number of hypotheses about a camera; the oldest is dropped."""
MOST_HEARD = 256
"""Largest number of arrivals that are kept of a hypothesis."""
ENOUGH_HEARD, ENOUGH_OF_ARRIVAL = 2, 6
"""Least numbers of frames that agree with a hypothesis: where the other witness is refuted, and where the arrival alone
decides. An arrival deceives when the frame is late by whole pulses. Frames behind a late one catch up, so each frame
that is as late as the one before needs a fault of its own."""


@dataclass(slots=True)
class Hypothesis:
    """An explanation of a rejected frame: what follows when one of the witnesses was wrong."""

    says: str
    shift_ticks: int
    """Difference to add to the mapped time stamp."""
    frame_id: int
    ordinal: int
    latencies_ns: list[int] = field(default_factory=list)
    """Latencies of the frames that agree with it in clock and counter."""
    headers: list[tuple[int, int | None]] = field(default_factory=list)
    """Id and time stamp of each of those frames."""
    contradictions: int = 0
    enough: int = ENOUGH_HEARD
    """Least number of frames that must agree with it."""

    @property
    def keeps_clock(self) -> bool:
        """Whether it takes the clock to be right, so that the counter contradicts it."""
        return not self.shift_ticks

    @property
    def is_of_arrival(self) -> bool:
        """Whether the arrival alone named its exposure."""
        return self.enough == ENOUGH_OF_ARRIVAL

    def hear(self, frame: Frame, latency_ns: int) -> None:
        """Note a frame that agrees with it in clock and counter."""
        if len(self.headers) < MOST_HEARD:
            self.headers.append((frame.frame_id, frame.t_camera_ns))
            self.latencies_ns.append(latency_ns)

    def begin_anew(self) -> None:
        """Count no frame before the next one: frames in a row must agree, for two may be deceived alike, one by one."""
        self.headers.clear()
        self.latencies_ns.clear()

    def follow(self, frame: Frame, exposure: Exposure) -> bool:
        """Return whether it counts this exposure for the frame; go on from there when a short counter begins again."""
        if exposure.ordinal - self.ordinal in wrapped_counts(frame.frame_id, self.frame_id):
            self.frame_id, self.ordinal = frame.frame_id, exposure.ordinal
            return True
        return exposure.ordinal - self.ordinal == frame.frame_id - self.frame_id

    def is_same(self, other: Hypothesis, tolerance: float) -> bool:
        """Whether both expect the same of every frame."""
        same_count = self.frame_id - self.ordinal == other.frame_id - other.ordinal
        return same_count and abs(self.shift_ticks - other.shift_ticks) <= tolerance


def wrapped_counts(frame_id: int, anchor_id: int) -> tuple[int, ...]:
    """Return by how many exposures a frame is ahead of the anchor if a 16-bit counter has begun again, at 0 or at 1."""
    if not frame_id < MOST_AHEAD < SHORT_COUNTER - anchor_id + MOST_AHEAD <= 2 * MOST_AHEAD:
        return ()
    return tuple(frame_id + SHORT_COUNTER - first - anchor_id for first in (0, 1) if frame_id >= first)


class Hypotheses:
    """All explanations of one camera's rejected frames that later frames have not contradicted."""

    def __init__(self, log: ExposureLog, arrivals: Arrivals, tolerance_ticks: float) -> None:
        self._log = log
        self._arrivals = arrivals
        self._tolerance = tolerance_ticks
        self._kept: list[Hypothesis] = []

    def clear(self) -> None:
        """Forget all of them: a frame was matched."""
        self._kept.clear()

    def suppose(self, new: Hypothesis) -> None:
        """Keep one more, unless it expects what another one expects."""
        if not any(h.is_same(new, self._tolerance) for h in self._kept):
            self._kept = [*self._kept, new][-MOST_HYPOTHESES:]

    def may_place(self, frame: Frame) -> bool:
        """Whether the frame agrees with a hypothesis that the next frames may soon confirm."""
        header = frame.frame_id, frame.t_camera_ns
        return any(header in h.headers for h in self._kept if len(h.headers) < ENOUGH_OF_ARRIVAL)

    def explain(
        self, frame: Frame, start_ticks: float, is_open: Callable[[Hypothesis, Exposure], bool]
    ) -> tuple[Hypothesis, Exposure] | None:
        """Return the hypothesis that agrees with all three witnesses, and its exposure; None where several do.

        `start_ticks`: time stamp of the frame, mapped by the clock as it was. `is_open`: whether the witness that
        contradicts the hypothesis may be right, so that the arrival alone decides.
        """
        agreed: list[tuple[Hypothesis, Exposure]] = []
        for h in self._kept:
            exposure = self._log.nearest(start_ticks + h.shift_ticks, self._tolerance)
            if exposure is None or not h.follow(frame, exposure):
                h.contradictions += 1
                h.begin_anew()
                continue
            h.hear(frame, self._arrivals.latency_ns(frame, exposure))
            is_alone = h.is_of_arrival or is_open(h, exposure)
            enough = ENOUGH_OF_ARRIVAL if is_alone else h.enough
            if exposure.ordinal > h.ordinal and self._arrivals.confirm(h.latencies_ns, enough, is_alone):
                agreed.append((h, exposure))
        self._kept = [h for h in self._kept if h.contradictions < FORGET_AFTER]
        return agreed[0] if len({e.ordinal for _, e in agreed}) == 1 else None
