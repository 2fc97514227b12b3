"""What procedures note while they work, as values; each one's sentence is its `str`.

In: facts. Out: `PulseNote`, `FrameSetNote`.
Not here: results, which procedures return.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PulseNote:
    """Something about one pulse of a run."""

    pulse_index: int
    what: object

    def __str__(self) -> str:
        return f"pulse {self.pulse_index}: {self.what}"


@dataclass(frozen=True, slots=True)
class FrameSetNote:
    """Something about one frame set of a source."""

    name: str
    what: object
    is_shown_once: bool = False
    """Whether the same message about later frame sets is left out."""

    def __str__(self) -> str:
        return f"frame set {self.name}: {self.what}" + (" (shown once)" if self.is_shown_once else "")
