"""The self-test's look at all cameras in speckle: they expose together, the pattern lamps alone flash."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.schedule.pattern_light import pattern_light
from rigdriver.schedule.plan import compile_schedule, exposure_us

TEXT = """
name = "bench"
genicam = { producers = ["a.cti"] }
box = { url = "/dev/null" }
cameras = [
  { name = "upper", serial = "1", output = 0, input = 0, pod = "left" },
  { name = "colour", serial = "2", output = 1, input = 1, pod = "left", role = "texture", latency_us = 50 },
  { name = "other", serial = "3", output = 2, input = 2, pod = "right", exposure_us = 1500 },
  { name = "hue", serial = "4", output = 3, input = 3, pod = "right", role = "texture" },
]
lamps = [
  { name = "pattern", kind = "pattern", output = 6, pod = "left" },
  { name = "speckle", kind = "pattern", output = 7, pod = "right" },
  { name = "white", kind = "white", output = 8, pod = "left" },
]
[schedule]
rate_hz = 10
geometry_exposure_us = 2000
texture_exposure_us = 3000
interleave_pods = %s
"""
TICK_RATE_HZ = 1_000_000


def rig(*, is_apart: bool = False) -> RigConfig:
    return parse(TEXT % str(is_apart).lower(), "rig.toml", Path())


def test_all_cameras_expose_together_and_the_pattern_lamps_light_them_all() -> None:
    schedule = compile_schedule(pattern_light(rig()), TICK_RATE_HZ, 1, pulses=3)
    assert len({e.start_ticks for e in schedule.exposures.values()}) == 1
    assert {flash.lamp for flash in schedule.flashes} == {"pattern", "speckle"}
    assert all(set(flash.cameras) == set(schedule.exposures) for flash in schedule.flashes)


def test_pods_that_take_turns_do_so_here_too() -> None:
    schedule = compile_schedule(pattern_light(rig(is_apart=True)), TICK_RATE_HZ, 1, pulses=3)
    lit = {flash.lamp: set(flash.cameras) for flash in schedule.flashes}
    assert lit == {"pattern": {"upper", "colour"}, "speckle": {"other", "hue"}}
    starts = {name: e.start_ticks for name, e in schedule.exposures.items()}
    assert starts["upper"] == starts["colour"] < starts["other"] == starts["hue"]


@pytest.mark.parametrize("camera", ["upper", "colour", "other", "hue"])
def test_each_camera_keeps_the_exposure_that_it_is_set_to(camera: str) -> None:
    before, after = (next(c for c in config.cameras if c.name == camera) for config in (rig(), pattern_light(rig())))
    assert exposure_us(pattern_light(rig()), after) == exposure_us(rig(), before)


def test_the_rig_s_own_configuration_stays_as_it_is() -> None:
    config = rig()
    pattern_light(config)
    assert config == rig()
