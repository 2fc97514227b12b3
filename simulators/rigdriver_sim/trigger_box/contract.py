"""The register table as the box looks things up in it: by address, with struct formats and ranges.

In: the generated numbers of registers.py. Out: `Register` values and payloads checked against their ranges. Not here:
what a register does (see register_space.py).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rigdriver_sim.trigger_box import registers as r

TICKS_PER_S = 10_000_000
TICK_NS = 100

_CODES = MappingProxyType({1: "B", 2: "H", 4: "I", 8: "Q"})


@dataclass(frozen=True, slots=True)
class Register:
    """One row of the contract."""

    address: int
    name: str
    payload_type: int
    elements: int
    is_writable: bool
    ranges: tuple[tuple[int | None, int | None], ...]
    """Smallest and largest value of each element, None where free."""
    default: int

    @property
    def layout(self) -> str:
        """Struct format of the payload."""
        return f"<{self.elements}{_CODES[self.payload_type]}"

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return self.elements * self.payload_type

    def unpack(self, payload: bytes) -> tuple[int, ...]:
        """Return the payload's elements."""
        return struct.unpack(self.layout, payload)

    def pack(self, *values: int) -> bytes:
        """Return the payload that holds these elements."""
        return struct.pack(self.layout, *values)

    def is_in_range(self, values: tuple[int, ...]) -> bool:
        """Every element lies within its bounds."""
        pairs = zip(values, self.ranges, strict=True)
        return all((low is None or low <= v) and (high is None or v <= high) for v, (low, high) in pairs)


def _ranges(
    address: int, payload_type: int, elements: int, whole: tuple[int | None, int | None]
) -> list[tuple[int | None, int | None]]:
    ranges = [whole] * elements
    for _, first_byte, code, low, high in dict(r.FIELDS).get(address, ()):
        # Records packed into bytes hold fields of several bytes; they are events, which nobody writes.
        if struct.calcsize(code) == payload_type:
            ranges[first_byte // payload_type] = (low, high)
    return ranges


def _index() -> Mapping[int, Register]:
    rows = {}
    for address, name, payload_type, elements, access, low, high, default in r.TABLE:
        ranges = tuple(_ranges(address, payload_type, elements, (low, high)))
        rows[address] = Register(address, name, payload_type, elements, "w" in access, ranges, default or 0)
    return MappingProxyType(rows)


REGISTERS: Mapping[int, Register] = _index()
