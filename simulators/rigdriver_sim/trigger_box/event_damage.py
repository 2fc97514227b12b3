"""A link that loses, doubles or overtakes whole events of the box.

In: event messages, in the order in which the box sends them. Out: what arrives, in the order of its arrival. Which
event is hit is a function of the seed and of its count since the box was made; an overtaken event arrives after the
next one. Its lie: only whole messages suffer. Not here: damaged bytes (see line_noise.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim import chance


@dataclass(frozen=True, slots=True)
class EventDamage:
    """Once in so many events; 0 is never."""

    lose_every: int = 0
    double_every: int = 0
    overtake_every: int = 0


class EventLink:
    """The way of events from the box."""

    def __init__(self, seed: int) -> None:
        self.damage = EventDamage()
        """Damage to events; may be replaced at any time."""
        self.hits = 0
        self._seed = seed
        self._count = 0
        self._held: list[bytes] = []

    def carry(self, message: bytes) -> list[bytes]:
        """Return what arrives now."""
        held, self._held = self._held, []
        damage = self.damage
        # All draws are made: which event is hit depends on its place alone.
        is_lost = self._is_hit("lose", damage.lose_every)
        is_doubled = self._is_hit("double", damage.double_every)
        is_overtaken = self._is_hit("overtake", damage.overtake_every)
        self._count += 1
        self.hits += is_lost or is_doubled or is_overtaken
        if is_lost:
            return held
        if is_overtaken and not held:
            self._held = [message]
            return []
        return [message, *([message] if is_doubled else []), *held]

    def forget(self) -> None:
        """Lose what is on its way."""
        self._held = []

    def _is_hit(self, what: str, every: int) -> bool:
        return chance.is_the_one(self._seed, f"event {what}", every, self._count, 0, 1)
