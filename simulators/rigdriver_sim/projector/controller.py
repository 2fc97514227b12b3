"""What a DLPC350 does with the reports that it gets: its settings, its table of patterns, its answers.

In: reports of 64 bytes, as they come from the wire. Out: reports of 64 bytes. The layout is that of TI's programmer's
guide (DLPU010, 1.2): flags, sequence, two bytes of length, CMD3, CMD2, data; in an answer data follow the length. Not
here: USB (see usb_backend.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LONGEST = 512
LEAST_EXPOSURE_US = {1: 235, 2: 700, 3: 1570, 4: 1700, 5: 2000, 6: 2500, 7: 4500, 8: 8333}
"""Shortest exposure per bit depth in us (LightCrafter 4500 user's guide, DLPU011, table of pattern rates)."""
MOST_PLANES = 24
WHITE_FILL = 24
"""Number of the pattern of 1 bit that is white everywhere."""


@dataclass
class ProjectorTrouble:
    """What is wrong with the projector's answers; nothing by default."""

    refused: set[int] = field(default_factory=set)
    """Commands (CMD2 in the upper byte) that are answered with the error flag."""
    silent: set[int] = field(default_factory=set)
    """Commands that are not answered."""
    late: set[int] = field(default_factory=set)
    """Commands whose answer comes with that of the next command."""
    sequence_off: int = 0
    """Number that is added to the sequence number of each answer."""
    short: set[int] = field(default_factory=set)
    """Commands whose answer lacks its last byte."""
    validation_hangs: bool = False
    slow_changes: int = 0
    """Number of reads after which a written mode or run is there; -1: never."""


@dataclass
class DlpController:
    """The settings of one projector; registers as TI numbers them."""

    version: tuple[int, int, int] = (4, 4, 0)
    hardware_status: int = 0x01
    system_status: int = 0x01
    is_running: bool = True
    is_parked: bool = False
    led_registers: bytes = bytes([255, 151, 255])
    """One byte per LED, 255 for no current."""
    is_pattern_mode: bool = True
    pattern_source: int = 3
    trigger_mode: int = 1
    exposure_us: int = 2000
    period_us: int = 3000
    words: list[int] = field(default_factory=lambda: [1 | 0 << 2 | 1 << 8 | 7 << 12 | 1 << 17 | 1 << 18])
    """Table of patterns, 24 bits each."""
    trouble: ProjectorTrouble = field(default_factory=ProjectorTrouble)
    written: list[int] = field(default_factory=list)
    """Commands that were written, in their order."""

    def __post_init__(self) -> None:
        self._mailbox = self._offset = 0
        self._count = len(self.words)
        self._validation = 0
        self._request = bytearray()
        self._late: list[bytes] = []
        self._waiting: tuple[int, int, int] | None = None
        """Command and value of a change under way, and the number of reads until it is made."""
        self.answers: deque[bytes] = deque()
        """Reports that wait to be read."""

    def take(self, report: bytes) -> None:
        """Take one report; what follows the first one of a long request has no head."""
        self._request += report
        whole = 4 + int.from_bytes(self._request[2:4], "little")
        if len(self._request) >= whole:
            request, self._request = bytes(self._request[:whole]), bytearray()
            self._carry_out(request)

    def _carry_out(self, request: bytes) -> None:
        flags, sequence = request[0], request[1]
        command, data = request[5] << 8 | request[4], request[6:]
        found = self._read(command) if flags & 0x80 else self._write(command, data)
        is_refused = found is None or command in self.trouble.refused
        answer = b"" if found is None or is_refused else found
        if not flags & 0x40 or command in self.trouble.silent:
            return
        told = bytes([flags | (0x20 if is_refused else 0), (sequence + self.trouble.sequence_off) & 0xFF])
        reports = _cut(told + len(answer).to_bytes(2, "little") + answer)
        if command in self.trouble.short:
            reports = [reports[0][: 4 + max(0, len(answer) - 1)]]
        before, self._late = self._late, []
        self.answers += before
        if command in self.trouble.late:
            self._late = reports
        else:
            self.answers += reports

    def _read(self, command: int) -> bytes | None:
        if command == 0x1A34:
            return self._table() if self._mailbox == 2 else None
        if command == 0x1A1A:
            return bytes([0x80 if self.trouble.validation_hangs else self._validation])
        self._go_on()
        run = 2 if self.is_running else 0
        registers = {
            0x0205: _version(self.version) * 4,
            0x1A0A: bytes([self.hardware_status]),
            0x1A0B: bytes([self.system_status]),
            0x1A0C: bytes([self.is_parked | (run & 2)]),
            0x0B01: self.led_registers,
            0x1A1B: bytes([self.is_pattern_mode]),
            0x1A22: bytes([self.pattern_source]),
            0x1A23: bytes([self.trigger_mode]),
            0x1A24: bytes([run]),
            0x1A29: self.exposure_us.to_bytes(4, "little") + self.period_us.to_bytes(4, "little"),
            0x1A31: bytes([self._count - 1, 1, self._count - 1, 0]),
        }
        return registers.get(command)

    def _table(self) -> bytes:
        return b"".join(word.to_bytes(3, "little") for word in self.words[self._offset : self._count])

    def _write(self, command: int, data: bytes) -> bytes | None:
        self.written.append(command)
        is_for_a_stopped_one = command in {0x1A22, 0x1A23, 0x1A29, 0x1A31, 0x1A1A}
        if not data or (is_for_a_stopped_one and self.is_running):
            return None
        match command:
            case 0x1A24 | 0x1A1B:
                self._waiting = command, data[0], self.trouble.slow_changes
                self._go_on(reads=0)
            case 0x1A22:
                self.pattern_source = data[0]
            case 0x1A23:
                self.trigger_mode = data[0]
            case 0x0B01:
                self.led_registers = data[:3]
            case 0x1A29:
                self.exposure_us, self.period_us = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
            case 0x1A31:
                self._count = data[0] + 1
            case 0x1A33:
                self._mailbox = data[0]
            case 0x1A32:
                self._offset = data[0]
            case 0x1A34:
                self._take_table(data)
            case 0x1A1A:
                self._validation = self._validated()
            case _:
                return None
        return b""

    def _go_on(self, reads: int = 1) -> None:
        """Make the change under way when its time has come."""
        if self._waiting is None:
            return
        command, value, left = self._waiting
        self._waiting = command, value, left - reads if left > 0 else left
        if self._waiting[2] != 0:
            return
        self._waiting = None
        if command == 0x1A24:
            self.is_running = value == 2
        else:
            self.is_pattern_mode = bool(value)

    def _take_table(self, data: bytes) -> None:
        words = [int.from_bytes(data[at : at + 3], "little") for at in range(0, len(data) - 2, 3)]
        self.words[self._offset : self._offset + len(words)] = words

    def _validated(self) -> int:
        """Return the bits of a validation: 0 times, 1 numbers, 4 too little time between exposure and period."""
        bits = 0
        for word in self.words[: self._count]:
            number, depth = word >> 2 & 0x3F, word >> 8 & 0x0F
            least_us = LEAST_EXPOSURE_US.get(depth)
            if least_us is None or (number >= MOST_PLANES // depth and (number, depth) != (WHITE_FILL, 1)):
                bits |= 2
            if least_us is None or self.exposure_us < least_us or self.period_us < self.exposure_us:
                bits |= 1
        rest_us = self.period_us - self.exposure_us
        return bits | (0x10 if 0 < rest_us < 230 else 0)


def _version(parts: tuple[int, int, int]) -> bytes:
    major, minor, patch = parts
    return patch.to_bytes(2, "little") + bytes([minor, major])


def _cut(message: bytes) -> list[bytes]:
    reports = [message[at : at + 64] for at in range(0, len(message), 64)]
    return [report.ljust(64, b"\0") for report in reports]
