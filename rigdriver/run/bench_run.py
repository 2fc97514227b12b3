"""A run on a bench without a trigger box: free-running, software-triggered or externally triggered, and unproved.

In: open cameras, a rate, a mode. Out: frame sets grouped by arrival, each marked `unproved`. It owns the thread "sync",
and "software" where this computer triggers. Not here: any proof that the frames were simultaneous (see run.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import MappingProxyType

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost
from rigdriver.errors import RigError
from rigdriver.frames import Frame, FrameSet
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.frame_sets import TURN_S, FrameSets, GivenUp
from rigdriver.run.queues import Inbox, Outbox
from rigdriver.run.states import RunAct
from rigdriver.run.statistics import RunStatistics, Tally
from rigdriver.run.utc import utc_ns
from rigdriver.sync.grouping import ANY_PHASE, TOGETHER, ArrivalGroups, Grouped
from rigdriver.timebase import WALL_TIME, Timebase


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
        self._groups = ArrivalGroups(names, round(1e9 / rate_hz), window)
        self._inbox: Inbox[CameraEvent] = Inbox(config.run.queue_frame_sets * len(names), timebase)
        self._tally = Tally(frames)
        self._gone: set[str] = set()
        self._why: str | None = None

    @property
    def statistics(self) -> RunStatistics:
        """The figures so far; skew and residuals are NaN, for nothing measures them."""
        return self._tally.snapshot(self._outbox.dropped, 0, 0, self._why)

    def stop(self) -> None:
        """End with what has arrived."""
        self._why = self._why or "stopped"
        self._states.go(RunAct.STOP)

    def _begin(self) -> None:
        if self._states.unwanted.is_set():
            raise GivenUp
        self._cameras.start(self._take)
        self._go_on(RunAct.PLAY)
        self._lifecycle.go(RigState.RUNNING)
        self._spawn("sync", self._sync)
        if self._config.schedule.mode == "software":
            self._spawn("software", self._trigger)

    def _finish(self, _why: str) -> None:
        self._why = self._why or "stopped"
        self._inbox.close()
        self._outbox.abandon()
        self._join_threads()
        self._cameras.stop()

    def _take(self, event: CameraEvent) -> None:
        if isinstance(event, Frame):
            self._inbox.put_heavy(event)
        else:
            self._inbox.put(event)

    def _trigger(self) -> None:
        """Trigger all cameras by command, one after the other, at the rate; late is late, nothing is made up for."""
        period_s = 1 / self._rate_hz
        due = self._timebase.now_s()
        while not self._timebase.wait(self._states.unwanted, max(0.0, due - self._timebase.now_s())):
            for name in self._names:
                with contextlib.suppress(RigError):  # a camera that fails tells so by itself
                    self._cameras.execute(name, "TriggerSoftware")
            due = max(due + period_s, self._timebase.now_s())

    def _sync(self) -> None:
        error: BaseException | None = None
        try:
            while not self._states.unwanted.is_set() and not self._is_done():
                event = self._inbox.take(TURN_S)
                if isinstance(event, CameraLost):
                    self._gone.add(event.camera)
                    if len(self._gone) == len(self._names):
                        raise event.error
                if isinstance(event, Frame):
                    self._hand_out(self._groups.take(event))
                else:
                    self._hand_out(self._groups.tick(self._timebase.now_ns()))
            for event in self._inbox.drain():
                if isinstance(event, Frame):
                    self._hand_out(self._groups.take(event))
            self._hand_out(self._groups.finish())
            if not self._states.halted.is_set():  # else whoever closes the run says why
                self._why = self._why or "done"
            if self._is_done():
                self._states.go(RunAct.SATISFY)
        except BaseException as exc:  # noqa: BLE001  the consumer gets it
            error, self._why = exc, str(exc)
            self._states.go(RunAct.FAIL)
        self._outbox.end(error)

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
            gaps=MappingProxyType(grouped.gaps),
            proof=grouped.proof,
        )
        self._tally.add(frame_set, grouped.t_host_ns)
        self._outbox.put(frame_set)
