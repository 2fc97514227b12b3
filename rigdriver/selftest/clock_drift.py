"""Whether the box's clock keeps time: its rate over the whole self-test, against this computer's clock.

In: an open box, at the start and at the end of the test. Out: one check. The box reads its clock between the sending of
a request and the arrival of the reply, so half of both round trips bounds the error of the rate; where the bound is too
wide to tell, as in a short test or on a busy computer, the check is "not checked". Not here: how long a reply takes
(see box_checks.py), and the fit of a run (see sync/host_clock.py).
"""

from __future__ import annotations

from typing import Protocol

from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.selftest.result import CheckResult, not_checked, verdict

NAME = "box.clock_drift"
LARGEST_PPM = 200.0
"""Largest good difference of the rates, in ppm: box and computer stay within 100 ppm each (clock.py), and the fit of a
run takes no more than 300 (sync/host_clock.py)."""
PROBES = 10
"""Number of round trips at each end; the shortest one counts."""


class ProbedBox(Protocol):
    """What this file needs of a trigger box."""

    def probe_clock(self) -> ClockProbe: ...


def shortest_probe(box: ProbedBox) -> ClockProbe:
    """Return the reading of the box's clock with the shortest round trip."""
    probes = [box.probe_clock() for _ in range(PROBES)]
    return min(probes, key=lambda probe: probe.t_received_ns - probe.t_sent_ns)


def judge_drift(before: ClockProbe, after: ClockProbe, tick_rate_hz: int) -> CheckResult:
    """Judge the rate of the box's clock between two readings."""
    host_s = (_middle_ns(after) - _middle_ns(before)) / 1e9
    if host_s <= 0:
        return not_checked(NAME, "no time passed between two readings of the box's clock")
    drift = ((after.t_box_ticks - before.t_box_ticks) / tick_rate_hz / host_s - 1) * 1e6
    bound = (_half_trip_ns(after) + _half_trip_ns(before)) / host_s / 1e3
    if abs(drift) - bound <= LARGEST_PPM < abs(drift) + bound:
        return not_checked(NAME, f"{host_s:.1f} s with such long replies tell it to {bound:.0f} ppm only")
    faster = "fast" if drift > 0 else "slow"
    remedy = (
        f"the trigger box's clock is {abs(drift):.0f} ppm {faster} against this computer's, so rate and exposures are "
        "wrong by as much; test again on another computer: if it stays, replace the trigger box, else this computer's "
        "clock is wrong"
    )
    expected = f"-{LARGEST_PPM:g} to {LARGEST_PPM:g}"
    return verdict(abs(drift) <= LARGEST_PPM, NAME, round(drift, 1), expected, "ppm", remedy)


def _middle_ns(probe: ClockProbe) -> float:
    return (probe.t_sent_ns + probe.t_received_ns) / 2


def _half_trip_ns(probe: ClockProbe) -> float:
    return (probe.t_received_ns - probe.t_sent_ns) / 2
