"""CRC-32 of bytes that are never together in memory: the checksum of two parts from those of each.

In: checksums and lengths. Out: the checksum of the whole, as `zlib.crc32` would give it. The checksum of a file then
costs no second look at its images. Source: M. Adler, `crc32_combine` of zlib 1.2.12: to append n zero bytes is to
multiply by x^(8n) modulo the polynomial.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias
from zlib import crc32

Buffer: TypeAlias = "bytes | memoryview"
_POLYNOMIAL = 0xEDB88320
"""CRC-32 of ISO 3309, bits reversed, as zlib has it."""
_ONE = 1 << 31
"""x^0 in that order of bits."""


def crc_of(parts: Iterable[Buffer], crc: int = 0) -> int:
    """Return the checksum of the parts, one after the other, after what has the checksum `crc`."""
    for part in parts:
        crc = crc32(part, crc)
    return crc


def joined_crc(first: int, second: int, second_bytes: int) -> int:
    """Return the checksum of two parts in a row; `second_bytes`: length of the second one."""
    return _product(_zeros(second_bytes), first) ^ second


def _product(a: int, b: int) -> int:
    """Return a times b modulo the polynomial."""
    product, bit = 0, _ONE
    while a:
        if a & bit:
            product ^= b
            a ^= bit
        bit >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product


@lru_cache(maxsize=4096)
def _zeros(count: int) -> int:
    """Return x^(8 count) modulo the polynomial."""
    # x^8 to begin with, squared for each bit of the count.
    power, result = _ONE >> 8, _ONE
    while count:
        if count & 1:
            result = _product(power, result)
        power = _product(power, power)
        count >>= 1
    return result
