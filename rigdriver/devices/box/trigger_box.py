"""The trigger box: the device that owns all timing.

In: schedules, light limits and commands. Out: the box's identity and state, clock probes, and its events, handed to
subscribers on the thread "box". The box's watchdog is fed from `arm` until `stop`; when this process dies, is stopped
or hangs for longer than `box.busy_s`, the feeds end and the box turns everything off by itself. Not here: that thread
(see watch.py), cameras (see devices/cameras/cameras.py), and why a schedule looks as it does (see schedule/plan.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from rigdriver.config import BoxConfig
from rigdriver.devices.box.clock_probe import ClockProbe, probe_once
from rigdriver.devices.box.events import BoxEvent, BoxHeard, BoxStatus, EventReader
from rigdriver.devices.box.found import OldFault
from rigdriver.devices.box.identity import ACTIVE, STANDBY, identify
from rigdriver.devices.box.link import ATTEMPTS, BoxLink
from rigdriver.devices.box.refusals import explained_fault, explained_refusal
from rigdriver.devices.box.reopening import expect_same_box, retry_opening
from rigdriver.devices.box.serial_port import POLL_S, SerialPort
from rigdriver.devices.box.stand_in import stand_in_for
from rigdriver.devices.box.traffic import BytePort
from rigdriver.devices.box.watch import FEEDS_PER_TIMEOUT, BoxWatch
from rigdriver.ends import BOX_END_S, End, time_left_s
from rigdriver.errors import BadReply, BoxFault, BoxRefused, DeviceError, LinkLost, NoReply
from rigdriver.opening import keep, opened
from rigdriver.schedule.steps import BoxSchedule
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire import registers
from rigdriver.wire.codec import Message
from rigdriver.wire.layout import Register
from rigdriver.wire.registers import BoxStates, RefusalReasons, StopModes
from rigdriver.wire.session import LinkCounters, Reply

BoxCounters = registers.CountersRecord
EventSink = Callable[[BoxEvent], None]

_logger = logging.getLogger(__name__)
REOPEN_S = 3.0
"""Time for which a lost port is tried again while nothing is armed."""
DAMAGED_ON_THE_WAY = (RefusalReasons.STEP_COUNT_DIFFERS, RefusalReasons.CRC_DIFFERS)
"""Refusals that say that another schedule arrived than was sent; sending it again may help."""


class TriggerBox:
    """One opened trigger box. Its methods may be called from any thread but "box"."""

    def __init__(self, link: BoxLink, config: BoxConfig, timebase: Timebase = WALL_TIME) -> None:
        """Take a link over which nothing was said yet; use `open` instead. Raises what `open` raises."""
        self._link = link
        self._config = config
        self._timebase = timebase
        self._sinks: tuple[EventSink, ...] = ()
        self._end_of_all = End("the trigger box", self._end_all, timebase)
        self.stops = 0
        """Number of times that this program has sent the box a Stop."""
        self._watch = BoxWatch(link.traffic, config.watchdog_s, timebase, self._tell)
        keep(self.close)
        self.identity, next_event, self.found = identify(link, config.old_faults)
        self._events = EventReader(next_event)
        link.traffic.on_event = self._take_event
        link.traffic.on_reply = self._take_reply
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
        poll_s = timebase.slice_s(min(POLL_S, config.watchdog_s / (2 * FEEDS_PER_TIMEOUT)))

        def opened_port() -> SerialPort:
            return SerialPort(config.url, poll_s)

        port = opened_port()
        try:
            box = cls._over(port, config, timebase)
        except LinkLost as exc:  # a board that restarts when it is opened may leave its bus for a moment
            again = retry_opening(opened_port, timebase, REOPEN_S)
            if again is None:
                raise
            _logger.warning("%s; opened again", exc)
            port = again
            box = cls._over(port, config, timebase)
        box.mend_with(opened_port, port)
        box.listen()
        return box

    @classmethod
    def _over(cls, port: SerialPort, config: BoxConfig, timebase: Timebase) -> TriggerBox:
        try:
            return cls(BoxLink(port, config.reply_timeout_s, timebase), config, timebase)
        except BaseException:
            port.close()
            raise

    def mend_with(self, opened: Callable[[], BytePort], port: BytePort | None = None) -> None:
        """From now on open the port again when it is lost while nothing is armed: no edge can be missed then.

        Before the next request the box must show that it is the same one and has not restarted. `port`: the one that is
        open, through which a stand-in may feed.
        """
        self._feed_through(port)
        self._mark = self.probe_clock()

        def reopen() -> BytePort | None:
            if self._watch.is_fed or self._watch.is_closing:
                return None
            # Its descriptor would keep the name of an unplugged port taken.
            self._watch.use(None)
            self._link.traffic.close_port()
            port = retry_opening(opened, self._timebase, REOPEN_S)
            self._feed_through(port)
            return port

        self._link.traffic.reopen, self._link.check_reopened = reopen, self._check_reopened

    def _feed_through(self, port: BytePort | None) -> None:
        """Have a stand-in feed through that port while this program gets no turn."""
        # Modelled time stands still while this program does nothing; only a descriptor can be shared.
        descriptor = getattr(port, "descriptor", None) if self._timebase is WALL_TIME else None
        self._watch.use(stand_in_for(descriptor, self._config.watchdog_s, self._config.busy_s))

    def _check_reopened(self) -> None:
        """Make sure that the box is as it was left; let it report events again."""
        link = self._link
        uid = link.read_twice(registers.UID).hex()
        expect_same_box(link.name, self.identity, uid, self._mark, self.probe_clock())
        # In standby a Harp device sends no events, so the counter that is read is that of the next one.
        link.write(registers.OPERATION_CONTROL, STANDBY, is_echoed=False)
        self._events.expect(link.read_twice(registers.COUNTERS, compared_bytes=4).events_sent)
        link.write(registers.OPERATION_CONTROL, ACTIVE, is_echoed=False)
        _logger.warning("%s: the link was cut while nothing was armed; opened again, nothing is lost", link.name)

    def listen(self) -> None:
        """Start the thread that reads the port, calls the subscribers and feeds the watchdog."""
        self._watch.listen()

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
        return replace(self._link.traffic.counters, implausible_events=self._events.implausible)

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
        self._watch.begin_feeding()
        try:
            self._command(registers.ARM, generation, waiting=BoxStates.COMMITTED, done=(BoxStates.ARMED,))
        except BaseException:
            self._watch.stop_feeding()
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
            self._watch.stop_feeding()

    def stop_within(self, time_s: float) -> None:
        """End the run with all outputs low at once, as far as the link lets us within `time_s` of real time."""
        with self._link.traffic.within(time_s):
            self.stop(now=True)

    def stop_feeding(self) -> None:
        """Leave the watchdog unfed until the next `arm`, as a hanging computer would: to test that the box notices."""
        self._watch.stop_feeding()

    def clear_fault(self) -> None:
        """Leave state Fault; the schedule must be committed again. Harmless in any other state."""
        if self._link.read_twice(registers.BOX_STATE) is BoxStates.FAULT:
            self._link.write(registers.CLEAR_FAULT, 1)

    # -- asking ------------------------------------------------------------------------------------------------------

    def probe_clock(self) -> ClockProbe:
        """Read the box's clock, with the host times around it. A lost or damaged reply is asked for again."""
        for attempt in range(ATTEMPTS):
            try:
                return probe_once(self._link)
            except (NoReply, BadReply):
                if attempt == ATTEMPTS - 1:
                    raise
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
            with self._link.traffic.within(time_left_s(BOX_END_S)):
                self.stop(now=True)
                self._link.write(registers.OPERATION_CONTROL, STANDBY, is_echoed=False, attempts=1)
        except DeviceError:
            pass  # the watchdog turns the outputs off when the link cannot
        finally:
            self._watch.end()
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
                self._watch.stop_feeding()
                event = replace(event, host_away_s=self._watch.away_s(t_host_ns))
            self._tell(event)

    def _take_reply(self, reply: Reply, t_host_ns: int) -> None:
        message = reply.message
        if message.address == registers.CLOCK_PROBE.address and not message.is_error and not reply.is_damaged:
            got = registers.CLOCK_PROBE.unpack(message.payload)
            self._tell(BoxHeard(got.tick_high << 32 | got.tick_low, t_host_ns))

    def _tell(self, event: BoxEvent) -> None:
        for sink in self._sinks:
            sink(event)
