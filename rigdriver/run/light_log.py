"""The light log: one JSON line for each flash train before it starts, for each flash, and for the end of the train.

In: a schedule with light, and the box's reports. Out: lines in the file `light.log`, each whole, and a refusal when
one cannot be written. A train is announced, and the announcement is on the disk, before the box gets its Start; so
whatever happens to this program, no flash is without a line: a train without its line `ended`, or with an incomplete
one, has lit at least the flashes that stand here and at most those that were announced.
Not here: limits (see schedule/limits.py), and the wait for the dark pause (see light.py).
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

from rigdriver.clock import us_from_ticks
from rigdriver.config import RigConfig
from rigdriver.devices.box.events import BoxEvent, EventsLost
from rigdriver.errors import FileNotWritten
from rigdriver.frames import Edge, PulseReport
from rigdriver.line_file import LineFile
from rigdriver.run.utc import utc_ns
from rigdriver.schedule.planned import Schedule

logger = logging.getLogger("rigdriver.light")


@dataclass(frozen=True, slots=True)
class LoggedFlash:
    """One flash of a run, as the box stamped it; `fall_ticks` None: its end was never reported."""

    lamp: str
    generation: int
    pulse_index: int
    rise_ticks: int
    fall_ticks: int | None


@dataclass(frozen=True, slots=True)
class TrainLine:
    """Line `announced`: a train that is about to start, with the most that it can light."""

    kind: str
    t_utc_ns: int
    rig: str
    train: str
    """Name of the train, the same in all of its lines."""
    generation: int
    first_pulse: int
    pulses: int
    flashes_per_pulse: Mapping[str, int]
    """Lamp -> number of its flashes per pulse."""


@dataclass(frozen=True, slots=True)
class FlashLine:
    """Line `flash`: one flash, as the box reported it."""

    kind: str
    t_utc_ns: int
    rig: str
    train: str
    generation: int
    pulse_index: int
    lamp: str
    width_us: float | None
    """Width of the flash; None when its end was never reported."""
    energy_mj: float | None
    """Energy of the flash; None when the lamp's radiant power or the flash's width is not known."""


@dataclass(frozen=True, slots=True)
class LossLine:
    """Line `lost`: reports of the box are missing, so flashes may be."""

    kind: str
    t_utc_ns: int
    rig: str
    train: str
    reports_lost: int


@dataclass(frozen=True, slots=True)
class EndLine:
    """Line `ended`: no more light comes of this train."""

    kind: str
    t_utc_ns: int
    rig: str
    train: str
    flashes: Mapping[str, int]
    """Lamp -> number of its flashes that stand in the log."""
    is_complete: bool
    """Whether these are all: the box confirmed that it stopped, and no report was lost."""


LightLine: TypeAlias = "TrainLine | FlashLine | LossLine | EndLine"


class LightLog:
    """Writes what a run lights, before it does and as it does, and sums it up for Python's log.

    It gets the box's events itself, so what stands in no frame set (a run that is cut short) is written all the same.
    """

    def __init__(
        self, config: RigConfig, tick_rate_hz: int, utc_ns: Callable[[int], int], host_ns: Callable[[], int]
    ) -> None:
        """`utc_ns` tells when a box tick was; `host_ns` is the host's clock."""
        self._rig = config.name
        self._path = config.light.log
        self._lamps = {lamp.output: lamp.name for lamp in config.lamps}
        self._power_w = {lamp.name: lamp.radiant_power_w for lamp in config.lamps}
        self._tick_rate_hz = tick_rate_hz
        self._utc_ns, self._host_ns = utc_ns, host_ns
        self._file: LineFile | None = None
        self._train = ""
        self._has_lost = False
        # Filled on the box's thread, emptied on another: a deque's appends and pops are thread-safe (Python's library).
        self._heard: deque[LoggedFlash | EventsLost] = deque()
        self._lit: dict[int, LoggedFlash] = {}
        self._flashes: Counter[str] = Counter()

    def open(self) -> None:
        """Open the file. FileNotWritten when it cannot be written: without a log there shall be no light."""
        if self._path is None:
            return
        try:
            self._file = LineFile(self._path)
        except FileNotWritten as exc:
            raise self._named(exc) from exc

    def announce(self, schedule: Schedule) -> None:
        """Write down what a schedule is about to light; it is on the disk when this returns.

        Raises:
            FileNotWritten: it cannot be written; then the schedule must not start.
        """
        train = secrets.token_hex(8)
        self._has_lost = False
        per_pulse = Counter(flash.lamp for flash in schedule.flashes)
        box = schedule.box
        self._put(
            TrainLine("announced", self._now(), self._rig, train, box.generation, 0, box.pulse_count, dict(per_pulse)),
            is_durable=True,
        )
        self._train = train

    def hear(self, event: BoxEvent) -> None:
        """Take an event on the box's thread; nothing is written here, for that thread feeds the watchdog."""
        if isinstance(event, EventsLost):
            self._heard.append(event)
        elif isinstance(event, PulseReport):
            for edge in event.edges:
                if not edge.is_input:
                    self._note(edge, event)

    def write(self) -> None:
        """Write down what the box has reported.

        Raises:
            FileNotWritten: it cannot be written; then there must be no more light.
        """
        lines: list[LightLine] = []
        while self._heard:
            entry = self._heard.popleft()
            lines.append(self._lost(entry) if isinstance(entry, EventsLost) else self._emitted(entry))
        if lines:
            self._put(*lines)

    def close(self, is_dark: bool = True) -> None:
        """Write the rest and close the file; closing twice is harmless. `is_dark`: the box confirmed its stop."""
        # Lamps whose fall was never reported have flashed all the same; only the width is unknown.
        is_whole = is_dark and not self._lit
        self._heard.extend(self._lit.values())
        self._lit.clear()
        try:
            self.write()
            self._end(is_whole)
        finally:
            file, self._file = self._file, None
            if file is not None:
                file.close()
        if self._flashes:
            made = ", ".join(f"{name} x{count}" for name, count in self._flashes.items())
            logger.info("light emitted by rig %s: %s", self._rig, made)
            self._flashes.clear()

    def _end(self, is_whole: bool) -> None:
        train, self._train = self._train, ""
        if train:
            is_complete = is_whole and not self._has_lost
            self._put(
                EndLine("ended", self._now(), self._rig, train, dict(self._flashes), is_complete), is_durable=True
            )

    def _now(self) -> int:
        return utc_ns(self._host_ns())

    def _put(self, *lines: LightLine, is_durable: bool = False) -> None:
        if self._file is None:
            return
        try:
            self._file.append(*(json.dumps(asdict(line)) for line in lines), is_durable=is_durable)
        except FileNotWritten as exc:
            raise self._named(exc) from exc

    def _named(self, exc: FileNotWritten) -> FileNotWritten:
        """Return the error with the key of the rig file that names the log."""
        return FileNotWritten(
            device=f"light.log = {self._path}", seen=exc.seen, expected="a log of every flash", remedy=exc.remedy
        )

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
            kind="flash",
            t_utc_ns=self._utc_ns(e.rise_ticks),
            rig=self._rig,
            train=self._train,
            generation=e.generation,
            pulse_index=e.pulse_index,
            lamp=e.lamp,
            width_us=width_us,
            # W times us is uJ.
            energy_mj=None if power_w is None or width_us is None else power_w * width_us * 1e-3,
        )

    def _lost(self, lost: EventsLost) -> LossLine:
        self._has_lost = True
        return LossLine("lost", utc_ns(lost.t_host_ns), self._rig, self._train, lost.count)
