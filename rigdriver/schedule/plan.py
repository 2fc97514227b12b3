"""The plan of one pulse in user terms, compiled to the box's steps.

In: a checked `RigConfig`, the box's tick rate, how many frames. Out: a frozen `Schedule`: the box's steps, and when
each camera is triggered and each lamp lit, in ticks after the frame start. A plan that would break a limit is refused
with the limit and the remedy. This file refuses to know how a schedule reaches the box.

    frame start
    |  trigger left_upper   |^|                      (latencies are made up for: exposures begin together)
    |  exposure                 [=========]
    |  left_pattern               [=====]            (inside every geometry exposure, guard and jitter included)
    |  texture exposure                     [=========]
    |  left_white                             [=====]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.schedule.steps import BoxSchedule, BoxStep, LightLimits

GOLOMB_MARKS = (0, 1, 4, 9, 11)
"""Order-5 Golomb ruler: every difference of two marks occurs once, so any two frames tell which marks they are."""


@dataclass(frozen=True, slots=True)
class PlannedExposure:
    """What the box does to one camera in one pulse, and what must follow."""

    camera: str
    output: int
    input: int | None
    delay_ticks: int
    """Trigger edge after the frame start."""
    latency_ticks: int
    jitter_ticks: int
    exposure_ticks: int

    @property
    def start_ticks(self) -> int:
        """Planned exposure start after the frame start."""
        return self.delay_ticks + self.latency_ticks


@dataclass(frozen=True, slots=True)
class PlannedStrobe:
    """One lamp's pulse, and the cameras that expose in its light."""

    lamp: str
    output: int
    delay_ticks: int
    width_ticks: int
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A compiled plan: what the box gets, and what everybody else may expect of it."""

    box: BoxSchedule
    tick_rate_hz: int
    exposures: Mapping[str, PlannedExposure]
    strobes: tuple[PlannedStrobe, ...]

    @property
    def rate_hz(self) -> float:
        """Frames a second."""
        return self.tick_rate_hz / self.box.frame_period_ticks

    @property
    def has_light(self) -> bool:
        """Whether any lamp is lit."""
        return bool(self.strobes)


def exposure_us(config: RigConfig, camera: CameraConfig) -> float:
    """Return a camera's exposure: its own, else the schedule's for its role."""
    if camera.exposure_us is not None:
        return camera.exposure_us
    plan = config.schedule
    return plan.geometry_exposure_us if camera.role == "geometry" else plan.texture_exposure_us


def compile_schedule(
    config: RigConfig, tick_rate_hz: int, generation: int, frames: int | None = None, rate_hz: float | None = None
) -> Schedule:
    """Compile the rig's plan. `frames` None runs until stopped, or until the light limits end it.

    Raises:
        ScheduleError: the plan breaks a limit; the message names it and the remedy.
    """
    rate = config.schedule.rate_hz if rate_hz is None else rate_hz
    if not 0 < rate <= 1000:
        raise ScheduleError(f"rate_hz = {rate:g}: expected more than 0 and at most 1000")
    if frames is not None and not 0 < frames < 2**32:
        raise ScheduleError(f"frames = {frames}: expected 1 to {2**32 - 1}, or none to run until stopped")
    exposures = _plan_exposures(config, tick_rate_hz)
    strobes = _plan_strobes(config, exposures, tick_rate_hz)
    period_ticks = round(tick_rate_hz / rate)
    _refuse_long_frame(config, exposures, period_ticks, tick_rate_hz)
    count = _frame_count(config, frames, rate, strobes)
    steps = _steps(config, exposures, strobes, tick_rate_hz)
    box = BoxSchedule(generation, period_ticks, count, steps)
    _refuse_light(config, strobes, rate, tick_rate_hz)
    return Schedule(box, tick_rate_hz, MappingProxyType(exposures), strobes)


def compile_preamble(config: RigConfig, tick_rate_hz: int, generation: int, unit_us: float) -> Schedule:
    """Compile the dark preamble: one frame whose triggers stand on the marks of a Golomb ruler, `unit_us` apart.

    The spacing of any two of its frames says which marks they are, so each camera's clock is tied to the box's
    without counting and without trusting that no frame was lost.
    """
    exposures = _plan_exposures(config, tick_rate_hz)
    unit = ticks_from_us(unit_us, tick_rate_hz)
    width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    by_delay = _outputs_by_delay(exposures.values())
    steps = tuple(
        BoxStep(mask, mark * unit + delay, width) for mark in GOLOMB_MARKS for delay, mask in sorted(by_delay.items())
    )
    longest = max(e.start_ticks + e.exposure_ticks for e in exposures.values())
    period = GOLOMB_MARKS[-1] * unit + longest + unit
    if len(steps) > 32:
        raise ScheduleError(f"{len(by_delay)} different trigger delays: the preamble has room for 6")
    return Schedule(BoxSchedule(generation, period, 1, steps), tick_rate_hz, MappingProxyType(exposures), ())


def light_limits(config: RigConfig, tick_rate_hz: int) -> LightLimits:
    """Return the rig file's limits on light as the box holds them."""
    light = config.light
    return LightLimits(
        max_pulse_width_ticks=ticks_from_us(light.max_pulse_width_us, tick_rate_hz),
        max_duty_permille=round(light.max_duty * 1000),
        max_train_pulses=light.max_train_pulses,
        min_train_pause_ticks=ticks_from_us(light.min_train_pause_s * 1e6, tick_rate_hz),
        max_session_pulses=light.max_session_pulses,
        max_rate_millihertz=round(light.max_rate_hz * 1000),
    )


def _plan_exposures(config: RigConfig, tick_rate_hz: int) -> dict[str, PlannedExposure]:
    """Place the exposures: all of one role begin together, texture after geometry has ended and the gap is over."""
    plan = config.schedule
    slowest_us = max(c.latency_us for c in config.cameras)
    geometry = [c for c in config.cameras if c.role == "geometry"]
    ends_us = [slowest_us + exposure_us(config, c) + c.jitter_us for c in geometry]
    texture_us = max(ends_us) + plan.texture_gap_us if ends_us else slowest_us
    planned = {}
    for camera in config.cameras:
        start_us = slowest_us if camera.role == "geometry" else texture_us
        planned[camera.name] = PlannedExposure(
            camera=camera.name,
            output=camera.output,
            input=camera.input,
            delay_ticks=ticks_from_us(start_us - camera.latency_us, tick_rate_hz),
            latency_ticks=ticks_from_us(camera.latency_us, tick_rate_hz),
            jitter_ticks=ticks_from_us(camera.jitter_us, tick_rate_hz),
            exposure_ticks=ticks_from_us(exposure_us(config, camera), tick_rate_hz),
        )
    return planned


def _plan_strobes(
    config: RigConfig, exposures: Mapping[str, PlannedExposure], tick_rate_hz: int
) -> tuple[PlannedStrobe, ...]:
    return tuple(_plan_strobe(config, lamp, exposures, tick_rate_hz) for lamp in config.lamps)


def _plan_strobe(
    config: RigConfig, lamp: LampConfig, exposures: Mapping[str, PlannedExposure], tick_rate_hz: int
) -> PlannedStrobe:
    """Put a lamp's pulse inside what all its cameras expose in common, jitter and guard taken off at both ends."""
    role = "geometry" if lamp.kind == "pattern" else "texture"
    names = tuple(c.name for c in config.cameras if c.role == role)
    if not names:
        raise ScheduleError(f"lamp {lamp.name} ({lamp.kind}): no {role} camera would see it; remove it or add a camera")
    guard = ticks_from_us(config.schedule.guard_us, tick_rate_hz)
    lit = [exposures[name] for name in names]
    first = max(e.start_ticks + e.jitter_ticks for e in lit) + guard
    last = min(e.start_ticks - e.jitter_ticks + e.exposure_ticks for e in lit) - guard
    longest = ticks_from_us(config.light.max_pulse_width_us, tick_rate_hz)
    width = min(last - first, longest)
    if width < ticks_from_us(1, tick_rate_hz):
        raise ScheduleError(
            f"lamp {lamp.name}: its cameras expose {us_from_ticks(last - first, tick_rate_hz):.0f} us in common after "
            f"{config.schedule.guard_us:g} us guard and jitter; lengthen {role}_exposure_us or shorten guard_us"
        )
    return PlannedStrobe(lamp.name, lamp.output, first, width, names)


def _refuse_long_frame(
    config: RigConfig, exposures: Mapping[str, PlannedExposure], period_ticks: int, tick_rate_hz: int
) -> None:
    """An exposure must be over before the next frame starts, or its edges would be reported in the next frame."""
    tolerance = ticks_from_us(config.sync.tolerance_us, tick_rate_hz)
    for e in exposures.values():
        end = e.start_ticks + e.jitter_ticks + e.exposure_ticks + tolerance
        if end >= period_ticks:
            raise ScheduleError(
                f"camera {e.camera}: its exposure ends {us_from_ticks(end, tick_rate_hz):.0f} us after the frame "
                f"start, but the next frame starts after {us_from_ticks(period_ticks, tick_rate_hz):.0f} us; "
                "shorten the exposure or lower rate_hz"
            )


def _frame_count(config: RigConfig, frames: int | None, rate_hz: float, strobes: Sequence[PlannedStrobe]) -> int:
    """Return the box's frame count; a run with light never exceeds one flash train."""
    limit = config.light.max_train_pulses
    if not strobes:
        return frames or 0
    if frames is not None and frames > limit:
        raise ScheduleError(
            f"{frames} frames with light in a row: light.max_train_pulses allows {limit} ({limit / rate_hz:.1f} s at "
            f"{rate_hz:g} Hz); ask for fewer frames, or raise the limit if nobody photosensitive can be there"
        )
    return frames if frames is not None else limit


def _refuse_light(config: RigConfig, strobes: Sequence[PlannedStrobe], rate_hz: float, tick_rate_hz: int) -> None:
    light = config.light
    if strobes and rate_hz > light.max_rate_hz:
        raise ScheduleError(f"light at {rate_hz:g} Hz: light.max_rate_hz allows {light.max_rate_hz:g}; lower rate_hz")
    for strobe in strobes:
        duty = strobe.width_ticks / tick_rate_hz * rate_hz
        if duty > light.max_duty:
            raise ScheduleError(
                f"lamp {strobe.lamp}: lit {duty:.1%} of the time: light.max_duty allows {light.max_duty:.1%}; "
                "lower rate_hz, the exposure or light.max_pulse_width_us"
            )


def _outputs_by_delay(exposures: Iterable[PlannedExposure]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for e in exposures:
        masks[e.delay_ticks] = masks.get(e.delay_ticks, 0) | 1 << e.output
    return masks


def _steps(
    config: RigConfig,
    exposures: Mapping[str, PlannedExposure],
    strobes: Sequence[PlannedStrobe],
    tick_rate_hz: int,
) -> tuple[BoxStep, ...]:
    """Join outputs that rise and fall together into one step, in time order."""
    trigger_width = ticks_from_us(config.schedule.trigger_width_us, tick_rate_hz)
    masks: dict[tuple[int, int], int] = {}
    for delay, mask in _outputs_by_delay(exposures.values()).items():
        masks[delay, trigger_width] = mask
    for strobe in strobes:
        key = (strobe.delay_ticks, strobe.width_ticks)
        masks[key] = masks.get(key, 0) | 1 << strobe.output
    return tuple(BoxStep(mask, delay, width) for (delay, width), mask in sorted(masks.items()))
