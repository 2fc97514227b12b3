"""The bytes between a DLPC350 and this computer: HID reports of 64 bytes, and the messages that they carry.

In: a command with its data, or reports as they come. Out: reports to send, or the data of the reply. Nothing is sent
here, and nothing waits. The layout is that of TI's programmer's guide (DLPU010, section 1.2); the number of the report
(0) is not on the wire.

    request: flags | sequence | length LSB, MSB | CMD3 | CMD2 | data ...   length counts CMD3, CMD2 and data
    reply:   flags | sequence | length LSB, MSB | data ...                 length counts data
    flags:   bit 7 read, bit 6 wants a reply, bit 5 error (reply only), bits 2..0 destination (0)

What does not fit into one report goes on in the next ones, which have no head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REPORT_BYTES = 64
MOST_BYTES = 512
"""Longest message of a DLPC350, in bytes (TI's own programs, HID_MESSAGE_MAX_SIZE)."""
_HEAD_BYTES = 4
_READ, _WANTS_REPLY, _ERROR = 0x80, 0x40, 0x20


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """Head of a reply, and the data behind it in the same report."""

    sequence: int
    is_error: bool
    length: int
    """Number of data bytes of the whole reply."""
    data: bytes

    @property
    def more_reports(self) -> int:
        """Number of reports that follow."""
        return max(0, -(-(self.length - (REPORT_BYTES - _HEAD_BYTES)) // REPORT_BYTES))


def request(command: int, data: bytes, sequence: int, is_read: bool) -> list[bytes]:
    """Return the reports of a request; `command` is CMD2 in the upper byte and CMD3 in the lower one."""
    length = 2 + len(data)
    assert _HEAD_BYTES + length <= MOST_BYTES, "our own commands are shorter"
    flags = _WANTS_REPLY | (_READ if is_read else 0)
    message = bytes([flags, sequence]) + length.to_bytes(2, "little") + command.to_bytes(2, "little") + data
    parts = [message[at : at + REPORT_BYTES] for at in range(0, len(message), REPORT_BYTES)]
    return [part.ljust(REPORT_BYTES, b"\0") for part in parts]


def reply_head(report: bytes) -> ReplyHead | None:
    """Return the head of a reply; None for bytes that are none."""
    if len(report) < _HEAD_BYTES:
        return None
    flags, sequence, length = report[0], report[1], int.from_bytes(report[2:4], "little")
    if not flags & _WANTS_REPLY or length > MOST_BYTES:
        return None
    return ReplyHead(sequence, bool(flags & _ERROR), length, report[_HEAD_BYTES:])


def reply_data(head: ReplyHead, following: Sequence[bytes]) -> bytes:
    """Return the data of a reply; fewer bytes than its length where reports were short."""
    return b"".join((head.data, *following))[: head.length]
