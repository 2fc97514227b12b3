"""Messages as the box sends them, for the tests of the wire.

In: registers and values. Out: the bytes of replies and events, with time stamps. Bytes that nobody would send are made
by the tests themselves.
"""

from typing import Any

from hypothesis import strategies as st

from rigdriver.wire import registers
from rigdriver.wire.codec import Message, MessageType, Stamp, encode
from rigdriver.wire.layout import Access, Register
from rigdriver.wire.session import Request

STAMP = Stamp(12, 31249)


def reply_to(request: Request, payload: bytes | None = None, is_error: bool = False) -> bytes:
    """Return the box's reply: the written payload, or the one given."""
    asked = request.message
    carried = asked.payload if payload is None else payload
    return encode(Message(asked.type, asked.address, asked.payload_type, carried, is_error, STAMP))


def event(register: Register[Any], payload: bytes) -> bytes:
    """Return an event message."""
    return encode(Message(MessageType.EVENT, register.address, register.payload_type, payload, stamp=STAMP))


@st.composite
def box_messages(draw: st.DrawFn) -> Message:
    """Draw any sound message from the box."""
    register: Register[Any] = draw(st.sampled_from(registers.REGISTERS))
    kinds = [MessageType.READ]
    kinds += [MessageType.WRITE] if Access.WRITE in register.access else []
    kinds += [MessageType.EVENT] if Access.EVENT in register.access else []
    kind = draw(st.sampled_from(kinds))
    is_error = kind is not MessageType.EVENT and draw(st.booleans())
    size = draw(st.sampled_from([0, register.payload_bytes])) if is_error else register.payload_bytes
    payload = draw(st.binary(min_size=size, max_size=size))
    stamp = Stamp(draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 31249)))
    return Message(kind, register.address, register.payload_type, payload, is_error, stamp)
