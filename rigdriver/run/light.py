"""Light of a run: the wait for the dark pause that is due, and the log of every flash.

In: the box's light counters before a run, its reports during it. Out: a wait, a refusal, or lines in the light log. The
schedule has been proved within the limits, and the box enforces them by itself; here the host keeps the budget from
one run to the next. Not here: cameras (see run.py).
"""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import IO, Protocol

from rigdriver.clock import us_from_ticks
from rigdriver.config import RigConfig
from rigdriver.devices.box.events import BoxEvent, EventsLost
from rigdriver.errors import ConfigError, ScheduleError
from rigdriver.frames import Edge, PulseReport
from rigdriver.run.utc import utc_ns
from rigdriver.schedule.planned import Schedule
from rigdriver.timebase import WALL_TIME, Timebase
from rigdriver.wire.registers import LightSessionRecord, LightWaitRecord

logger = logging.getLogger("rigdriver.light")
POLL_S = 0.1
SHORTEST_STEP_S = 0.001
MARGIN_S = 1.0


class LightCounter(Protocol):
    """The part of the trigger box that counts light."""

    def light_session(self) -> LightSessionRecord:
        """Return how many flashes the light session and the flash train under way have seen."""
        ...

    def light_wait(self) -> LightWaitRecord:
        """Return for how long the box still wants darkness."""
        ...


def await_light_budget(
    box: LightCounter,
    config: RigConfig,
    schedule: Schedule,
    look_up: Callable[[], None] = lambda: None,
    timebase: Timebase = WALL_TIME,
) -> None:
    """Wait until the schedule's flashes fit into a train; the wait ends with the dark pause at the latest.

    `look_up` is called now and then meanwhile; what it raises ends the wait.

    Raises:
        ScheduleError: the light session's flashes are used up.
    """
    light, frames = config.light, schedule.box.pulse_count
    spent = box.light_session()
    if spent.session_flashes + frames > light.max_session_flashes:
        raise ScheduleError(
            f"light session: {spent.session_flashes} flashes made, {frames} asked for; light.max_session_flashes "
            f"allows {light.max_session_flashes}; begin a new light session with the next person "
            "(box.clear_light_session)"
        )
    # TrainFlashes reads 0 once the pause is over (PROTOCOL, LightSession); until then the box alone knows what is due.
    rest = _DarkTime(light.min_train_pause_s, look_up, timebase)
    while (train := box.light_session().train_flashes) and train + frames > light.max_train_flashes:
        rest.wait_s(
            box.light_wait().train_ticks / schedule.tick_rate_hz,
            f"flash train: {train} flashes made, {frames} asked for; light.max_train_flashes allows "
            f"{light.max_train_flashes}, and the dark pause of {light.min_train_pause_s:g} s does not end",
        )


def await_start(
    box: LightCounter,
    schedule: Schedule,
    look_up: Callable[[], None] = lambda: None,
    timebase: Timebase = WALL_TIME,
) -> None:
    """Wait until the box would start the schedule that it holds: rates and shares of time count from run to run, too.

    `look_up` is called now and then meanwhile; what it raises ends the wait. ScheduleError when the wait does not end.
    """
    rest: _DarkTime | None = None
    while wait_ticks := box.light_wait().start_ticks:
        wait_s = wait_ticks / schedule.tick_rate_hz
        rest = rest or _DarkTime(wait_s, look_up, timebase)
        rest.wait_s(
            wait_s, f"the box wants {wait_s:.1f} s more of darkness before the next flash, and that does not end"
        )


class _DarkTime:
    """A wait for a dark pause, in steps short enough to be ended."""

    def __init__(self, longest_s: float, look_up: Callable[[], None], timebase: Timebase) -> None:
        self._look_up, self._timebase = look_up, timebase
        self._end_s = timebase.now_s() + longest_s + MARGIN_S
        self._is_logged = False

    def wait_s(self, left_s: float, complaint: str) -> None:
        """Wait for one step of what is left; ScheduleError with the complaint when it has lasted too long."""
        if self._timebase.now_s() > self._end_s:
            raise ScheduleError(complaint)
        if not self._is_logged:
            logger.info("waiting %.1f s for the dark pause between flashes", left_s)
            self._is_logged = True
        self._look_up()
        self._timebase.sleep(min(max(left_s, SHORTEST_STEP_S), POLL_S))


@dataclass(frozen=True, slots=True)
class LoggedFlash:
    """One flash of a run, as the box stamped it; `fall_ticks` None: its end was never reported."""

    lamp: str
    generation: int
    pulse_index: int
    rise_ticks: int
    fall_ticks: int | None


@dataclass(frozen=True, slots=True)
class FlashLine:
    """One line of the light log: a flash."""

    t_utc_ns: int
    rig: str
    generation: int
    pulse_index: int
    lamp: str
    width_us: float | None
    """None: its end was never reported."""
    energy_mj: float | None
    """None: the lamp's radiant power or the flash's width is not known."""


@dataclass(frozen=True, slots=True)
class LossLine:
    """One line of the light log: reports of the box are missing, so flashes may be."""

    t_utc_ns: int
    rig: str
    reports_lost: int


class LightLog:
    """Appends every flash to a file, one JSON line each, and sums them up for the log.

    It hears the box itself, so what no frame set tells of (a run that is cut short) is written down all the same.
    """

    def __init__(self, config: RigConfig, tick_rate_hz: int, utc_ns: Callable[[int], int]) -> None:
        """`utc_ns` tells when a box tick was."""
        self._rig = config.name
        self._path = config.light.log
        self._lamps = {lamp.output: lamp.name for lamp in config.lamps}
        self._power_w = {lamp.name: lamp.radiant_power_w for lamp in config.lamps}
        self._tick_rate_hz = tick_rate_hz
        self._utc_ns = utc_ns
        self._file: IO[str] | None = None
        # Filled on the box's thread, emptied on another: a deque's appends and pops are thread-safe (Python's library).
        self._heard: deque[LoggedFlash | EventsLost] = deque()
        self._lit: dict[int, LoggedFlash] = {}
        self._flashes: Counter[str] = Counter()

    def open(self) -> None:
        """Open the file. ConfigError when it cannot be written: without a log there shall be no light."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as exc:
            raise ConfigError(
                device=f"light.log = {self._path}",
                seen=f"cannot be written: {exc.strerror}",
                remedy="name another file",
            ) from exc

    def hear(self, event: BoxEvent) -> None:
        """Take an event on the box's thread; nothing is written here, for that thread feeds the watchdog."""
        if isinstance(event, EventsLost):
            self._heard.append(event)
        elif isinstance(event, PulseReport):
            for edge in event.edges:
                if not edge.is_input:
                    self._note(edge, event)

    def write(self) -> None:
        """Write down what has been heard."""
        while self._heard:
            entry = self._heard.popleft()
            line = self._lost(entry) if isinstance(entry, EventsLost) else self._emitted(entry)
            if self._file is not None:
                self._file.write(json.dumps(asdict(line)) + "\n")

    def close(self) -> None:
        """Write the rest and close the file. Closing twice is harmless."""
        # Lamps whose fall was never reported have flashed all the same; only the width is unknown.
        self._heard.extend(self._lit.values())
        self._lit.clear()
        try:
            self.write()
        finally:
            if self._file is not None:
                self._file.close()
                self._file = None
        if self._flashes:
            made = ", ".join(f"{name} x{count}" for name, count in self._flashes.items())
            logger.info("light emitted by rig %s: %s", self._rig, made)
            self._flashes.clear()

    def _note(self, edge: Edge, report: PulseReport) -> None:
        for output, lamp in self._lamps.items():
            if edge.rising >> output & 1:
                self._lit[output] = LoggedFlash(lamp, report.generation, report.pulse_index, edge.t_box_ticks, None)
            elif edge.falling >> output & 1 and output in self._lit:
                self._heard.append(replace(self._lit.pop(output), fall_ticks=edge.t_box_ticks))

    def _emitted(self, e: LoggedFlash) -> FlashLine:
        self._flashes[e.lamp] += 1
        width_us = None if e.fall_ticks is None else us_from_ticks(e.fall_ticks - e.rise_ticks, self._tick_rate_hz)
        power_w = self._power_w[e.lamp]
        return FlashLine(
            t_utc_ns=self._utc_ns(e.rise_ticks),
            rig=self._rig,
            generation=e.generation,
            pulse_index=e.pulse_index,
            lamp=e.lamp,
            width_us=width_us,
            # W times us is uJ.
            energy_mj=None if power_w is None or width_us is None else power_w * width_us * 1e-3,
        )

    def _lost(self, lost: EventsLost) -> LossLine:
        return LossLine(utc_ns(lost.t_host_ns), self._rig, lost.count)
