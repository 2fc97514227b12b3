"""A program that lives but lets none of its threads run: its run goes on for a while, and its light ends after that.

In: a simulated rig in real time, and a call that keeps Python's lock. Out: what became of the run. Time limits are
there to end a hang and measure nothing.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.errors import BoxFault
from rigdriver.frames import FrameSet
from rigdriver.rig import Rig
from tests.conftest import REAL_TIME
from tests.rig.played import play

pytestmark = [
    pytest.mark.sim,
    pytest.mark.realtime,
    pytest.mark.plants_faults,
    pytest.mark.skipif(sys.platform != "linux", reason="a stand-in needs /proc"),
]
RATE_HZ = 5.0
WATCHDOG_S = 0.5


def keep_the_lock(duration_s: float) -> None:
    """Do nothing for that long, and let no other thread of this program run meanwhile."""
    # Functions of a PyDLL are called with the lock held.
    ctypes.PyDLL(None).usleep(round(duration_s * 1e6))


def at_pulses(duration_s: float, *pulses: int) -> Callable[[FrameSet], None]:
    def then(frame_set: FrameSet) -> None:
        if frame_set.pulse_index in pulses:
            keep_the_lock(duration_s)

    return then


def with_box(config: RigConfig, **changes: float) -> RigConfig:
    assert config.box is not None
    return config.model_copy(update={"box": config.box.model_copy(update=changes)})


def test_a_library_that_keeps_the_lock_for_longer_than_the_watchdog_waits_ends_no_run_with_light(launch_rig):
    running = launch_rig(width=160, height=120, **REAL_TIME)
    config = with_box(load(Path(running.rig_file)), watchdog_s=WATCHDOG_S, busy_s=30.0)
    assert config.lamps
    with Rig.open(config) as rig:
        played = play(rig, 20, RATE_HZ, at_pulses(3 * WATCHDOG_S, 4, 14))
    assert (played.error, played.shifted) == (None, [])
    assert played.indices == list(range(20))


@pytest.mark.parametrize("busy_s", [0.0, 2 * WATCHDOG_S])
def test_a_program_that_hangs_for_longer_than_it_may_loses_its_light(launch_rig, busy_s):
    running = launch_rig(width=160, height=120, **REAL_TIME)
    config = with_box(load(Path(running.rig_file)), watchdog_s=WATCHDOG_S, busy_s=busy_s)
    with Rig.open(config) as rig, running.control() as control:
        played = play(rig, 30, RATE_HZ, at_pulses(busy_s + 3 * WATCHDOG_S, 4))
        assert isinstance(played.error, BoxFault)
        assert "this program stood still for" in str(played.error)
        assert control.get("status")["output_levels"] == 0
