r"""One run: start the cameras, tie the clocks, run the schedule, hand out proved frame sets, leave everything dark.

In: an open box, open cameras, a compiled schedule. Out: an iterator of `FrameSet`, and figures at any time. The run
owns two threads: "sync" matches what the devices' threads report, "clock" keeps box time tied to host time. Not here:
serial ports (see devices/box/serial_port.py) and node maps (see devices/cameras/cameras.py).

    box thread ----\
                    > reports -> sync thread (logs, tracks, matcher) -> outbox -> the consumer's loop
    cameras thread -/
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from rigdriver.clock import ClockFit, ticks_from_us
from rigdriver.config import RigConfig
from rigdriver.devices.box.events import LONGEST_WAIT_S, BoxHeard, BoxLost, BoxStatus, EventsLost
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.devices.camera_link.descriptions import CameraReport
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraLost, FrameLost
from rigdriver.ends import BOX_END_S, CAMERAS_END_S, time_left_s
from rigdriver.errors import FileNotWritten, RigError, SyncError, SyncLost
from rigdriver.frames import Frame, FrameSet, GapReason, PulseReport
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.box_time import BoxTime
from rigdriver.run.brightness import Brightness
from rigdriver.run.ending import Ending, box_fault
from rigdriver.run.frame_sets import TURN_S, FrameSets, GivenUp
from rigdriver.run.light import await_light_budget, await_start
from rigdriver.run.light_log import LightLog
from rigdriver.run.queues import Outbox
from rigdriver.run.reading import Reading
from rigdriver.run.reports import Report, Reports
from rigdriver.run.states import PLAYED, RunAct
from rigdriver.run.statistics import RunStatistics, Tally
from rigdriver.run.utc import utc_ns
from rigdriver.run_end import EndCause
from rigdriver.schedule.plan import RULERS, light_limits
from rigdriver.schedule.planned import Schedule
from rigdriver.sync.exposures import ExposureLog
from rigdriver.sync.host_clock import HostClock
from rigdriver.sync.matcher import Matcher, Resolved
from rigdriver.sync.preamble import Preamble
from rigdriver.sync.proof import Prover
from rigdriver.sync.track import Track
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit, taking_part


class Run(FrameSets):
    """Frame sets of one schedule, as an iterator; `rig.run(...)` makes it.

    It starts with the first frame set asked for and ends with the loop, however that ends: all outputs are off then.
    """

    def __init__(
        self,
        config: RigConfig,
        box: TriggerBox,
        cameras: Cameras,
        lifecycle: Lifecycle,
        preambles: Sequence[Schedule],
        schedule: Schedule,
        wanted: int | None = None,
        timebase: Timebase = WALL_TIME,
        is_as_long_as_light_allows: bool = False,
    ) -> None:
        """Use `Rig.run`. `preambles`: one per attempt, each with the next of `RULERS`.

        `wanted`: frame sets to hand out; None hands out every pulse of the schedule.
        `is_as_long_as_light_allows`: nobody asked for a number of pulses; the limits on light set it.
        """
        super().__init__(
            lifecycle,
            Outbox(config.run.queue_frame_sets, config.run.slow_consumer == "drop_oldest", timebase),
            timebase,
        )
        self._config, self._box, self._cameras = config, box, cameras
        self._preambles, self.schedule = preambles, schedule
        self._tolerance = ticks_from_us(config.sync.tolerance_us, schedule.tick_rate_hz)
        self._logs = {c.name: ExposureLog(schedule.exposures[c.name], self._tolerance) for c in config.cameras}
        self._tracks = {n: Track(log, schedule.tick_rate_hz, self._tolerance) for n, log in self._logs.items()}
        prover = Prover(schedule, config.sync.tolerance_us, config.sync.max_skew_us)
        timeout_ns = round(config.sync.gap_timeout_s * 1e9)
        self._matcher = Matcher(schedule, self._tracks, prover, timeout_ns, config.sync.wait_for_close)
        self._reports = Reports(config.run.queue_frame_sets * len(config.cameras), timebase)
        self._wanted = wanted
        self._on_gap = config.run.on_gap
        self._done = EndCause.LIGHT_LIMIT if is_as_long_as_light_allows else EndCause.DONE
        self._tally = Tally(wanted or schedule.box.pulse_count or None)
        self._asked = None if is_as_long_as_light_allows else wanted or schedule.box.pulse_count or None
        self._stops_before = 0
        """Number of times that this program had stopped the box when the schedule began."""
        self._brightness = Brightness(schedule.lamps_of())
        self._ending = Ending(
            self._states,
            schedule.box.pulse_count,
            config.sync.gap_timeout_s,
            1 / schedule.rate_hz,
            box.status,
            timebase.now_s,
            lambda: box.stops > self._stops_before,
        )
        self._box_time = BoxTime(box, schedule.tick_rate_hz, timebase, self._ending.fail)
        self._light_log = LightLog(config, schedule.tick_rate_hz, self._box_time.utc_ns, timebase.now_ns)

    # ------------------------------------------------------------ for the application

    @property
    def statistics(self) -> RunStatistics:
        """The figures so far; may be read from any thread while the run goes on."""
        return self._tally.snapshot(
            self._outbox.dropped,
            self._matcher.late_frames,
            self._matcher.stray_frames,
            self._ending.end,
            self._matcher.noise_edges,
        )

    @property
    def clocks(self) -> Mapping[str, ClockFit]:
        """Each camera's clock against the box's, as known now: camera nanoseconds to box ticks."""
        return MappingProxyType({n: t.clock for n, t in self._tracks.items() if t.clock is not None})

    @property
    def host_clock(self) -> HostClock:
        """The box's clock against this computer's."""
        return self._box_time.host_clock

    def stop(self) -> None:
        """End after the pulse under way; frames that are on their way still come. Returns at once."""
        self._states.go(RunAct.STOP)
        if self._states.state in PLAYED:
            self._box.stop(now=False)

    # ------------------------------------------------------------ start and end

    def _finish(self, cause: EndCause) -> None:
        is_dark = False
        with contextlib.ExitStack() as last:
            # Undone backwards: first the light goes off, then threads
            # and cameras end; the light log gets the box's events to the last.
            last.callback(self._ending.settle, cause)
            last.callback(lambda: self._light_log.close(is_dark))
            last.callback(self._box.unsubscribe, self._light_log.hear)
            last.callback(self._box.unsubscribe, self._reports.from_box)
            last.callback(lambda: self._cameras.stop(time_left_s(CAMERAS_END_S)))
            last.callback(self._join)
            with contextlib.suppress(RigError):  # the box's own watchdog turns its outputs off when the link is gone
                self._box.stop_within(time_left_s(BOX_END_S))
                is_dark = True

    def _begin(self) -> None:
        self._give_up_if_asked()
        if self.schedule.has_light:
            self._light_log.open()
            self._box.subscribe(self._light_log.hear)  # before the report that has it written
        self._box.subscribe(self._reports.from_box)
        if self.schedule.has_light:
            self._box.set_light_limits(light_limits(self._config, self.schedule.tick_rate_hz))
            await_light_budget(self._box, self._config, self.schedule, self._give_up_if_asked, self._timebase)
        self._box_time.begin()
        self._cameras.start(self._reports.from_cameras)
        self._go_on(RunAct.TIE)
        self._tie_clocks()
        for name, log in self._logs.items():
            log.plan(self.schedule.exposures[name])
        self._ending.begin()
        if self.schedule.has_light:
            self._light_log.announce(self.schedule)
        self._stops_before = self._box.stops
        self._play(self.schedule)
        self._go_on(RunAct.PLAY)
        self._lifecycle.go(RigState.RUNNING)
        self._spawn("sync", self._sync)
        self._spawn("clock", partial(self._box_time.keep, self._states.halted))

    def _give_up_if_asked(self) -> None:
        if self._states.unwanted.is_set():
            raise GivenUp

    def _play(self, schedule: Schedule) -> None:
        self._give_up_if_asked()
        generation = schedule.box.generation
        self._box.commit(schedule.box)
        self._box.arm(generation)
        if schedule.has_light:
            await_start(self._box, schedule, self._give_up_if_asked, self._timebase)
        self._box.start(generation)

    def _join(self) -> None:
        # Threads that wait for room are let go first, or they could not be joined.
        self._reports.close()
        self._outbox.abandon()
        self._box_time.look_up()
        self._join_threads()

    # ------------------------------------------------------------ clocks

    def _tie_clocks(self) -> None:
        """Play the dark preamble until every camera's clock has been locked; a few times at most."""
        untied = set(self._logs)
        for attempt, (schedule, marks) in enumerate(zip(self._preambles, RULERS, strict=False), start=1):
            begun_ns = self._timebase.now_ns()
            preamble = Preamble(schedule, self._logs, self._tracks, self._tolerance, marks, begun_ns)
            self._play(schedule)
            taking_part(self._timebase, "start", partial(self._hear_preamble, preamble, schedule))
            self._box.stop(now=True)
            errors = preamble.lock()
            # A lock of an earlier attempt holds: only a camera that never had one is at fault.
            untied &= set(errors)
            if not untied:
                return
            # Whoever waits for frames that cannot come gets the error at once (within 2 s), not after three attempts.
            if attempt == len(self._preambles) or preamble.is_hopeless:
                told = [errors[name] for name in self._logs if name in untied]
                raise self._untied(told, [name for name in sorted(untied) if preamble.is_dark(name)])

    def _untied(self, unlocked: Sequence[SyncLost], dark: Sequence[str]) -> SyncLost:
        """Return one error for all of them; `dark`: cameras that nothing shows to be triggered."""
        told = [*map(str, unlocked), *_set_up(self._cameras.reports, dark)]
        return SyncLost(
            "the cameras' clocks cannot be tied to the box's:\n  " + "\n  ".join(told),
            device=", ".join(error.device for error in unlocked),
            seen="; ".join(error.seen for error in unlocked),
            remedy="; ".join(dict.fromkeys(error.remedy for error in unlocked)),
        )

    def _hear_preamble(self, preamble: Preamble, schedule: Schedule) -> None:
        period_s = schedule.box.pulse_period_ticks / schedule.tick_rate_hz
        grace_s = self._config.sync.gap_timeout_s
        limit, is_over = TimeLimit(self._timebase, 2 * period_s + grace_s + 1), False
        while not preamble.is_complete and limit.left_s() > 0:
            self._give_up_if_asked()
            report = self._reports.take(TURN_S)
            if isinstance(report, PulseReport):
                preamble.take_report(report)
            elif isinstance(report, Frame):
                preamble.take_frame(report)
            elif isinstance(report, FrameLost) and report.reason is GapReason.INCOMPLETE:
                preamble.take_damaged(report.camera, report.count)
            elif isinstance(report, EventsLost):
                for log in self._logs.values():
                    log.doubt()
            elif report is not None:
                _raise_if_fatal(report)
            if preamble.is_over and not is_over:
                limit, is_over = TimeLimit(self._timebase, grace_s), True

    # ------------------------------------------------------------ the sync thread

    def _sync(self) -> None:
        reading = Reading(self._timebase.now_s, lambda: self._cameras.unheard_s)
        try:
            halted = self._states.halted
            while not halted.is_set() and not self._ending.is_over(self._matcher.next_index, self._matcher.is_idle):
                report = self._reports.take(TURN_S)
                reading.look()
                self._matcher.excuse(reading.held_up_ns)
                self._ending.excuse(reading.unread_s)
                for resolved in self._digest(report) if report is not None else self._overdue(reading):
                    self._hand_out(resolved)
                self._ask_if_wanted(report)
            for resolved in self._matcher.finish():
                self._hand_out(resolved)
            if not halted.is_set():  # else whoever closes the run says why
                self._ending.conclude(self._done, self._tally.frame_sets, self._matcher.next_index, self._asked)
            self._outbox.end(self._ending.error)
        except BaseException as exc:  # noqa: BLE001  the consumer gets it
            self._ending.fail(exc)
            self._outbox.end(exc)

    def _ask_if_wanted(self, report: Report | None) -> None:
        """Have the box asked how far it has reported when a late frame waits for that; a few times per report."""
        if isinstance(report, PulseReport):
            self._box_time.reported()
        if self._matcher.is_report_wanted and self._box_time.ask():
            self._matcher.is_report_wanted = False

    def _overdue(self, reading: Reading) -> list[Resolved]:
        """Return the pulses whose frames have not come in time; none while what came meanwhile may be on its way."""
        return [] if reading.held_up_ns else self._matcher.tick(self._timebase.now_ns())

    def _digest(self, report: Report) -> list[Resolved]:
        match report:
            case PulseReport():
                self._ending.heard_of_pulse(report)
                # Not on the box's thread: a slow disk would keep it from feeding the watchdog.
                self._log_light()
                period = self.schedule.box.pulse_period_ticks
                before = self._noise_edges()
                exposures = {name: log.feed(report, period) for name, log in self._logs.items()}
                now = self._noise_edges()
                noise = {} if now == before else {n: now[n] - before[n] for n in now if now[n] != before[n]}
                return self._matcher.take_report(report, exposures, noise)
            case Frame():
                self._brightness.measure(report)
                return self._matcher.take_frame(report)
            case FrameLost():
                return self._matcher.take_loss(report.camera, report.frame_id, report.count, report.reason)
            case CameraLost():
                self._ending.camera_gone(report, len(self._logs))
                return self._matcher.take_camera_gone(report.camera, str(report.error))
            case EventsLost():
                self._matcher.take_edges_lost()
                self._ending.events_lost(report)
            case BoxHeard():
                reached = report.t_box_ticks - round(LONGEST_WAIT_S * self.schedule.tick_rate_hz)
                for log in self._logs.values():
                    log.reach(reached)
                return self._matcher.take_reached()
            case BoxStatus():
                self._ending.heard_of_state(report, self.schedule.box.generation)
            case BoxLost():
                self._ending.fail(report.error)
        return []

    def _noise_edges(self) -> dict[str, int]:
        return {name: log.glitches for name, log in self._logs.items()}

    def _log_light(self) -> None:
        try:
            self._light_log.write()
        except FileNotWritten:
            # Here and now: the consumer, who gets the error, may be busy for long.
            with contextlib.suppress(RigError):
                self._box.stop(now=True)
            raise

    def _hand_out(self, resolved: Resolved) -> None:
        t_host_ns = self._box_time.host_clock.host_ns(resolved.start_ticks) or resolved.t_report_ns
        dark = self._brightness.judge(resolved.frames)
        proof = replace(resolved.proof, reasons=(*resolved.proof.reasons, *dark)) if dark else resolved.proof
        frame_set = FrameSet(
            pulse_index=resolved.pulse_index,
            t_host_ns=t_host_ns,
            t_utc_ns=utc_ns(t_host_ns),
            frames=MappingProxyType(dict(resolved.frames)),
            gaps=MappingProxyType(dict(resolved.gaps)),
            proof=proof,
        )
        if self._on_gap == "retry" and frame_set.gaps:
            self._tally.leave_out(frame_set)
            return
        if self._has_enough():
            return
        self._tally.add(frame_set, resolved.t_report_ns)
        self._outbox.put(frame_set)
        if self._on_gap == "stop" and frame_set.gaps:
            gaps = "; ".join(str(gap) for gap in frame_set.gaps.values())
            self._ending.fail(SyncError(device=f"pulse {frame_set.pulse_index}", seen=f"{gaps} (run.on_gap = 'stop')"))
        elif self._has_enough():
            self._ending.satisfy(self._done)

    def _has_enough(self) -> bool:
        return self._wanted is not None and self._tally.frame_sets >= self._wanted


def _set_up(reports: Mapping[str, CameraReport], names: Sequence[str]) -> list[str]:
    """Return how those cameras were set up, as far as it was the driver that chose."""
    return [f"camera {name}: {note}" for name in names if name in reports for note in reports[name].notes]


def _raise_if_fatal(report: Report) -> None:
    if isinstance(report, BoxLost | CameraLost):
        raise report.error
    if isinstance(report, BoxStatus) and report.fault:
        raise box_fault(report)
