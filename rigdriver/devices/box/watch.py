"""The watch over an opened box: one thread that reads its port, feeds its watchdog and notices when it is silent.

In: the traffic of a link, and whoever takes the news. Out: feeds from `begin_feeding` until `stop_feeding`; the port
read all the time, so that events and replies come; and `BoxLost` when the port is gone or a fed box says nothing. A
pause of this program is no silence of the box; `away_s` gives its length. Where this thread gets no turn although the
program lives, a stand-in feeds for a while (see stand_in.py). Not here: commands (see trigger_box.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rigdriver.devices.box.events import BoxLost
from rigdriver.devices.box.stand_in import StandIn
from rigdriver.devices.box.traffic import LinkTraffic
from rigdriver.errors import DeviceError, LinkLost, RigError
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import Timebase

_logger = logging.getLogger(__name__)
# PROTOCOL 8.2: four feeds per timeout, from the thread that also reads events, so that a deaf host falls silent.
FEEDS_PER_TIMEOUT = 4
LONGEST_FEED_S = 0.125
"""Longest interval between two feeds, in s: a box that is alive answers each, so that a silent one is noticed soon."""
SILENT_FEEDS = 4
SILENT_S = 0.8
"""Time without any byte of a fed box, in s, after which it counts as lost; with the loop's pauses it is noticed within
1 s. A computer that holds up a simulated box for half a second loses nothing."""
LOOP_S = 0.1
"""Longest turn of the box's thread, in s, that counts as time in which the box could report; what is beyond it is
this program's own pause, and no silence of the box."""
JOIN_S = 1.5
"""Longest time, in s, for which an end waits for the box's thread."""


class BoxWatch:
    """The thread "box" of one opened box, and what it has noticed."""

    def __init__(
        self, traffic: LinkTraffic, watchdog_s: float, timebase: Timebase, on_lost: Callable[[BoxLost], None]
    ) -> None:
        """Take the traffic of an opened link; `on_lost` is called on the thread "box"."""
        self._traffic = traffic
        self._timebase = timebase
        self._on_lost = on_lost
        self._closing = SafeEvent()
        self.is_fed = False
        """Whether this thread feeds the watchdog: from `begin_feeding` until `stop_feeding`."""
        self._feed_interval_ns = int(min(watchdog_s / FEEDS_PER_TIMEOUT, LONGEST_FEED_S) * 1e9)
        self._looked_ns = timebase.now_ns()
        self._silent_ns = 0
        """Time without a byte in which this thread looked."""
        self._watchdog_ns = int(watchdog_s * 1e9)
        self._away = (0, 0)
        """End and length of the newest pause of this thread that is long enough to concern the watchdog."""
        self._next_feed_ns = 0
        self._thread: threading.Thread | None = None
        self._stand_in: StandIn | None = None
        self._stood_in = 0
        """Number of the stand-in's feeds that were told."""

    def use(self, stand_in: StandIn | None) -> None:
        """Let a process feed while this thread gets no turn; the one before ends."""
        before, self._stand_in, self._stood_in = self._stand_in, stand_in, 0
        if before is not None:
            before.end()
        if stand_in is not None and self.is_closing:
            self._stand_in = None
            stand_in.end()

    def listen(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="box", daemon=True)
        self._traffic.pumped_by(self._thread)
        self._thread.start()

    @property
    def is_closing(self) -> bool:
        """True from `end` on."""
        return self._closing.is_set()

    def end(self) -> None:
        """End the thread. Harmless when it was never started."""
        self.stop_feeding()
        self._closing.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(JOIN_S)
        self._traffic.pumped_by(None)
        self.use(None)

    def begin_feeding(self) -> None:
        """Feed the watchdog now and from now on."""
        self._traffic.feed()
        self.is_fed, self._silent_ns, self._away = True, 0, (0, 0)
        self._stamp()

    def stop_feeding(self) -> None:
        """Feed the watchdog no more."""
        self.is_fed = False
        self._stamp()

    def away_s(self, now_ns: int) -> float:
        """Return for how long this program read and fed nothing just before now, in s; 0 when it did."""
        away_ns = now_ns - self._looked_ns
        if away_ns > self._watchdog_ns / 2:
            return away_ns / 1e9
        ended_ns, earlier_ns = self._away
        return earlier_ns / 1e9 if now_ns - ended_ns < self._watchdog_ns else 0.0

    def _run(self) -> None:
        self._looked_ns = self._timebase.now_ns()
        try:
            with self._timebase.take_part("box"):
                while not self._closing.is_set():
                    self._traffic.pump()
                    self._keep_fed()
        except LinkLost as exc:
            self._traffic.fail(exc)
            self._on_lost(BoxLost(exc, self._timebase.now_ns()))
        except Exception as exc:  # noqa: BLE001 - whoever calls the box next gets it
            detail = exc if isinstance(exc, RigError) else repr(exc)
            error = DeviceError(
                device=self._traffic.name, seen=f"a subscriber failed: {detail}; the box is no longer fed and stops"
            )
            error.__cause__ = exc
            self._traffic.fail(error)
        finally:
            # Nobody reads the box any more, so nobody may feed it either.
            self.stop_feeding()

    def _stamp(self) -> None:
        """Tell the stand-in that this program is awake, and others that it was not."""
        stand_in = self._stand_in
        if stand_in is None:
            return
        stand_in.stamp(self.is_fed)
        if (feeds := stand_in.feeds) > self._stood_in:
            self._stood_in = feeds
            _logger.warning(
                "%s: no thread of this program got a turn for %.1f s; the box was kept fed meanwhile",
                self._traffic.name, self._away[1] / 1e9,
            )  # fmt: skip

    def _keep_fed(self) -> None:
        now_ns = self._timebase.now_ns()
        self._count_silence(now_ns)
        self._stamp()
        if not self.is_fed:
            return
        if self._traffic.unanswered_feeds >= SILENT_FEEDS and self._silent_ns > SILENT_S * 1e9:
            raise LinkLost(
                device=self._traffic.name,
                seen=f"silent for {self._silent_ns / 1e9:.1f} s",
                remedy="check cable and power, open it again",
            )
        if now_ns >= self._next_feed_ns:
            self._next_feed_ns = now_ns + self._feed_interval_ns
            self._traffic.feed()

    def _count_silence(self, now_ns: int) -> None:
        """Add the time since the last look, but no pause of this program: what came in it may lie there unread."""
        away_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        if away_ns > self._watchdog_ns / 2:
            self._away = (now_ns, away_ns)
        # A byte that was read since the last look ends the silence.
        heard_ns = now_ns - self._traffic.last_byte_ns
        self._silent_ns = min(heard_ns, self._silent_ns + min(away_ns, round(LOOP_S * 1e9)))
