"""The commands of a DLPC350 that this driver uses, and the values that they carry.

In: values, or the data of replies. Out: the data of requests, or frozen values. Commands and bits are those of TI's
programmer's guide (DLPU010); a command is CMD2 in the upper byte and CMD3 in the lower one. The current of an LED is
told as TI's control program tells it, 0 (none) to 255 (largest): the register holds 255 minus that, since the board of
the LightCrafter 4500 inverts it. Not here: how bytes are sent (see packets.py and session.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

VERSION = 0x0205
LED_CURRENT = 0x0B01
HARDWARE_STATUS, SYSTEM_STATUS, MAIN_STATUS = 0x1A0A, 0x1A0B, 0x1A0C
VALIDATE = 0x1A1A
DISPLAY_MODE = 0x1A1B
PATTERN_SOURCE = 0x1A22
TRIGGER_MODE = 0x1A23
PATTERN_RUN = 0x1A24
EXPOSURE = 0x1A29
PATTERN_COUNT = 0x1A31
MAILBOX_OFFSET, MAILBOX, MAILBOX_DATA = 0x1A32, 0x1A33, 0x1A34

PATTERN_MAILBOX, NO_MAILBOX = 2, 0
FROM_FLASH = 3
MOST_PATTERNS = 128
"""Largest number of entries of the table of patterns."""
_ENTRY_BYTES = 3
_BUSY = 0x80
_FULL_CURRENT = 255


class DisplayMode(IntEnum):
    """What the projector shows."""

    VIDEO = 0
    PATTERN = 1


class TriggerMode(IntEnum):
    """What makes the projector go on to the next pattern."""

    VSYNC = 0
    BY_ENTRY = 1
    """Each entry of the table of patterns says whether TRIG_IN_1 does."""
    TWO_INPUTS = 2
    BY_ENTRY_VARIABLE = 3
    VSYNC_VARIABLE = 4


class PatternTrigger(IntEnum):
    """What an entry of the table of patterns waits for."""

    INTERNAL = 0
    RISING = 1
    FALLING = 2
    NONE = 3


class PatternRun(IntEnum):
    """Whether patterns are shown when triggers come."""

    STOPPED = 0
    PAUSED = 1
    RUNNING = 2


class ProjectorFault(Enum):
    """What the status bits of a projector report."""

    NOT_STARTED = "its start-up failed"
    MEMORY = "its memory test failed"
    MIRRORS = "two operations collided on its mirrors"
    FORCED_SWAP = "a buffer was exchanged while it was shown"
    ABORTED = "its sequencer has aborted"
    SEQUENCE = "its sequencer reports an error"
    PARKED = "its mirrors are parked"
    FROZEN = "its image is frozen"


class TableFault(Enum):
    """What validation reports of the table of patterns and its times."""

    EXPOSURE = "its exposure or period is not possible"
    NUMBER = "it holds a pattern number that is not possible"
    TRIGGER_OUT = "its trigger output is high without a pause"
    NO_BLACK = "no black follows a pattern before the next trigger"
    NO_TIME = "less than 230 us are left between exposure and period"

    @property
    def is_error(self) -> bool:
        """Whether it keeps the table from being shown; TI's own program takes the others for warnings."""
        return self in {TableFault.EXPOSURE, TableFault.NUMBER}


@dataclass(frozen=True, slots=True)
class ProjectorVersions:
    """Versions of the projector's software."""

    application: str
    api: str
    configuration: str
    sequences: str


@dataclass(frozen=True, slots=True)
class LedLevels:
    """Currents of the LEDs, 0 to 255, as TI's control program tells them."""

    red: int
    green: int
    blue: int


@dataclass(frozen=True, slots=True)
class PatternTimes:
    """Times of each pattern."""

    exposure_us: int
    period_us: int


@dataclass(frozen=True, slots=True)
class PatternEntry:
    """One entry of the table of patterns."""

    trigger: PatternTrigger
    number: int
    """Number of the pattern: which bit planes of the image are shown."""
    bit_depth: int
    leds: int
    """LEDs that are on: bit 0 red, bit 1 green, bit 2 blue."""
    is_inverted: bool = False
    has_black: bool = True
    """Whether black is inserted after it."""
    has_swap: bool = False
    """Whether the next image is taken at it."""

    def __str__(self) -> str:
        colours = "+".join(name for bit, name in enumerate(("red", "green", "blue")) if self.leds >> bit & 1)
        inverted = ", inverted" if self.is_inverted else ""
        bits = "1 bit" if self.bit_depth == 1 else f"{self.bit_depth} bits"
        return f"pattern {self.number} of {bits} in {colours or 'no light'}{inverted}"


def versions_of(data: bytes) -> ProjectorVersions | None:
    """Return the versions: four words of patch (16 bits), minor and major (8 bits each)."""
    if len(data) < 16:
        return None
    return ProjectorVersions(*(_version(data[at : at + 4]) for at in range(0, 16, 4)))


def _version(word: bytes) -> str:
    return f"{word[3]}.{word[2]}.{int.from_bytes(word[:2], 'little')}"


def faults_of(hardware: int, system: int, main: int) -> tuple[ProjectorFault, ...]:
    """Return what the three status bytes report."""
    found = {
        ProjectorFault.NOT_STARTED: not hardware & 0x01,
        ProjectorFault.MIRRORS: hardware & 0x04,
        ProjectorFault.FORCED_SWAP: hardware & 0x08,
        ProjectorFault.ABORTED: hardware & 0x40,
        ProjectorFault.SEQUENCE: hardware & 0x80,
        ProjectorFault.MEMORY: not system & 0x01,
        ProjectorFault.PARKED: main & 0x01,
        ProjectorFault.FROZEN: main & 0x04,
    }
    return tuple(fault for fault, is_there in found.items() if is_there)


def levels_of(data: bytes) -> LedLevels | None:
    """Return the currents of the LEDs."""
    return LedLevels(*(_FULL_CURRENT - value for value in data[:3])) if len(data) >= 3 else None


def level_bytes(levels: LedLevels) -> bytes:
    """Return the data that set the currents of the LEDs."""
    return bytes(_FULL_CURRENT - level for level in (levels.red, levels.green, levels.blue))


def times_of(data: bytes) -> PatternTimes | None:
    """Return exposure and period."""
    if len(data) < 8:
        return None
    return PatternTimes(int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little"))


def time_bytes(times: PatternTimes) -> bytes:
    """Return the data that set exposure and period."""
    return times.exposure_us.to_bytes(4, "little") + times.period_us.to_bytes(4, "little")


def count_bytes(patterns: int) -> bytes:
    """Return the data that set the number of patterns: shown again and again, with one image from flash."""
    return bytes([patterns - 1, 1, patterns - 1, 0])


def entries_of(data: bytes, count: int) -> tuple[PatternEntry, ...] | None:
    """Return the first entries of the table of patterns; None when there are fewer bytes."""
    if len(data) < count * _ENTRY_BYTES:
        return None
    words = [int.from_bytes(data[at : at + _ENTRY_BYTES], "little") for at in range(0, count * _ENTRY_BYTES, 3)]
    return tuple(map(_entry, words))


def _entry(word: int) -> PatternEntry:
    return PatternEntry(
        trigger=PatternTrigger(word & 0x03),
        number=word >> 2 & 0x3F,
        bit_depth=word >> 8 & 0x0F,
        leds=word >> 12 & 0x07,
        is_inverted=bool(word >> 16 & 1),
        has_black=bool(word >> 17 & 1),
        has_swap=bool(word >> 18 & 1),
    )


def entry_bytes(entries: Sequence[PatternEntry]) -> bytes:
    """Return the table of patterns as a projector takes it: 3 bytes per entry."""
    return b"".join(_word(entry).to_bytes(_ENTRY_BYTES, "little") for entry in entries)


def _word(entry: PatternEntry) -> int:
    flags = entry.is_inverted << 16 | entry.has_black << 17 | entry.has_swap << 18
    return entry.trigger | entry.number << 2 | entry.bit_depth << 8 | entry.leds << 12 | flags


def table_faults_of(data: bytes) -> tuple[TableFault, ...] | None:
    """Return what validation has found; None while it goes on."""
    if not data or data[0] & _BUSY:
        return None
    return tuple(fault for bit, fault in enumerate(TableFault) if data[0] >> bit & 1)
