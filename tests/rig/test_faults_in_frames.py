"""Faults of single frames: each planted once, in one run of six cameras, and told by the driver for what it is.

Every camera suffers other faults at other pulses, so one run shows them all; what is asserted of one fault is what the
driver says of that camera around that pulse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rigdriver.config import RigConfig
from rigdriver.run.run import Run
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import LOCKSTEP, Played, dark, opened, planted, play

pytestmark = pytest.mark.sim

PULSES = 135
PLAN = {
    "late_exposure": ("left_upper", 20),
    "double_trigger": ("left_upper", 44),
    "skip_frame": ("left_upper", 80),
    "deliver_late": ("left_lower", 30),
    "dead_line": ("left_lower", 90),
    "repeat_frame_id": ("left_colour", 40),
    "incomplete": ("left_colour", 115),
    "reset_frame_id": ("right_upper", 50),
    "lose_frame": ("right_upper", 117),
    "stamp_jump": ("right_lower", 60),
    "stamp_reset": ("right_lower", 100),
    "clock_step": ("right_colour", 70),
    "noise_edge": ("right_colour", 105),
    "withhold_trigger": ("right_colour", 120),
}


QUARREL = {"TIME_STAMP", "FRAME_ID", "AMBIGUOUS"}
SETTLED = 13
"""Pulses within which a camera's clock and counter are believed again on a busy machine."""


@dataclass(frozen=True, slots=True)
class Messy:
    """The run, and what the simulator says that it planted in it."""

    played: Played
    planted: dict[str, set[tuple[int, str]]]

    def around(self, fault: str, pulses: int = 4) -> dict[int, str]:
        """Return the reasons of that camera's gaps in the pulses after the fault, counted from it."""
        camera, pulse = PLAN[fault]
        told = self.played.reasons(camera)
        return {n - pulse: reason for n, reason in told.items() if 0 <= n - pulse < pulses}

    def expect_recovery(self, fault: str, note: str) -> None:
        """Gaps at most while arrivals are too unsteady to tell neighbours apart, then the note.

        That no gap is needed when arrivals are steady is shown without a machine's load in tests/unit/sync.
        """
        told = self.around(fault, SETTLED)
        assert set(told.values()) <= QUARREL
        assert max(told, default=0) < SETTLED - 1
        assert note in "; ".join(self.played.notes_of(PLAN[fault][1] + n) for n in range(SETTLED))


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(
        f"default?width=160&height=120&rate_hz=15&seed=1&faults.double_trigger_after_us=14000&{LOCKSTEP}"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def messy(running: RunningRig) -> Messy:
    with running.control() as control:
        for fault, (camera, pulse) in PLAN.items():
            control.set(f"faults.{fault}", {camera: [pulse]})
        with opened(running) as rig:
            played = play(rig, PULSES)
        control.do("none")
    return Messy(played, {fault: planted(running, played, fault) for fault in PLAN})


def test_every_fault_was_planted_where_it_was_wanted(messy: Messy) -> None:
    for fault, (camera, pulse) in PLAN.items():
        assert messy.planted[fault] == {(pulse, camera)}, fault


def test_no_fault_ends_the_run_or_puts_a_frame_into_another_set(messy: Messy) -> None:
    assert messy.played.error is None
    assert messy.played.indices == list(range(PULSES))
    assert messy.played.shifted == []


def test_gaps_appear_only_where_faults_were_planted(messy: Messy) -> None:
    allowed = {(pulse + n, camera) for camera, pulse in PLAN.values() for n in range(SETTLED)}
    assert set(messy.played.gaps) <= allowed


def test_a_late_exposure_is_a_gap_that_says_how_late(messy: Messy) -> None:
    assert messy.around("late_exposure") == {0: "EXPOSURE"}
    gap = messy.played.gaps[PLAN["late_exposure"][1], "left_upper"]
    assert "began +50" in gap.detail


def test_a_doubled_trigger_adds_an_exposure_that_is_told_and_shifts_nothing(messy: Messy) -> None:
    camera, pulse = PLAN["double_trigger"]
    said = "; ".join(messy.played.notes_of(n) for n in (pulse, pulse + 1))
    assert camera in said
    assert "exposure" in said


def test_a_late_frame_is_a_gap_and_counted_as_late(messy: Messy) -> None:
    assert messy.around("deliver_late") == {0: "NOT_DELIVERED"}
    assert messy.played.statistics is not None
    assert messy.played.statistics.late_frames >= 1


def test_a_frame_lost_inside_the_camera_is_found_by_the_next_one(messy: Messy) -> None:
    told = messy.around("skip_frame", SETTLED)
    assert 0 in told
    assert set(told.values()) <= {*QUARREL, "NOT_DELIVERED"}
    assert max(told) < SETTLED - 1, "it recovers"
    after = [messy.played.notes_of(PLAN["skip_frame"][1] + n) for n in range(1, SETTLED)]
    assert "the frame counter was reset" in "; ".join(after)


def test_a_dead_exposure_line_leaves_no_proof(messy: Messy) -> None:
    told = messy.around("dead_line")
    assert told[0] in {"NOT_EXPOSED", "TIME_STAMP"}


def test_a_repeated_frame_id_is_never_taken_for_another_pulse(messy: Messy) -> None:
    told = messy.around("repeat_frame_id", SETTLED)
    assert set(told.values()) <= {*QUARREL, "NOT_DELIVERED"}
    assert max(told, default=0) < SETTLED - 1, "it recovers"
    after = [messy.played.notes_of(PLAN["repeat_frame_id"][1] + n) for n in range(1, SETTLED)]
    assert "the frame counter was reset" in "; ".join(after)


def test_frame_ids_that_begin_anew_are_followed(messy: Messy) -> None:
    messy.expect_recovery("reset_frame_id", "the frame counter was reset")


def test_one_wrong_time_stamp_costs_one_frame(messy: Messy) -> None:
    assert messy.around("stamp_jump") == {0: "TIME_STAMP"}


def test_a_clock_that_begins_anew_is_followed(messy: Messy) -> None:
    messy.expect_recovery("stamp_reset", "the camera's clock stepped")


def test_a_clock_that_steps_is_followed(messy: Messy) -> None:
    messy.expect_recovery("clock_step", "the camera's clock stepped")


def test_lost_packets_are_an_incomplete_frame(messy: Messy) -> None:
    assert messy.around("incomplete") == {0: "INCOMPLETE"}


def test_a_lost_frame_was_not_delivered(messy: Messy) -> None:
    assert messy.around("lose_frame") == {0: "NOT_DELIVERED"}


def test_a_missed_trigger_is_not_exposed(messy: Messy) -> None:
    assert messy.around("withhold_trigger") == {0: "NOT_EXPOSED"}


def test_a_spike_on_an_exposure_line_costs_no_frame(messy: Messy) -> None:
    assert messy.around("noise_edge") == {}


def test_a_long_spike_on_an_exposure_line_is_told_as_an_exposure_nobody_asked_for(running: RunningRig) -> None:
    camera, pulse = "left_lower", 8
    with running.control() as control, opened(running, _patient) as rig:
        control.set("faults.noise_edge_width_us", 1500)
        control.set("faults.noise_edge", {camera: [pulse]})
        played = play(rig, 20)
        control.do("none")
    assert planted(running, played, "noise_edge") == {(pulse, camera)}
    told = "; ".join(played.notes_of(n) for n in (pulse, pulse + 1, pulse + 2))
    assert camera in told
    assert played.shifted == []


def test_clocks_that_warm_up_are_followed_and_their_drift_is_seen(running: RunningRig) -> None:
    """The frames keep their places; the fitted rate of each clock moves with the warmth."""

    def rates() -> dict[str, float]:
        with opened(running) as rig:
            run = rig.run(frames=60)
            assert isinstance(run, Run)
            gaps = [gap for frame_set in run for gap in frame_set.gaps.values()]
            assert gaps == []
            return {name: fit.rate for name, fit in run.clocks.items()}

    with running.control() as control:
        cold = rates()
        control.set("faults.warm_up_s", 100)
        control.set("faults.warm_up_ppm", 80)
        warm = rates()
        control.do("none")
    for name, rate in cold.items():
        # Camera nanoseconds to box ticks: a clock that runs faster shows more nanoseconds a tick.
        assert (rate / warm[name] - 1) * 1e6 == pytest.approx(80, abs=8), name


def _patient(config: RigConfig) -> RigConfig:
    dull = dark(config)
    return dull.model_copy(update={"sync": dull.sync.model_copy(update={"wait_for_close": True})})
