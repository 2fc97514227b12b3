"""Plans at random, compiled by the driver, run by the simulated box, judged by a third who shares code with neither.

What compiles must be taken by a box that holds the same limits, and the outputs that it then drives must keep every
limit of the rig file, as the file says it: in microseconds, shares and rates, not in ticks. What breaks a limit of the
box must be refused by the box itself, whoever sends it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rigdriver.config import RigConfig
from rigdriver.errors import ScheduleError
from rigdriver.schedule.plan import compile_preamble, compile_schedule, light_limits
from rigdriver.schedule.planned import CameraFacts
from rigdriver.schedule.steps import BoxSchedule
from rigdriver.wire.registers import LightLimitsRecord
from rigdriver_sim.trigger_box import registers as r
from rigdriver_sim.trigger_box.facts import HARD_LIGHT, BoxFacts
from tests.unit.sim.trigger_box.box_host import Bench, Step

TICKS_PER_US = 10
TICKS_PER_S = 10_000_000
ROUNDING_US = 0.2
"""Two roundings to a tick."""
PULSES = 3
PODS = ("left", "right")
ANYTHING = LightLimitsRecord(2**32 - 1, 1000, 2**32 - 1, 0, 2**32 - 1, 2**32 - 1)
REPLAYS = settings(
    max_examples=500, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def us(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Rig files: mostly sensible, so that many compile, with every number at its strange values now and then."""
    count = draw(st.integers(1, 8))
    cameras = []
    for n in range(count):
        camera: dict[str, Any] = {
            "name": f"c{n}", "serial": f"S{n}", "output": n, "input": n,
            "role": draw(st.sampled_from(["geometry", "geometry", "texture"])),
            "pod": draw(st.sampled_from(PODS)),
            "latency_us": draw(us(0, 400)), "jitter_us": draw(us(0, 60)),
        }  # fmt: skip
        if draw(st.booleans()):
            camera["exposure_us"] = draw(us(50, 6000))
        cameras.append(camera)
    lamps = []
    for n in range(draw(st.integers(0, 4))):
        lamp: dict[str, Any] = {
            "name": f"l{n}", "output": 10 + n, "kind": draw(st.sampled_from(["pattern", "white"])),
            "pod": draw(st.sampled_from(PODS)),
        }  # fmt: skip
        if draw(st.booleans()):
            lamp |= {"max_flash_width_us": draw(us(20, 3000)), "max_duty": draw(us(0.005, 0.3))}
        if draw(st.booleans()):
            lamp["radiant_power_w"] = draw(us(0.1, 30))
        lamps.append(lamp)
    light: dict[str, Any] = {
        "max_flash_width_us": draw(us(20, 4000)), "max_duty": draw(us(0.001, 0.3)), "max_rate_hz": draw(us(5, 120)),
        "max_train_flashes": draw(st.integers(1, 20)),
    }  # fmt: skip
    if draw(st.booleans()):
        light |= {"max_flash_energy_mj": draw(us(0.5, 60)), "max_run_energy_j": draw(us(0.01, 1))}
    return {
        "name": "replayed", "box": {"url": "none"}, "genicam": {"producers": ["none.cti"]},
        "cameras": cameras, "lamps": lamps, "light": light,
        "schedule": {
            "rate_hz": draw(us(2, 100)), "geometry_exposure_us": draw(us(100, 6000)),
            "texture_exposure_us": draw(us(100, 6000)), "texture_gap_us": draw(us(0, 1500)),
            "interleave_pods": draw(st.booleans()), "guard_us": draw(us(0, 300)),
            "trigger_width_us": draw(us(1, 2000)),
        },
    }  # fmt: skip


@dataclass(frozen=True)
class Lit:
    """One time that an output was high, in microseconds of the box."""

    output: int
    pulse: int
    rise_us: float
    fall_us: float


def replay(box: BoxSchedule, limits: LightLimitsRecord, lamps: int) -> tuple[list[Lit], list[int]]:
    """Have a box that holds these limits execute the schedule to its end: what was high when, and the pulse starts."""
    bench = Bench(BoxFacts(lamp_outputs=lamps, hard_light=_of_box(ANYTHING)))
    assert bench.obeyed(r.REG_LIGHT_LIMITS, *_of_box(limits).words())
    steps = tuple(Step(s.output_mask, s.delay_ticks, s.width_ticks) for s in box.steps)
    bench.run(steps, box.generation, period=box.pulse_period_ticks, pulses=box.pulse_count)
    bench.wait((box.pulse_count + 1) * box.pulse_period_ticks)
    assert bench.read(r.REG_FAULT).values == (0,)
    assert bench.state == r.BOX_STATES_COMMITTED
    rose: dict[int, float] = {}
    lit = []
    starts = {event.pulse_index: event.pulse_start for event in bench.edge_events}
    for event in bench.edge_events:
        for edge in event.edges:
            for output in (n for n in range(16) if edge.mask >> n & 1):
                if edge.levels >> output & 1:
                    rose[output] = edge.t_ticks / TICKS_PER_US
                else:
                    lit.append(Lit(output, event.pulse_index, rose.pop(output), edge.t_ticks / TICKS_PER_US))
    assert not rose, "an output stayed high"
    return lit, [starts[n] for n in range(box.pulse_count)]


def _of_box(limits: LightLimitsRecord) -> Any:
    return replace(HARD_LIGHT, **{field: getattr(limits, field) for field in LightLimitsRecord.__slots__})


def broken(plan: dict[str, Any], lit: list[Lit], starts: list[int]) -> list[str]:
    """Judge what the outputs did by the words of the rig file alone."""
    found = []
    period_us = (starts[1] - starts[0]) / TICKS_PER_US
    if 1e6 / period_us > plan["schedule"]["rate_hz"] * (1 + 1e-9):
        found.append("faster than asked")
    windows = _windows(plan, lit)
    for one in lit:
        start_us = starts[one.pulse] / TICKS_PER_US
        if not start_us <= one.rise_us < one.fall_us < start_us + period_us:
            found.append(f"{one} outside its pulse")
    for camera in plan["cameras"]:
        if sum(one.output == camera["output"] for one in lit) != PULSES:
            found.append(f"{camera['name']}: not one trigger per pulse")
    energy_mj = 0.0
    for lamp in plan["lamps"]:
        flashes = [one for one in lit if one.output == lamp["output"]]
        found += _broken_by_train(plan["light"], lamp, flashes)
        for one in flashes:
            found += _broken_by_flash(plan, lamp, one, windows, period_us)
            energy_mj += lamp.get("radiant_power_w", 0) * (one.fall_us - one.rise_us) * 1e-3
    if energy_mj > 1000 * plan["light"].get("max_run_energy_j", 1e9) * (1 + 1e-9):
        found.append("dose")
    return found


def _broken_by_train(light: dict[str, Any], lamp: dict[str, Any], flashes: list[Lit]) -> list[str]:
    found = []
    if len(flashes) != PULSES:
        found.append(f"{lamp['name']}: not one flash per pulse")
    if len(flashes) > light["max_train_flashes"]:
        found.append(f"{lamp['name']}: train too long")
    for a, b in pairwise(flashes):
        if 1e6 / (b.rise_us - a.rise_us) > light["max_rate_hz"] * (1 + 1e-9):
            found.append(f"{lamp['name']}: too many flashes a second")
    return found


def _windows(plan: dict[str, Any], lit: list[Lit]) -> list[tuple[dict[str, Any], Lit, float]]:
    """Return camera, its trigger, its exposure in microseconds, for each trigger edge that the box sent."""
    by_output = {c["output"]: c for c in plan["cameras"]}
    role = {"geometry": plan["schedule"]["geometry_exposure_us"], "texture": plan["schedule"]["texture_exposure_us"]}
    return [
        (c, one, c.get("exposure_us", role[c["role"]])) for one in lit if (c := by_output.get(one.output)) is not None
    ]


def _broken_by_flash(
    plan: dict[str, Any],
    lamp: dict[str, Any],
    one: Lit,
    windows: list[tuple[dict[str, Any], Lit, float]],
    period_us: float,
) -> list[str]:
    found = []
    width_us, light = one.fall_us - one.rise_us, plan["light"]
    if width_us > min(light["max_flash_width_us"], lamp.get("max_flash_width_us", 1e9)) + 1e-6:
        found.append(f"{lamp['name']}: lit for {width_us} us")
    if width_us / period_us > min(light["max_duty"], lamp.get("max_duty", 1)) + 1e-9:
        found.append(f"{lamp['name']}: duty {width_us / period_us}")
    if lamp.get("radiant_power_w", 0) * width_us * 1e-3 > light.get("max_flash_energy_mj", 1e9) * (1 + 1e-9):
        found.append(f"{lamp['name']}: energy")
    for camera, trigger, exposure_us in windows:
        begin_us = trigger.rise_us + camera["latency_us"]
        first_us, last_us = begin_us - camera["jitter_us"], begin_us + camera["jitter_us"]
        if _is_meant_for(plan, lamp, camera):
            guard_us = plan["schedule"]["guard_us"] - ROUNDING_US
            is_inside = last_us + guard_us <= one.rise_us and one.fall_us <= first_us + exposure_us - guard_us
            if trigger.pulse == one.pulse and not is_inside:
                found.append(f"{lamp['name']}: lit outside the exposure of {camera['name']}")
        elif one.rise_us < last_us + exposure_us - ROUNDING_US and first_us + ROUNDING_US < one.fall_us:
            found.append(f"{lamp['name']}: lit while {camera['name']} exposes")
    return found


def _is_meant_for(plan: dict[str, Any], lamp: dict[str, Any], camera: dict[str, Any]) -> bool:
    if (lamp["kind"] == "pattern") != (camera["role"] == "geometry"):
        return False
    is_apart = plan["schedule"]["interleave_pods"] and lamp["kind"] == "pattern"
    return not is_apart or lamp["pod"] == camera["pod"]


def lamp_mask(plan: dict[str, Any]) -> int:
    return sum(1 << lamp["output"] for lamp in plan["lamps"])


@REPLAYS
@given(plans())
def test_what_compiles_is_taken_by_the_box_and_keeps_every_limit_when_it_runs(plan: dict[str, Any]) -> None:
    config = RigConfig.model_validate(plan, strict=False)
    try:
        schedule = compile_schedule(config, TICKS_PER_S, 7, PULSES)
    except ScheduleError:
        assume(False)
    lit, starts = replay(schedule.box, light_limits(config, TICKS_PER_S), lamp_mask(plan))
    assert broken(plan, lit, starts) == []


@REPLAYS
@given(plans(), st.floats(5000, 60_000))
def test_every_preamble_that_compiles_is_dark_and_triggers_each_camera_five_times(
    plan: dict[str, Any], unit_us: float
) -> None:
    config = RigConfig.model_validate(plan, strict=False)
    try:
        preamble = compile_preamble(config, TICKS_PER_S, 7, unit_us)
    except ScheduleError:
        assume(False)
    lit, _ = replay(preamble.box, light_limits(config, TICKS_PER_S), lamp_mask(plan))
    assert {output: sum(one.output == output for one in lit) for output in range(16)} == {
        n: 5 if n < len(plan["cameras"]) else 0 for n in range(16)
    }


@REPLAYS
@given(plans(), st.floats(1, 400), st.floats(0.1, 300))
def test_cameras_links_and_disk_are_never_asked_for_more_than_they_give(
    plan: dict[str, Any], max_rate_hz: float, megabytes_per_s: float
) -> None:
    link = {"name": "usb", "megabytes_per_s": megabytes_per_s}
    cameras = [{**camera, "link": "usb"} for camera in plan["cameras"]]
    config = RigConfig.model_validate({**plan, "cameras": cameras, "links": [link], "lamps": []}, strict=False)
    facts = {c["name"]: CameraFacts(max_rate_hz, 3_145_728) for c in cameras}
    try:
        schedule = compile_schedule(config, TICKS_PER_S, 7, PULSES, facts=facts)
    except ScheduleError:
        assume(False)
    rate_hz = TICKS_PER_S / schedule.box.pulse_period_ticks
    assert rate_hz <= max_rate_hz
    assert len(cameras) * 3_145_728 * rate_hz <= megabytes_per_s * 1e6 * (1 + 1e-9)


def test_the_judge_finds_each_way_to_break_a_limit() -> None:
    plan = sound_plan()
    config = RigConfig.model_validate(plan, strict=False)
    lit, starts = replay(
        compile_schedule(config, TICKS_PER_S, 7, PULSES).box, light_limits(config, TICKS_PER_S), 1 << 10
    )
    assert broken(plan, lit, starts) == []
    for section, key, value in (
        ("light", "max_flash_width_us", 900.0), ("light", "max_duty", 0.009), ("light", "max_rate_hz", 9.9),
        ("light", "max_train_flashes", 2), ("light", "max_flash_energy_mj", 1.9), ("light", "max_run_energy_j", 0.0059),
        ("schedule", "rate_hz", 9.9), ("schedule", "guard_us", 600.0), ("schedule", "geometry_exposure_us", 900.0),
    ):  # fmt: skip
        assert broken({**plan, section: {**plan[section], key: value}}, lit, starts), key
    late = [
        replace(one, rise_us=one.rise_us + 1500, fall_us=one.fall_us + 1500) if one.output == 10 else one for one in lit
    ]
    assert {text.split()[1] for text in broken(plan, late, starts)} == {"lit"}
    assert broken(plan, [one for one in lit if one.output != 0], starts)


def sound_plan() -> dict[str, Any]:
    return {
        "name": "sound", "box": {"url": "none"}, "genicam": {"producers": ["none.cti"]},
        "cameras": [
            {"name": "g", "serial": "1", "output": 0, "role": "geometry", "latency_us": 20.0, "jitter_us": 5.0},
            {"name": "t", "serial": "2", "output": 1, "role": "texture", "latency_us": 25.0, "jitter_us": 5.0},
        ],
        "lamps": [{"name": "l", "kind": "pattern", "output": 10, "radiant_power_w": 2.0}],
        "light": {"max_flash_width_us": 1000.0, "max_duty": 0.05, "max_rate_hz": 15.0, "max_train_flashes": 20},
        "schedule": {
            "rate_hz": 10.0, "geometry_exposure_us": 2000.0, "texture_exposure_us": 2000.0, "texture_gap_us": 500.0,
            "interleave_pods": False, "guard_us": 50.0, "trigger_width_us": 100.0,
        },
    }  # fmt: skip


# ---------------------------------------------------------------- what the box refuses by itself

SOUND = (Step(0x3F, 0, 1000), Step(0x40, 2000, 15_000))
TWICE = (Step(0x40, 0, 20_000), Step(0x40, 30_000, 20_000))


@pytest.mark.parametrize(
    ("steps", "header", "reason"),
    [
        ((Step(0x40, 2000, 20_001),), {}, r.REFUSAL_REASONS_FLASH_TOO_LONG),
        ((Step(0x40, 2000, 15_000),), {"period": 299_999}, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE),
        (TWICE, {"period": 700_000}, r.REFUSAL_REASONS_LAMP_DUTY_TOO_LARGE),
        ((Step(0x40, 2000, 15_000),), {"period": 666_666}, r.REFUSAL_REASONS_LAMP_RATE_TOO_HIGH),
        ((Step(0x3F, 999_000, 1000),), {}, r.REFUSAL_REASONS_STEP_OUTSIDE_PULSE),
        ((Step(0x40, 2000, 5000), Step(0x40, 7000, 5000)), {}, r.REFUSAL_REASONS_STEPS_OVERLAP),
    ],
)  # fmt: skip
def test_a_schedule_that_breaks_a_limit_is_refused_by_the_box_whoever_sends_it(
    steps: tuple[Step, ...], header: dict[str, int], reason: int
) -> None:
    bench = Bench()
    assert bench.commit(SOUND)
    assert not bench.commit(steps, generation=8, **header)
    assert bench.refusal()[0] == reason
    assert bench.read(r.REG_COMMITTED_GENERATION).values == (7,)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=500, derandomize=True, deadline=None)
def test_no_hand_made_schedule_makes_the_box_break_its_limits(seed: int) -> None:
    dice = random.Random(seed)
    lamps, period = 0xC0, dice.choice([400_000, 667_000, 700_000, 1_000_000])
    masks, widths = (0x3F, 0x40, 0x80, 0xC0, 0xFF), (10, 900, 9000, 19_000, 30_000)
    steps = tuple(
        Step(dice.choice(masks), dice.randrange(0, period), dice.choice(widths)) for _ in range(dice.randrange(1, 4))
    )
    bench = Bench(BoxFacts(lamp_outputs=lamps))
    if not bench.commit(steps, period=period, pulses=3):
        return
    bench.feed()
    assert bench.obeyed(r.REG_ARM, 7)
    assert bench.obeyed(r.REG_START, 7)
    bench.wait(4 * period)
    for lamp in (6, 7):
        edges = [e for e in bench.edges if not e.is_input and e.mask >> lamp & 1]
        lit = [b.t_ticks - a.t_ticks for a, b in pairwise(edges) if a.levels >> lamp & 1]
        assert all(width <= 20_000 for width in lit)
        assert sum(lit) <= 0.05 * 3 * period
        assert not lit or period >= 10_000_000 / 15
