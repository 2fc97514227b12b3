"""Host time to the time of day.

In: nanoseconds of time.monotonic_ns. Out: nanoseconds since 1970, UTC. The two clocks are compared anew each time, so
that the new time of day is used when it is set during a run. How good that time is depends on the computer.
Not here: box ticks to host time (see sync/host_clock.py).
"""

from __future__ import annotations

import time


def utc_ns(t_host_ns: int) -> int:
    """Return the time of day at a moment of host time."""
    # The two clocks are read one after the other; what passes between the readings is the error.
    return time.time_ns() - time.monotonic_ns() + t_host_ns
