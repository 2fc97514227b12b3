"""What procedures note while they work, as values; each one's sentence is its `str`.

In: facts. Out: `PulseNote`, `FrameSetNote`. Not here: results.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PulseNote:
    """Something about one pulse of a live rig."""

    number: int
    what: object
    is_told_once: bool = False
    """The same of later pulses is not told again."""

    def __str__(self) -> str:
        return f"pulse {self.number}: {self.what}" + (" (told once)" if self.is_told_once else "")


@dataclass(frozen=True, slots=True)
class FrameSetNote:
    """Something about one frame set of a folder."""

    name: str
    what: object

    def __str__(self) -> str:
        return f"frame set {self.name}: {self.what}"
