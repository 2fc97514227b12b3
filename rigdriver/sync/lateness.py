"""Whether a frame that comes late is of the exposure that its clock and counter name, or of a later one.

In: a frame, the exposure that two of its witnesses name, and which exposures have their frames. Out: whether it is of
that exposure and of no later one, or whether the box or the next frames must show it first. An arrival can be late by
any amount but never early, so a late frame may be of each exposure up to the latest whose frame can have come by now:
clock and counter lag alike where each image has the header of one before. Such a place is excluded when it has its
frame, or when the frames behind take it: they come in the order of their exposures, one for each. Only those that clock
and counter call overtaken show nothing about the order. A computer that falls behind and catches up is so told from
headers that lag, behind which all frames come as late as the first. Not here: which exposure clock and counter name
(see track.py), what steps and resets leave to trust (see trust.py).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from rigdriver.frames import Frame
from rigdriver.sync.arrivals import Arrivals
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.lock import Tie
from rigdriver.sync.trust import Anchor, Trust

MOST_REMEMBERED = 32
"""Largest number of frames whose arrivals are compared."""
IN_A_ROW = 2
"""Number of frames that come right behind one in the count and show that its header was not bent alone."""


@dataclass(frozen=True, slots=True)
class _Came:
    """Arrival of a frame."""

    t_host_ns: int
    here: int
    """Exposure that clock and counter name."""
    latest: int
    """Latest exposure whose frame could have come by then."""
    latency_ns: int
    """Time from the exposure that is named to the arrival, on two clocks."""
    is_as_of_latest: bool
    """Whether it came at the usual time for a frame of the latest exposure."""

    @property
    def pulses_late(self) -> int:
        """Number of exposures that come into question besides the one that is named."""
        return self.latest - self.here


class LateFrames:
    """The late frames of one camera."""

    def __init__(self, log: ExposureLog, arrivals: Arrivals, trust: Trust, used: Container[int]) -> None:
        """`used`: ordinals of the exposures that have their frames, kept up by the caller."""
        self._log = log
        self._arrivals = arrivals
        self._trust = trust
        self._used = used
        self._came: dict[int, _Came] = {}
        """Exposure -> the newest frame whose clock and counter name it."""
        self._arrived_ns: dict[int, int] = {}
        """Exposure -> arrival of the first frame that counts it, also while nothing else is known of it."""
        self._tie = Tie.PREAMBLE
        self._period_ticks = 1
        self._last_pulse: int | None = None
        """Pulse after which the schedule has none; None where it goes on until it is stopped."""

    def begin_anew(self) -> None:
        """Forget what came late: the camera is locked anew."""
        self._came.clear()
        self._arrived_ns.clear()
        self._tie = Tie.PREAMBLE

    def expect(self, period_ticks: int) -> None:
        """Take the pulse period."""
        self._period_ticks = period_ticks

    def end_with(self, last_pulse: int | None) -> None:
        """Take the last pulse of the schedule; None: it has none."""
        self._last_pulse = last_pulse

    def arrived(self, counted: int, t_host_ns: int) -> None:
        """Note that a frame has come which counts that exposure; no copy of one that has come before."""
        self._arrived_ns.setdefault(counted, t_host_ns)
        if len(self._arrived_ns) > MOST_REMEMBERED:
            del self._arrived_ns[next(iter(self._arrived_ns))]

    def tie_by_arrivals(self) -> None:
        """Note that arrivals alone have tied the camera, so that its headers may lag behind its images.

        They also do so where clock or counter stepped, but not surely which: a step hides a lag of the other one. So
        they do after a copy of a header, which may be the first one that lags.
        """
        self._tie = Tie.ARRIVALS

    def is_in_its_place(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> bool | None:
        """Whether the frame is of this exposure and of no later one; None while reports or the next frames show it.

        It is of a later one where the frames behind it come as late as it did.
        """
        latest = self._latest_ordinal(frame, exposure, anchor)
        if latest is None:
            return None
        is_late = latest > exposure.ordinal
        is_as_of_latest = is_late and self._is_as_of(latest, frame, exposure)
        latency_ns = self._arrivals.latency_ns(frame, exposure)
        self._note(exposure.ordinal, _Came(frame.t_host_ns, exposure.ordinal, latest, latency_ns, is_as_of_latest))
        if not is_late:
            return True  # no later exposure comes into question
        if self._is_as_late(exposure.ordinal, anchor):
            self._trust.is_bent = True
            return False
        # The order shows nothing of a frame that others have overtaken: a copied header makes it look just so.
        is_in_order = exposure.ordinal >= anchor.ordinal or frame.t_host_ns < anchor.t_host_ns
        is_excused = is_in_order and self._is_excused(exposure.ordinal)
        return is_excused or self._is_only_place(exposure.ordinal, latest, anchor)

    def is_only_place(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> bool | None:
        """Whether each later exposure that may have made the frame has its frame; None while that can still change."""
        latest = self._latest_ordinal(frame, exposure, anchor)
        return None if latest is None else self._is_only_place(exposure.ordinal, latest, anchor)

    def may_be_unreported(self, frame: Frame) -> bool:
        """Whether the frame, by its arrival, may be of an exposure that the box has not reported yet."""
        return self._arrivals.latest_start_ticks(frame) > self._log.complete_ticks

    def _is_only_place(self, here: int, latest: int, anchor: Anchor) -> bool | None:
        if all(later in self._used for later in range(here + 1, latest + 1)):
            return True
        return False if anchor.ordinal > latest else None

    def _note(self, here: int, came: _Came) -> None:
        self._came[here] = came
        if len(self._came) > MOST_REMEMBERED:
            del self._came[next(iter(self._came))]

    def _is_as_late(self, here: int, anchor: Anchor) -> bool:
        """Whether the frame came as late as the late one before it; frames behind a late one catch up.

        Where headers lag, the frame comes at the usual time of another exposure. A busy computer keeps to no such time.
        """
        came = self._came[here]
        before = self._came.get(max((n for n in self._came if anchor.ordinal < n < here), default=here), came)
        if before is came or not before.is_as_of_latest or not came.is_as_of_latest:
            return False
        has_caught_up = self._arrivals.is_surely_earlier(came.latency_ns, before.latency_ns)
        return came.pulses_late >= before.pulses_late > 0 and not has_caught_up

    def _is_as_of(self, latest: int, frame: Frame, exposure: Exposure) -> bool:
        """Whether the frame came at the usual time for one of a later exposure, which the box need not have seen."""
        if (seen := self._log.by_ordinal(latest)) is None:
            later_ticks = (latest - exposure.ordinal) * self._period_ticks
            seen = replace(exposure, start_ticks=exposure.start_ticks + later_ticks)
        return self._arrivals.is_surely_usual(frame, seen)

    def _is_excused(self, here: int) -> bool:
        """Whether the frames that came later leave this one no later exposure.

        Each of them is of an exposure of its own, and they came in order: one that came in time may show that as many
        exposures as frames lie between. Where frames between are lost, one in time shows that no header lags now, and
        the next two of the count behind this one that its own header was not bent alone.
        """
        came = self._came[here]
        if self._tie is not Tie.PREAMBLE:
            return False
        behind = sorted(n for n, t_ns in self._arrived_ns.items() if n > here and t_ns > came.t_host_ns)
        is_in_a_row = behind[:IN_A_ROW] == [*range(here + 1, here + 1 + IN_A_ROW)]
        for number, n in enumerate(behind, 1):
            last = self._came.get(n)
            if last is not None and (last.latest - number <= here or (is_in_a_row and not last.pulses_late)):
                return True
        return False

    def _latest_ordinal(self, frame: Frame, exposure: Exposure, anchor: Anchor) -> int | None:
        """Return the latest exposure whose frame can have come by now; None until the box has reported so far.

        Each exposure that the box saw counts, also a second one of a pulse, and each pulse, for the box may have
        missed its exposure. Where arrivals scatter most frames look late; there it is asked of overtaken frames alone.
        """
        is_asked = self._arrivals.are_steady or exposure.ordinal < anchor.ordinal
        if not is_asked or self._arrivals.is_surely_usual(frame, exposure):
            return exposure.ordinal
        if self.may_be_unreported(frame):
            return None
        until_ticks = self._arrivals.latest_start_ticks(frame)
        pulses = int((until_ticks - exposure.start_ticks) // self._period_ticks)
        if self._last_pulse is not None:
            pulses = min(pulses, max(0, self._last_pulse - exposure.pulse_index))
        return max(exposure.ordinal + pulses, self._log.ordinal_before(until_ticks))
