"""Build what the box sends: replies and events, always time-stamped (layout: parser.py).

In: register, payload, box time. Out: bytes, and an outbox that holds a bounded number of them. The header's time is
quantised to 32 us; real times travel in the payloads. Not here: why something is sent (see machine.py).
"""

from __future__ import annotations

import struct

from rigdriver_sim.trigger_box.contract import TICKS_PER_S
from rigdriver_sim.trigger_box.parser import PORT, TIMESTAMP_BIT

EVENT_BYTES = 65_536
"""Room for events that wait, in bytes; later ones are dropped and counted."""
REPLY_BYTES = 81_920
"""Room for events and replies that wait, in bytes: it exceeds EVENT_BYTES because replies matter more than events."""

_HEADER_TICK = 320
"""Box ticks in one 32 us step of a header."""


def encode(kind: int, address: int, payload_type: int, payload: bytes, t_harp_ticks: int) -> bytes:
    """Return one message; `t_harp_ticks` is Harp time (seconds register included) in box ticks."""
    seconds, rest = divmod(t_harp_ticks, TICKS_PER_S)
    body = struct.pack(
        "<BBBBBIH",
        kind,
        10 + len(payload),
        address,
        PORT,
        payload_type | TIMESTAMP_BIT,
        seconds & 0xFFFFFFFF,
        rest // _HEADER_TICK,
    )
    message = body + payload
    return message + bytes([sum(message) & 0xFF])


class Outbox:
    """Bytes on their way to the host. What does not fit is refused, never half-queued."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def has_event_room(self, size: int = 256) -> bool:
        """An event of that size fits."""
        return len(self.waiting) + size <= EVENT_BYTES

    def put_event(self, message: bytes) -> bool:
        """Queue the event; False when it does not fit."""
        if not self.has_event_room(len(message)):
            return False
        self.waiting += message
        return True

    def put_reply(self, message: bytes) -> bool:
        """Queue the reply; False when the host has not read for so long that even replies do not fit."""
        if len(self.waiting) + len(message) > REPLY_BYTES:
            return False
        self.waiting += message
        return True
