"""Each camera's exposures, read off the edges that the trigger box stamped.

In: pulse reports in the box's order. Out: `Exposure` values in order, each with an ordinal (how many-th real
exposure of this camera), and the trigger edges of the pulse. Start and end are those of the exposure itself: the
delays of the camera's line, as the rig file names them, are taken off the edges. A camera whose exposure line is not
wired gets its exposures inferred from the trigger edges. Not here: frames (see track.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass

from rigdriver.frames import Edge, PulseReport
from rigdriver.schedule.planned import PlannedExposure

RISES = 8
"""Number of rising edges that are looked at for the start of one exposure."""
LONGEST_LOSS = 10_000
"""Number of pulses in a row whose reports may be missing; more mean that the index itself is damaged."""
KEEP = 2048
"""Number of exposures kept per camera: half a minute at 60 Hz, far longer than any frame is late."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure of one camera as the box saw it."""

    camera: str
    ordinal: int
    """Number of the exposure among this camera's exposures of plausible length since the log began, over all runs."""
    pulse_index: int
    generation: int
    trigger_ticks: int | None
    """Trigger edge that caused it; None when none was near."""
    start_ticks: int
    end_ticks: int
    is_on_time: bool
    """Whether its delay after the trigger and its length are as planned."""
    is_inferred: bool
    """Whether the edges are those of the trigger, shifted, because no exposure line is wired."""
    t_host_ns: int
    """Time at which the report of its end reached the host."""
    doubts: int = 0
    """Number of earlier moments, since the log began, at which the box may have missed an exposure of this camera."""


class ExposureLog:
    """Makes one camera's edges into exposures, and keeps the newest."""

    def __init__(self, planned: PlannedExposure, tolerance_ticks: int) -> None:
        self.camera = planned.camera
        self._planned = planned
        self._tolerance = tolerance_ticks
        self._trigger: int | None = None
        self._start: int | None = None
        self._rises: deque[int] = deque(maxlen=RISES)
        """Rising edges since the last exposure: the true start is among them, noise may be, too."""
        self._log: deque[Exposure] = deque(maxlen=KEEP)
        self._starts: deque[int] = deque(maxlen=KEEP)
        self._ordinals: deque[int] = deque(maxlen=KEEP)
        self._pulse: tuple[int, int] | None = None
        """Generation and index of the pulse that the newest report is about."""
        self._is_seen = True
        """Whether an exposure was reported in that pulse."""
        self._is_damaged = False
        """Whether reports of that pulse are missing."""
        self._is_lost_since = False
        """Whether reports are missing since the newest one."""
        self._next_ordinal = 0
        self._doubts = 0
        self._is_awaited = False
        self.is_new_plan = False
        """Whether a plan is known of which no trigger was reported yet."""
        self.glitches = 0
        """Number of signals on the exposure line that were too short or too long to be an exposure."""
        self.reported_ticks = 0
        """Time up to which the box has reported every edge."""

    def plan(self, planned: PlannedExposure) -> None:
        """Expect another plan from now on; the exposures so far are kept."""
        self._planned = planned
        self._trigger = None
        self._is_awaited = False
        self.is_new_plan = True

    @property
    def next_ordinal(self) -> int:
        """The ordinal that the next exposure will have."""
        return self._next_ordinal

    @property
    def is_exposing(self) -> bool:
        """Whether an exposure has begun whose end has not been reported."""
        return self._start is not None

    @property
    def complete_ticks(self) -> int:
        """Time up to which every reported exposure that had begun is in the log."""
        return self.reported_ticks if self._start is None else min(self._start, self.reported_ticks)

    @property
    def planned_exposure_ticks(self) -> int:
        """Planned length of an exposure."""
        return self._planned.exposure_ticks

    def feed(self, report: PulseReport, period_ticks: int) -> tuple[list[int], list[Exposure]]:
        """Take one pulse report; return its trigger edges (ticks) and the exposures that it completed."""
        triggers: list[int] = []
        exposures: list[Exposure] = []
        self._count_unreported(report)
        line = 0 if self._planned.input is None else 1 << self._planned.input
        output = 1 << self._planned.output
        for edge in report.edges:
            # Most edges are of other cameras, so each is looked at without a call.
            if edge.is_input:
                if edge.mask & line:
                    self._hear(edge, line, report, exposures)
            elif edge.mask & edge.levels & output:
                triggers.append(edge.t_box_ticks)
                self._trigger = edge.t_box_ticks
                self.is_new_plan = False
                # A new trigger while an exposure is awaited: the box may have missed that one.
                self._doubts += self._is_awaited
                self._is_awaited = self._planned.input is not None
                if self._planned.input is None:
                    exposures.append(self._infer(edge.t_box_ticks, report))
        self._is_seen = self._is_seen or bool(exposures)
        newest = report.edges[-1].t_box_ticks if report.edges else report.start_ticks
        # A closed pulse is reported to its end, also where nothing has happened in it (PROTOCOL 6.5, 6.6).
        reported = max(newest, report.start_ticks + period_ticks if report.is_closed else 0)
        # An exposure that has just begun may not have reached the box yet.
        self.reported_ticks = reported - self._planned.line_rise_ticks
        return triggers, exposures

    def doubt(self) -> None:
        """Note that reports of the box are missing: exposures may have happened that are never reported."""
        self._doubts += 1
        self._is_lost_since = True
        self._rises.clear()
        # Its end may be among what is missing, and the next end would be another exposure's.
        self._start = None

    def reach(self, ticks: int) -> None:
        """Note that every edge up to that time is reported."""
        self.reported_ticks = max(self.reported_ticks, ticks - self._planned.line_rise_ticks)

    def nearest(self, ticks: float, within_ticks: float) -> Exposure | None:
        """Return the exposure that starts nearest to `ticks`, if it is within reach."""
        # Starts come in time order, so the nearest one stands on either side of where `ticks` would stand.
        at = bisect_left(self._starts, ticks)
        best = None
        for i in (at - 1, at):
            if 0 <= i < len(self._starts) and abs(self._starts[i] - ticks) <= within_ticks:
                best = (
                    self._log[i]
                    if best is None or abs(self._starts[i] - ticks) < abs(best.start_ticks - ticks)
                    else best
                )
        return best

    def ordinal_before(self, ticks: float) -> int:
        """Return the ordinal of the latest kept exposure that had begun by then; -1 if none had."""
        at = bisect_right(self._starts, ticks)
        return self._ordinals[at - 1] if at else -1

    def by_ordinal(self, ordinal: int) -> Exposure | None:
        """Return the exposure of that ordinal, if it was seen and is still kept."""
        at = bisect_left(self._ordinals, ordinal)
        return self._log[at] if at < len(self._ordinals) and self._ordinals[at] == ordinal else None

    def since(self, generation: int) -> list[Exposure]:
        """Return the kept exposures of one generation, in order."""
        return [e for e in self._log if e.generation == generation]

    def newest(self, count: int) -> list[Exposure]:
        """Return up to `count` exposures, newest first."""
        return [self._log[-1 - i] for i in range(min(count, len(self._log)))]

    def _count_unreported(self, report: PulseReport) -> None:
        """Count an exposure for each pulse whose report is missing, where one was planned.

        The camera's own count went on meanwhile. If it exposed less often, count and clock disagree, as after any other
        exposure that was not seen; they are never made to agree.
        """
        pulse = report.generation, report.pulse_index
        if report.pulse_index < 0:
            return
        # What is missing may be of the pulse before, and of this one.
        is_damaged, self._is_lost_since = self._is_lost_since, False
        if pulse != self._pulse:
            generation, index = self._pulse or (report.generation, -1)
            if generation != report.generation:
                index, self._is_seen = -1, True
            skipped = report.pulse_index - index - 1
            if (is_damaged or self._is_damaged) and 0 <= skipped < LONGEST_LOSS:
                self._next_ordinal += skipped + (not self._is_seen)
            self._pulse, self._is_seen, self._is_damaged = pulse, False, False
        self._is_damaged |= is_damaged

    def _hear(self, edge: Edge, line: int, report: PulseReport, exposures: list[Exposure]) -> None:
        """Take an edge of the camera's exposure line, whose bit is `line`."""
        if edge.levels & line:
            self._start = edge.t_box_ticks - self._planned.line_rise_ticks
            self._rises.append(self._start)
        elif self._start is not None:
            self._start, end = None, edge.t_box_ticks - self._planned.line_fall_ticks
            # A spike near the start makes several rising edges; the length of the exposure is known and tells which.
            start = min(self._rises, key=lambda rise: abs(end - rise - self._planned.exposure_ticks))
            if self._is_plausible(end - start):
                self._rises.clear()
                exposures.append(self._observe(start, end, report))
            else:
                self.glitches += 1
                self._doubts += 1

    def _is_plausible(self, width_ticks: int) -> bool:
        """Whether a signal has about the planned length, as a real exposure has and a glitch on the line has not."""
        return 2 * abs(width_ticks - self._planned.exposure_ticks) <= self._planned.exposure_ticks

    def _observe(self, start: int, end: int, report: PulseReport) -> Exposure:
        plan = self._planned
        trigger = self._trigger
        reach = plan.jitter_ticks + self._tolerance
        is_on_time = (
            trigger is not None
            and abs(start - trigger - plan.latency_ticks) <= reach
            and abs(end - start - plan.exposure_ticks) <= self._tolerance + plan.exposure_ticks // 50
        )
        return self._remember(trigger, start, end, is_on_time, False, report)

    def _infer(self, trigger: int, report: PulseReport) -> Exposure:
        start = trigger + self._planned.latency_ticks
        return self._remember(trigger, start, start + self._planned.exposure_ticks, True, True, report)

    def _remember(
        self, trigger: int | None, start: int, end: int, is_on_time: bool, is_inferred: bool, report: PulseReport
    ) -> Exposure:
        exposure = Exposure(
            self.camera, self._next_ordinal, report.pulse_index, report.generation, trigger, start, end, is_on_time,
            is_inferred, report.t_host_ns, self._doubts,
        )  # fmt: skip
        self._is_awaited = False
        self._next_ordinal += 1
        self._log.append(exposure)
        self._starts.append(start)
        self._ordinals.append(exposure.ordinal)
        return exposure
