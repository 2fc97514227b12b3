"""Entrance of the process: `python -m rigdriver.devices.camera_process COMMANDS_FD EVENTS_FD PARENT_PID TIMEBASE`.

In: two inherited sockets. Out: nothing but messages. It ends with its parent, however that ends: a clean end closes the
sockets, and a killed one brings this process a SIGKILL (Linux) even while a producer hangs. Ctrl-C is left to the
parent. It cannot be started by hand.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29  # linux/prctl.h
TIMER_SLACK_NS = 1000
"""Slack of the loop's sleeps, in ns: they last 50 us while frames are expected; the usual slack would double that."""


def _die_with_parent(parent_pid: int) -> None:
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS)
    if os.getppid() != parent_pid:
        raise SystemExit(0)  # it died before this process could ask for its signal


def main(arguments: list[str]) -> None:
    """Serve the parent that handed over the two sockets."""
    if len(arguments) != 4:
        raise SystemExit("this is the inside of rigdriver's cameras; use rigdriver.devices.cameras.cameras")
    commands_fd, events_fd, parent_pid = (int(a) for a in arguments[:3])
    page = Path(arguments[3]) if arguments[3] else None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent(parent_pid)
    # The binding loads slowly and may fail; from here on either reaches the parent.
    from rigdriver.devices.camera_process.loop import CameraLoop  # noqa: PLC0415
    from rigdriver.timebase import open_timebase  # noqa: PLC0415

    with socket.socket(fileno=commands_fd) as commands, socket.socket(fileno=events_fd) as events:
        CameraLoop(commands, events, parent_pid, open_timebase(page)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
