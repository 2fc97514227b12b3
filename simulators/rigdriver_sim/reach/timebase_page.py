"""The page in which a simulated rig publishes the host's time, and in which the driver says how far it has followed.

In: simulated times. Out: a file that the driver maps (its layout stands in rigdriver/timebase.py), and the horizon: how
far simulated time may go on before a thread of the driver has seen what has happened. Not here: how the engine uses it
(engine.py).
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

MAGIC = b"RIGTIME1"
PARTS = 32
RECORD_BYTES = 64
LEAD_NS = 50_000_000
"""Longest time that the clock may run ahead of the thread that is furthest behind, in ns."""
CLOSE_NS = 2_000_000
"""Longest time, in ns, from a delivery until every thread has had its turn: a frame arrives when it is delivered."""
LOOK_S = 0.05
"""Real time between two looks whether the threads that time waits for still live, in s."""
GIVEN_UP_S = 30.0
"""Real time, in s, after which a thread that never turns (a hung producer) holds time up no longer."""


class TimebasePage:
    """One rig's page."""

    def __init__(self, path: Path, wall_s: Callable[[], float] = time.monotonic) -> None:
        size = (PARTS + 1) * RECORD_BYTES
        path.write_bytes(MAGIC.ljust(size, b"\0"))
        self._file = path.open("r+b")
        self._memory = mmap.mmap(self._file.fileno(), size)
        self._words = memoryview(self._memory).cast("Q")
        self._words[2] = PARTS
        self._origin_ns = time.monotonic_ns()
        """Host time at which simulated time was 0."""
        self._turns: dict[int, tuple[int, int, float]] = {}
        self._wall_s = wall_s
        self._looked_s = 0.0
        self._given_up: set[int] = set()
        self._first_unseen_ns: int | None = None
        self._last_delivery_ns = 0
        self.publish(0)

    def host_ns(self, t_ns: int) -> int:
        """Return the host's time at a simulated time."""
        return self._origin_ns + t_ns

    def publish(self, t_ns: int) -> None:
        """Let the driver see that time has come so far, and that this rig has looked at what was sent to it."""
        self._words[1] = self._origin_ns + t_ns
        self._words[3] += 1

    def delivered(self, t_ns: int) -> None:
        """Note that the driver has something to find that was not there before."""
        self._last_delivery_ns = t_ns
        # The first one bounds time: deliveries that follow each
        # other closely must not push the bound ahead of themselves.
        if self._first_unseen_ns is None:
            self._first_unseen_ns = t_ns

    def horizon_ns(self) -> int | None:
        """Return the latest simulated time that is allowed now; None while nobody takes part."""
        self._look_after_parts()
        seen = [
            self._words[word + 1]
            for number in range(1, PARTS + 1)
            if self._words[word := number * RECORD_BYTES // 8] and number not in self._given_up
        ]
        if not seen:
            return None
        slowest_ns = min(seen) - self._origin_ns
        if self._first_unseen_ns is not None:
            # A thread that has looked since the last delivery has found all of them.
            if slowest_ns < self._last_delivery_ns:
                return min(slowest_ns + LEAD_NS, self._first_unseen_ns + CLOSE_NS)
            self._first_unseen_ns = None
        return slowest_ns + LEAD_NS

    def close(self) -> None:
        """Give the page back; closing twice is harmless."""
        if not self._file.closed:
            self._words.release()
            self._memory.close()
            self._file.close()

    def _look_after_parts(self) -> None:
        """Free the records of processes that have died; give up threads that never turn."""
        now_s = self._wall_s()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for number in range(1, PARTS + 1):
            word = number * RECORD_BYTES // 8
            pid, turns = self._words[word], self._words[word + 2]
            if not pid:
                self._turns.pop(number, None)
                self._given_up.discard(number)
            # A killed process cannot give its record back, and time would wait for it for ever.
            elif not _is_alive(pid):
                self._words[word] = 0
            # A record may pass to another process, so its turns are compared together with the process.
            elif self._turns.get(number, (0, 0, 0.0))[:2] != (pid, turns):
                self._turns[number] = (pid, turns, now_s)
                self._given_up.discard(number)
            elif now_s - self._turns[number][2] > GIVEN_UP_S and number not in self._given_up:
                self._given_up.add(number)
                name = struct.unpack_from("24s", self._memory, number * RECORD_BYTES + 24)[0].rstrip(b"\0").decode()
                sys.stderr.write(
                    f"simulated rig: thread {name!r} of process {pid} has not turned for {GIVEN_UP_S:g} s; time goes "
                    "on without it\n"
                )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A zombie takes no part any more; its parent may be slow to bury it.
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in {"Z", "X"}
