"""Measured delays written into a rig file: first what would change, then the change.

In: a rig file, and delays by key. Out: the difference as a unified diff; a rig file with which no run could be planned
is refused. Comments and order of the file stay. Not here: measuring (see selftest/sweeping.py), and the question
whether to write (see cli/selftest.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rigdriver.config import RigConfig, load, write
from rigdriver.config.writing import preview
from rigdriver.procedures.rig_file import USUAL_TICK_RATE_HZ
from rigdriver.schedule.plan import compile_preamble, compile_schedule

UNIT_US = 10_000.0
"""Distance of the triggers of a preamble, as a run may have it."""


def delays_diff(path: Path, delays: Mapping[str, int]) -> str:
    """Return the unified diff that these delays make; it is empty when nothing changes. Nothing is written.

    `delays`: dotted key (`cameras.left_upper.line_rise_us`) -> us.

    Raises:
        ConfigError: the file cannot be read, or would not load.
        ScheduleError: with these delays no run can be planned.
    """
    changed, diff = preview(path, delays)
    _refuse_unplannable(changed)
    return diff


def write_delays(path: Path, delays: Mapping[str, int]) -> RigConfig:
    """Write the delays into the rig file, whole or not at all, and return what it says then. ConfigError as above."""
    write(path, delays)
    return load(path)


def _refuse_unplannable(config: RigConfig) -> None:
    compile_preamble(config, USUAL_TICK_RATE_HZ, 1, UNIT_US)
    compile_schedule(config, USUAL_TICK_RATE_HZ, 1, 1)
