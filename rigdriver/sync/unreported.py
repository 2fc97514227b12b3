"""Whether a frame may be of an exposure that the box has not reported yet, or whose report is lost.

In: what clock and counter name, and how far the box has reported. Out: whether the frame must wait for a report, or
whether the report that it needs is missing. A short frame overtakes the report of its exposure. After a fault one
witness is wrong by an exposure or more and names a reported one, while the right one names none that is reported. Not
here: what becomes of a frame whose exposure is reported (see track.py).
"""

from __future__ import annotations

from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.hypotheses import MOST_AHEAD


class Unreported:
    """The exposures of one camera that are not in its log."""

    def __init__(self, log: ExposureLog, tolerance_ticks: float) -> None:
        self._log = log
        self._tolerance = tolerance_ticks

    def may_come(
        self, start_ticks: float, ordinal: int, by_clock: Exposure | None, by_count: Exposure | None, period_ticks: int
    ) -> bool:
        """Whether a witness names an exposure that the box has not reported yet, so that the frame must be held."""
        is_next = ordinal == self._log.next_ordinal
        if by_clock is None and by_count is None:
            return is_next or self._may_be_ahead(start_ticks, ordinal, period_ticks)
        if by_clock is None:
            return self._is_just_ahead(start_ticks, 1, period_ticks)
        return by_count is None and is_next

    def is_lost(self, start_ticks: float, ordinal: int, anchored: int, period_ticks: int) -> bool:
        """Whether clock and count name the same exposure among those that were counted without a report.

        `anchored`: ordinal of the exposure from which the frames are counted.
        """
        known = self._log.by_ordinal(anchored)
        if known is None or not 0 < ordinal - anchored < self._log.next_ordinal - anchored:
            return False
        due_ticks = known.start_ticks + (ordinal - anchored) * period_ticks
        return abs(start_ticks - due_ticks) <= self._tolerance

    def is_ahead(self, ordinal: int) -> bool:
        """Whether the count names one of the next exposures."""
        return 0 <= ordinal - self._log.next_ordinal < MOST_AHEAD

    def _may_be_ahead(self, start_ticks: float, ordinal: int, period_ticks: int) -> bool:
        """Whether the exposure may have happened unreported: clock and counter both name a later one."""
        if self._log.is_new_plan and self.is_ahead(ordinal):
            return start_ticks > self._log.reported_ticks  # how long the box took to start is not known here
        return self._is_just_ahead(start_ticks, MOST_AHEAD if self.is_ahead(ordinal) else 1, period_ticks)

    def _is_just_ahead(self, start_ticks: float, periods: int, period_ticks: int) -> bool:
        ahead = start_ticks - self._log.reported_ticks
        return -self._tolerance <= ahead <= (periods + 0.5) * period_ticks or (
            self._log.is_exposing and 0 <= -ahead <= 2 * self._log.planned_exposure_ticks
        )
