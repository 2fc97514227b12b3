"""The self-test of a bench without a trigger box: thirty frame sets, and what cannot be checked without a box.

In: what was kept of a run, its rate by this computer's clock. Out: checks of completeness, rate and losses, and one
line for each check that needs a box. Not here: the run itself (see suite.py).
"""

from __future__ import annotations

import math

from rigdriver.config import RigConfig
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict
from rigdriver.selftest.run_checks import Observed, judge_frame_sets, judge_frames, judge_losses

NO_BOX = "no trigger box"
NEED_A_BOX = (
    "box", "wiring", "run.skew", "light", "optical", "run.residual", "run.exposure_edges", "watchdog", "counters",
)  # fmt: skip
"""Checks, or stages of checks, that a box makes possible."""
RATE_TOLERANCE = 0.05
"""Largest deviation of the rate, as a share of the configured one: this computer's clock times arrivals."""


def judge_bench_run(observed: Observed, rate_hz: float, config: RigConfig) -> list[CheckResult]:
    """Judge a run."""
    return [
        judge_frame_sets(observed),
        _judge_rate(rate_hz, config),
        *judge_frames(observed, config),
        *judge_losses(observed, config),
        *(not_checked(name, NO_BOX) for name in NEED_A_BOX),
    ]


def _judge_rate(rate_hz: float, config: RigConfig) -> CheckResult:
    expected = config.schedule.rate_hz
    if config.schedule.mode == "external":
        return not_checked("run.rate", "the external trigger sets it")
    if math.isnan(rate_hz):
        return unknown("run.rate", expected, "fewer than two frame sets came", "Hz")
    is_good = abs(rate_hz - expected) <= RATE_TOLERANCE * expected
    remedy = "the cameras or this computer do not keep up: shorten the exposure, or lower schedule.rate_hz"
    if config.schedule.mode == "free":
        remedy = "set AcquisitionFrameRate in cameras.features to schedule.rate_hz, or schedule.rate_hz to its rate"
    return verdict(is_good, "run.rate", round(rate_hz, 3), expected, "Hz", remedy)
