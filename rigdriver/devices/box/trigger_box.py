"""The trigger box: the device that owns all timing.

In: schedules, light limits and commands. Out: the box's identity and state, clock probes, and its events, handed to
subscribers on the thread "box", which also feeds the box's watchdog from `arm` until `stop`. When this process dies or
hangs, the feeds end and the box turns everything off by itself. Not here: cameras (see devices/cameras/cameras.py), and
why a schedule looks as it does (see schedule/plan.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from rigdriver.config import BoxConfig
from rigdriver.devices.box.events import BoxEvent, BoxLost, BoxStatus, EventReader
from rigdriver.devices.box.found import OldFault
from rigdriver.devices.box.identity import ACTIVE, STANDBY, identify
from rigdriver.devices.box.link import ATTEMPTS, BoxLink, BytePort
from rigdriver.devices.box.refusals import explained_fault, explained_refusal
from rigdriver.devices.box.reopening import retry_opening
from rigdriver.devices.box.serial_port import POLL_S, SerialPort
from rigdriver.ends import BOX_END_S, End, time_left_s
from rigdriver.errors import BadReply, BoxFault, BoxRefused, DeviceError, LinkLost, NoReply, RigError
from rigdriver.opening import keep, opened
from rigdriver.schedule.steps import BoxSchedule
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.layout import Register
from rigdriver.wire.registers import BoxStates, RefusalReasons, StopModes
from rigdriver.wire.session import LinkCounters

BoxCounters = registers.CountersRecord
EventSink = Callable[[BoxEvent], None]

_logger = logging.getLogger(__name__)
# PROTOCOL 8.2: four feeds per timeout, from the thread that also reads events, so that a deaf host falls silent.
FEEDS_A_TIMEOUT = 4
LONGEST_FEED_S = 0.125
"""Longest interval between two feeds, in s: a box that is alive answers each, so that a silent one is noticed soon."""
SILENT_FEEDS = 4
SILENT_S = 0.8
"""Time without any byte of a fed box, in s, after which it counts as lost; with the loop's pauses it is noticed within
1 s. A computer that holds up a simulated box for half a second loses nothing."""
LOOP_S = 0.1
"""Longest turn of the box's thread, in s, that counts as time in which the box could be heard; what is beyond it is
this program's own pause, and no silence of the box."""
JOIN_S = 1.5
"""Longest time, in s, for which an end waits for the box's thread."""
REOPEN_S = 3.0
"""Time for which a lost port is tried again while nothing is armed."""
CLOCK_SHARE, CLOCK_SLACK_S = 0.99, 0.1
"""Least share of the host's time that a box's clock counts when it has not restarted, and the slack of one probe."""
DAMAGED_ON_THE_WAY = (RefusalReasons.STEP_COUNT_DIFFERS, RefusalReasons.CRC_DIFFERS)
"""Refusals that say that another schedule arrived than was sent; sending it again may help."""


@dataclass(frozen=True, slots=True)
class ClockProbe:
    """One reading of the box's clock, between two readings of this computer's (time.monotonic_ns)."""

    nonce: int
    t_sent_ns: int
    t_received_ns: int
    t_box_ticks: int
    """Box time at which the last byte of the request arrived, in ticks."""


class TriggerBox:
    """One opened trigger box. Its methods may be called from any thread but "box"."""

    def __init__(self, link: BoxLink, config: BoxConfig, timebase: Timebase = WALL_TIME) -> None:
        """Take a link over which nothing was said yet; use `open` instead. Raises what `open` raises."""
        self._link = link
        self._timebase = timebase
        self._sinks: tuple[EventSink, ...] = ()
        self._closing = SafeEvent()
        self._end_of_all = End("the trigger box", self._end_all, timebase)
        self._is_fed = False
        self.stops = 0
        """Number of times that this program has told the box to stop."""
        self._feed_interval_ns = int(min(config.watchdog_s / FEEDS_A_TIMEOUT, LONGEST_FEED_S) * 1e9)
        self._looked_ns = timebase.now_ns()
        self._silent_ns = 0
        """Time without a byte in which this thread looked."""
        self._watchdog_ns = int(config.watchdog_s * 1e9)
        self._away = (0, 0)
        """End and length of the newest pause of this thread that is long enough to concern the watchdog."""
        self._next_feed_ns = 0
        self._thread: threading.Thread | None = None
        keep(self.close)
        self.identity, next_event, self.found = identify(link, config.old_faults)
        self._events = EventReader(next_event)
        link.on_event = self._take_event
        link.write(registers.WATCHDOG_TIMEOUT, round(config.watchdog_s * self.identity.tick_rate_hz))

    @classmethod
    def open(cls, config: BoxConfig, timebase: Timebase = WALL_TIME) -> TriggerBox:
        """Open the box, stop it if it runs, and listen to it.

        Raises:
            PortUnavailable: no such port, or another program has it.
            NoReply: nothing answers on the port.
            NotATriggerBox: something else answers.
            InterfaceMismatch: the box has another interface than this driver.
        """
        return opened("the trigger box", lambda: cls._opened(config, timebase))

    @classmethod
    def _opened(cls, config: BoxConfig, timebase: Timebase) -> TriggerBox:
        poll_s = timebase.slice_s(min(POLL_S, config.watchdog_s / (2 * FEEDS_A_TIMEOUT)))

        def opened_port() -> SerialPort:
            return SerialPort(config.url, poll_s)

        try:
            box = cls._over(opened_port(), config, timebase)
        except LinkLost as exc:  # a board that restarts when it is opened may leave its bus for a moment
            port = retry_opening(opened_port, timebase, REOPEN_S)
            if port is None:
                raise
            _logger.warning("%s; opened again", exc)
            box = cls._over(port, config, timebase)
        box.mend_with(opened_port)
        box.listen()
        return box

    @classmethod
    def _over(cls, port: SerialPort, config: BoxConfig, timebase: Timebase) -> TriggerBox:
        try:
            return cls(BoxLink(port, config.reply_timeout_s, timebase), config, timebase)
        except BaseException:
            port.close()
            raise

    def mend_with(self, opened: Callable[[], BytePort]) -> None:
        """From now on open the port again when it is lost while nothing is armed: no edge can be missed then.

        Before the next request the box must show that it is the same one and has not restarted.
        """
        self._mark = self.probe_clock()

        def reopen() -> BytePort | None:
            if self._is_fed or self._closing.is_set():
                return None
            self._link.close_port()
            return retry_opening(opened, self._timebase, REOPEN_S)

        self._link.reopen, self._link.check_reopened = reopen, self._check_reopened

    def _check_reopened(self) -> None:
        """Make sure that the box is as it was left; let it report events again."""
        link, uid = self._link, self._link.read_twice(registers.UID).hex()
        if uid != self.identity.uid:
            raise LinkLost(
                device=link.name,
                seen=f"the link was cut, and another box answers now (UID {uid})",
                remedy="open it again",
            )
        mark, probe = self._mark, self.probe_clock()
        host_s = (probe.t_received_ns - mark.t_sent_ns) / 1e9
        box_s = (probe.t_box_ticks - mark.t_box_ticks) / self.identity.tick_rate_hz
        # Box time counts from the boot (PROTOCOL), so after a restart it shows less time gone by than went by here.
        if box_s < host_s * CLOCK_SHARE - CLOCK_SLACK_S:
            raise LinkLost(
                device=link.name,
                seen="the link was cut, and the box has restarted: its schedule and limits are gone",
                remedy="open it again",
            )
        # In standby a Harp device sends no events, so the counter that is read is that of the next one.
        link.write(registers.OPERATION_CONTROL, STANDBY, is_echoed=False)
        self._events.expect(link.read_twice(registers.COUNTERS, compared_bytes=4).events_sent)
        link.write(registers.OPERATION_CONTROL, ACTIVE, is_echoed=False)
        _logger.warning("%s: the link was cut while nothing was armed; opened again, nothing is lost", link.name)

    def listen(self) -> None:
        """Start the thread that reads the port, calls the subscribers and feeds the watchdog."""
        self._thread = threading.Thread(target=self._run, name="box", daemon=True)
        self._link.pumped_by(self._thread)
        self._thread.start()

    def subscribe(self, sink: EventSink) -> None:
        """Call `sink` with every event from now on, on the thread "box".

        It must return soon and ask the box nothing. What it raises ends the thread, and the next call here raises it.
        """
        self._sinks = (*self._sinks, sink)

    def unsubscribe(self, sink: EventSink) -> None:
        """Call `sink` no more. Harmless when it is no subscriber."""
        self._sinks = tuple(s for s in self._sinks if s != sink)

    @property
    def old_fault(self) -> OldFault | None:
        """Fault in which the box was found when it was opened: its cause, its age, and whether it was cleared."""
        return self.found.old_fault

    @property
    def link_counters(self) -> LinkCounters:
        """What the link has seen; see `LinkCounters` for what must stay 0."""
        return replace(self._link.counters, implausible_events=self._events.implausible)

    # -- schedule ----------------------------------------------------------------------------------------------------

    def set_light_limits(self, limits: registers.LightLimitsRecord) -> None:
        """Set the limits on light in force. BoxRefused when one is beyond the box's hard limits, or while armed."""
        try:
            self._link.write(registers.LIGHT_LIMITS, limits)
        except BoxRefused as exc:
            self._raise_fault(exc)
            raise BoxRefused(
                device=self._link.name,
                seen=(
                    f"refused {limits}; its hard limits are {self.identity.hard_light}, and they can be set only "
                    "while it is not armed"
                ),
            ) from exc

    def light_session(self) -> registers.LightSessionRecord:
        """Return how many flashes the light session and the flash train under way have seen."""
        return self._link.read_twice(registers.LIGHT_SESSION)

    def light_wait(self) -> registers.LightWaitRecord:
        """Return for how long the box still wants darkness: before a start, and until the flash train is over."""
        # Read once, for it counts down; a wrong value only makes the host wait, or ask for a start that is refused.
        return self._link.read(registers.LIGHT_WAIT)

    def clear_light_session(self) -> None:
        """Begin a new light session: its flashes count from 0. BoxRefused while armed or running."""
        self._link.write(registers.LIGHT_SESSION, registers.LightSessionRecord(0, 0))

    def commit(self, schedule: BoxSchedule) -> None:
        """Send a schedule and have the box check and take it.

        Raises:
            BoxRefused: the box says why: a light limit, an output that it lacks, the wrong state.
            UsageError: a number does not fit its register.
        """
        link, request = self._link, schedule.commit_record()
        for is_last in (False, True):
            self._stage(schedule)
            try:
                link.write(registers.COMMIT, request)
                break
            except BoxRefused as exc:
                reason = link.read_twice(registers.COMMIT_REFUSAL).reason
                if is_last or reason not in DAMAGED_ON_THE_WAY:
                    raise self._refusal("commit") from exc
        committed = link.read_twice(registers.COMMITTED_GENERATION)
        if committed != schedule.generation:
            raise BadReply(
                device=link.name,
                seen=f"committed generation {committed}",
                expected=str(schedule.generation),
                remedy="commit again",
            )

    def _stage(self, schedule: BoxSchedule) -> None:
        self._link.write(registers.STAGE_CLEAR, 1)
        self._link.write(registers.STAGE_HEADER, schedule.header)
        for step in schedule.steps:
            # The index is the key: without it the late reply to
            # another step could pass for this one's (PROTOCOL 2).
            self._link.write(registers.STAGE_STEP, step, key_bytes=4)

    def arm(self, generation: int) -> None:
        """Make the committed schedule ready to start. BoxRefused says why not; BoxFault when the box is in fault."""
        # Arm is refused unless the watchdog has been fed (PROTOCOL 5.5).
        self._link.feed()
        self._is_fed, self._silent_ns, self._away = True, 0, (0, 0)
        try:
            self._command(registers.ARM, generation, waiting=BoxStates.COMMITTED, done=(BoxStates.ARMED,))
        except BaseException:
            self._is_fed = False
            raise

    def start(self, generation: int) -> None:
        """Start the armed schedule: pulse 0 starts 5 ms after the box has taken the command."""
        # A short run may be over before a lost reply is noticed, so Committed means done, too.
        done = (BoxStates.RUNNING, BoxStates.COMMITTED)
        self._command(registers.START, generation, waiting=BoxStates.ARMED, done=done)

    def stop(self, now: bool = True) -> None:
        """End the run: with all outputs low at once, or when the pulse under way is over. Harmless when idle."""
        self.stops += 1
        self._link.write(registers.STOP, StopModes.NOW if now else StopModes.AFTER_PULSE)
        if now:
            self._is_fed = False

    def stop_within(self, time_s: float) -> None:
        """End the run with all outputs low at once, as far as the link lets us within `time_s` of real time."""
        with self._link.within(time_s):
            self.stop(now=True)

    def stop_feeding(self) -> None:
        """Leave the watchdog unfed until the next `arm`, as a hanging computer would: to test that the box notices."""
        self._is_fed = False

    def clear_fault(self) -> None:
        """Leave state Fault; the schedule must be committed again. Harmless in any other state."""
        if self._link.read_twice(registers.BOX_STATE) is BoxStates.FAULT:
            self._link.write(registers.CLEAR_FAULT, 1)

    # -- asking ------------------------------------------------------------------------------------------------------

    def probe_clock(self) -> ClockProbe:
        """Read the box's clock, with the host times around it. A lost or damaged reply is asked for again."""
        for attempt in range(ATTEMPTS):
            # A new nonce per attempt: a late reply to the attempt before must not pass for this one's.
            nonce = self._link.new_nonce()
            asked = registers.ClockProbeRecord(nonce, 0, 0, 0)
            try:
                got, t_sent_ns, t_received_ns = self._link.exchange_timed(registers.CLOCK_PROBE, asked, key_bytes=4)
            except (NoReply, BadReply):
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            return ClockProbe(nonce, t_sent_ns, t_received_ns, got.tick_high << 32 | got.tick_low)
        raise AssertionError("the last attempt returns or raises")

    def status(self) -> BoxStatus:
        """Ask for the box's state now."""
        link, state = self._link, self._link.read_twice(registers.BOX_STATE)
        # While pulses are made the levels may change between two answers, so one must do.
        read_level = link.read if state is BoxStates.RUNNING else link.read_twice
        return BoxStatus(
            state=state,
            fault=link.read_twice(registers.FAULT),
            generation=link.read_twice(registers.COMMITTED_GENERATION),
            output_levels=int(read_level(registers.OUTPUT_LEVELS)),
            input_levels=int(read_level(registers.INPUT_LEVELS)),
            t_host_ns=self._timebase.now_ns(),
        )

    def counters(self) -> BoxCounters:
        """Ask for the box's own counters. They count on between two answers, so they are read once: for people."""
        return self._link.read(registers.COUNTERS)

    # -- end ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the box as well as the link allows, and close the port. Closing twice, or in a fork, is harmless.

        It takes 2 s at most, and Ctrl-C waits until it is done.
        """
        if self._link.owner.is_here:
            self._end_of_all.run()

    def _end_all(self) -> None:
        try:
            with self._link.within(time_left_s(BOX_END_S)):
                self.stop(now=True)
                self._link.write(registers.OPERATION_CONTROL, STANDBY, is_echoed=False, attempts=1)
        except DeviceError:
            pass  # the watchdog turns the outputs off when the link cannot
        finally:
            self._closing.set()
            if self._thread is not None and self._thread.ident is not None:
                self._thread.join(JOIN_S)
            self._link.pumped_by(None)
            self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _command(
        self, register: Register[int], generation: int, waiting: BoxStates, done: tuple[BoxStates, ...]
    ) -> None:
        """Write a command that must not be repeated blindly: after a lost reply the box's state says what happened."""
        for _ in range(ATTEMPTS):
            try:
                self._link.write(register, generation, attempts=1)
                return
            except BoxRefused as exc:
                raise self._refusal(register.name.lower()) from exc
            except (NoReply, BadReply):
                state = self._link.read_twice(registers.BOX_STATE)
                if state in done and self._link.read_twice(registers.COMMITTED_GENERATION) == generation:
                    return
                if state is not waiting:
                    raise self._refusal(register.name.lower()) from None
        raise NoReply(
            device=self._link.name,
            seen=f"no reply to {register.name}, {ATTEMPTS} times",
            remedy="check its cable and power",
        )

    def _raise_fault(self, refused: BoxRefused) -> None:
        """Raise what the box is in Fault for, when that is why it has refused."""
        if self._link.read_twice(registers.BOX_STATE) is BoxStates.FAULT:
            raise self._explained_fault() from refused

    def _explained_fault(self) -> BoxFault:
        old = self.old_fault
        fault = self._link.read_twice(registers.FAULT)
        if old is None or old.is_cleared or old.fault != fault:
            return explained_fault(self._link.name, fault)
        # It is from before this program, and named its remedy when it was found.
        since = "" if old.age_s is None else f"{old.age_s:.0f} s before this program opened it"
        return explained_fault(
            self._link.name, fault, "then run `rigdriver box clear`", since and f"it faulted {since}"
        )

    def _refusal(self, what: str) -> DeviceError:
        state = self._link.read_twice(registers.BOX_STATE)
        if state is BoxStates.FAULT:
            return self._explained_fault()
        refusal = self._link.read_twice(registers.COMMIT_REFUSAL)
        return explained_refusal(self._link.name, what, state, refusal)

    def _take_event(self, message: Message, t_host_ns: int) -> None:
        for event in self._events.read(message, t_host_ns):
            # A fault stays until ClearFault and forgets the commit (PROTOCOL 8.4), so there is no run to keep alive.
            if isinstance(event, BoxStatus) and event.state is BoxStates.FAULT:
                self._is_fed = False
                event = replace(event, host_away_s=self._away_s(t_host_ns))
            for sink in self._sinks:
                sink(event)

    def _away_s(self, now_ns: int) -> float:
        """Return for how long this program read and fed nothing just before now, in s; 0 when it did."""
        away_ns = now_ns - self._looked_ns
        if away_ns > self._watchdog_ns / 2:
            return away_ns / 1e9
        ended_ns, earlier_ns = self._away
        return earlier_ns / 1e9 if now_ns - ended_ns < self._watchdog_ns else 0.0

    def _run(self) -> None:
        self._looked_ns = self._timebase.now_ns()
        try:
            with self._timebase.take_part("box"):
                while not self._closing.is_set():
                    self._link.pump()
                    self._keep_fed()
        except LinkLost as exc:
            self._end(exc)
        except Exception as exc:  # noqa: BLE001 - whoever calls the box next gets it
            detail = exc if isinstance(exc, RigError) else repr(exc)
            error = DeviceError(
                device=self._link.name, seen=f"a subscriber failed: {detail}; the box is no longer fed and stops"
            )
            error.__cause__ = exc
            self._link.fail(error)

    def _end(self, error: LinkLost) -> None:
        self._link.fail(error)
        lost = BoxLost(error, self._timebase.now_ns())
        for sink in self._sinks:
            sink(lost)

    def _keep_fed(self) -> None:
        now_ns = self._timebase.now_ns()
        self._count_silence(now_ns)
        if not self._is_fed:
            return
        if self._link.unanswered_feeds >= SILENT_FEEDS and self._silent_ns > SILENT_S * 1e9:
            raise LinkLost(
                device=self._link.name,
                seen=f"silent for {self._silent_ns / 1e9:.1f} s",
                remedy="check cable and power, open it again",
            )
        if now_ns >= self._next_feed_ns:
            self._next_feed_ns = now_ns + self._feed_interval_ns
            self._link.feed()

    def _count_silence(self, now_ns: int) -> None:
        """Add the time since the last look, but no pause of this program: what came in it may lie there unread."""
        away_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        if away_ns > self._watchdog_ns / 2:
            self._away = (now_ns, away_ns)
        # A byte that was read since the last look ends the silence.
        heard_ns = now_ns - self._link.last_byte_ns
        self._silent_ns = min(heard_ns, self._silent_ns + min(away_ns, round(LOOP_S * 1e9)))
