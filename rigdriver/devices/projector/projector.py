"""One projector: what it is, what it does, and its settings as the rig file states them.

In: the table `[projector]` of a rig file. Out: values, and settings written. Nothing is written by looking, with two
exceptions: the table of patterns is read through the projector's mailbox, and it can be validated only while no
sequence runs. Afterwards the sequence runs again if each of its patterns waits for the box; one that shines by itself
stays off. Not here: what is good (see rigdriver.selftest.projector_checks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Self, TypeVar

from rigdriver.config import ProjectorConfig
from rigdriver.devices.projector import commands
from rigdriver.devices.projector.commands import (
    DisplayMode,
    LedLevels,
    PatternEntry,
    PatternRun,
    PatternTimes,
    PatternTrigger,
    ProjectorFault,
    ProjectorVersions,
    TableFault,
    TriggerMode,
)
from rigdriver.devices.projector.session import ProjectorSession, ReportPipe
from rigdriver.devices.projector.usb_pipe import open_usb_pipe
from rigdriver.devices.usb_library import CORE
from rigdriver.errors import BadReply, NoReply
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit

VALIDATION_S = 2.0
"""Longest time for a validation; TI's own program looks ten times, a tenth of a second apart."""
CHANGE_S = 5.0
"""Longest time until the projector reports a mode, or a sequence started or stopped, as it was written."""
_PAUSE_S = 0.02
_TRIGGERS = {"rising": PatternTrigger.RISING, "falling": PatternTrigger.FALLING}
_LEDS = {"red": 1, "green": 2, "yellow": 3, "blue": 4, "magenta": 5, "cyan": 6, "white": 7}
Kind = TypeVar("Kind", bound=IntEnum)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ProjectorState:
    """What a projector reports of itself."""

    versions: ProjectorVersions
    faults: tuple[ProjectorFault, ...]
    mode: DisplayMode
    trigger_mode: TriggerMode
    run: PatternRun
    is_from_flash: bool
    """Whether its patterns come from its own memory, and not from a video input."""
    levels: LedLevels
    times: PatternTimes
    entries: tuple[PatternEntry, ...]


def wanted_entries(config: ProjectorConfig) -> tuple[PatternEntry, ...]:
    """Return the table of patterns that the rig file states: each pattern waits for a trigger of the box."""
    trigger, leds = _TRIGGERS[config.trigger], _LEDS[config.leds]
    return tuple(
        PatternEntry(trigger, number, config.bit_depth, leds, has_swap=place == 0)
        for place, number in enumerate(config.patterns)
    )


class Projector:
    """An open projector."""

    def __init__(self, pipe: ReportPipe, config: ProjectorConfig, timebase: Timebase = WALL_TIME) -> None:
        self._pipe, self._config, self._timebase = pipe, config, timebase
        self._session = ProjectorSession(pipe, config.reply_timeout_s, timebase)

    @classmethod
    def open(cls, config: ProjectorConfig, core: Any = CORE) -> Self:
        """Open the projector that a rig file names. `core`: pyusb's, or another in its place.

        Raises:
            PortUnavailable: there is none, there are several, or it cannot be opened.
        """
        return cls(open_usb_pipe(config.serial, core), config)

    def close(self) -> None:
        """Give the device back; closing twice is harmless."""
        self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def late_replies(self) -> int:
        """Number of replies that came after their time."""
        return self._session.late_replies

    def state(self) -> ProjectorState:
        """Read everything that it reports.

        Raises:
            DeviceError: it does not answer, answers what is no answer, or refuses.
        """
        return ProjectorState(
            versions=self._value(commands.VERSION, commands.versions_of),
            faults=self.faults(),
            mode=self._kind(commands.DISPLAY_MODE, DisplayMode),
            trigger_mode=self._kind(commands.TRIGGER_MODE, TriggerMode),
            run=self._kind(commands.PATTERN_RUN, PatternRun),
            is_from_flash=self._byte(commands.PATTERN_SOURCE) == commands.FROM_FLASH,
            levels=self._value(commands.LED_CURRENT, commands.levels_of),
            times=self._value(commands.EXPOSURE, commands.times_of),
            entries=self.entries(),
        )

    def faults(self) -> tuple[ProjectorFault, ...]:
        """Read the status bits."""
        return commands.faults_of(
            *map(self._byte, (commands.HARDWARE_STATUS, commands.SYSTEM_STATUS, commands.MAIN_STATUS))
        )

    def entries(self) -> tuple[PatternEntry, ...]:
        """Read the table of patterns."""
        count = min(self._byte(commands.PATTERN_COUNT) + 1, commands.MOST_PATTERNS)
        self._session.write(commands.MAILBOX, bytes([commands.PATTERN_MAILBOX]))
        try:
            self._session.write(commands.MAILBOX_OFFSET, b"\0")
            return self._value(commands.MAILBOX_DATA, lambda data: commands.entries_of(data, count))
        finally:
            self._session.write(commands.MAILBOX, bytes([commands.NO_MAILBOX]))

    def validated(self) -> tuple[TableFault, ...]:
        """Let the projector validate its table of patterns; a sequence that runs is stopped meanwhile."""
        if self._kind(commands.PATTERN_RUN, PatternRun) is not PatternRun.RUNNING:
            return self._validated()
        is_triggered = all(e.trigger in _TRIGGERS.values() for e in self.entries())
        self._run(PatternRun.STOPPED)
        try:
            return self._validated()
        finally:
            # What shines by itself is not started: the limits on light of the box do not hold for it.
            if is_triggered and self._is_by_entry():
                self._run(PatternRun.RUNNING)

    def write(self) -> tuple[TableFault, ...]:
        """Write the rig file's settings, validate them, and start the sequence; it stays off when they are not valid.

        They are lost when the projector is switched off; TI's program can keep them in its memory.
        """
        entries, config = wanted_entries(self._config), self._config
        self._run(PatternRun.STOPPED)
        self._change(commands.DISPLAY_MODE, DisplayMode.PATTERN)
        self._session.write(commands.PATTERN_SOURCE, bytes([commands.FROM_FLASH]))
        self._session.write(commands.TRIGGER_MODE, bytes([TriggerMode.BY_ENTRY]))
        self._session.write(commands.LED_CURRENT, commands.level_bytes(self._wanted_levels()))
        times = PatternTimes(config.exposure_us, config.period_us)
        self._session.write(commands.EXPOSURE, commands.time_bytes(times))
        self._session.write(commands.PATTERN_COUNT, commands.count_bytes(len(entries)))
        self._write_entries(entries)
        faults = self._validated()
        if not any(fault.is_error for fault in faults):
            self._run(PatternRun.RUNNING)
        return faults

    def _wanted_levels(self) -> LedLevels:
        """Return the rig file's levels, and what is set where it states none."""
        now, config = self._value(commands.LED_CURRENT, commands.levels_of), self._config
        wanted = (config.red_level, config.green_level, config.blue_level)
        return LedLevels(
            *(w if w is not None else n for w, n in zip(wanted, (now.red, now.green, now.blue), strict=True))
        )

    def _write_entries(self, entries: tuple[PatternEntry, ...]) -> None:
        self._session.write(commands.MAILBOX, bytes([commands.PATTERN_MAILBOX]))
        try:
            self._session.write(commands.MAILBOX_OFFSET, b"\0")
            self._session.write(commands.MAILBOX_DATA, commands.entry_bytes(entries))
        finally:
            self._session.write(commands.MAILBOX, bytes([commands.NO_MAILBOX]))

    def _validated(self) -> tuple[TableFault, ...]:
        self._session.write(commands.VALIDATE, b"\0")
        return self._awaited(
            lambda: commands.table_faults_of(self._session.read(commands.VALIDATE)),
            VALIDATION_S,
            "its validation of the patterns has not ended",
        )

    def _run(self, run: PatternRun) -> None:
        self._change(commands.PATTERN_RUN, run)

    def _change(self, command: int, value: IntEnum) -> None:
        """Write a value, and wait until it is read back: what follows is refused before."""
        self._session.write(command, bytes([value]))
        self._awaited(
            lambda: True if self._byte(command) == value else None,
            CHANGE_S,
            f"it has not become {value.name.lower()}",
        )

    def _awaited(self, look: Callable[[], Value | None], most_s: float, seen: str) -> Value:
        """Look until there is a value. NoReply when the time is over."""
        limit = TimeLimit(self._timebase, most_s)
        while (found := look()) is None:
            if limit.left_s() <= 0:
                raise NoReply(
                    device=self._pipe.name, seen=f"{seen} within {most_s:g} s", remedy="switch the projector off and on"
                )
            self._timebase.wait(SafeEvent(), _PAUSE_S)
        return found

    def _is_by_entry(self) -> bool:
        return self._kind(commands.TRIGGER_MODE, TriggerMode) is TriggerMode.BY_ENTRY

    def _byte(self, command: int) -> int:
        return self._value(command, lambda data: data[0] if data else None)

    def _kind(self, command: int, kinds: type[Kind]) -> Kind:
        def kind_of(data: bytes) -> Kind | None:
            return kinds(data[0]) if data and data[0] in list(kinds) else None

        return self._value(command, kind_of)

    def _value(self, command: int, meaning: Callable[[bytes], Value | None]) -> Value:
        data = self._session.read(command)
        if (found := meaning(data)) is None:
            raise BadReply(
                device=self._pipe.name,
                seen=f"answered {data.hex() or 'nothing'} to command {command:#06x}",
                remedy="switch the projector off and on, and check that it is one with a DLPC350",
            )
        return found
