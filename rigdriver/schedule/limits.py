"""Proves a compiled schedule safe, or rejects it with the limit that it breaks and the remedy.

In: the rig file, a schedule, and what the cameras report about themselves. Out: nothing, or a ScheduleError. The box
checks its own hard limits again at commit. Not here: how a plan becomes a schedule (see plan.py). Only the result is
judged, so a mistake in the compiler is found here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit, Finding
from rigdriver.schedule.planned import CameraFacts, PlannedFlash, Schedule
from rigdriver.schedule.steps import end_ticks
from rigdriver.wire.registers import LightLimitsRecord

Broken = Iterator[Finding[BrokenLimit]]
LESS_LIGHT = "lower rate_hz, the exposure or light.max_flash_width_us"
"""Remedy against a lamp that is lit too much."""


def refuse_broken_limits(
    config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts], limits: LightLimitsRecord
) -> None:
    """Check everything; `limits` are the rig file's as the box holds them. ScheduleError with every broken one."""
    broken = (
        *_long_pulses(config, schedule),
        *_short_triggers(config),
        *_flashes_outside(schedule),
        *_foreign_light(schedule),
        *_fast_cameras(config, schedule, facts),
        *_full_links(config, schedule, facts),
        *_light(config, schedule, limits),
    )
    if broken:
        raise ScheduleError(findings=broken)


def refuse_broken_light(config: RigConfig, schedule: Schedule, limits: LightLimitsRecord) -> None:
    """Check the limits on light alone. ScheduleError with every broken one."""
    if broken := tuple(_light(config, schedule, limits)):
        raise ScheduleError(findings=broken)


def _long_pulses(config: RigConfig, schedule: Schedule) -> Broken:
    """Find exposures that end after the next pulse starts: their edges would be reported in the next pulse."""
    tolerance = ticks_from_us(config.sync.tolerance_us, schedule.tick_rate_hz)
    period = schedule.box.pulse_period_ticks
    for e in schedule.exposures.values():
        # The worst case: as late as the jitter allows, and as late as a time stamp is still accepted.
        end = e.start_ticks + e.jitter_ticks + e.exposure_ticks + e.line_fall_ticks + tolerance
        if end >= period:
            yield Finding(
                BrokenLimit.PERIOD,
                device=f"camera {e.camera}",
                seen=f"its exposure may end {us_from_ticks(end, schedule.tick_rate_hz):.0f} us after the pulse start",
                expected=_before_the_next_pulse(schedule),
                remedy="shorten the exposure or lower rate_hz",
            )
    end = max(end_ticks(step) for step in schedule.box.steps)
    if end >= period:
        yield Finding(
            BrokenLimit.PERIOD,
            device="trigger box",
            seen=f"an output falls {us_from_ticks(end, schedule.tick_rate_hz):.0f} us after the pulse start",
            expected=_before_the_next_pulse(schedule),
            remedy="shorten trigger_width_us or lower rate_hz",
        )


def shortest_trigger_us(camera: CameraConfig) -> float:
    """Return the shortest trigger pulse that passes the camera's input.

    An opto-coupler switches on only after its light has been on for its delay of rising edges. Twice that delay is
    asked for, as it changes with temperature, age and supply (Basler, I/O timing characteristics).
    """
    return 2 * camera.trigger_rise_us


def _short_triggers(config: RigConfig) -> Broken:
    """Find camera inputs that would not pass the triggers: the camera would not expose, and nobody would know why."""
    width_us = config.schedule.trigger_width_us
    for camera in config.cameras:
        if width_us < shortest_trigger_us(camera):
            yield Finding(
                BrokenLimit.TRIGGER_WIDTH,
                device=f"camera {camera.name}",
                seen=f"its trigger pulses are {width_us:g} us long (schedule.trigger_width_us)",
                expected=f"at least {shortest_trigger_us(camera):g} us, twice its trigger_rise_us",
                remedy="lengthen trigger_width_us, or mend trigger_rise_us of that camera",
            )


def _before_the_next_pulse(schedule: Schedule) -> str:
    period_us = us_from_ticks(schedule.box.pulse_period_ticks, schedule.tick_rate_hz)
    return f"less than {period_us:.0f} us, when the next pulse starts"


def _flashes_outside(schedule: Schedule) -> Broken:
    """Find flashes that are lit while one of their cameras does not expose, whatever its jitter."""
    for flash in schedule.flashes:
        for e in (schedule.exposures[name] for name in flash.cameras):
            # The exposure may start late and end early by its jitter; the flash must fit between both.
            early = e.start_ticks + e.jitter_ticks - flash.delay_ticks
            late = flash.delay_ticks + flash.width_ticks - (e.start_ticks - e.jitter_ticks + e.exposure_ticks)
            outside = max(early, late)
            if outside > 0:
                outside_us = us_from_ticks(outside, schedule.tick_rate_hz)
                yield Finding(
                    BrokenLimit.FLASH_OUTSIDE_EXPOSURE,
                    device=f"lamp {flash.lamp}",
                    seen=f"{outside_us:.1f} us of its flash may lie outside the exposure of camera {e.camera}",
                    expected="the whole flash within the exposure",
                    remedy="lengthen guard_us or the exposure",
                )


def _foreign_light(schedule: Schedule) -> Broken:
    """Find exposures in the light of a lamp that is not meant for them, whatever their jitter."""
    for flash in schedule.flashes:
        for e in (e for name, e in schedule.exposures.items() if name not in flash.cameras):
            # Here the other way round: an exposure may start early and end late, and must still be dark.
            begins = e.start_ticks - e.jitter_ticks
            ends = e.start_ticks + e.jitter_ticks + e.exposure_ticks
            if begins < flash.delay_ticks + flash.width_ticks and flash.delay_ticks < ends:
                yield Finding(
                    BrokenLimit.FOREIGN_LIGHT,
                    device=f"lamp {flash.lamp}",
                    seen=f"may be lit during the exposure of camera {e.camera}",
                    expected="no light of this lamp in the images of that camera",
                    remedy="lengthen texture_gap_us or shorten the exposures",
                )


def _fast_cameras(config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts]) -> Broken:
    """Find triggers that are too fast: a camera ignores them and does not report it."""
    for camera in config.cameras:
        said = facts.get(camera.name, CameraFacts()).max_rate_hz
        limits = [rate for rate in (camera.max_rate_hz, said) if rate is not None]
        if limits and schedule.rate_hz > min(limits):
            yield Finding(
                BrokenLimit.CAMERA_RATE,
                device=f"camera {camera.name}",
                seen=f"is triggered at {schedule.rate_hz:g} Hz",
                expected=f"at most {min(limits):g} Hz, its fastest rate",
                remedy="lower rate_hz, its exposure or its image height",
            )


def _full_links(config: RigConfig, schedule: Schedule, facts: Mapping[str, CameraFacts]) -> Broken:
    # A camera that does not report its payload is not counted: the check can miss, and never accuses wrongly.
    sizes = {name: fact.payload_bytes for name, fact in facts.items() if fact.payload_bytes}
    for link in config.links:
        names = [c.name for c in config.cameras if c.link == link.name and c.name in sizes]
        yield from _data_rate(
            sum(sizes[n] for n in names), schedule, link.megabytes_per_s, f"link {link.name}", f"{len(names)} cameras"
        )
    if (limit := config.schedule.disk_megabytes_per_s) is not None:
        yield from _data_rate(sum(sizes.values()), schedule, limit, "disk", "the frames")


def _data_rate(
    frame_set_bytes: int, schedule: Schedule, limit_megabytes_per_s: float, device: str, sources: str
) -> Broken:
    megabytes_per_s = frame_set_bytes * schedule.rate_hz / 1e6
    if megabytes_per_s > limit_megabytes_per_s:
        yield Finding(
            BrokenLimit.DATA_RATE,
            device=device,
            seen=f"{sources} make {megabytes_per_s:.0f} MB/s",
            expected=f"at most {limit_megabytes_per_s:g} MB/s",
            remedy="lower rate_hz, the image size or the bits per pixel, or share the data among more links or disks",
        )


def _light(config: RigConfig, schedule: Schedule, limits: LightLimitsRecord) -> Broken:
    if not schedule.flashes:
        return
    light, pulses = config.light, schedule.box.pulse_count
    if pulses > light.max_train_flashes:
        longest_s = light.max_train_flashes / schedule.rate_hz
        yield Finding(
            BrokenLimit.TRAIN_FLASHES,
            device="light",
            seen=f"{pulses} pulses with light in a row",
            expected=f"at most {light.max_train_flashes} (light.max_train_flashes), {longest_s:.1f} s at "
            f"{schedule.rate_hz:g} Hz",
            remedy="ask for fewer pulses, or raise the limit if nobody photosensitive can be there",
        )
    # In whole numbers, rate * period < 1: rounding could let through here what the box refuses.
    if limits.max_rate_millihertz * schedule.box.pulse_period_ticks < schedule.tick_rate_hz * 1000:
        yield Finding(
            BrokenLimit.LIGHT_RATE,
            device="light",
            seen=f"flashes at {schedule.rate_hz:g} Hz",
            expected=f"at most {light.max_rate_hz:g} Hz (light.max_rate_hz)",
            remedy="lower rate_hz",
        )
    lamps = {lamp.name: lamp for lamp in config.lamps}
    for flash in schedule.flashes:
        yield from _lamp(config, lamps[flash.lamp], flash, schedule, limits)
    yield from _dose(config, schedule)


def _lamp(
    config: RigConfig, lamp: LampConfig, flash: PlannedFlash, schedule: Schedule, limits: LightLimitsRecord
) -> Broken:
    width_us = us_from_ticks(flash.width_ticks, schedule.tick_rate_hz)
    longest_us = min(config.light.max_flash_width_us, lamp.max_flash_width_us or config.light.max_flash_width_us)
    # The plan rounds to whole ticks; one tick more is no broken limit.
    if width_us > longest_us + us_from_ticks(1, schedule.tick_rate_hz):
        yield Finding(
            BrokenLimit.FLASH_WIDTH,
            device=f"lamp {lamp.name}",
            seen=f"lit for {width_us:.1f} us per flash",
            expected=f"at most {longest_us:g} us (max_flash_width_us)",
            remedy="shorten the flash",
        )
    duty = flash.width_ticks / schedule.box.pulse_period_ticks
    # In the box's own unit: what passes here must pass there.
    allowed_by_light = limits.max_duty_permille / 1000
    allowed = min(allowed_by_light, lamp.max_duty or allowed_by_light)
    if duty > allowed or flash.width_ticks * 1000 > limits.max_duty_permille * schedule.box.pulse_period_ticks:
        limit = "light.max_duty" if allowed == allowed_by_light else "max_duty of this lamp"
        yield Finding(
            BrokenLimit.DUTY,
            device=f"lamp {lamp.name}",
            seen=f"lit {duty:.1%} of the time",
            expected=f"at most {allowed:.1%} ({limit})",
            remedy=LESS_LIGHT,
        )
    second, lit = schedule.tick_rate_hz, _most_in_a_second(flash, schedule)
    if lit * 1000 > limits.max_duty_permille * second:
        yield Finding(
            BrokenLimit.DUTY,
            device=f"lamp {lamp.name}",
            seen=f"lit for up to {lit / second:.2%} of a second",
            expected=f"at most {allowed_by_light:.1%} of every second (light.max_duty)",
            remedy=LESS_LIGHT,
        )
    # W * us = uJ.
    energy_mj = (lamp.radiant_power_w or 0) * width_us * 1e-3
    if config.light.max_flash_energy_mj is not None and energy_mj > config.light.max_flash_energy_mj:
        yield Finding(
            BrokenLimit.FLASH_ENERGY,
            device=f"lamp {lamp.name}",
            seen=f"emits {energy_mj:.3g} mJ per flash",
            expected=f"at most {config.light.max_flash_energy_mj:g} mJ (light.max_flash_energy_mj)",
            remedy="shorten its flash (max_flash_width_us)",
        )


def _most_in_a_second(flash: PlannedFlash, schedule: Schedule) -> int:
    """Return the most ticks that a lamp is lit in any second of the run: of whole pulses, and of a part that is cut."""
    pulses, rest = divmod(schedule.tick_rate_hz, schedule.box.pulse_period_ticks)
    return pulses * flash.width_ticks + min(flash.width_ticks, rest)


def emitted_j(config: RigConfig, flashes: Iterable[PlannedFlash], tick_rate_hz: int) -> float:
    """Return what all lamps of known power emit in one pulse."""
    power_w = {lamp.name: lamp.radiant_power_w or 0 for lamp in config.lamps}
    return sum(power_w[s.lamp] * s.width_ticks / tick_rate_hz for s in flashes)


def _dose(config: RigConfig, schedule: Schedule) -> Broken:
    limit_j = config.light.max_run_energy_j
    pulse_j = emitted_j(config, schedule.flashes, schedule.tick_rate_hz)
    if limit_j is not None and pulse_j * schedule.box.pulse_count > limit_j:
        yield Finding(
            BrokenLimit.RUN_ENERGY,
            device="light",
            seen=f"{schedule.box.pulse_count} pulses emit {pulse_j * schedule.box.pulse_count:.3g} J",
            expected=f"at most {limit_j:g} J (light.max_run_energy_j)",
            remedy=f"ask for at most {int(limit_j / pulse_j)} pulses",
        )
