"""The swept flash on a rig with opto-couplers: what it measures, what is written, and what proofs say then.

In: a simulated rig whose cameras have delays in their lines, and a rig file that names none. Out: figures against the
truth of the simulator. Not here: what a self-test makes of it (see test_selftest_matrix.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigdriver.config import load
from rigdriver.frames import Proof
from rigdriver.procedures.write_delays import delays_diff, write_delays
from rigdriver.rig import Rig
from rigdriver.selftest.optical_checks import TOLERANCE_US, judge_optical
from rigdriver.selftest.result import Report, Status
from rigdriver.selftest.sweeping import FLASHES, sweep_lamps
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.score import TrueRun, read_truth
from tests.rig.selftest_rows import CAMERAS
from tests.rig.test_proofs_against_truth import BoxTime, box_time

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]

LINE_DELAY_US = 2.0
"""Delay of every exposure line in the default scenario, in us, on top of its opto-coupler."""
KEYS = ("trigger_rise_us", "trigger_fall_us", "line_rise_us", "line_fall_us")
OPTO_US = {
    "left_upper": (7, 25, 36, 18),
    "left_lower": (18, 9, 36, 18),
    "right_upper": (7, 25, 25, 7),
    "right_colour": (18, 9, 5, 22),
}
"""Camera -> delays in the order of `KEYS`, from data sheets of FLIR; the other cameras have none."""
SPEC = "default?width=320&height=240&seed=1&lockstep=true&pace=0&" + "&".join(
    f"cameras.{camera}.lines.{key}={us}"
    for camera, delays in OPTO_US.items()
    for key, us in zip(KEYS, delays, strict=True)
)


def true_us(camera: str, key: str) -> float:
    """Return the true delay."""
    opto_us = OPTO_US.get(camera, (0, 0, 0, 0))[KEYS.index(key)]
    return opto_us + (LINE_DELAY_US if key.startswith("line") else 0.0)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(SPEC) as running:
        yield running


@pytest.fixture(scope="module")
def swept(running: RunningRig) -> Report:
    """What the swept flash shows of the rig, with a rig file that names no delays; the light is logged."""
    config = load(Path(running.rig_file))
    log = Path(running.rig_file).with_name("light.jsonl")
    config = config.model_copy(update={"light": config.light.model_copy(update={"log": log})})
    with Rig.open(config) as rig:
        return Report(config.name, tuple(judge_optical(sweep_lamps(rig), config)), was_opened=True)


@pytest.fixture(scope="module")
def proofs(running: RunningRig, swept: Report) -> list[Proof]:
    """The proofs of a run with the delays written into a rig file."""
    file = Path(running.rig_file).with_name("measured.toml")
    before = f"# kept\n{Path(running.rig_file).read_text()}"
    file.write_text(before)
    delays = swept.changed_keys(load(file))
    diff = delays_diff(file, delays)
    assert file.read_text() == before
    assert "+line_rise_us = 38" in diff
    write_delays(file, delays)
    assert file.read_text().startswith("# kept\n")
    with Rig.open(file) as rig:
        return [frame_set.proof for frame_set in rig.run(frames=3)]


@pytest.fixture(scope="module")
def truth(running: RunningRig, proofs: list[Proof]) -> tuple[BoxTime, TrueRun]:
    time = box_time(running)  # flushes
    return time, read_truth(Path(running.truth_file))[proofs[0].generation]


def figure(report: Report, name: str) -> float:
    (check,) = [check for check in report.checks if check.name == f"optical.{name}"]
    assert check.status in {Status.GOOD, Status.FAILED}, check
    return float(str(check.measured).split(" ")[0])


@pytest.mark.parametrize("camera", CAMERAS)
def test_start_length_and_delays_are_measured_within_five_microseconds(
    running: RunningRig, swept: Report, camera: str
) -> None:
    latency_us = load(Path(running.rig_file)).camera(camera).latency_us
    start_us = latency_us + true_us(camera, "trigger_rise_us")
    assert figure(swept, f"{camera}.exposure_start") == pytest.approx(start_us, abs=TOLERANCE_US)
    assert figure(swept, f"{camera}.exposure_length") == pytest.approx(2000.0, abs=TOLERANCE_US)
    for key in KEYS[1:]:
        measured_us = figure(swept, f"{camera}.{key.removesuffix('_us')}")
        assert measured_us == pytest.approx(true_us(camera, key), abs=TOLERANCE_US), key


def test_each_flash_of_the_sweep_stands_in_the_light_log(running: RunningRig, swept: Report) -> None:
    assert swept.checks
    lines = [json.loads(line) for line in Path(running.rig_file).with_name("light.jsonl").read_text().splitlines()]
    announced = [line for line in lines if line["kind"] == "announced"]
    assert [set(line["flashes_per_pulse"].values()) for line in announced] == [{FLASHES}] * 4
    assert [line["is_complete"] for line in lines if line["kind"] == "ended"] == [True] * 4
    assert len([line for line in lines if line["kind"] == "flash"]) == 4 * 2 * FLASHES


@pytest.mark.parametrize("camera", CAMERAS)
def test_once_they_are_written_proofs_say_when_and_for_how_long_a_camera_exposed(
    proofs: list[Proof], truth: tuple[BoxTime, TrueRun], camera: str
) -> None:
    time, run = truth
    for proof in proofs:
        frame = proof.frames[camera]
        (ordinal,) = run.exposures[proof.pulse_index, camera]
        begins = time.ticks(run.start_ns[camera, ordinal])
        us_per_tick = 1e6 / proof.tick_rate_hz
        assert (frame.exposure_start_ticks - begins) * us_per_tick == pytest.approx(0, abs=TOLERANCE_US)
        length_us = (frame.exposure_end_ticks - frame.exposure_start_ticks) * us_per_tick
        assert length_us == pytest.approx(2000.0, abs=TOLERANCE_US)
