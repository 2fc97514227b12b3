"""A damaged serial line: bytes flipped, lost, inserted, in one direction.

In: bytes, in the order in which they are sent. Out: what arrives. Which byte is hit is a function of the seed and of
its count since the line was made. Not here: what the bytes mean (see messages.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim import chance


@dataclass(frozen=True, slots=True)
class Damage:
    """Once in so many bytes; 0 is never."""

    flip_every: int = 0
    lose_every: int = 0
    insert_every: int = 0

    @property
    def is_any(self) -> bool:
        """Anything is damaged at all."""
        return bool(self.flip_every or self.lose_every or self.insert_every)


class LineNoise:
    """One direction of one line."""

    def __init__(self, seed: int, direction: str) -> None:
        self.damage = Damage()
        """Damage to bytes; may be replaced at any time."""
        self.is_cut = False
        """Whether nothing arrives."""
        self.hits = 0
        self._seed = seed
        self._direction = direction
        self._count = 0

    def carry(self, data: bytes) -> bytes:
        """Return what of these bytes arrives."""
        if self.is_cut:
            self._count += len(data)
            self.hits += len(data)
            return b""
        if not self.damage.is_any:
            # Counted without damage too: which byte is hit depends on
            # its place alone, not on when the damage was planted.
            self._count += len(data)
            return data
        arrived = bytearray()
        for byte in data:
            arrived += self._carry_one(byte)
            self._count += 1
        return bytes(arrived)

    def _carry_one(self, byte: int) -> bytes:
        damage = self.damage
        if self._is_hit("lose", damage.lose_every):
            return b""
        if self._is_hit("flip", damage.flip_every):
            byte ^= 1 << chance.bits64(self._seed, self._direction, "bit", self._count) % 8
        if self._is_hit("insert", damage.insert_every):
            return bytes([byte, chance.bits64(self._seed, self._direction, "byte", self._count) % 256])
        return bytes([byte])

    def _is_hit(self, what: str, every: int) -> bool:
        is_hit = chance.is_the_one(self._seed, f"{self._direction} {what}", every, self._count, 0, 1)
        self.hits += is_hit
        return is_hit
