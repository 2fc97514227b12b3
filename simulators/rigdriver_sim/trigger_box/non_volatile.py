"""What a box remembers without power: its name, its serial number, and the values that a host had it save.

In: what hosts write. Out: what the next boot begins with. The rules are those of Harp's Device.md: the core registers
alone are non-volatile; a saved schedule or a saved limit on light would be a danger, so none is ever kept.
Not here: when the box boots (see machine.py and box.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim.trigger_box.facts import BoxFacts


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
        """None: the box boots with the default values."""

    def restore_name(self) -> None:
        """Go back to the name that the box was made with."""
        self.name = self._facts.device_name

    def erase(self) -> None:
        """Go back to everything that the box was made with."""
        self.restore_name()
        self.serial_number = self._facts.serial_number
        self.saved = None
