"""A damaged serial line at 10, 25 and 50 Hz: complete frame sets come again within 2 s of the last damage.

In: runs in modelled time whose line loses, doubles, overtakes and flips for a while, is cut for a moment, or has spikes
beside an exposure's start. Out: no frame set of another moment by the truth, reasons that are so, and a whole end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rigdriver.frames import FrameSet
from rigdriver_sim.faults.table import FaultTable
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.reach.control import Control
from tests.rig.played import LOCKSTEP, Played, opened, planted, play

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]

SPEC = f"default?width=160&height=120&seed=1&{LOCKSTEP}"
AGAIN_S = 2.0
"""Time after the last damage in which frame sets are complete again, in s of the rig."""
DAMAGE = {
    "lost events": {"lose_event_every": 20},
    "doubled events": {"double_event_every": 10},
    "overtaken events": {"overtake_event_every": 10},
    "flipped bits": {"flip_byte_every": 1500},
    "everything": {
        "lose_event_every": 50, "double_event_every": 40, "overtake_event_every": 30, "flip_byte_every": 4000,
    },
}  # fmt: skip
TRUE_REASONS = {"EDGES_LOST"}
"""The only kind of reason there is: every camera is exposed and every frame arrives."""


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(SPEC) as running:
        yield running


@pytest.fixture
def control(running: RunningRig) -> Iterator[Control]:
    with running.control() as control:
        yield control
        control.do("none")


def damaged(running: RunningRig, control: Control, rate_hz: float, damage: dict[str, int]) -> tuple[Played, int]:
    """Play 5 s, damaged from 1 s to 2 s; return what came and the pulse at which the damage had ended."""
    begin, end = round(rate_hz), round(2 * rate_hz)
    ended: list[int] = []

    def then(frame_set: FrameSet) -> None:
        if frame_set.pulse_index == begin:
            for key, value in damage.items():
                control.set(f"faults.{key}", value)
        elif frame_set.pulse_index >= end and not ended:
            control.do("none")
            ended.append(int(control.get("status")["pulse"]))

    with opened(running) as rig:
        played = play(rig, round(5 * rate_hz), rate_hz, then)
    return played, ended[0]


ALONE = [pytest.param(kind, marks=pytest.mark.slow) for kind in DAMAGE if kind != "everything"]
"""Each kind of damage by itself takes more than ten seconds at each rate."""


@pytest.mark.parametrize("rate_hz", [10, 25, 50])
@pytest.mark.parametrize("kind", [*ALONE, "everything"])
def test_frame_sets_are_complete_again_within_two_seconds_of_the_last_damage(running, control, rate_hz, kind):
    before = control.get("status")
    played, last = damaged(running, control, rate_hz, DAMAGE[kind])
    after = control.get("status")
    assert after["events_damaged"] + after["bytes_damaged"] > before["events_damaged"] + before["bytes_damaged"]
    assert played.error is None
    assert played.shifted == []
    assert played.indices == list(range(round(5 * rate_hz)))
    assert {gap.reason.name for gap in played.gaps.values()} <= TRUE_REASONS
    assert [pulse for pulse, _ in played.gaps if pulse > last + AGAIN_S * rate_hz] == []


@pytest.mark.parametrize("rate_hz", [10, 25, 50])
def test_a_line_that_is_cut_for_a_moment_comes_back_within_two_seconds(running, control, rate_hz):
    cut = round(rate_hz)
    control.set("faults.cut_serial_s", 0.1)
    control.set("faults.cut_serial", [cut])
    with opened(running) as rig:
        played = play(rig, round(4 * rate_hz), rate_hz)
    assert planted(running, played, "cut_serial") == {(cut, "")}
    assert played.error is None
    assert played.shifted == []
    assert {gap.reason.name for gap in played.gaps.values()} <= TRUE_REASONS
    assert [pulse for pulse, _ in played.gaps if pulse > cut + (0.1 + AGAIN_S) * rate_hz] == []


@pytest.mark.parametrize("cut_s", [1.5, 3.0])
def test_a_line_that_is_cut_for_long_ends_the_run_and_names_the_box(running, control, cut_s):
    control.set("faults.cut_serial_s", cut_s)
    control.set("faults.cut_serial", [10])
    with opened(running) as rig:
        played = play(rig, 100, 10)
    assert "trigger box" in str(played.error)
    assert played.shifted == []


def test_a_rig_that_was_healed_answers_at_once_although_its_line_was_cut_for_longer(running, control):
    control.set("faults.cut_serial_s", 60)
    control.set("faults.cut_serial", [10])
    with opened(running) as rig:
        assert play(rig, 20, 10).error is not None
    control.do("none")
    with opened(running) as rig:
        played = play(rig, 5, 10)
    assert (played.error, played.gaps) == (None, {})


@pytest.mark.parametrize("start_us", [-60, -20, 20, 60])
def test_spikes_beside_an_exposures_start_shift_no_frame(running, control, start_us):
    pulses = [5, 9, 14]
    control.set("faults.spike_start_us", start_us)
    control.set("faults.spike_start", {"left_upper": pulses})
    with opened(running) as rig:
        played = play(rig, 25, 10)
    assert planted(running, played, "spike_start") == {(pulse, "left_upper") for pulse in pulses}
    assert played.error is None
    assert played.shifted == []
    assert {pulse for pulse, _ in played.gaps} <= set(pulses)
    told = {pulse for pulse in pulses if (pulse, "left_upper") in played.gaps or "left_upper" in played.notes_of(pulse)}
    assert told == set(pulses)


def test_the_keys_of_this_file_are_keys_of_the_table():
    assert {key for keys in DAMAGE.values() for key in keys} <= set(FaultTable.model_fields)
