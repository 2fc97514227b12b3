"""The box's time during a run: read every now and then, and at once when a late frame waits for it.

In: clock probes of a box, on a thread of its own. Out: the host's and the world's time of a tick, and the news that the
box has restarted. What an answer shows of the reports before it reaches the run as `BoxHeard`. Not here: the fit (see
sync/host_clock.py), and which frames wait (see sync/matcher.py).
"""

from __future__ import annotations

from collections.abc import Callable

from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import LinkLost, RigError
from rigdriver.run.ending import restarted
from rigdriver.run.utc import utc_ns
from rigdriver.signal_safe import SafeEvent
from rigdriver.sync.host_clock import HostClock, RoundTrip
from rigdriver.timebase import Timebase

FIRST_PROBES = 8
"""Number of readings before a run; several, because the shortest round trips bound box time most."""
MOST_ASKS = 4
"""Number of times that the box is asked for its time, per report of it, because a late frame waits."""
PROBE_EVERY_S = 0.5
"""Time between two readings of the box's clock, in s; a box that has restarted shows by it within 1 s at every rate."""
PROBE_SOON_S = 0.2
VAGUE_NS = 100_000
"""Uncertainty of box time, in ns, above which it is asked for more often."""


class BoxTime:
    """Readings of one box's clock, and the fit through them."""

    def __init__(
        self, box: TriggerBox, tick_rate_hz: int, timebase: Timebase, fail: Callable[[LinkLost], None]
    ) -> None:
        """`fail` is called when the box has restarted."""
        self.host_clock = HostClock(tick_rate_hz)
        self._box = box
        self._timebase = timebase
        self._fail = fail
        self._newest_ticks = 0
        self._is_wanted = SafeEvent()
        """Whether the next reading shall be at once, or the thread shall look whether it is over."""
        self._asks_left = MOST_ASKS

    def begin(self) -> None:
        """Take the first readings."""
        for _ in range(FIRST_PROBES):
            self._probe()

    def keep(self, halted: SafeEvent) -> None:
        """Read the clock until the run is halted and `look_up` was called, or the link is lost."""
        while True:
            self._timebase.wait(self._is_wanted, PROBE_SOON_S if self._is_vague else PROBE_EVERY_S)
            if halted.is_set():
                return
            self._is_wanted.clear()
            try:
                self._probe()
            except RigError:
                return  # a lost link reaches the consumer through the box's own report

    def look_up(self) -> None:
        """Let the thread see at once that the run is halted."""
        self._is_wanted.set()

    def reported(self) -> None:
        """Note a report of the box: it may be asked again."""
        self._asks_left = MOST_ASKS

    def ask(self) -> bool:
        """Have the clock read at once; return False when that was done often enough since the newest report."""
        if not self._asks_left:
            return False
        self._asks_left -= 1
        self._is_wanted.set()
        return True

    def utc_ns(self, t_box_ticks: int) -> int:
        """Return the world's time of a tick, in ns since 1970; that of now while nothing is known."""
        host_ns = self.host_clock.host_ns(t_box_ticks)
        return utc_ns(self._timebase.now_ns() if host_ns is None else host_ns)

    @property
    def _is_vague(self) -> bool:
        fit = self.host_clock.fit
        return fit is None or self.host_clock.bound_ns(fit.x0) > VAGUE_NS

    def _probe(self) -> None:
        probe = self._box.probe_clock()
        # Box time counts from the boot (PROTOCOL): a tick that runs back is one of another boot.
        if probe.t_box_ticks < self._newest_ticks:
            self._fail(restarted())
        self._newest_ticks = probe.t_box_ticks
        self.host_clock.add(RoundTrip(probe.t_sent_ns, probe.t_received_ns, probe.t_box_ticks))
