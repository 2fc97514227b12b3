"""Find Harp requests in a stream of bytes that may be cut anywhere and may hold garbage.

    type u8 | length u8 | address u8 | port u8 | payload type u8 | [seconds u32, ticks u16] | payload | checksum u8

In: bytes as they arrive, with the box tick of their arrival. Out: requests; garbage is skipped byte by byte and
counted. A message that does not go on for `STALL_TICKS` is garbage: its length byte was corrupt. Not here: which
registers exist (see contract.py).
"""

from __future__ import annotations

from dataclasses import dataclass

READ, WRITE, EVENT, ERROR_BIT = 1, 2, 3, 0x08
PORT = 0xFF
TIMESTAMP_BIT = 0x10
STALL_TICKS = 500_000
"""Longest silence within a message, in ticks (50 ms); at 115200 baud the longest message takes 23 ms."""

_HEADER = 5
_SHORTEST, _LONGEST = 4, 254
"""Lengths: address, port, payload type and checksum alone; Harp's extended length (255) is not used."""
_SIZES = (1, 2, 4, 8)
_SIGNED, _FLOAT = 0x80, 0x40


@dataclass(frozen=True, slots=True)
class Request:
    """A read or write that came in whole and with a right checksum."""

    is_write: bool
    address: int
    payload_type: int
    """Payload type without the time stamp bit."""
    payload: bytes


class Parser:
    """Holds the bytes of a message that is still on its way."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._last_ticks = 0
        self.checksum_errors = 0
        self.bytes_skipped = 0
        """Bytes skipped to find a message."""

    def feed(self, data: bytes, t_ticks: int) -> list[Request]:
        """Take bytes that arrived now; return the requests that are complete."""
        if self._buffer and t_ticks - self._last_ticks > STALL_TICKS:
            # Requests hidden in stalled bytes are dropped too: a start must not be obeyed long after it was sent.
            self.bytes_skipped += len(self._buffer)
            self._buffer.clear()
        self._last_ticks = t_ticks
        self._buffer += data
        requests = []
        while (request := self._next()) is not None:
            requests.append(request)
        return requests

    def _next(self) -> Request | None:
        while self._buffer:
            if not _is_plausible(self._buffer):
                self._skip()
                continue
            if len(self._buffer) < 2 or len(self._buffer) < 2 + self._buffer[1]:
                return None
            message = bytes(self._buffer[: 2 + self._buffer[1]])
            if sum(message[:-1]) & 0xFF != message[-1]:
                # One byte goes, not all: the length may be wrong, and a sound message lie within (PROTOCOL 1.3).
                self.checksum_errors += 1
                self._skip()
                continue
            del self._buffer[: len(message)]
            return _request(message)
        return None

    def _skip(self) -> None:
        del self._buffer[0]
        self.bytes_skipped += 1


def _is_plausible(head: bytearray) -> bool:
    """Tell whether the bytes can begin a request, as far as they are there; the earlier garbage shows, the better."""
    if head[0] not in (READ, WRITE):
        return False
    if len(head) > 1 and not _SHORTEST <= head[1] <= _LONGEST:
        return False
    if len(head) > 3 and head[3] != PORT:
        return False
    return len(head) < _HEADER or _is_payload_plausible(head[1], head[4])


def _is_payload_plausible(length: int, payload_type: int) -> bool:
    size = payload_type & 0x0F
    if size not in _SIZES or payload_type & 0x20:
        return False
    if payload_type & _FLOAT and (size != 4 or payload_type & _SIGNED):
        return False
    payload = length - 4 - (6 if payload_type & TIMESTAMP_BIT else 0)
    return payload >= 0 and payload % size == 0


def _request(message: bytes) -> Request:
    first = _HEADER + (6 if message[4] & TIMESTAMP_BIT else 0)
    return Request(message[0] == WRITE, message[2], message[4] & ~TIMESTAMP_BIT, message[first:-1])
