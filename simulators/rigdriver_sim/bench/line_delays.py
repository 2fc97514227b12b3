"""Delays of a camera's opto-coupled lines: how much later an edge leaves a line than it has entered it.

In: a camera's table of the scenario. Out: delays in ns, for the rise and the fall of the trigger input and of the
exposure output, at any time; they change as the camera warms up. A coupler that gets a pulse shorter than its delay of
rising edges lets nothing through. Its lie: a delay depends on temperature only, not on age, voltage or load. Not here:
when an edge enters a line (see wires.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rigdriver_sim.scenario import CameraTable


@dataclass(frozen=True, slots=True)
class CameraLines:
    """The two lines of one camera."""

    table: CameraTable

    def trigger_ns(self, t_ns: int, *, is_rising: bool) -> int:
        """Return the delay of an edge that reaches the trigger input at that time."""
        lines = self.table.lines
        return self._warmed_ns(lines.trigger_rise_us if is_rising else lines.trigger_fall_us, t_ns)

    def exposure_ns(self, t_ns: int, *, is_rising: bool) -> int:
        """Return the delay until an edge of the exposure at that time is at the box's input; cable and all."""
        lines = self.table.lines
        opto_us = lines.line_rise_us if is_rising else lines.line_fall_us
        return round(self.table.line_delay_us * 1000) + self._warmed_ns(opto_us, t_ns)

    def _warmed_ns(self, delay_us: float, t_ns: int) -> int:
        lines = self.table.lines
        # A body that takes up constant heat nears its final temperature exponentially.
        warmer_k = lines.warming_k * (1 - math.exp(-max(0, t_ns) / (lines.warming_s * 1e9)))
        return max(0, round(delay_us * 1000 * (1 + lines.delay_per_k * warmer_k)))
