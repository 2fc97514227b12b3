"""Frame sets on a bench without a trigger box: frames that arrive together, marked as unproved.

In: frames in the order of arrival, the trigger period. Out: groups with at most one frame per camera, marked as
unproved. They are good for focusing and aiming, not for measurements. Not here: how cameras are triggered (see
run/bench_run.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rigdriver.frames import Frame, Gap, GapReason, Proof

WARNING = (
    "grouped by time of arrival alone: without a trigger box nothing proves that these exposures were simultaneous"
)
TOGETHER = 0.5
"""Share of a trigger period within which the frames of one trigger arrive."""
ANY_PHASE = 1.0
"""The same share for cameras that run by themselves: each delivers one frame per period, at a time of its own."""


@dataclass(slots=True)
class _Open:
    t_host_ns: int
    frames: dict[str, Frame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Frames that arrived together."""

    pulse_index: int
    t_host_ns: int
    frames: dict[str, Frame]
    gaps: dict[str, Gap]
    proof: Proof


class ArrivalGroups:
    """Groups the frames of several cameras by their arrival."""

    def __init__(self, names: Sequence[str], period_ns: int, window: float = TOGETHER) -> None:
        """`window`: share of the period within which the frames of one group arrive."""
        self._names = tuple(names)
        self._window_ns = window * period_ns
        self._period_ns = period_ns
        self._open: list[_Open] = []
        self._next_index = 0

    def take(self, frame: Frame) -> list[Grouped]:
        """Take a frame; return the groups that it completes or that it shows to be over."""
        for group in self._open:
            if frame.camera not in group.frames and frame.t_host_ns - group.t_host_ns < self._window_ns:
                group.frames[frame.camera] = frame
                break
        else:
            self._open.append(_Open(frame.t_host_ns, {frame.camera: frame}))
        return self.tick(frame.t_host_ns)

    def tick(self, t_host_ns: int) -> list[Grouped]:
        """Let time pass; return the groups that are complete or over, in order."""
        done = []
        while self._open and self._is_done(self._open[0], t_host_ns):
            done.append(self._close(self._open.pop(0)))
        return done

    def finish(self) -> list[Grouped]:
        """Close what is open."""
        done = [self._close(group) for group in self._open]
        self._open.clear()
        return done

    def _is_done(self, group: _Open, t_host_ns: int) -> bool:
        return len(group.frames) == len(self._names) or t_host_ns - group.t_host_ns > self._period_ns

    def _close(self, group: _Open) -> Grouped:
        gaps = {n: Gap(n, GapReason.NOT_DELIVERED) for n in self._names if n not in group.frames}
        nan = float("nan")
        proof = Proof(self._next_index, 0, 0, 0, {}, nan, "unproved", (WARNING, *(str(g) for g in gaps.values())))
        self._next_index += 1
        return Grouped(self._next_index - 1, group.t_host_ns, group.frames, gaps, proof)
