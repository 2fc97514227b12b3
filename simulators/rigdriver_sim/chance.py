"""Chance without state: every draw is a pure function of the seed and of what it is drawn for.

In: a seed and names or numbers. Out: 64 well-mixed bits, or yes and no. The same question has the same answer in every
run and in every order of asking.
Not here: the noise of pixels (see scene/noise.py).
"""

from __future__ import annotations

import hashlib
import struct


def bits64(seed: int, *what: str | int) -> int:
    """Return 64 bits for this question."""
    text = "\0".join([str(seed), *(str(part) for part in what)])
    number: int = struct.unpack("<Q", hashlib.blake2b(text.encode(), digest_size=8).digest())[0]
    return number


def share(seed: int, *what: str | int) -> float:
    """Return a number in [0, 1) for this question."""
    return bits64(seed, *what) / 2**64


def is_the_one(seed: int, what: str, every: int, number: int, which: int, of: int) -> bool:
    """Tell whether exactly one number in each block of `every`, at one of `of` places, hits this number and place."""
    if every <= 0:
        return False
    block, place = divmod(number, every)
    draw = bits64(seed, what, block)
    return draw % every == place and draw // every % of == which
