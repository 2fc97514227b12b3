"""Frame sets of a whole rig, scored against what the simulator knows: its truth log and the stamp in each image.

In: runs of the driver as an application makes them. Out: frame sets without a wrong frame, and gaps where the simulator
really lost something. On metal, which knows no truth, those that need it are skipped.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.frames import FrameSet, GapReason
from rigdriver.rig import Rig
from rigdriver.run.statistics import RunStatistics
from rigdriver_sim.bench import stamp


@dataclass(frozen=True, slots=True)
class Scored:
    """What is kept of a run: no pixels."""

    generation: int
    indices: list[int]
    gaps: dict[tuple[int, str], GapReason]
    shifted: list[str]
    """Frames whose own stamp names another pulse or camera than their frame set does."""
    read_stamps: int
    underruns: int
    """Frames that the producer dropped because this machine was busy; counted, and gaps as well."""
    statistics: RunStatistics


def dark(config: RigConfig) -> RigConfig:
    """Without lamps the limits on light do not end a run."""
    return config.model_copy(update={"lamps": ()})


def patient(config: RigConfig) -> RigConfig:
    """With room for a second of frames everywhere, so that a busy machine adds no gaps of its own."""
    roomy = config.genicam.model_copy(update={"frame_slots": 256, "buffers": 128})
    return config.model_copy(update={"genicam": roomy})


def score(rig: Rig, frames: int, rate_hz: float | None = None) -> Scored:
    names = [camera.name for camera in rig.config.cameras]
    indices: list[int] = []
    gaps: dict[tuple[int, str], GapReason] = {}
    shifted: list[str] = []
    read, generation = 0, 0
    run = rig.run(frames=frames, rate_hz=rate_hz)
    for frame_set in run:
        generation = frame_set.proof.generation
        indices.append(frame_set.pulse_index)
        gaps |= {(frame_set.pulse_index, name): gap.reason for name, gap in frame_set.gaps.items()}
        for name, mark in stamps(frame_set):
            read += 1
            if (mark.pulse, mark.camera) != (frame_set.pulse_index, names.index(name)):
                shifted.append(f"pulse {frame_set.pulse_index}, {name}: image says {mark}")
    underruns = sum(camera.underrun for camera in rig.cameras.statistics().values())
    return Scored(generation, indices, gaps, shifted, read, underruns, run.statistics)


def stamps(frame_set: FrameSet) -> Iterator[tuple[str, stamp.Stamp]]:
    for name, frame in frame_set.frames.items():
        mark = stamp.read(frame.pixels)
        if mark is not None:
            yield name, mark


def planted(running, scored: Scored, fault: str) -> set[tuple[int, str]]:
    """Return the pulses and cameras of that run at which the simulator planted a fault."""
    return {
        (line["pulse"], line["camera"])
        for line in running.truth()
        if line["what"] == "fault" and line["fault"] == fault and line["run"] == scored.generation
    }


@pytest.mark.sim
def test_every_frame_is_in_the_set_of_its_pulse_from_the_first_one_on(rig_file):
    with Rig.open(dark(load(rig_file))) as rig:
        for frames in (1, 2, 30):
            scored = score(rig, frames)
            assert scored.indices == list(range(frames))
            assert scored.gaps == {}
            assert scored.shifted == []
            assert scored.read_stamps == 6 * frames


def test_proofs_hold_for_every_frame_of_this_rig(rig_file):
    with Rig.open(rig_file) as rig:
        sync = rig.config.sync
        for frame_set in rig.run(frames=20):
            assert frame_set.is_complete, [str(gap) for gap in frame_set.gaps.values()]
            assert frame_set.proof.verdict == "proved"
            assert frame_set.proof.skew_us <= sync.max_skew_us
            for proof in frame_set.proof.frames.values():
                assert abs(proof.residual_us) <= proof.tolerance_us <= sync.tolerance_us
                assert proof.trigger_ticks < proof.exposure_start_ticks < proof.exposure_end_ticks


@pytest.mark.sim
@pytest.mark.parametrize(
    "frames", [pytest.param(600, id="600 pulses"), pytest.param(10_000, id="10,000 pulses", marks=pytest.mark.slow)]
)
def test_a_withheld_trigger_is_exactly_that_gap_and_shifts_nothing(launch_rig, frames):
    running = launch_rig(width=160, height=120, rate_hz=60, **{"faults.withhold_trigger_every": 50})
    with Rig.open(patient(dark(load(running.rig_file)))) as rig:
        scored = score(rig, frames)
    expected = planted(running, scored, "withhold_trigger")
    assert len(expected) > frames / 100
    assert scored.shifted == []
    others = [reason for key, reason in scored.gaps.items() if key not in expected]
    assert others == [GapReason.NOT_DELIVERED] * scored.underruns
    assert {key: scored.gaps.get(key) for key in expected} == dict.fromkeys(expected, GapReason.NOT_EXPOSED)
    assert scored.read_stamps == 6 * frames - len(scored.gaps)
    assert scored.indices == list(range(frames))


@pytest.mark.sim
def test_lost_and_incomplete_frames_are_gaps_with_their_own_reasons(launch_rig):
    faults = {"faults.lose_frame.left_upper": "[7,8,30]", "faults.incomplete.right_colour": "[12,30,59]"}
    running = launch_rig(width=160, height=120, rate_hz=30, **faults)
    with Rig.open(dark(load(running.rig_file))) as rig:
        scored = score(rig, 60)
    assert scored.shifted == []
    told = sorted((name, reason.name) for (_, name), reason in scored.gaps.items())
    assert told == [("left_upper", "NOT_DELIVERED")] * 3 + [("right_colour", "INCOMPLETE")] * 3


@pytest.mark.sim
def test_double_triggers_never_put_a_frame_into_another_set(launch_rig):
    running = launch_rig(width=160, height=120, rate_hz=10, **{"faults.double_trigger_every": 10})
    with Rig.open(dark(load(running.rig_file))) as rig:
        scored = score(rig, 100)
    assert planted(running, scored, "double_trigger")
    assert scored.shifted == []
    assert set(scored.gaps) <= planted(running, scored, "double_trigger")


@pytest.mark.sim
def test_two_rigs_run_side_by_side_without_mixing(launch_rig):
    files = [launch_rig(seed=seed, rate_hz=20).rig_file for seed in (1, 2)]
    results: list[Scored] = []

    def work(rig_file: Path) -> None:
        with Rig.open(dark(load(rig_file))) as rig:
            results.append(score(rig, 40))

    threads = [threading.Thread(target=work, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [(len(r.indices), r.gaps, r.shifted, r.read_stamps) for r in results] == [(40, {}, [], 240)] * 2


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize(
    ("frames", "width", "height", "rate_hz"), [(600, 2048, 1536, 10), (1200, 640, 480, 60)], ids=["10 Hz", "60 Hz"]
)
def test_full_size_at_full_rate_is_complete(launch_rig, frames, width, height, rate_hz):
    running = launch_rig(width=width, height=height, rate_hz=rate_hz)
    with Rig.open(dark(load(running.rig_file))) as rig:
        scored = score(rig, frames)
    assert (scored.statistics.complete, scored.gaps, scored.shifted) == (frames, {}, [])
    assert scored.statistics.rate_hz == pytest.approx(rate_hz, rel=1e-3)
