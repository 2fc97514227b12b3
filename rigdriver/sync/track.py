"""Matches one camera's frames to its exposures by time stamp, frame id and, when these disagree, time of arrival.

In: frames in the order of arrival, and the camera's exposure log. Out: a verdict for each frame: it is matched to an
exposure, held until the box has reported further, or rejected with a reason.

    witness 1   the time stamp, mapped by the fitted clock, falls on an exposure
    witness 2   the frame id has advanced by as many as there were exposures
    both agree -> matched.  They differ -> the frame waits, and each explanation becomes a hypothesis:
                "the counter was reset" (the clock is right), "the clock stepped" (the counter is right).
    witness 3   the time from the exposure to the arrival of its frame, compared with the usual one of
                this camera. A hypothesis is accepted when the next frames agree with it, and with no other, in all
                three. A step by a whole pulse period deceives witness 1 and a lost count deceives witness 2, but
                neither deceives all three. One more frame is enough where arrivals are steady and the witness that
                contradicts the hypothesis cannot be right. Where it can, or where clock and count both fail (the camera
                has restarted), the arrival decides alone, and six frames in a row must agree (see hypotheses.py).
                Where arrivals scatter, more frames are compared until their median is certain. Where the box may have
                missed an exposure, the count does not prove a step by whole periods. The frames wait meanwhile, and
                what no hypothesis explains is rejected, because a gap is better than a wrong frame.

If frames are lost without the frame id advancing while the clock steps back by as many periods, the next frame looks
like one that came late by whole pulses. It waits until the frames behind it show whether it was (see lateness.py); if
they come as late, it is rejected. Where arrivals scatter over periods, that double fault is not detected.

A camera without time stamps lacks witness 1: its frames are matched where count and arrival agree, and a disagreement
is never settled, for there is no third. Not here: when two witnesses are enough (see trust.py), exposures that the box
has not reported (see unreported.py), frame sets and other cameras (see matcher.py).
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from itertools import takewhile

from rigdriver.clock import ClockEstimator, ClockFit
from rigdriver.frames import Frame, GapReason
from rigdriver.gap_facts import CountAgainstArrival, InARow, Oddity
from rigdriver.sync.arrivals import ARRIVAL_SHARE, Arrivals
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.hypotheses import (
    ENOUGH_HEARD,
    ENOUGH_OF_ARRIVAL,
    Hypotheses,
    Hypothesis,
    wrapped_counts,
)
from rigdriver.sync.lateness import LateFrames
from rigdriver.sync.lock import Pair, has_stamps
from rigdriver.sync.trust import Anchor, Trust
from rigdriver.sync.unreported import Unreported
from rigdriver.sync.verdicts import Held, Matched, Rejected, disagreement

REFIT_EVERY = 8
"""Number of frames between two fits, once there are a few; the fitted line hardly changes in this time."""
LOST_AFTER = 20
"""Number of rejections in a row after which the camera counts as no longer tied to the box."""
MOST_USED = 256
"""Largest number of frames, placed or rejected, that are remembered to find copies of them."""
"""Detail of the rejection of a copy."""
AGREED = "clock and counter agree again"
"""Reason for which a frame is placed after others that could not be."""


class Track:
    """Clock, counter and usual latency of one camera."""

    def __init__(self, log: ExposureLog, tick_rate_hz: int, tolerance_ticks: float) -> None:
        self.camera = log.camera
        self._log = log
        self._tolerance = tolerance_ticks
        self._ticks_per_ns = tick_rate_hz / 1e9
        self._clock = ClockEstimator(log.camera, "box", self._ticks_per_ns, sigma_floor=2e-6 * tick_rate_hz)
        self._fit: ClockFit | None = None
        self._anchor: Anchor | None = None
        self._used: dict[int, tuple[int, int | None]] = {}
        """Ordinal of each exposure that has its frame -> id and time stamp of it, in the order of the matches."""
        self._arrivals = Arrivals(self._ticks_per_ns)
        self._hypotheses = Hypotheses(log, self._arrivals, tolerance_ticks)
        self._trust = Trust(self._arrivals)
        self._late_frames = LateFrames(log, self._arrivals, self._trust, self._used)
        self._unreported = Unreported(log, tolerance_ticks)
        self._unfitted = zlib.crc32(log.camera.encode()) % REFIT_EVERY  # so that cameras refit in different pulses
        self._refused: dict[tuple[int, int | None], int] = {}
        """Id and time stamp of each frame that was rejected since the last match -> host time of its arrival."""
        self._held: dict[tuple[int, int | None], int] = {}
        """Id and time stamp of each frame that was held -> host time of its arrival."""
        self._waiting: dict[tuple[int, int | None], Rejected] = {}
        """Id and time stamp of each frame that waits for a hypothesis -> what becomes of it if that is not accepted."""
        self._accepted = AGREED
        """Why the newest match was accepted."""
        self._period_ticks = 0
        self._is_stamped = True
        """Whether the camera gives time stamps; if not, the line is fitted to the arrivals of its frames."""

    @property
    def clock(self) -> ClockFit | None:
        """The camera's clock as it is known now: camera nanoseconds to box ticks of the exposure start."""
        return self._fit if self._is_stamped else None

    def lock(self, pairs: tuple[Pair, ...]) -> None:
        """Begin from the preamble's pairs; everything known before is forgotten."""
        self._clock.clear()
        self._arrivals.clear()
        self._hypotheses.clear()
        self._refused.clear()
        self._held.clear()
        self._waiting.clear()
        self._used.clear()
        self._trust.begin_anew()
        self._late_frames.begin_anew()
        self._anchor = None
        self._is_stamped = has_stamps([pair.frame for pair in pairs])
        for pair in pairs:
            self._learn(pair.frame, pair.exposure)

    def end_with(self, last_pulse: int | None) -> None:
        """Take the last pulse of the schedule; None: it goes on until it is stopped."""
        self._late_frames.end_with(last_pulse)

    def offer(self, frame: Frame, period_ticks: int) -> Matched | Held | Rejected:
        """Judge one frame. A held frame must be offered again when the box has reported further."""
        if self._fit is None or self._anchor is None:
            return Rejected(GapReason.TIME_STAMP, Oddity.NOT_LOCKED)
        self._period_ticks = period_ticks
        self._arrivals.expect(period_ticks)
        self._late_frames.expect(period_ticks)
        if not self._is_stamped:
            return self._offer_by_arrival(frame, self._fit.map(frame.t_host_ns), self._anchor)
        if frame.t_camera_ns is None:
            return Rejected(GapReason.TIME_STAMP, Oddity.NO_STAMP, self._log.by_ordinal(self._anchor.count(frame)))
        verdict = self._offer_by_stamp(frame, self._fit.map(frame.t_camera_ns), self._anchor)
        if isinstance(verdict, Held):
            self._note_held(frame)
        return verdict

    def _note_held(self, frame: Frame) -> None:
        self._held.setdefault((frame.frame_id, frame.t_camera_ns), frame.t_host_ns)
        if len(self._held) > MOST_USED:
            del self._held[next(iter(self._held))]

    def _offer_by_stamp(self, frame: Frame, start: float, anchor: Anchor) -> Matched | Held | Rejected:
        by_clock = self._log.nearest(start, self._tolerance)
        ordinal = anchor.count(frame)
        by_count = self._log.by_ordinal(ordinal)
        if self._is_copy(frame, by_clock):
            self._trust.doubled(frame)
            return Rejected(GapReason.AMBIGUOUS, Oddity.SECOND_FRAME)
        self._late_frames.arrived(ordinal, frame.t_host_ns)
        if (waited := self._waiting.get((frame.frame_id, frame.t_camera_ns))) is not None:
            return self._offer_again(frame, start, by_clock if by_clock is by_count else None, anchor, waited)
        if self._unreported.may_come(start, ordinal, by_clock, by_count, self._period_ticks):
            return Held()
        if by_clock is not None and (agreed := self._agree(frame, start, by_clock, by_count, anchor)) is not None:
            return agreed
        is_named = by_clock is not None or by_count is not None
        if not is_named and self._unreported.is_lost(start, ordinal, anchor.ordinal, self._period_ticks):
            # Both name the same exposure, whose report is missing: nothing is wrong with the camera.
            return Rejected(GapReason.EDGES_LOST, None)
        is_nowhere = by_clock is None and (by_count is None or by_count.ordinal in self._used)
        if is_nowhere and self._late_frames.may_be_unreported(frame):
            return Held()  # only its arrival can name its exposure, once that is reported
        return self._settle(frame, start, anchor) or self._doubt(frame, start, by_clock, by_count, anchor)

    def _doubt(
        self, frame: Frame, start: float, by_clock: Exposure | None, by_count: Exposure | None, anchor: Anchor
    ) -> Held | Rejected:
        """Reject the frame, or hold it while the next frames may still place it."""
        rejected = self._reject(frame, start, by_clock, by_count, anchor)
        if not self._hypotheses.may_place(frame):
            return rejected
        self._waiting[frame.frame_id, frame.t_camera_ns] = rejected
        return Held(rejected)

    def _offer_again(
        self, frame: Frame, start: float, agreed: Exposure | None, anchor: Anchor, waited: Rejected
    ) -> Matched | Held | Rejected:
        """Judge a frame that waits for a hypothesis; `agreed`: exposure that clock and counter name now."""
        header = frame.frame_id, frame.t_camera_ns
        is_in_doubt = header in self._refused
        if is_in_doubt and self._hypotheses.may_place(frame):
            return Held(waited)
        is_placed = not is_in_doubt and agreed is not None and not self._trust.may_be_elsewhere(frame, agreed)
        is_only = self._late_frames.is_only_place(frame, agreed, anchor) if is_placed and agreed is not None else False
        if is_only is None:
            return Held(waited)
        del self._waiting[header]
        if not is_only or agreed is None:
            return waited
        note = f"placed by the frames after: {self._accepted}"
        return self._match(frame, agreed, start - agreed.start_ticks, (note,))

    def _is_copy(self, frame: Frame, by_clock: Exposure | None) -> bool:
        """Whether a frame with this id and time stamp has come before: delivered twice, or with another's header."""
        header = frame.frame_id, frame.t_camera_ns
        if by_clock is not None and self._used.get(by_clock.ordinal) == header:
            return True
        first_ns = self._refused.get(header) or self._held.get(header, frame.t_host_ns)
        return first_ns != frame.t_host_ns

    def _agree(
        self, frame: Frame, start: float, by_clock: Exposure, by_count: Exposure | None, anchor: Anchor
    ) -> Matched | Held | Rejected | None:
        """Return the verdict where clock and count name the same exposure and may be trusted in that, else None."""
        is_counted = by_clock is by_count and self._trust.may_trust(frame, by_clock, anchor)
        if by_clock.ordinal in self._used or not (is_counted or self._trust.has_wrapped(frame, by_clock, anchor)):
            return None
        is_in_place = self._late_frames.is_in_its_place(frame, by_clock, anchor)
        if is_in_place is None:
            return Held(is_late=self._late_frames.may_be_unreported(frame))
        if not is_in_place:
            return None
        self._accepted = AGREED
        return self._match(frame, by_clock, start - by_clock.start_ticks)

    def _offer_by_arrival(self, frame: Frame, start: float, anchor: Anchor) -> Matched | Held | Rejected:
        """Judge a frame of a camera without time stamps: `start` is what its arrival says, witnesses 2 and 3 count."""
        reach = ARRIVAL_SHARE * self._period_ticks
        by_arrival = self._log.nearest(start, reach)
        ordinal = anchor.count(frame)
        by_count = self._log.by_ordinal(ordinal)
        if self._unreported.is_ahead(ordinal) and start + reach >= self._log.reported_ticks:
            return Held()
        has_wrapped = by_arrival is not None and by_arrival.ordinal - anchor.ordinal in wrapped_counts(
            frame.frame_id, anchor.frame_id
        )
        if by_arrival is not None and (by_arrival is by_count or has_wrapped):
            return self._match(frame, by_arrival, None)
        if by_arrival is None and start + reach >= self._log.reported_ticks:
            return Held()  # what its arrival says is known when the box has reported that far
        self._trust.rejected_in_a_row += 1
        arrived = None if by_arrival is None else by_arrival.ordinal
        facts = CountAgainstArrival(ordinal, by_count is not None, arrived, self._trust.rejected_in_a_row)
        return Rejected(GapReason.AMBIGUOUS, facts, by_arrival or by_count)

    def doubt(self) -> None:
        """Note that reports of the box are missing: exposures may have happened that were not counted."""
        self._log.doubt()

    def frame_id_of(self, ordinal: int) -> int | None:
        """Return the frame id that the counter gives to an exposure."""
        return None if self._anchor is None else self._anchor.frame_id + ordinal - self._anchor.ordinal

    def matched_after(self, ordinal: int) -> int:
        """Return how many exposures after this one have their frame."""
        return sum(1 for _ in takewhile(lambda used: used > ordinal, reversed(self._used)))

    def _match(
        self, frame: Frame, exposure: Exposure, residual: float | None, notes: tuple[str, ...] = ()
    ) -> Matched | Rejected:
        if exposure.ordinal in self._used:
            return Rejected(GapReason.AMBIGUOUS, Oddity.SECOND_FRAME)
        if self._anchor is None or exposure.ordinal >= self._anchor.ordinal:
            self._hypotheses.clear()
            self._refused.clear()
            self._trust.matched(frame)
        elif frame.t_host_ns > self._anchor.t_host_ns:
            notes = (*notes, "delivered out of order")
        self._learn(frame, exposure)
        return Matched(exposure, residual, notes)

    def _learn(self, frame: Frame, exposure: Exposure) -> None:
        self._used[exposure.ordinal] = frame.frame_id, frame.t_camera_ns
        if len(self._used) > MOST_USED:
            del self._used[next(iter(self._used))]
        # A belated frame must not take the anchor back: the counter is followed from the newest exposure.
        if self._anchor is None or exposure.ordinal > self._anchor.ordinal:
            self._anchor = Anchor(frame.frame_id, exposure.ordinal, frame.t_host_ns, exposure.doubts)
        self._arrivals.add(frame, exposure)
        stamp_ns = frame.t_camera_ns if self._is_stamped else None
        self._clock.add(frame.t_host_ns if stamp_ns is None else stamp_ns, exposure.start_ticks)
        self._unfitted += 1
        if self._unfitted >= REFIT_EVERY or len(self._clock) <= REFIT_EVERY * 4:
            self._fit = self._clock.fit()
            self._unfitted = 0

    def _is_whole_periods_off(self, start: float) -> bool:
        """Whether a time stamp that names another pulse than the frame's may do so by whole pulse periods."""
        newest = self._log.newest(1)
        return bool(newest) and self._are_whole_periods(start - newest[0].start_ticks)

    def _are_whole_periods(self, ticks: float) -> bool:
        beyond = abs(ticks) % self._period_ticks
        return min(beyond, self._period_ticks - beyond) <= 2 * self._tolerance

    def _settle(self, frame: Frame, start: float, anchor: Anchor) -> Matched | Rejected | None:
        """Compare the frame with the hypotheses; when exactly one agrees with all three witnesses, it is accepted."""
        by_clock = self._log.nearest(start, self._tolerance)

        def is_open(hypothesis: Hypothesis, exposure: Exposure) -> bool:
            rivals = anchor.counts(frame) if hypothesis.keeps_clock else [by_clock.ordinal] if by_clock else []
            return any(r not in self._used and self._trust.may_be_of(r, exposure, anchor) for r in rivals)

        agreed = self._hypotheses.explain(frame, start, is_open)
        if agreed is None:
            return None
        hypothesis, exposure = agreed
        if self._trust.may_be_elsewhere(frame, exposure):
            return None
        if not self._late_frames.is_only_place(frame, exposure, anchor):
            return None
        if hypothesis.shift_ticks:
            # The camera's readings are kept as they were; it is the box side of the old pairs that moves.
            self._clock.shift(hypothesis.shift_ticks)
            self._unfitted = REFIT_EVERY
        self._anchor = replace(anchor, frame_id=hypothesis.frame_id, ordinal=hypothesis.ordinal)
        self._accepted = hypothesis.says
        if hypothesis.is_of_arrival or self._trust.is_doubled or is_open(hypothesis, exposure):
            self._late_frames.tie_by_arrivals()
        residual = start + hypothesis.shift_ticks - exposure.start_ticks
        return self._match(frame, exposure, residual, (f"first frame after: {hypothesis.says}",))

    def _reject(
        self, frame: Frame, start: float, by_clock: Exposure | None, by_count: Exposure | None, anchor: Anchor
    ) -> Rejected:
        """Reject the frame, and keep every explanation of it as a hypothesis that the next frames can confirm."""
        by_arrival = self._by_arrival(frame)
        if by_clock is not None:
            says = AGREED if by_clock is by_count else "the frame counter was reset"
            self._suppose(says, 0, frame, by_clock)
        if by_count is not None and by_count is not by_clock and not self._is_miscounted(start, by_count, anchor):
            self._suppose("the camera's clock stepped", round(by_count.start_ticks - start), frame, by_count)
        is_nowhere = by_clock is None or (by_clock is by_count and self._trust.is_too_early(frame, by_clock, anchor))
        if is_nowhere and by_arrival is not None and by_arrival is not by_count:
            shift = round(by_arrival.start_ticks - start)
            self._suppose("clock and counter began anew", shift, frame, by_arrival, ENOUGH_OF_ARRIVAL)
        self._trust.rejected_in_a_row += 1
        if len(self._refused) >= MOST_USED:
            del self._refused[next(iter(self._refused))]
        self._refused[frame.frame_id, frame.t_camera_ns] = frame.t_host_ns
        self._trust.is_bent |= by_clock is not None or self._is_whole_periods_off(start)
        rejected = disagreement(start, by_clock, by_count, by_arrival, 1e-3 / self._ticks_per_ns)
        if self._trust.rejected_in_a_row < LOST_AFTER:
            return rejected
        facts = rejected.facts and InARow(rejected.facts, self._trust.rejected_in_a_row)
        return Rejected(GapReason.LOCK_LOST, facts, rejected.exposure)

    def _is_miscounted(self, start: float, by_count: Exposure, anchor: Anchor) -> bool:
        """Whether exposures that the box missed since the last match explain a step of whole periods."""
        return not anchor.has_seen(by_count) and self._are_whole_periods(start - by_count.start_ticks)

    def _suppose(self, says: str, shift: int, frame: Frame, exposure: Exposure, enough: int = ENOUGH_HEARD) -> None:
        if exposure.ordinal in self._used:
            return
        new = Hypothesis(says, shift, frame.frame_id, exposure.ordinal, enough=enough)
        new.hear(frame, self._arrivals.latency_ns(frame, exposure))
        self._hypotheses.suppose(new)

    def _by_arrival(self, frame: Frame) -> Exposure | None:
        usual = [e for e in self._log.newest(8) if e.ordinal not in self._used and self._arrivals.is_usual(frame, e)]
        return usual[0] if len(usual) == 1 else None
