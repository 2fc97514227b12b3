"""The box's own clock: ticks since its boot, drifting against true time.

In: true nanoseconds or ticks. Out: the other. Integers throughout, so that an edge planned for a tick is never stamped
with an earlier one.
Not here: the camera clocks (see camera/).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver_sim.trigger_box.contract import TICK_NS

_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class BoxClock:
    """Ticks of 100 ns (by the box's own crystal) since `boot_ns`."""

    boot_ns: int
    drift_ppb: int

    def ticks(self, t_ns: int) -> int:
        """Return the tick under way at a true time."""
        return (t_ns - self.boot_ns) * (_BILLION + self.drift_ppb) // (TICK_NS * _BILLION)

    def true_ns(self, t_ticks: int) -> int:
        """Return the first whole nanosecond at which the clock shows that tick."""
        # Rounded up, as the negative of a floor: `ticks` rounds down and so gives the same tick again.
        return self.boot_ns - (-t_ticks * TICK_NS * _BILLION // (_BILLION + self.drift_ppb))
