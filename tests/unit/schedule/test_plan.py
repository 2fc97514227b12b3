"""The compiled schedule does what the plan says, and a plan that would break a limit is refused.

In: plans with lamps and limits. Out: steps whose light lies inside every exposure that it is for, or a refusal with the
limit and the figure.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import astuple
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.findings import BrokenLimit
from rigdriver.schedule.plan import GOLOMB_MARKS, compile_preamble, compile_schedule, light_limits
from rigdriver.schedule.planned import CameraFacts, Schedule
from rigdriver.schedule.steps import end_ticks
from tests.unit.sync.planted import TICKS, rig_config

LAMPS = (
    {"name": "left_pattern", "kind": "pattern", "output": 6},
    {"name": "left_white", "kind": "white", "output": 8},
)


def with_lamps(**changes: object) -> RigConfig:
    """A rig of six cameras and two lamps; `schedule` and `light` keys may be changed."""
    table = rig_config().model_dump()
    table["lamps"] = LAMPS
    table["light"] = {"max_rate_hz": 100, "max_train_flashes": 1000}
    for key, value in changes.items():
        for section in ("schedule", "light"):
            if key in RigConfig.model_fields[section].annotation.model_fields:  # type: ignore[union-attr]
                table[section] = {**table[section], key: value}
    return RigConfig.model_validate(table, strict=False)


def lit_inside(schedule: Schedule) -> bool:
    """Every flash lies inside the exposures of its cameras at both ends of their jitter."""
    return all(
        exposure.start_ticks + exposure.jitter_ticks <= flash.delay_ticks
        and flash.delay_ticks + flash.width_ticks
        <= exposure.start_ticks - exposure.jitter_ticks + exposure.exposure_ticks
        for flash in schedule.flashes
        for exposure in (schedule.exposures[name] for name in flash.cameras)
    )


def test_geometry_exposures_begin_together_whatever_the_latencies() -> None:
    table = rig_config().model_dump()
    for n, camera in enumerate(table["cameras"]):
        camera["latency_us"] = 10.0 + 7 * n
    schedule = compile_schedule(RigConfig.model_validate(table, strict=False), TICKS, 1)
    starts = {e.start_ticks for name, e in schedule.exposures.items() if not name.endswith("colour")}
    assert len(starts) == 1


def test_texture_exposures_begin_after_geometry_has_ended_and_the_gap_is_over() -> None:
    schedule = compile_schedule(with_lamps(texture_gap_us=700.0), TICKS, 1)
    end = max(e.start_ticks + e.exposure_ticks for n, e in schedule.exposures.items() if not n.endswith("colour"))
    start = min(e.start_ticks for n, e in schedule.exposures.items() if n.endswith("colour"))
    assert start - end >= 7000


@given(
    rate=st.floats(1, 60), geometry=st.floats(200, 4000), texture=st.floats(200, 4000), gap=st.floats(0, 3000),
    guard=st.floats(0, 300), width=st.floats(100, 2000),
)  # fmt: skip
def test_no_plan_compiles_that_breaks_a_limit(
    rate: float, geometry: float, texture: float, gap: float, guard: float, width: float
) -> None:
    config = with_lamps(
        rate_hz=rate, geometry_exposure_us=geometry, texture_exposure_us=texture, texture_gap_us=gap, guard_us=guard,
        max_flash_width_us=width,
    )  # fmt: skip
    try:
        schedule = compile_schedule(config, TICKS, 1, pulses=100)
    except ScheduleError:
        return
    period = schedule.box.pulse_period_ticks
    limits = light_limits(config, TICKS)
    assert lit_inside(schedule)
    assert all(end_ticks(step) < period for step in schedule.box.steps)
    assert all(s.width_ticks <= limits.max_flash_width_ticks for s in schedule.flashes)
    assert all(s.width_ticks * 1000 <= (limits.max_duty_permille + 1) * period for s in schedule.flashes)
    assert all(not (a.output_mask & b.output_mask) for a, b in combinations(schedule.box.steps, 2))


@pytest.mark.parametrize(
    ("changes", "pulses", "kind", "told"),
    [
        ({"geometry_exposure_us": 100.0}, 10, BrokenLimit.COMMON_EXPOSURE, "lengthen geometry_exposure_us"),
        ({"geometry_exposure_us": 120_000.0}, 10, BrokenLimit.PERIOD, "shorten the exposure or lower rate_hz"),
        ({"rate_hz": 101.0}, 10, BrokenLimit.LIGHT_RATE, "expected at most 100 Hz (light.max_rate_hz)"),
        ({"max_duty": 0.001}, 10, BrokenLimit.DUTY, "expected at most 0.1% (light.max_duty)"),
        ({"max_train_flashes": 50}, 51, BrokenLimit.TRAIN_FLASHES, "expected at most 50 (light.max_train_flashes)"),
        ({}, -1, BrokenLimit.PULSES, "pulses = -1"),
        ({}, 0, BrokenLimit.PULSES, "pulses = 0"),
    ],
)
def test_a_plan_that_breaks_a_limit_is_refused_with_limit_and_remedy(
    changes: dict[str, object], pulses: int, kind: BrokenLimit, told: str
) -> None:
    with pytest.raises(ScheduleError, match=re.escape(told)) as refused:
        compile_schedule(with_lamps(**changes), TICKS, 1, pulses)
    assert kind in refused.value.kinds


def test_an_endless_run_with_light_ends_with_the_flash_train() -> None:
    assert compile_schedule(with_lamps(max_train_flashes=77), TICKS, 1).box.pulse_count == 77
    assert compile_schedule(rig_config(), TICKS, 1).box.pulse_count == 0


def test_any_two_preamble_frames_tell_which_marks_they_are() -> None:
    differences = [b - a for a, b in combinations(GOLOMB_MARKS, 2)]
    assert len(set(differences)) == len(differences)


def test_the_preamble_is_dark_and_every_camera_is_triggered_at_each_mark() -> None:
    preamble = compile_preamble(with_lamps(), TICKS, 1, unit_us=40_000)
    lit = 1 << 6 | 1 << 8
    assert all(not step.output_mask & lit for step in preamble.box.steps)
    for n in range(6):
        assert sum(step.output_mask >> n & 1 for step in preamble.box.steps) == len(GOLOMB_MARKS)


def test_the_commit_crc_covers_header_and_steps_as_staged() -> None:
    box = compile_schedule(with_lamps(), TICKS, 9, 5).box
    staged = b"".join(w.to_bytes(4, "little") for w in astuple(box.header))
    staged += b"".join(w.to_bytes(4, "little") for step in box.steps for w in astuple(step))
    assert box.crc32() == zlib.crc32(staged)


def test_a_camera_that_cannot_follow_is_refused_by_what_it_says_of_itself() -> None:
    facts = {"right_lower": CameraFacts(max_rate_hz=9.5)}
    with pytest.raises(ScheduleError, match=r"camera right_lower: is triggered at 10 Hz; expected at most 9\.5 Hz"):
        compile_schedule(rig_config(), TICKS, 1, facts=facts)


def test_a_link_that_cannot_carry_its_cameras_is_refused_with_both_figures() -> None:
    table = rig_config().model_dump()
    table["links"] = [{"name": "usb", "megabytes_per_s": 60}]
    for camera in table["cameras"][:2]:
        camera["link"] = "usb"
    config = RigConfig.model_validate(table, strict=False)
    facts = {c.name: CameraFacts(payload_bytes=3_145_728) for c in config.cameras}
    with pytest.raises(ScheduleError, match="link usb: 2 cameras make 63 MB/s; expected at most 60 MB/s"):
        compile_schedule(config, TICKS, 1, facts=facts)
    compile_schedule(config, TICKS, 1, rate_hz=9, facts=facts)


def test_interleaved_pods_never_expose_in_each_others_pattern_light() -> None:
    table = with_lamps(interleave_pods=True).model_dump()
    table["lamps"] = [*LAMPS, {"name": "right_pattern", "kind": "pattern", "output": 7, "pod": "right"}]
    table["lamps"][0] = {**LAMPS[0], "pod": "left"}
    for camera in table["cameras"]:
        camera["pod"] = camera["name"].split("_")[0]
    schedule = compile_schedule(RigConfig.model_validate(table, strict=False), TICKS, 1)
    patterns = {s.lamp: s for s in schedule.flashes if s.lamp.endswith("pattern")}
    assert patterns["left_pattern"].cameras == ("left_upper", "left_lower")
    for flash in patterns.values():
        for name, e in schedule.exposures.items():
            starts_before = flash.delay_ticks < e.start_ticks + e.exposure_ticks
            ends_after = flash.delay_ticks + flash.width_ticks > e.start_ticks
            assert (starts_before and ends_after) == (name in flash.cameras)


@pytest.mark.parametrize(
    ("lamp", "light", "told"),
    [
        ({"radiant_power_w": 20}, {"max_flash_energy_mj": 10}, "expected at most 10 mJ (light.max_flash_energy_mj)"),
        (
            {"radiant_power_w": 20},
            {"max_run_energy_j": 1},
            "expected at most 1 J (light.max_run_energy_j); ask for at most",
        ),
        ({"max_duty": 0.001}, {}, "expected at most 0.1% (max_duty of this lamp)"),
    ],
)
def test_lamp_limits_hold_for_energy_dose_and_duty(lamp: dict[str, float], light: dict[str, float], told: str) -> None:
    table = with_lamps(**light).model_dump()
    table["lamps"] = [{**LAMPS[0], **lamp}]
    table["light"] = {**table["light"], **light}
    with pytest.raises(ScheduleError, match=re.escape(told)):
        compile_schedule(RigConfig.model_validate(table, strict=False), TICKS, 1, pulses=100)


def test_a_lamps_own_longest_flash_shortens_its_flashes() -> None:
    table = with_lamps().model_dump()
    table["lamps"] = [{**LAMPS[0], "max_flash_width_us": 300.0}]
    schedule = compile_schedule(RigConfig.model_validate(table, strict=False), TICKS, 1)
    assert schedule.flashes[0].width_ticks == 3000


def delayed(trigger_width_us: float = 100.0) -> RigConfig:
    """A rig with opto-couplers in the lines of one camera."""
    table = with_lamps(trigger_width_us=trigger_width_us).model_dump()
    table["cameras"][1].update(trigger_rise_us=22.0, line_rise_us=36.0, line_fall_us=18.0)
    return RigConfig.model_validate(table, strict=False)


def test_exposures_begin_together_whatever_the_delays_of_the_trigger_inputs() -> None:
    schedule = compile_schedule(delayed(), TICKS, 1)
    starts = {e.start_ticks for name, e in schedule.exposures.items() if not name.endswith("colour")}
    assert len(starts) == 1
    assert lit_inside(schedule)
    (late,) = (e for e in schedule.exposures.values() if e.line_rise_ticks)
    camera = delayed().camera(late.camera)
    assert late.latency_ticks == round((camera.latency_us + 22.0) * TICKS / 1e6)
    assert (late.line_rise_ticks, late.line_fall_ticks) == (360 * TICKS // 10**7, 180 * TICKS // 10**7)


@pytest.mark.parametrize(("width_us", "is_refused"), [(43.0, True), (44.0, False)])
def test_a_trigger_pulse_that_an_opto_coupler_may_not_pass_is_refused(width_us: float, is_refused: bool) -> None:
    if not is_refused:
        compile_schedule(delayed(width_us), TICKS, 1)
        return
    with pytest.raises(ScheduleError, match="trigger_width_us") as refused:
        compile_schedule(delayed(width_us), TICKS, 1)
    assert set(refused.value.kinds) == {BrokenLimit.TRIGGER_WIDTH}
