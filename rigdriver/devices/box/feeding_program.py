"""The program that feeds the box's watchdog while the application lives but lets none of its threads run.

In: the application's process, its open port, and a page that it stamps (see stand_in.py). Out: feeds, as long as that
process is neither stopped nor gone and its last stamp is neither fresh nor too old. It runs as a file of its own with
the standard library alone: starting it must take milliseconds, and nothing that it imports may be slow. Not here: why
the application falls silent, and what its users are told.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

PAGE = struct.Struct("<qqq")
"""The page: time of the last stamp, in ns of the monotonic clock; whether the watchdog is to be fed; number of feeds by
this program."""
STALE_SHARE = 0.4
"""Age of a stamp from which this program feeds, as a share of the watchdog's time: with the application's own last feed
a quarter before it, two thirds of that time are over by then."""
LOOK_SHARE = 0.08
"""Time between two looks, as a share of the watchdog's time."""
NOT_ALIVE = "TtZXx"
"""States of a process that is stopped, traced or gone (proc(5)): its watchdog must expire."""


def feed_while(parent: int, port: int, page: mmap.mmap, feed: bytes, watchdog_s: float, busy_s: float) -> None:
    """Feed until the parent is gone. The first three are its number, its port's descriptor and its page."""
    interval_ns, due_ns, feeds = round(watchdog_s * 1e9 / 4), 0, 0
    while os.getppid() == parent:
        stamped_ns, is_fed, _ = PAGE.unpack_from(page)
        now_ns = time.monotonic_ns()
        is_wanted = is_fed and is_silent((now_ns - stamped_ns) / 1e9, watchdog_s, busy_s)
        if is_wanted and now_ns >= due_ns and is_alive(parent):
            # A write to a terminal or a socket is one message; where there is no room, the next look tries again.
            with suppress(BlockingIOError):
                os.write(port, feed)
                due_ns, feeds = now_ns + interval_ns, feeds + 1
                struct.pack_into("<q", page, 16, feeds)
        time.sleep(LOOK_SHARE * watchdog_s)


def is_silent(silent_s: float, watchdog_s: float, busy_s: float) -> bool:
    """Return whether a program that has been silent for so long is to be fed for: not yet, now, or no longer."""
    return STALE_SHARE * watchdog_s < silent_s < busy_s


def is_alive(process: int) -> bool:
    """Return whether that process runs or waits, rather than being stopped or gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # The name stands in brackets and may hold any character.
    return stat.rpartition(")")[2].split()[0] not in NOT_ALIVE


def main(arguments: list[str]) -> None:
    """Run with: parent, port, page, feed in hex, the watchdog's time and the longest time that is bridged, in s."""
    parent, port, page = (int(word) for word in arguments[:3])
    with suppress(OSError):  # the port is gone; the application sees it, too
        feed_while(
            parent, port, mmap.mmap(page, PAGE.size), bytes.fromhex(arguments[3]), *(float(w) for w in arguments[4:6])
        )


if __name__ == "__main__":
    main(sys.argv[1:])
