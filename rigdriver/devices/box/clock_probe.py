"""One reading of the box's clock, with the host times around it.

In: a link. Out: a `ClockProbe`. Not here: what is asked again when a reply is lost (see trigger_box.py), and how a
clock is fitted to many readings (see sync/).
"""

from __future__ import annotations

from dataclasses import dataclass

from rigdriver.devices.box.link import BoxLink
from rigdriver.wire import registers


@dataclass(frozen=True, slots=True)
class ClockProbe:
    """One reading of the box's clock, between two readings of this computer's (time.monotonic_ns)."""

    nonce: int
    t_sent_ns: int
    t_received_ns: int
    t_box_ticks: int
    """Box time at which the last byte of the request arrived, in ticks."""


def probe_once(link: BoxLink) -> ClockProbe:
    """Read the box's clock once. NoReply or BadReply when the reply is lost or damaged."""
    # A new nonce per attempt: a late reply to the attempt before must not pass for this one's.
    nonce = link.new_nonce()
    asked = registers.ClockProbeRecord(nonce, 0, 0, 0)
    got, t_sent_ns, t_received_ns = link.exchange_timed(registers.CLOCK_PROBE, asked, key_bytes=4)
    return ClockProbe(nonce, t_sent_ns, t_received_ns, got.tick_high << 32 | got.tick_low)
