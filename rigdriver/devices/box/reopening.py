"""A port that is away for a moment: try to open it until it is back, and make sure that the same box is behind it.

In: how a port is opened; what was known of the box. Out: the port, or None when it stays away; LinkLost when the box is
another one or has restarted. Not here: when a port may be opened again (see trigger_box.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.box.identity import BoxIdentity
from rigdriver.devices.box.traffic import BytePort
from rigdriver.errors import LinkLost, PortUnavailable
from rigdriver.timebase import Timebase, TimeLimit

Port = TypeVar("Port", bound=BytePort)
REOPEN_PAUSE_S = 0.1
"""Time between two attempts."""
CLOCK_SHARE, CLOCK_SLACK_S = 0.99, 0.1
"""Least share of the host's time that a box's clock counts when it has not restarted, and the slack of one probe."""


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


def expect_same_box(name: str, identity: BoxIdentity, uid: str, mark: ClockProbe, probe: ClockProbe) -> None:
    """Compare the box behind a reopened port with the one before; `mark`: a probe of its clock when it was opened.

    Raises:
        LinkLost: another box answers, or it has restarted.
    """
    if uid != identity.uid:
        raise LinkLost(
            device=name, seen=f"the link was cut, and another box answers now (UID {uid})", remedy="open it again"
        )
    host_s = (probe.t_received_ns - mark.t_sent_ns) / 1e9
    box_s = (probe.t_box_ticks - mark.t_box_ticks) / identity.tick_rate_hz
    # Box time counts from the boot (PROTOCOL), so after a restart it shows less time gone by than went by here.
    if box_s < host_s * CLOCK_SHARE - CLOCK_SLACK_S:
        raise LinkLost(
            device=name,
            seen="the link was cut, and the box has restarted: its schedule and limits are gone",
            remedy="open it again",
        )
