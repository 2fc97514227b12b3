"""A sweep of flashes across the exposures: triggers in equal steps, each with a flash at another delay.

In: the rig file, the cameras that expose, the lamps that flash, and the delays. Out: a `LightSweep`, proved within the
limits on light: one pulse of the box that holds all of it, so that it is one flash train. The triggers stand at
distances that are all different, as the marks of a preamble, so each frame shows of which exposure it is; the first
exposure stays dark. Not here: what the images show (see selftest/exposure_window.py).

    triggers   |          |           |            |
    exposures  [=====]    [=====]     [=====]      [=====]
    flashes             ##           ##             ##          (swept across the start of the exposures)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rigdriver.clock import ticks_from_us
from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.schedule.limits import refuse_broken_light
from rigdriver.schedule.plan import at_most, light_limits, plan_exposures
from rigdriver.schedule.planned import PlannedFlash, Schedule
from rigdriver.schedule.steps import BoxSchedule, box_step
from rigdriver.wire.registers import StageStepRecord

MOST_FLASHES = 15
"""Largest number of flashes of one sweep: the box has room for 32 steps."""
STAGGER_US = 1000.0
"""Unit by which the distances of the triggers differ; the n-th trigger is n * n units late."""
LEAD_US = 2000.0
"""Time before the first trigger, so that a flash may begin before its trigger."""
LONGEST_FLASH_US = 300.0
"""Longest flash of a sweep: a shorter one shows a microsecond more clearly, a longer one gives more light."""


@dataclass(frozen=True, slots=True)
class LightSweep:
    """A sweep, ready for the box."""

    schedule: Schedule
    """One pulse with all triggers and flashes."""
    as_pulses: Schedule
    """The same light as one flash per pulse, as the limits on light count it."""
    triggers_ticks: tuple[int, ...]
    """Triggers after the pulse start; the first one has no flash."""
    flashes_ticks: tuple[int, ...]
    """Starts of the flashes after the pulse start; that of trigger n + 1 is at n."""
    width_ticks: int


def flash_width_us(config: RigConfig, lamps: Sequence[LampConfig], exposure_us: float) -> float:
    """Return how long the flashes of a sweep are: short beside the exposure, and within what the lamps stand."""
    widths = [lamp.max_flash_width_us for lamp in lamps if lamp.max_flash_width_us is not None]
    return min(LONGEST_FLASH_US, exposure_us / 3, config.light.max_flash_width_us, *widths)


def compile_sweep(
    config: RigConfig,
    tick_rate_hz: int,
    generation: int,
    cameras: Sequence[CameraConfig],
    lamps: Sequence[LampConfig],
    delays_us: Sequence[float],
    width_us: float,
) -> LightSweep:
    """Compile a sweep. `delays_us`: from each trigger to its flash, in rising order, at most `MOST_FLASHES`.

    Raises:
        ScheduleError: the light breaks a limit; the message names it.
    """
    assert len(delays_us) <= MOST_FLASHES
    width = at_most(width_us * tick_rate_hz / 1e6)
    spacing = _spacing_ticks(config, lamps, width, tick_rate_hz)
    lead, stagger = (ticks_from_us(us, tick_rate_hz) for us in (LEAD_US, STAGGER_US))
    triggers = tuple(lead + n * spacing + n * n * stagger for n in range(len(delays_us) + 1))
    delays = (ticks_from_us(delay_us, tick_rate_hz) for delay_us in delays_us)
    starts = tuple(trigger + delay for trigger, delay in zip(triggers[1:], delays, strict=True))
    steps = (*_triggers(config, cameras, triggers, tick_rate_hz), *_flashes(lamps, starts, width))
    box = BoxSchedule.of(generation, triggers[-1] + spacing, 1, sorted(steps, key=lambda step: step.delay_ticks))
    planned = plan_exposures(config, tick_rate_hz)
    exposures = MappingProxyType({camera.name: planned[camera.name] for camera in cameras})
    flashes = tuple(PlannedFlash(lamp.name, lamp.output, at, width, ()) for at in starts for lamp in lamps)
    as_pulses = _as_pulses(lamps, spacing, len(starts), width, tick_rate_hz)
    refuse_broken_light(config, as_pulses, light_limits(config, tick_rate_hz))
    return LightSweep(Schedule(box, tick_rate_hz, exposures, flashes), as_pulses, triggers, starts, width)


def _spacing_ticks(config: RigConfig, lamps: Sequence[LampConfig], width: int, tick_rate_hz: int) -> int:
    """Return the distance of two flashes: the cameras and the limits on light allow it."""
    duties = [config.light.max_duty, *(lamp.max_duty for lamp in lamps if lamp.max_duty is not None)]
    # The share of time holds for every second, so whole flashes count; at least one, which the limits refuse or not.
    per_second = max(1, math.floor(min(duties) * tick_rate_hz / max(1, width)))
    rate_hz = min(config.schedule.rate_hz, config.light.max_rate_hz)
    return math.ceil(tick_rate_hz / min(rate_hz, per_second)) + 1


def _triggers(
    config: RigConfig, cameras: Sequence[CameraConfig], triggers: Sequence[int], tick_rate_hz: int
) -> list[StageStepRecord]:
    width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    outputs = sum(1 << camera.output for camera in cameras)
    return [box_step(outputs, at, width) for at in triggers]


def _flashes(lamps: Sequence[LampConfig], starts: Sequence[int], width: int) -> list[StageStepRecord]:
    outputs = sum(1 << lamp.output for lamp in lamps)
    return [box_step(outputs, at, width) for at in starts] if lamps else []


def _as_pulses(lamps: Sequence[LampConfig], spacing: int, count: int, width: int, tick_rate_hz: int) -> Schedule:
    flashes = tuple(PlannedFlash(lamp.name, lamp.output, 0, width, ()) for lamp in lamps)
    box = BoxSchedule.of(1, spacing, count, _flashes(lamps, (0,), width))
    return Schedule(box, tick_rate_hz, MappingProxyType({}), flashes)
