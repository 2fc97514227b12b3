"""The stand-in: a process of its own that feeds the box's watchdog while none of this program's threads gets a turn.

In: an open port. Out: a running process, which is told at each turn of the thread "box" that this program is awake.
Python lets one thread run at a time: a library that keeps the others waiting for two seconds, an import or a garbage
collection, would end a run, although the program is well. The stand-in feeds for `box.busy_s` at most, and not at all
while this program is stopped or gone, so that light goes off then as ever (LIGHT-SAFETY.md). Linux only: it needs
/proc. Not here: what the stand-in does (see feeding_program.py).
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from rigdriver.devices.box import feeding_program
from rigdriver.devices.box.feeding_program import PAGE
from rigdriver.wire.session import feed_message

_logger = logging.getLogger(__name__)
END_S = 1.0
"""Longest wait for the killed process."""
STAND_IN_COUNT = 0
"""Value that the stand-in's feeds carry; this program's own count from 1."""


class StandIn:
    """One stand-in for one port."""

    def __init__(self, descriptor: int, watchdog_s: float, busy_s: float) -> None:
        """Start it for the port of that descriptor. OSError when it cannot be started."""
        handle = os.memfd_create("rigdriver-feeds")
        try:
            os.ftruncate(handle, PAGE.size)
            self._page = mmap.mmap(handle, PAGE.size)
            words = (os.getpid(), descriptor, handle, feed_message(STAND_IN_COUNT).hex(), watchdog_s, busy_s)
            # A session of its own: Ctrl-C in a terminal is the application's to act on.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", feeding_program.__file__, *map(str, words)],
                pass_fds=(descriptor, handle), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(handle)

    def stamp(self, is_fed: bool) -> None:
        """Note that this program is awake now, and whether its watchdog is to be fed."""
        struct.pack_into("<qq", self._page, 0, time.monotonic_ns(), is_fed)

    @property
    def feeds(self) -> int:
        """Number of feeds by the stand-in since it was started."""
        return int(PAGE.unpack_from(self._page)[2])

    def end(self) -> None:
        """End the process; it holds nothing. Harmless when it has ended."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)


def stand_in_for(descriptor: int | None, watchdog_s: float, busy_s: float) -> StandIn | None:
    """Return a stand-in, or None where there can be none: no descriptor, not Linux, or `busy_s` is too short."""
    if descriptor is None or busy_s <= watchdog_s or not Path("/proc/self/stat").exists():
        return None
    try:
        return StandIn(descriptor, watchdog_s, busy_s)
    except (OSError, TypeError, AttributeError) as exc:  # no executable is known, or the system lacks memfd_create
        _logger.warning("the box's watchdog is fed by this program alone: no process can be started (%s)", exc)
        return None
