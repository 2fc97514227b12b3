"""The calibration's light: all cameras at once, white lamps alone, no faster than three flashes a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.schedule.plan import compile_schedule
from rigdriver.schedule.white_light import white_light

TEXT = """
name = "bench"
genicam = { producers = ["a.cti"] }
box = { url = "/dev/null" }
cameras = [
  { name = "upper", serial = "1", output = 0, input = 0, pod = "left" },
  { name = "lower", serial = "2", output = 1, input = 1, pod = "right", latency_us = 50 },
  { name = "colour", serial = "3", output = 2, input = 2, pod = "left", role = "texture" },
]
lamps = [
  { name = "pattern", kind = "pattern", output = 6, pod = "left" },
  { name = "white", kind = "white", output = 8, pod = "left" },
]
[schedule]
rate_hz = 10
interleave_pods = true
"""
TICK_RATE_HZ = 1_000_000


def rig(text: str = TEXT) -> RigConfig:
    return parse(text, "rig.toml", Path())


def test_all_cameras_expose_together_and_the_white_lamp_lights_them_all() -> None:
    schedule = compile_schedule(white_light(rig()), TICK_RATE_HZ, 1, pulses=10)
    starts = {e.start_ticks for e in schedule.exposures.values()}
    assert len(starts) == 1
    assert [(flash.lamp, flash.cameras) for flash in schedule.flashes] == [("white", ("upper", "lower", "colour"))]
    assert not any(step.output_mask & 1 << 6 for step in schedule.box.steps)


def test_the_rigs_own_plan_does_not_expose_all_cameras_together() -> None:
    schedule = compile_schedule(rig(), TICK_RATE_HZ, 1, pulses=10)
    assert len({e.start_ticks for e in schedule.exposures.values()}) > 1


@pytest.mark.parametrize(("asked", "got"), [(10, 3.0), (2, 2.0)])
def test_it_never_flashes_more_than_three_times_a_second(asked: float, got: float) -> None:
    assert white_light(rig(TEXT.replace("rate_hz = 10", f"rate_hz = {asked}"))).schedule.rate_hz == got


def test_a_rig_without_white_lamps_uses_the_light_of_the_room() -> None:
    config = rig(TEXT.replace('  { name = "white", kind = "white", output = 8, pod = "left" },\n', ""))
    assert compile_schedule(white_light(config), TICK_RATE_HZ, 1, pulses=10).flashes == ()
