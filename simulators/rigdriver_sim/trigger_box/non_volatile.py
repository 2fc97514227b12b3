"""What a box remembers from one boot to the next: name, serial number, values that a host had it save, light session.

In: what hosts write. Out: what the next boot begins with. The light session outlives resets, but not the loss of power.
The other rules are those of Harp's Device.md: the core registers alone are kept without power; a saved schedule or a
saved limit on light would be a danger, so none is ever kept.
Not here: when the box boots (see machine.py and box.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim.trigger_box.facts import BoxFacts
from rigdriver_sim.trigger_box.light_ledger import KeptLight


@dataclass(frozen=True, slots=True)
class SavedValues:
    """Core registers that a box boots with when they have been saved."""

    operation: int
    timestamp_offset: int
    is_clock_locked: bool


class NonVolatile:
    """The memory of one box; it outlives each boot."""

    def __init__(self, facts: BoxFacts) -> None:
        self._facts = facts
        self.name = facts.device_name
        self.serial_number = facts.serial_number
        self.saved: SavedValues | None = None
        """Values that were saved; without any, the box boots with the default ones."""
        self.light = KeptLight()
        """Light of the light session under way. It outlives resets, but not the loss of power; nothing erases it."""

    def restore_name(self) -> None:
        """Go back to the name that the box was made with."""
        self.name = self._facts.device_name

    def erase(self) -> None:
        """Go back to everything that the box was made with."""
        self.restore_name()
        self.serial_number = self._facts.serial_number
        self.saved = None
