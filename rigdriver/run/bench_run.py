"""A run on a bench without a trigger box: free-running, software-triggered or externally triggered, and unproved.

In: open cameras, a rate, a mode. Out: frame sets grouped by arrival, each marked `unproved`; what was lost is a gap
with its reason, and cameras that deliver nothing end the run with an error that names them. It owns the thread "sync",
and "software" where this computer triggers. Not here: any proof that the frames were simultaneous (see run.py).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, FrameLost
from rigdriver.ends import CAMERAS_END_S, time_left_s
from rigdriver.errors import SyncError
from rigdriver.frames import Frame, FrameSet, Gap, GapReason
from rigdriver.gap_facts import Told
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.frame_sets import TURN_S, FrameSets, GivenUp
from rigdriver.run.queues import Inbox, Outbox
from rigdriver.run.reading import Reading
from rigdriver.run.silence import Silence
from rigdriver.run.software_trigger import ANSWER_LIMIT_S, SLOW_S, SoftwareTrigger
from rigdriver.run.states import RunAct
from rigdriver.run.statistics import RunStatistics, Tally
from rigdriver.run.utc import utc_ns
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.schedule.plan import exposure_us
from rigdriver.signal_safe import SafeEvent
from rigdriver.sync.grouping import ANY_PHASE, TOGETHER, ArrivalGroups, Grouped
from rigdriver.timebase import WALL_TIME, Timebase

SPARE_FRAME_SETS = 10
"""Least number of frame sets with gaps that a run with `on_gap = "retry"` may leave out."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Triggered:
    """This computer has commanded one exposure of each camera that is left."""

    t_host_ns: int
    refusals: Mapping[str, str]
    """Camera -> what it said, empty where it obeyed."""


class BenchRun(FrameSets):
    """Unproved frame sets of a rig without a box; `rig.run(...)` makes it."""

    def __init__(
        self,
        config: RigConfig,
        cameras: Cameras,
        lifecycle: Lifecycle,
        frames: int | None,
        rate_hz: float,
        timebase: Timebase = WALL_TIME,
    ) -> None:
        super().__init__(
            lifecycle,
            Outbox(config.run.queue_frame_sets, config.run.slow_consumer == "drop_oldest", timebase),
            timebase,
        )
        self._config, self._cameras = config, cameras
        self._frames, self._rate_hz = frames, rate_hz
        names = [c.name for c in config.cameras]
        self._names: Sequence[str] = names
        window = ANY_PHASE if config.schedule.mode == "free" else TOGETHER
        longest_ns = max(round(exposure_us(config, c) * 1e3) for c in config.cameras)
        # A camera answers a trigger with its frame when the exposure is over, which may last longer than the time-out.
        unanswered_ns = round(config.sync.gap_timeout_s * 1e9) + longest_ns
        # A group that waits holds the frames that it has: half of the slots are left for those that come.
        patience_s = min(config.sync.gap_timeout_s, config.genicam.frame_slots / 2 / rate_hz)
        self._groups = ArrivalGroups(names, round(1e9 / rate_hz), window, unanswered_ns, round(patience_s * 1e9))
        self._inbox: Inbox[CameraEvent | _Triggered] = Inbox(config.run.queue_frame_sets * len(names), timebase)
        self._software = SoftwareTrigger(cameras.execute, timebase)
        self._has_started = SafeEvent()
        """Event that is set when all cameras acquire; what came before, came from some of them only."""
        self._silence = Silence(config, rate_hz, timebase.now_s())
        self._reported: frozenset[str] = frozenset()
        """Silent cameras that the log knows."""
        self._tally = Tally(frames)
        self._gone: set[str] = set()
        self._stopped_by: RunEnd | None = None

    @property
    def statistics(self) -> RunStatistics:
        """The figures so far; skew and residuals are NaN, for nothing measures them."""
        return self._tally.snapshot(self._outbox.dropped, self._groups.late_frames, 0, self._stopped_by)

    def stop(self) -> None:
        """End with what has arrived."""
        self._settle(EndCause.STOPPED)
        self._states.go(RunAct.STOP)

    def _begin(self) -> None:
        if self._states.unwanted.is_set():
            raise GivenUp
        self._cameras.start(self._take)
        self._has_started.set()
        # Starting the cameras takes time in which none can deliver; their silence counts from here.
        self._silence = Silence(self._config, self._rate_hz, self._timebase.now_s())
        self._go_on(RunAct.PLAY)
        self._lifecycle.go(RigState.RUNNING)
        self._spawn("sync", self._sync)
        if self._config.schedule.mode == "software":
            self._spawn("software", self._trigger)

    def _finish(self, cause: EndCause) -> None:
        self._settle(cause)
        self._inbox.close()
        # Threads that wait at a full queue are let go before they are joined.
        self._outbox.abandon()
        self._join_threads()
        self._cameras.stop(time_left_s(CAMERAS_END_S))

    def _settle(self, cause: EndCause) -> None:
        self._stopped_by = self._stopped_by or RunEnd(cause)

    def _take(self, event: CameraEvent) -> None:
        if isinstance(event, CameraLost):
            self._inbox.put(event)
        elif self._has_started.is_set():
            if isinstance(event, Frame):
                self._inbox.put_heavy(event)
            else:
                self._inbox.put(event)

    def _trigger(self) -> None:
        """Trigger all cameras by command, one after the other, at the rate; late is late, nothing is made up for."""
        period_s = 1 / self._rate_hz
        due = self._timebase.now_s()
        while not self._timebase.wait(self._states.unwanted, max(0.0, due - self._timebase.now_s())):
            t_host_ns = self._timebase.now_ns()
            refusals = {name: self._trigger_one(name) for name in self._names if name not in self._gone}
            self._inbox.put(_Triggered(t_host_ns, refusals))
            due = max(due + period_s, self._timebase.now_s())

    def _trigger_one(self, name: str) -> str:
        """Return what the camera said when it refused."""
        refusal, error = self._software.trigger(name)
        if error is not None:  # commanded once more, it would keep the others waiting for as long again
            self._inbox.put(CameraLost(name, error))
        return refusal

    # ------------------------------------------------------------ the sync thread

    def _sync(self) -> None:
        error: BaseException | None = None
        try:
            reading = Reading(self._timebase.now_s, lambda: self._cameras.unheard_s)
            while not self._states.unwanted.is_set() and not self._is_done():
                event = self._inbox.take(TURN_S)
                reading.look()
                self._groups.excuse(reading.held_up_ns)
                if self._cameras.awaited is None:  # else the others are excused for the one that is awaited
                    self._silence.excuse(reading.unread_s)
                now_ns = self._timebase.now_ns()
                self._hand_out(self._digest(event) if event is not None else self._overdue(reading, now_ns))
                self._look_for_silence(now_ns / 1e9)
            for event in self._inbox.drain():
                self._hand_out(self._digest(event))
            self._hand_out(self._groups.finish())
            if not self._states.halted.is_set():  # else whoever closes the run says why
                self._settle(EndCause.DONE)
            if self._is_done():
                self._states.go(RunAct.SATISFY)
        except BaseException as exc:  # noqa: BLE001  the consumer gets it
            error, self._stopped_by = exc, RunEnd(EndCause.FAILED, exc)
            self._states.go(RunAct.FAIL)
        self._outbox.end(error)

    def _overdue(self, reading: Reading, now_ns: int) -> list[Grouped]:
        """Return the groups whose frames have not come in time; none while what came meanwhile may be on its way."""
        return [] if reading.held_up_ns else self._groups.tick(now_ns)

    def _digest(self, event: CameraEvent | _Triggered) -> list[Grouped]:
        match event:
            case Frame():
                self._silence.whole_frame(event.camera)
                return self._groups.take(event)
            case FrameLost():
                if event.reason is GapReason.INCOMPLETE:
                    self._silence.incomplete(event.camera, event.count)
                else:
                    self._silence.whole_frame(event.camera)
                return self._groups.take_loss(event.camera, event.frame_id, event.reason, event.count, event.t_host_ns)
            case CameraLost():
                return self._lose(event)
            case _Triggered():
                self._groups.take_trigger(event.t_host_ns)
                for name, refusal in event.refusals.items():
                    self._silence.triggered(name, refusal)
        return []

    def _lose(self, lost: CameraLost) -> list[Grouped]:
        """Go on with gaps while cameras are left, unless nothing but complete frame sets will do."""
        self._gone.add(lost.camera)
        self._silence.gone(lost.camera)
        self._groups.take_absence(Gap(lost.camera, GapReason.CAMERA_LOST, Told(str(lost.error))))
        done = self._groups.tick(self._timebase.now_ns())
        if len(self._gone) == len(self._names) or self._config.run.on_gap == "retry":
            self._hand_out(done)
            raise lost.error
        return done

    def _look_for_silence(self, now_s: float) -> None:
        silent = self._look(now_s)
        if self._silence.is_total(silent) or (silent and self._config.run.on_gap == "retry"):
            raise self._silence.error(silent)
        for name in silent:
            complaint = self._silence.complaint(name)
            if self._silence.refuses(name):  # it neither delivers nor obeys: more commands would hold up the others
                self._hand_out(self._lose(CameraLost(name, complaint)))
            elif name not in self._reported:
                _logger.warning("%s", complaint)
                told = Told(f"{complaint.seen}; {complaint.remedy}")
                self._groups.take_absence(Gap(name, GapReason.NOT_DELIVERED, told))
        self._reported = frozenset(silent)

    def _look(self, now_s: float) -> Sequence[str]:
        """Return the silent cameras; while one leaves a command unanswered, the others cannot deliver."""
        waiting = self._software.look()
        for name, held_up_s in self._software.holds():
            self._silence.excuse_others(name, held_up_s)
        silent = self._silence.look(now_s, self._cameras.awaited)
        if waiting is None or waiting.waited_s <= SLOW_S:
            return silent
        if waiting.waited_s > ANSWER_LIMIT_S and waiting.camera not in self._gone:
            self._hand_out(self._lose(CameraLost(waiting.camera, self._silence.unanswered(waiting.camera))))
        return ()

    # ------------------------------------------------------------ frame sets

    def _is_done(self) -> bool:
        return self._frames is not None and self._tally.frame_sets >= self._frames

    def _hand_out(self, groups: Sequence[Grouped]) -> None:
        for grouped in groups:
            self._hand_out_one(grouped)

    def _hand_out_one(self, grouped: Grouped) -> None:
        if self._is_done():
            return
        frame_set = FrameSet(
            pulse_index=grouped.pulse_index,
            t_host_ns=grouped.t_host_ns,
            t_utc_ns=utc_ns(grouped.t_host_ns),
            frames=MappingProxyType({n: grouped.frames[n] for n in self._names if n in grouped.frames}),
            gaps=MappingProxyType({n: grouped.gaps[n] for n in self._names if n in grouped.gaps}),
            proof=grouped.proof,
        )
        on_gap = self._config.run.on_gap
        if on_gap == "retry" and frame_set.gaps:
            self._leave_out(frame_set)
            return
        self._tally.add(frame_set, grouped.t_host_ns)
        self._outbox.put(frame_set)
        if on_gap == "stop" and frame_set.gaps and not self._states.unwanted.is_set():
            raise SyncError(
                device=f"frame set {frame_set.pulse_index}", seen=f"{_gaps(frame_set)} (run.on_gap = 'stop')"
            )

    def _leave_out(self, frame_set: FrameSet) -> None:
        """Count a frame set with gaps, and give up when as many are left out as a run with a box may leave out."""
        self._tally.leave_out(frame_set)
        left_out = self._tally.left_out
        if self._frames is not None and left_out > max(SPARE_FRAME_SETS, self._frames):
            raise SyncError(
                device=f"frame set {frame_set.pulse_index}",
                seen=(
                    f"{left_out} frame sets with gaps were left out, more than the {self._frames} that were asked for "
                    f"(run.on_gap = 'retry'); the last one: {_gaps(frame_set)}"
                ),
            )


def _gaps(frame_set: FrameSet) -> str:
    return "; ".join(str(gap) for gap in frame_set.gaps.values())
