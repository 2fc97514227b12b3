"""What a run has done so far, as figures that may be read while it runs.

In: frame sets as they leave. Out: `RunStatistics`, frozen. Not here: how frame sets come about (see run.py).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType

from rigdriver.frames import FrameSet
from rigdriver.run_end import RunEnd


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Figures of one run; NaN where nothing has been measured yet."""

    frame_sets: int
    complete: int
    gaps: int
    """Missing frames, over all cameras."""
    left_out: int
    """Frame sets with gaps that `run.on_gap = "retry"` left out; their gaps are not counted above."""
    dropped_frame_sets: int
    """Whole frame sets that a slow consumer lost."""
    late_frames: int
    stray_frames: int
    rate_hz: float
    """Frame sets a second on this computer's clock."""
    skew_us_max: float
    skew_us_median: float
    """Median of the newest thousand frame sets, in us."""
    residual_us_max: float
    gap_reasons: Mapping[str, int]
    gaps_by_camera: Mapping[str, int]
    noise_edges: Mapping[str, int]
    """Number of signals on each camera's exposure line that were no exposure; cameras without any are left out."""
    expected: int | None
    """Frame sets asked for; None when it runs until stopped."""
    stopped_by: RunEnd | None
    """Cause of the end, once the run has ended, and the error where one ended it."""


class Tally:
    """Adds up frame sets."""

    def __init__(self, expected: int | None) -> None:
        self._expected = expected
        self._frame_sets = 0
        self._complete = 0
        self._left_out = 0
        self._gaps = 0
        self._reasons: Counter[str] = Counter()
        self._cameras: Counter[str] = Counter()
        self._skews: deque[float] = deque(maxlen=1000)
        self._skew_max = float("nan")
        self._residual_max = float("nan")
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None

    @property
    def frame_sets(self) -> int:
        """Frame sets counted so far."""
        return self._frame_sets

    @property
    def left_out(self) -> int:
        """Frame sets left out so far."""
        return self._left_out

    def leave_out(self, frame_set: FrameSet) -> None:
        """Count a frame set that is not handed out; its reasons count, for they are what to mend."""
        self._left_out += 1
        for gap in frame_set.gaps.values():
            self._reasons[gap.reason.name] += 1
            self._cameras[gap.camera] += 1

    def add(self, frame_set: FrameSet, t_report_ns: int) -> None:
        """Count one frame set; `t_report_ns` is when its pulse was first reported."""
        self._frame_sets += 1
        self._complete += frame_set.is_complete
        self._gaps += len(frame_set.gaps)
        for gap in frame_set.gaps.values():
            self._reasons[gap.reason.name] += 1
            self._cameras[gap.camera] += 1
        skew = frame_set.proof.skew_us
        # NaN, where a frame set has no skew, is not equal to itself.
        if skew == skew:
            self._skews.append(skew)
            self._skew_max = skew if self._skew_max != self._skew_max else max(self._skew_max, skew)
        for proof in frame_set.proof.frames.values():
            if proof.residual_us is None:
                continue
            residual = abs(proof.residual_us)
            self._residual_max = (
                residual if self._residual_max != self._residual_max else max(self._residual_max, residual)
            )
        self._first = self._first or (frame_set.pulse_index, t_report_ns)
        self._last = (frame_set.pulse_index, t_report_ns)

    def snapshot(
        self,
        dropped: int,
        late_frames: int,
        stray_frames: int,
        stopped_by: RunEnd | None,
        noise_edges: Mapping[str, int] = MappingProxyType({}),
    ) -> RunStatistics:
        """Return the figures as they are now."""
        return RunStatistics(
            frame_sets=self._frame_sets,
            complete=self._complete,
            gaps=self._gaps,
            left_out=self._left_out,
            dropped_frame_sets=dropped,
            late_frames=late_frames,
            stray_frames=stray_frames,
            rate_hz=self._rate_hz(),
            skew_us_max=self._skew_max,
            skew_us_median=median(self._skews) if self._skews else float("nan"),
            residual_us_max=self._residual_max,
            gap_reasons=MappingProxyType(dict(self._reasons)),
            gaps_by_camera=MappingProxyType(dict(self._cameras)),
            noise_edges=MappingProxyType({name: count for name, count in noise_edges.items() if count}),
            expected=self._expected,
            stopped_by=stopped_by,
        )

    def _rate_hz(self) -> float:
        if self._first is None or self._last is None or self._last[0] == self._first[0]:
            return float("nan")
        # By the pulses that the box counted, so that frame sets
        # which were left out or dropped do not slow the rate.
        return (self._last[0] - self._first[0]) * 1e9 / max(1, self._last[1] - self._first[1])
