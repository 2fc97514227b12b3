"""What proofs and clocks say, against what the simulator knows it did: skew, exposure starts, each camera's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.frames import Proof
from rigdriver.rig import Rig
from rigdriver.run.run import Run
from rigdriver.schedule.planned import PlannedExposure
from rigdriver_sim.score import TrueRun, read_truth
from tests.rig.played import dark

pytestmark = pytest.mark.sim

TICK_US = 0.1
LINE_DELAY_US = 2.0
"""Delay of every exposure line in the default scenario, in us: the box sees an exposure by so much later."""
OFFSET_S = 4021.7
"""Offset of left_upper's clock in the default scenario, in s."""


@dataclass(frozen=True)
class BoxTime:
    """True nanoseconds to box ticks, as the simulator says; with a fraction."""

    boot_ns: int
    drift_ppb: int

    def ticks(self, t_ns: int) -> float:
        elapsed = t_ns - self.boot_ns
        return elapsed / 100 + elapsed * self.drift_ppb / 1e11


def box_time(running) -> BoxTime:
    (line,) = (line for line in running.truth() if line["what"] == "box")
    return BoxTime(line["boot_ns"], line["drift_ppb"])


def prove(running, frames: int) -> tuple[list[Proof], Run, Mapping[str, PlannedExposure]]:
    with Rig.open(dark(load(running.rig_file))) as rig:
        run = rig.run(frames=frames)
        assert isinstance(run, Run)
        proofs = [frame_set.proof for frame_set in run]
        return proofs, run, run.schedule.exposures


def true_run(running, proof: Proof) -> TrueRun:
    running.truth()  # flushes
    return read_truth(Path(running.truth_file))[proof.generation]


def true_start_ns(true: TrueRun, pulse: int, camera: str) -> int:
    (ordinal,) = true.exposures[pulse, camera]
    return true.start_ns[camera, ordinal]


def test_skew_and_exposure_starts_are_the_true_ones_to_1_us(launch_rig):
    running = launch_rig(rate_hz=30, **{"cameras.right_lower.jitter_us": 8, "cameras.left_colour.jitter_us": 8})
    proofs, _, planned = prove(running, 60)
    clock, true = box_time(running), true_run(running, proofs[0])
    assert [len(proof.frames) for proof in proofs] == [6] * 60
    for proof in proofs:
        late = {}
        for name, told in proof.frames.items():
            ticks = clock.ticks(true_start_ns(true, proof.pulse_index, name))
            assert abs(told.exposure_start_ticks - ticks) * TICK_US <= LINE_DELAY_US + 1
            assert told.exposure_start_ticks - ticks == pytest.approx(LINE_DELAY_US / TICK_US, abs=1 / TICK_US)
            late[name] = (ticks - planned[name].start_ticks) * TICK_US
        assert proof.skew_us == pytest.approx(max(late.values()) - min(late.values()), abs=1)
    assert max(proof.skew_us for proof in proofs) > 10  # there was something to measure


@pytest.mark.parametrize("drift_ppm", [-50, 50])
def test_a_cameras_clock_is_known_to_2_us_with_5_us_of_jitter_and_50_ppm_of_drift(launch_rig, drift_ppm):
    camera = {"cameras.left_upper.drift_ppm": drift_ppm, "cameras.left_upper.stamp_jitter_us": 5}
    running = launch_rig(rate_hz=60, width=160, height=120, **camera)
    proofs, run, _ = prove(running, 300)
    clock, true = box_time(running), true_run(running, proofs[0])
    fit = run.clocks["left_upper"]
    for pulse in range(60, 300, 20):
        t_ns = true_start_ns(true, pulse, "left_upper")
        shown_ns = t_ns + round(OFFSET_S * 1e9) + round(t_ns * drift_ppm * 1e-6)
        error_us = (fit.map(shown_ns) - clock.ticks(t_ns)) * TICK_US - LINE_DELAY_US
        assert abs(error_us) <= 2, pulse
        assert abs(error_us) <= 3 * fit.sigma_at(shown_ns) * TICK_US + TICK_US
    # The box drifts as well: 12 ppm fast.
    assert fit.drift_ppm == pytest.approx(12 - drift_ppm, abs=1)
    assert fit.samples == 256


def no_wires(config: RigConfig) -> RigConfig:
    cameras = tuple(camera.model_copy(update={"input": None}) for camera in config.cameras)
    return dark(config).model_copy(update={"cameras": cameras})


def test_without_exposure_wires_a_proof_is_weaker_and_says_so(launch_rig):
    running = launch_rig(rate_hz=20, **{"faults.withhold_trigger.left_upper": "[7]"})
    with Rig.open(no_wires(load(running.rig_file))) as rig:
        frame_sets = list(rig.run(frames=20))
    generation = frame_sets[0].proof.generation
    for frame_set in frame_sets:
        assert any("exposure edges" in text for text in frame_set.proof.unchecked)
        assert all(proof.unchecked for proof in frame_set.proof.frames.values())
    # What is weaker still mixes no pulses up: the missed trigger is a gap, and perhaps some frames after it are.
    gaps = {(frame_set.pulse_index, name) for frame_set in frame_sets for name in frame_set.gaps}
    assert (7, "left_upper") in gaps
    assert {name for _, name in gaps} == {"left_upper"}
    true = read_truth(Path(running.truth_file))[generation]
    assert (7, "left_upper") not in true.exposures


def test_a_cameras_hardware_counter_stands_in_the_proof_and_its_lack_is_said(launch_rig):
    def counting(config: RigConfig) -> RigConfig:
        features = {"ChunkModeActive": True, "ChunkEnable[ChunkSelector=CounterValue]": True}
        first, *rest = dark(config).cameras
        first = first.model_copy(update={"features": {**first.features, **features}})
        return dark(config).model_copy(update={"cameras": (first, *rest)})

    running = launch_rig(rate_hz=20)
    with Rig.open(counting(load(running.rig_file))) as rig:
        proofs = [frame_set.proof for frame_set in rig.run(frames=10)]
    counts = [proof.frames["left_upper"].counter for proof in proofs]
    assert None not in counts
    for proof in proofs:
        (said,) = (text for text in proof.unchecked if "hardware counter" in text)
        assert "left_upper" not in said
        assert "left_lower" in said
