"""How a register's payload lies in bytes, and how it becomes a value.

In: the generated table's numbers. Out: `Register.pack` and `Register.unpack`. A register holds one integer, a string
of bytes, or a record of named fields, as the table says. Not here: which registers exist (see registers.py), and the
message around a payload (see codec.py).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, IntEnum, auto
from typing import Generic, TypeVar

from rigdriver.errors import BadReply, UsageError

V = TypeVar("V")


class PayloadType(IntEnum):
    """Harp payload types: element size in bytes, 0x80 when signed, 0x40 when floating point."""

    U8 = 0x01
    U16 = 0x02
    U32 = 0x04
    U64 = 0x08
    S8 = 0x81
    S16 = 0x82
    S32 = 0x84
    S64 = 0x88
    FLOAT = 0x44

    @property
    def element_bytes(self) -> int:
        """Size of one element."""
        # Harp's BinaryProtocol keeps the element's size in the low four bits, sign and kind in the high ones.
        return self.value & 0x0F


class Access(Flag):
    """What may be done with a register. What can be written or is sent as an event can also be read."""

    READ = auto()
    WRITE = auto()
    EVENT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One named part of a record."""

    attribute: str
    offset: int
    """Number of bytes from the start of the payload."""
    minimum: int | None = None
    maximum: int | None = None
    convert: Callable[[int], int] | None = None
    """Enumeration that gives a number its meaning."""


@dataclass(frozen=True, slots=True)
class Register(Generic[V]):
    """One row of the register table; `V` is the type of its value in Python."""

    name: str
    address: int
    payload_type: PayloadType
    length: int
    """Number of elements of the payload type."""
    access: Access
    format: str
    """struct format of the whole payload."""
    make: Callable[..., V]
    """Function that makes the value from the unpacked numbers."""
    minimum: int | None = None
    maximum: int | None = None
    fields: tuple[Field, ...] = ()

    @property
    def payload_bytes(self) -> int:
        """Size of the payload."""
        return self.length * self.payload_type.element_bytes

    def pack(self, value: V) -> bytes:
        """Return the payload that carries `value`.

        Raises:
            UsageError: the value, or one of its fields, is out of its bounds.
        """
        if self.fields:
            parts = [getattr(value, field.attribute) for field in self.fields]
            # The interface's bounds are narrower than the types, and the box clamps nothing: it would answer with
            # an error that does not name the field (PROTOCOL 2.2, 2.3).
            for field, part in zip(self.fields, parts, strict=True):
                _check(f"{self.name}.{field.attribute}", part, field.minimum, field.maximum)
        else:
            parts = [value]
            _check(self.name, value, self.minimum, self.maximum)
        try:
            return struct.pack(self.format, *parts)
        except struct.error as exc:
            raise UsageError(
                device=f"register {self.name}",
                seen=f"cannot carry {value!r} ({exc})",
                expected=f"layout {self.format}",
            ) from exc

    def unpack(self, payload: bytes) -> V:
        """Return the value that `payload` carries. Bounds are the sender's duty: a cleared register may lie outside.

        Raises:
            BadReply: the payload has another size, or a number that its enumeration lacks.
        """
        if len(payload) != self.payload_bytes:
            raise BadReply(
                device=f"register {self.name}",
                seen=f"{len(payload)} bytes of payload",
                expected=str(self.payload_bytes),
            )
        parts = struct.unpack(self.format, payload)
        try:
            if self.fields:
                parts = tuple(f.convert(p) if f.convert else p for f, p in zip(self.fields, parts, strict=True))
            return self.make(*parts)
        except ValueError as exc:
            raise BadReply(device=f"register {self.name}", seen=str(exc), expected="a value of the interface") from exc


def _check(name: str, value: object, minimum: int | None, maximum: int | None) -> None:
    if isinstance(value, int) and (
        (minimum is not None and value < minimum) or (maximum is not None and value > maximum)
    ):
        raise UsageError(device=name, seen=str(value), expected=f"{minimum} to {maximum}")
