"""A sweep of flashes: triggers and flashes where they belong, and all light within the limits of the rig file.

In: plans with lamps and limits. Out: the steps of a sweep, or a refusal that names the limit. Not here: what the
images of a sweep show (see tests/unit/selftest/test_exposure_window.py).
"""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit
from rigdriver.schedule.sweep import MOST_FLASHES, LightSweep, compile_sweep, flash_width_us
from tests.unit.schedule.test_plan import with_lamps
from tests.unit.sync.planted import TICKS

DELAYS_US = [-400.0, -100.0, 0.0, 130.0]


def swept(config: RigConfig, delays_us: list[float] = DELAYS_US, width_us: float = 300.0) -> LightSweep:
    cameras = [camera for camera in config.cameras if camera.role == "geometry"]
    return compile_sweep(config, TICKS, 7, cameras, config.lamps[:1], delays_us, width_us)


def test_each_trigger_but_the_first_has_a_flash_at_its_delay() -> None:
    sweep = swept(with_lamps())
    late = [flash - trigger for flash, trigger in zip(sweep.flashes_ticks, sweep.triggers_ticks[1:], strict=True)]
    assert late == [round(us * TICKS / 1e6) for us in DELAYS_US]
    steps = sweep.schedule.box.steps
    lit = [step.delay_ticks for step in steps if step.output_mask & 1 << 6]
    triggered = [step.delay_ticks for step in steps if step.output_mask & 1]
    assert (tuple(lit), tuple(triggered)) == (sweep.flashes_ticks, sweep.triggers_ticks)


def test_the_distances_of_the_triggers_are_all_different() -> None:
    triggers = swept(with_lamps(), [float(n) for n in range(MOST_FLASHES)]).triggers_ticks
    distances = [b - a for a, b in combinations(triggers, 2)]
    assert len(set(distances)) == len(distances)


def test_flashes_keep_the_rate_and_the_share_of_time_of_the_limits() -> None:
    sweep = swept(with_lamps(max_rate_hz=4.0, max_duty=0.001))
    rises = sweep.flashes_ticks
    assert min(b - a for a, b in pairwise(rises)) >= TICKS / 4
    assert sweep.width_ticks <= 0.001 * min(b - a for a, b in pairwise(rises))


def test_more_flashes_than_a_train_may_have_are_refused() -> None:
    with pytest.raises(ScheduleError) as refused:
        swept(with_lamps(max_train_flashes=3))
    assert BrokenLimit.TRAIN_FLASHES in refused.value.kinds


def test_a_flash_is_never_longer_than_light_and_lamps_allow() -> None:
    config = with_lamps(max_flash_width_us=120.0)
    assert flash_width_us(config, config.lamps, 2000.0) == 120.0
    assert flash_width_us(with_lamps(), config.lamps, 2000.0) == 300.0
    assert flash_width_us(with_lamps(), config.lamps, 90.0) == 30.0
    with pytest.raises(ScheduleError) as refused:
        swept(config, width_us=300.0)
    assert BrokenLimit.FLASH_WIDTH in refused.value.kinds
