"""When a run is over, and why.

In: the state that the box reports, what was lost, what the user asked for. Out: whether the run is over, the error that
ended it, and its cause for the statistics. Every wait for the end has a time limit, so a run ends even when the box
falls silent. Not here: frames (see run.py).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from rigdriver.devices.box.events import BoxStatus, EventsLost
from rigdriver.devices.box.refusals import explained_fault
from rigdriver.devices.cameras.events import CameraLost
from rigdriver.errors import BoxFault, CameraProcessLost, LinkLost, NoReply, RigError
from rigdriver.frames import PulseReport
from rigdriver.own_pause import AttendedTime
from rigdriver.run.cut_short import cut_short
from rigdriver.run.states import STOPPED, RunAct, RunState, RunStates
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.wire.registers import BoxStates, Faults

SILENT_PERIODS = 3
"""Number of pulse periods that a running box may be silent beyond the gap timeout; after that it counts as lost."""


def restarted() -> LinkLost:
    """Return the error of a run whose box has restarted."""
    return LinkLost(
        device="trigger box", seen="it has restarted and lost its schedule", remedy="check its power and run again"
    )


def box_fault(status: BoxStatus) -> BoxFault:
    """Return the error of a run whose box has turned everything off: the cause and what to do."""
    is_own = Faults.WATCHDOG_EXPIRED in status.fault and status.host_away_s > 0
    before = f"this program stood still for {status.host_away_s * 1000:.0f} ms" if is_own else ""
    return explained_fault("trigger box", status.fault, "then clear the fault (box.clear_fault) and run again", before)


class Ending:
    """The end of one run, as it comes nearer."""

    def __init__(
        self,
        states: RunStates,
        expected: int,
        grace_s: float,
        period_s: float,
        ask_box: Callable[[], BoxStatus],
        now_s: Callable[[], float],
        has_stopped_box: Callable[[], bool] = lambda: False,
    ) -> None:
        """`expected` 0 runs until stopped; `grace_s`: how long frames may still come after the box has ended.

        `has_stopped_box` returns whether this program has sent the box a Stop since the schedule began.
        """
        self._states = states
        self._expected = expected
        self._ask_box, self._has_stopped_box = ask_box, has_stopped_box
        self._time = AttendedTime(now_s)
        self._grace_s = grace_s
        self._silence_s = SILENT_PERIODS * period_s + max(1.0, grace_s)
        self._heard_at = 0.0
        self._ended_at: float | None = None
        self._gone: set[str] = set()
        self._pulses_made: int | None = None
        self._lock = Lock()
        self.error: BaseException | None = None
        self.end: RunEnd | None = None

    def begin(self) -> None:
        """Note that the schedule starts now; the time before it, with the preamble, does not count as silence."""
        self._heard_at = self._time.attended_s

    def heard_of_pulse(self, _part: PulseReport) -> None:
        """Note that the box has reported a pulse."""
        self._heard_at = self._time.attended_s

    def heard_of_state(self, status: BoxStatus, generation: int) -> None:
        """Note that the box has changed its state."""
        self._heard_at = self._time.attended_s
        if status.state is BoxStates.FAULT:
            is_limit = Faults.LIGHT_LIMIT in status.fault
            self.fail(box_fault(status), EndCause.LIGHT_LIMIT if is_limit else EndCause.FAILED)
        # The preamble has a generation of its own: its end is not the run's.
        elif status.previous_state is BoxStates.RUNNING and status.generation == generation:
            self._ended_at = self._time.attended_s if self._ended_at is None else self._ended_at
            self._pulses_made = status.pulses_started

    def excuse(self, unread_s: float) -> None:
        """State for how long nobody read frames, although this loop was there: they may still come."""
        if self._ended_at is not None:
            self._ended_at += unread_s

    def events_lost(self, lost: EventsLost) -> None:
        """Note that reports of the box are missing; a restart of the box ends the run."""
        if lost.has_restarted:
            self.fail(restarted())

    def camera_gone(self, lost: CameraLost, cameras: int) -> None:
        """Note that a camera is gone; the run goes on with gaps while others are left."""
        self._gone.add(lost.camera)
        # With the camera process all cameras are gone, whichever is reported first.
        if len(self._gone) == cameras or isinstance(lost.error, CameraProcessLost):
            self.fail(lost.error)

    def fail(self, error: BaseException, cause: EndCause = EndCause.FAILED) -> None:
        """End with an error; the first one counts."""
        with self._lock:
            self.error = self.error or error
            self.end = self.end or RunEnd(cause, error)
        self._states.go(RunAct.FAIL)

    def satisfy(self, cause: EndCause) -> None:
        """End because as many frame sets as were asked for have been handed out."""
        self.settle(cause)
        self._states.go(RunAct.SATISFY)

    def settle(self, cause: EndCause) -> None:
        """Record why the run ended, unless a cause is recorded already; what the user has stopped is STOPPED."""
        with self._lock:
            self.end = self.end or RunEnd(EndCause.STOPPED if self._states.state in STOPPED else cause)

    def conclude(self, cause: EndCause, frame_sets: int, pulses: int, asked: int | None) -> None:
        """Conclude a run that hands out no more frame sets: it ended as was asked, or was cut short, an error.

        `pulses`: number of pulses that were handed out or left out. `asked` None: the run goes on until it is stopped.
        """
        is_short = frame_sets < asked if asked is not None else not self._expected or pulses < self._expected
        if is_short and self._states.state is RunState.PLAYING:
            error = cut_short(self._cause(pulses), frame_sets, asked)
            self.fail(error, error.cause)
        self.settle(cause)

    def _cause(self, pulses: int) -> EndCause:
        """Return what ended a run whose user has not stopped it."""
        if self._expected and pulses >= self._expected:
            return EndCause.PULSES_USED_UP
        if self._expected and self._pulses_made is not None and self._pulses_made >= self._expected:
            return EndCause.REPORTS_LOST
        return EndCause.BY_THIS_PROGRAM if self._has_stopped_box() else EndCause.BY_ANOTHER_PROGRAM

    def is_over(self, next_index: int, is_idle: bool) -> bool:
        """Whether no more frame sets can come; `next_index` leaves next, `is_idle` means that none waits."""
        if self._states.state in (RunState.SATISFIED, RunState.FAILED):
            return True
        if self._expected and next_index >= self._expected:
            return True
        now = self._time.look()
        if self._ended_at is not None:
            # After a stop nothing is left to wait for once no pulse is open; else frames may still be on their way.
            return (is_idle and self._states.state is RunState.STOPPING) or now - self._ended_at > self._grace_s
        if now - self._heard_at > self._silence_s:
            self.fail(self._explain_silence())
        return False

    def _explain_silence(self) -> RigError:
        """Ask the box why it reports nothing; after a reset it answers, but has lost its schedule."""
        try:
            status = self._ask_box()
        except RigError as exc:
            return NoReply(
                device="trigger box",
                seen=f"it sends no more reports and does not answer ({exc})",
                remedy="check its cable",
            )
        # CommittedGeneration is 0 after a boot or reset (PROTOCOL, registers).
        if status.generation == 0:
            return restarted()
        return NoReply(
            device="trigger box",
            seen="it still runs, but sends no more reports",
            remedy="check its cable and run again",
        )
