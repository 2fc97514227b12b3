"""What the one-byte checksum lets through, the CRC-32 in the payload stops.

In: clock probes and events whose payload is damaged while the message's checksum is right. Out: none is believed, and
every sound one is.
"""

import random
import struct
import zlib

import pytest

from rigdriver.wire import registers
from rigdriver.wire.codec import Decoder, Message, MessageType, encode, headers_from_box
from rigdriver.wire.layout import Register
from rigdriver.wire.payload_crc import is_intact
from tests.unit.wire.messages import STAMP

SHAPES = [
    pytest.param(registers.CLOCK_PROBE, MessageType.WRITE, 4, id="clock probe"),
    pytest.param(registers.EDGE_EVENT, MessageType.EVENT, 224, id="edge event"),
    pytest.param(registers.STATUS_EVENT, MessageType.EVENT, 36, id="status event"),
]


@pytest.mark.parametrize(("register", "kind", "crc_at"), SHAPES)
def test_no_payload_damaged_under_a_chance_checksum_is_believed(
    register: Register[object], kind: MessageType, crc_at: int
) -> None:
    """Bytes changed at random, about one a message: some 1 in 256 of the damaged ones get past the decoder."""
    dice = random.Random(3)
    size = register.payload_bytes
    sent: set[bytes] = set()
    data = bytearray()
    for _ in range(2500):
        body = dice.randbytes(size - 4)
        crc = struct.pack("<I", zlib.crc32(body))
        payload = body[:crc_at] + crc + body[crc_at:]
        sent.add(payload)
        data += encode(Message(kind, register.address, register.payload_type, payload, stamp=STAMP))
    for at in range(len(data)):
        if dice.random() < 2 / size:
            data[at] ^= dice.randrange(1, 256)
    items = Decoder(headers_from_box(registers.REGISTERS)).feed(bytes(data))
    found = [item for item in items if isinstance(item, Message)]
    payloads = [m.payload for m in found if (m.type, m.address, m.is_error) == (kind, register.address, False)]
    wrong = [payload for payload in payloads if payload not in sent]
    assert wrong, "the checksum alone lets some through"
    assert not [payload for payload in wrong if is_intact(register.address, payload)]
    assert all(is_intact(register.address, payload) for payload in payloads if payload in sent)


def test_payloads_without_a_crc_are_left_to_other_checks() -> None:
    assert is_intact(registers.TICK_RATE.address, bytes(4))


def test_payload_that_is_cut_short_is_not_intact() -> None:
    assert not is_intact(registers.STATUS_EVENT.address, bytes(36))


def test_zeros_are_no_event() -> None:
    """What a read of an event register gives before the first event."""
    for register in (registers.EDGE_EVENT, registers.STATUS_EVENT):
        assert not is_intact(register.address, bytes(register.payload_bytes))
