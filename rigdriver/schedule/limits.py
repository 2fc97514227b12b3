"""Proves a compiled schedule safe, or rejects it with the limit that it breaks and the remedy.

In: the rig file, a schedule, and what the cameras report about themselves. Out: nothing, or a ScheduleError. The box
checks its own hard limits again at commit. Not here: how a plan becomes a schedule (see plan.py). Only the result is
judged, so a mistake in the compiler is found here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import LampConfig, RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.schedule.planned import CameraFacts, PlannedFlash, Schedule
from rigdriver.schedule.steps import end_ticks
from rigdriver.wire.registers import LightLimitsRecord


def refuse_broken_limits(
    config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts], limits: LightLimitsRecord
) -> None:
    """Check everything; `limits` are the rig file's as the box holds them. ScheduleError with every broken one."""
    broken = (
        *_long_pulses(config, schedule),
        *_flashes_outside(schedule),
        *_foreign_light(schedule),
        *_fast_cameras(config, schedule, facts),
        *_full_links(config, schedule, facts),
        *_light(config, schedule, limits),
    )
    if broken:
        raise ScheduleError(*broken)


def _long_pulses(config: RigConfig, schedule: Schedule) -> Iterator[str]:
    """Find exposures that end after the next pulse starts: their edges would be reported in the next pulse."""
    tolerance = ticks_from_us(config.sync.tolerance_us, schedule.tick_rate_hz)
    period = schedule.box.pulse_period_ticks
    for e in schedule.exposures.values():
        # The worst case: as late as the jitter allows, and as late as a time stamp is still accepted.
        end = e.start_ticks + e.jitter_ticks + e.exposure_ticks + tolerance
        if end >= period:
            yield (
                f"camera {e.camera}: its exposure ends {us_from_ticks(end, schedule.tick_rate_hz):.0f} us after the "
                f"pulse start, but the next pulse starts after {us_from_ticks(period, schedule.tick_rate_hz):.0f} us; "
                "shorten the exposure or lower rate_hz"
            )
    end = max(end_ticks(step) for step in schedule.box.steps)
    if end >= period:
        yield (
            f"box: an output falls {us_from_ticks(end, schedule.tick_rate_hz):.0f} us after the pulse start, but the "
            f"next pulse starts after {us_from_ticks(period, schedule.tick_rate_hz):.0f} us; shorten "
            "trigger_width_us or lower rate_hz"
        )


def _flashes_outside(schedule: Schedule) -> Iterator[str]:
    """Find flashes that are lit while one of their cameras does not expose, whatever its jitter."""
    for flash in schedule.flashes:
        for e in (schedule.exposures[name] for name in flash.cameras):
            # The exposure may start late and end early by its jitter; the flash must fit between both.
            early = e.start_ticks + e.jitter_ticks - flash.delay_ticks
            late = flash.delay_ticks + flash.width_ticks - (e.start_ticks - e.jitter_ticks + e.exposure_ticks)
            outside = max(early, late)
            if outside > 0:
                yield (
                    f"lamp {flash.lamp}: {us_from_ticks(outside, schedule.tick_rate_hz):.1f} us of its flash may lie "
                    f"outside the exposure of camera {e.camera}; lengthen guard_us or the exposure"
                )


def _foreign_light(schedule: Schedule) -> Iterator[str]:
    """Find exposures in the light of a lamp that is not meant for them, whatever their jitter."""
    for flash in schedule.flashes:
        for e in (e for name, e in schedule.exposures.items() if name not in flash.cameras):
            # Here the other way round: an exposure may start early and end late, and must still be dark.
            begins = e.start_ticks - e.jitter_ticks
            ends = e.start_ticks + e.jitter_ticks + e.exposure_ticks
            if begins < flash.delay_ticks + flash.width_ticks and flash.delay_ticks < ends:
                yield (
                    f"lamp {flash.lamp}: may be lit while camera {e.camera}, which is not meant to see it, exposes; "
                    "lengthen texture_gap_us or shorten the exposures"
                )


def _fast_cameras(config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts]) -> Iterator[str]:
    """Find triggers that are too fast: a camera ignores them and does not report it."""
    for camera in config.cameras:
        said = facts.get(camera.name, CameraFacts()).max_rate_hz
        limits = [rate for rate in (camera.max_rate_hz, said) if rate is not None]
        if limits and schedule.rate_hz > min(limits):
            yield (
                f"camera {camera.name}: {schedule.rate_hz:g} Hz is more than the {min(limits):g} Hz that it follows; "
                "lower rate_hz, its exposure or its image height"
            )


def _full_links(config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts]) -> Iterator[str]:
    # A camera that does not report its payload is not counted: the check can miss, and never accuses wrongly.
    sizes = {name: fact.payload_bytes for name, fact in facts.items() if fact.payload_bytes}
    for link in config.links:
        names = [c.name for c in config.cameras if c.link == link.name and c.name in sizes]
        yield from _data_rate(
            sum(sizes[n] for n in names), schedule, link.megabytes_per_s, f"link {link.name}: {len(names)} cameras"
        )
    if config.schedule.disk_megabytes_per_s is not None:
        yield from _data_rate(sum(sizes.values()), schedule, config.schedule.disk_megabytes_per_s, "disk: the frames")


def _data_rate(frame_set_bytes: int, schedule: Schedule, limit_megabytes_per_s: float, what: str) -> Iterator[str]:
    megabytes_per_s = frame_set_bytes * schedule.rate_hz / 1e6
    if megabytes_per_s > limit_megabytes_per_s:
        yield (
            f"{what} make {megabytes_per_s:.0f} MB/s, it carries {limit_megabytes_per_s:g} MB/s; lower rate_hz, the "
            "image size or the bits per pixel, or spread the load"
        )


def _light(config: RigConfig, schedule: Schedule, limits: LightLimitsRecord) -> Iterator[str]:
    if not schedule.flashes:
        return
    light, pulses = config.light, schedule.box.pulse_count
    if pulses > light.max_train_flashes:
        yield (
            f"{pulses} pulses with light in a row: light.max_train_flashes allows {light.max_train_flashes} "
            f"({light.max_train_flashes / schedule.rate_hz:.1f} s at {schedule.rate_hz:g} Hz); ask for fewer pulses, "
            "or raise the limit if nobody photosensitive can be there"
        )
    # In whole numbers, rate * period < 1: rounding could let through here what the box refuses.
    if limits.max_rate_millihertz * schedule.box.pulse_period_ticks < schedule.tick_rate_hz * 1000:
        yield (f"light at {schedule.rate_hz:g} Hz: light.max_rate_hz allows {light.max_rate_hz:g}; lower rate_hz")
    lamps = {lamp.name: lamp for lamp in config.lamps}
    for flash in schedule.flashes:
        yield from _lamp(config, lamps[flash.lamp], flash, schedule, limits)
    yield from _dose(config, schedule)


def _lamp(
    config: RigConfig, lamp: LampConfig, flash: PlannedFlash, schedule: Schedule, limits: LightLimitsRecord
) -> Iterator[str]:
    width_us = us_from_ticks(flash.width_ticks, schedule.tick_rate_hz)
    longest_us = min(config.light.max_flash_width_us, lamp.max_flash_width_us or config.light.max_flash_width_us)
    # The plan rounds to whole ticks; one tick more is no broken limit.
    if width_us > longest_us + us_from_ticks(1, schedule.tick_rate_hz):
        yield (f"lamp {lamp.name}: lit for {width_us:.1f} us; {longest_us:g} us are allowed; shorten it")
    duty = flash.width_ticks / schedule.box.pulse_period_ticks
    # In the box's own unit: what passes here must pass there.
    allowed_by_light = limits.max_duty_permille / 1000
    allowed = min(allowed_by_light, lamp.max_duty or allowed_by_light)
    if duty > allowed or flash.width_ticks * 1000 > limits.max_duty_permille * schedule.box.pulse_period_ticks:
        whose = "light" if allowed == allowed_by_light else "its"
        yield (
            f"lamp {lamp.name}: lit {duty:.1%} of the time; {whose}.max_duty allows {allowed:.1%}; lower "
            "rate_hz, the exposure or light.max_flash_width_us"
        )
    second, lit = schedule.tick_rate_hz, _most_in_a_second(flash, schedule)
    if lit * 1000 > limits.max_duty_permille * second:
        yield (
            f"lamp {lamp.name}: lit for up to {lit / second:.2%} of a second; light.max_duty allows "
            f"{allowed_by_light:.1%} of every second; lower rate_hz, the exposure or light.max_flash_width_us"
        )
    # W * us = uJ.
    energy_mj = (lamp.radiant_power_w or 0) * width_us * 1e-3
    if config.light.max_flash_energy_mj is not None and energy_mj > config.light.max_flash_energy_mj:
        yield (
            f"lamp {lamp.name}: {energy_mj:.3g} mJ per flash; light.max_flash_energy_mj allows "
            f"{config.light.max_flash_energy_mj:g}; shorten its flash"
        )


def _most_in_a_second(flash: PlannedFlash, schedule: Schedule) -> int:
    """Return the most ticks that a lamp is lit in any second of the run: of whole pulses, and of a part that is cut."""
    pulses, rest = divmod(schedule.tick_rate_hz, schedule.box.pulse_period_ticks)
    return pulses * flash.width_ticks + min(flash.width_ticks, rest)


def emitted_j(config: RigConfig, flashes: Iterable[PlannedFlash], tick_rate_hz: int) -> float:
    """Return what all lamps of known power emit in one pulse."""
    power_w = {lamp.name: lamp.radiant_power_w or 0 for lamp in config.lamps}
    return sum(power_w[s.lamp] * s.width_ticks / tick_rate_hz for s in flashes)


def _dose(config: RigConfig, schedule: Schedule) -> Iterator[str]:
    limit_j = config.light.max_run_energy_j
    pulse_j = emitted_j(config, schedule.flashes, schedule.tick_rate_hz)
    if limit_j is not None and pulse_j * schedule.box.pulse_count > limit_j:
        yield (
            f"{schedule.box.pulse_count} pulses emit {pulse_j * schedule.box.pulse_count:.3g} J; "
            f"light.max_run_energy_j allows {limit_j:g} J; ask for at most {int(limit_j / pulse_j)} pulses"
        )
