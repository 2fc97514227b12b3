"""The CRC-32 inside the payloads whose damage nothing else would show: clock probes and events.

In: a register's address and a payload. Out: whether the payload is what the box sent. A message's own checksum has one
byte and lets one damaged message in 256 pass, so it alone does not prove a tick. Not here: what the payloads mean (see
registers.py) and what is done about a damaged one (see session.py).
"""

from __future__ import annotations

import zlib

from rigdriver.wire import registers

CRC_BYTES = 4
# A write is compared with its reply and a read is asked twice; these three have neither protection (PROTOCOL 2,
# "CRC-32 in payloads").
_CRC_OFFSETS = tuple(
    (register.address, field.offset)
    for register in (registers.CLOCK_PROBE, registers.EDGE_EVENT, registers.STATUS_EVENT)
    for field in register.fields
    if field.attribute == "crc32"
)


def is_intact(address: int, payload: bytes) -> bool:
    """Whether the CRC-32 in the payload is that of its other bytes; True where the register carries none."""
    for guarded, offset in _CRC_OFFSETS:
        if guarded == address:
            end = offset + CRC_BYTES
            # A probe's CRC stands between the nonce and the ticks, so the sum goes on behind it.
            crc = zlib.crc32(payload[end:], zlib.crc32(payload[:offset]))
            return payload[offset:end] == crc.to_bytes(CRC_BYTES, "little")
    return True
