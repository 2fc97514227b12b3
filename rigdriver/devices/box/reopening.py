"""A port that is away for a moment: try to open it until it is back.

In: how a port is opened. Out: the port, or None when it stays away. Not here: what is checked on a port that came back
(see trigger_box.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rigdriver.devices.box.traffic import BytePort
from rigdriver.errors import PortUnavailable
from rigdriver.timebase import Timebase, TimeLimit

Port = TypeVar("Port", bound=BytePort)
REOPEN_PAUSE_S = 0.1
"""Time between two attempts."""


def retry_opening(opened: Callable[[], Port], timebase: Timebase, time_s: float) -> Port | None:
    """Try to open a port until it works; None when it never does within `time_s`."""
    limit = TimeLimit(timebase, time_s)
    while True:
        try:
            return opened()
        except PortUnavailable:
            if limit.left_s() <= 0:
                return None
        timebase.sleep(REOPEN_PAUSE_S)
