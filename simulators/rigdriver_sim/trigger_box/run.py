"""The run under way: which pulse, when the next one starts, which edges are left of this one.

In and out: values of behaviour.py. Not here: what makes pulses begin and end (see behaviour.py).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rigdriver_sim.trigger_box.executor import OutputEdge
from rigdriver_sim.trigger_box.program import Program


@dataclass(slots=True)
class Run:
    """The run under way."""

    program: Program
    next_start_ticks: int | None
    """Start of the next pulse; None while waiting for an external edge."""
    pulses_started: int = 0
    pulse_end_ticks: int | None = None
    """End of the pulse under way; None between pulses."""
    edges: deque[OutputEdge] = field(default_factory=deque)
    is_last_pulse: bool = False

    @property
    def pulse_index(self) -> int | None:
        """Index of the pulse under way."""
        return self.pulses_started - 1 if self.pulse_end_ticks is not None else None
