"""Which lamp shone when, and how bright: outputs of the box on one side, projectors and flashes on the other.

In: the lamps' cables, the log of the outputs, planted faults. Out: flashes of real lamps, for whoever paints. Two
swapped cables let each lamp shine when the other should. Not here: what a flash falls on (see painter.py and
scene_view.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rigdriver_sim.bench.lamps import LampLog
from rigdriver_sim.faults.table import LightFaults
from rigdriver_sim.scenario import LampTable


@dataclass(frozen=True, slots=True)
class Shone:
    """One flash."""

    lamp: LampTable
    start_ns: int
    end_ns: int
    power: float
    """Share of full brightness."""


class Lighting:
    """All lamps of one rig."""

    def __init__(self, lamps: Sequence[LampTable], log: LampLog) -> None:
        self.faults = LightFaults()
        """Faults of the light; may be replaced at any time."""
        self._lamps = {lamp.name: lamp for lamp in lamps}
        self._log = log

    def flashes(self, start_ns: int, end_ns: int) -> list[Shone]:
        """Return all light that falls between the times."""
        found = []
        for lamp in self._lamps.values():
            power = self.faults.flash_power.get(lamp.name, 1.0)
            for on_ns, off_ns in self._log.flashes(self._output_of(lamp), start_ns, end_ns):
                found.append(Shone(lamp, on_ns, off_ns, power))
        return found

    def share(self, pod: str, start_ns: int, end_ns: int) -> float:
        """Return the largest share (0 to 1) of any flash of this pod's lamps that lies between the times."""
        best = 0.0
        for shone in self.flashes(start_ns, end_ns):
            if shone.lamp.pod == pod:
                inside_ns = min(shone.end_ns, end_ns) - max(shone.start_ns, start_ns)
                best = max(best, shone.power * inside_ns / max(1, shone.end_ns - shone.start_ns))
        return best

    def has_lamps(self, pod: str) -> bool:
        """Whether the pod has any lamp."""
        return any(lamp.pod == pod for lamp in self._lamps.values())

    def _output_of(self, lamp: LampTable) -> int:
        swap = self.faults.swap_projectors
        if lamp.name in swap:
            # The cables are exchanged, not the lamps: each lamp keeps its place, kind and brightness.
            return self._lamps[swap[1 - swap.index(lamp.name)]].output
        return lamp.output
