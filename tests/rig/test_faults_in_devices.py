"""Faults of whole devices: each ends, or does not end, a run in a known way, and the rig works again afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.devices.box.events import BoxEvent
from rigdriver.errors import CameraError, CameraProcessLost, LinkLost, RigError, SyncLost
from rigdriver.frames import FrameSet, GapReason, PulseReport
from rigdriver.rig import Rig
from rigdriver.selftest.result import Status
from rigdriver.selftest.wiring import judge_wiring, probe_wiring
from rigdriver_sim.program.launch import RunningRig, launch
from rigdriver_sim.reach.control import Control
from tests.rig.played import LOCKSTEP, Played, dark, opened, planted, play

pytestmark = pytest.mark.sim

SPEC = f"default?width=160&height=120&rate_hz=30&seed=1&{LOCKSTEP}"
HIT = 12
"""The pulse after which a fault that is planted by hand strikes."""


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(SPEC) as running:
        yield running


@pytest.fixture(scope="module")
def real_time() -> Iterator[RunningRig]:
    """What hangs is given up after a real time: modelled time waits for whoever does not turn."""
    with launch(SPEC.replace(LOCKSTEP, "pace=1")) as running:
        yield running


@pytest.fixture
def control(running: RunningRig) -> Iterator[Control]:
    """Whatever a test has broken is mended after it, and a run shows that it is."""
    with running.control() as control:
        yield control
        control.do("none")
        control.do("box.replug")
        for camera in ("left_lower", "right_upper"):
            control.do("camera.unplug", camera=camera)
            control.do("camera.replug", camera=camera)
    with opened(running) as rig:
        played = play(rig, 5)
    assert (played.error, played.gaps, played.indices) == (None, {}, list(range(5)))


def impatient(config: RigConfig) -> RigConfig:
    """What hangs is given up after a second or three."""
    dull = dark(config)
    genicam = dull.genicam.model_copy(update={"command_timeout_s": 1.0, "open_timeout_s": 3.0})
    return dull.model_copy(update={"genicam": genicam})


def struck(running: RunningRig, strike: Callable[[], None], frames: int = 45) -> Played:
    """Play a run in which something is done by hand after pulse `HIT`."""

    def then(frame_set: FrameSet) -> None:
        if frame_set.pulse_index == HIT:
            strike()

    with opened(running, impatient) as rig:
        return play(rig, frames, then=then)


# ---------------------------------------------------------------- cameras


def test_an_unplugged_camera_leaves_gaps_and_the_others_go_on(running: RunningRig, control: Control) -> None:
    control.set("faults.unplug_camera", {"left_lower": [15]})
    with opened(running, impatient) as rig:
        played = play(rig, 45)
    assert planted(running, played, "unplug_camera") == {(15, "left_lower")}
    assert played.error is None
    assert set(played.reasons("left_lower")) >= set(range(16, 45))
    assert "CAMERA_LOST" in played.reasons("left_lower").values()
    assert {camera for _, camera in played.gaps} == {"left_lower"}


def test_a_camera_that_is_plugged_in_again_is_there_for_the_next_rig(running: RunningRig, control: Control) -> None:
    control.set("faults.replug_camera_after_s", 0.2)
    control.set("faults.unplug_camera", {"right_upper": [10]})
    with opened(running, impatient) as rig:
        lost = play(rig, 30)
    assert "CAMERA_LOST" in lost.reasons("right_upper").values()
    control.do("none")
    with opened(running) as rig:
        assert play(rig, 5).gaps == {}


def test_a_camera_that_is_missing_is_named_when_the_rig_is_opened(running: RunningRig, control: Control) -> None:
    control.do("camera.unplug", camera="left_lower")
    with pytest.raises(RigError, match=r"camera left_lower \(SN SIM0002\): not found"):
        Rig.open(running.rig_file)


def test_a_camera_whose_firmware_hangs_leaves_gaps_and_is_named(running: RunningRig, control: Control) -> None:
    control.set("faults.hang_camera", {"left_lower": [15]})
    with opened(running) as rig:
        played = play(rig, 45)
    assert set(played.reasons("left_lower").values()) == {"NOT_EXPOSED"}
    assert set(played.reasons("left_lower")) >= set(range(16, 45))
    # It does not answer the stop either; on a busy computer the time of that end is over before the camera's is.
    assert isinstance(played.error, CameraError | CameraProcessLost)
    assert "left_lower" in str(played.error)


def test_of_several_hung_cameras_one_is_named_when_the_process_is_given_up(
    running: RunningRig, control: Control
) -> None:
    control.set("faults.hang_camera", {"left_lower": [15], "right_upper": [15]})
    with opened(running) as rig:
        played = play(rig, 20)
    assert isinstance(played.error, CameraProcessLost)
    assert re.search(r"did not answer `stop` within .* camera (left_lower|right_upper) hangs", str(played.error))


def test_a_link_that_is_down_for_half_a_second_costs_its_frames_and_not_the_camera(
    running: RunningRig, control: Control
) -> None:
    control.set("faults.link_down_s", 0.5)
    control.set("faults.link_down", {"left_lower": [15]})
    with opened(running) as rig:
        played = play(rig, 60)
    assert planted(running, played, "link_down") == {(15, "left_lower")}
    assert played.error is None
    assert set(played.reasons("left_lower").values()) == {"NOT_DELIVERED"}
    assert set(range(17, 29)) <= set(played.reasons("left_lower")) <= set(range(15, 33))  # 15 periods at 30 Hz
    assert {camera for _, camera in played.gaps} == {"left_lower"}


def test_a_camera_of_which_another_program_takes_control_is_lost_and_that_is_said(
    running: RunningRig, control: Control
) -> None:
    control.set("faults.take_control", {"left_lower": [15]})
    with opened(running) as rig:
        played = play(rig, 45)
    assert played.error is None
    assert {camera for _, camera in played.gaps} == {"left_lower"}
    last = played.gaps[44, "left_lower"]
    assert last.reason is GapReason.CAMERA_LOST
    assert "another program has taken control of it" in last.detail
    control.do("none")
    with pytest.raises(RigError, match=r"left_lower .*another program"):
        Rig.open(running.rig_file)
    control.do("camera.free_control", camera="left_lower")


def test_a_refused_feature_is_told_with_camera_feature_and_value(running: RunningRig, control: Control) -> None:
    control.set("faults.refuse_features", {"left_lower": ["ExposureTime"]})
    with pytest.raises(CameraError, match=r"camera left_lower .*ExposureTime = 2000.* refused"):
        Rig.open(running.rig_file)


def test_a_clamped_feature_is_read_back_and_reported(running: RunningRig, control: Control) -> None:
    control.set("faults.clamp_features", {"left_lower": {"ExposureTime": 500.0}})
    with opened(running) as rig:
        reports = {f.name: f for f in rig.cameras.reports["left_lower"].features}
        other = {f.name: f for f in rig.cameras.reports["left_upper"].features}
    assert (reports["ExposureTime"].got, reports["ExposureTime"].is_clamped) == (500.0, True)
    assert not other["ExposureTime"].is_clamped


def test_a_fault_that_heals_within_the_first_attempt_to_tie_the_clocks_does_not_end_the_run(
    running: RunningRig, control: Control
) -> None:
    attempts: list[int] = []

    def heal(event: BoxEvent) -> None:
        if isinstance(event, PulseReport) and event.is_closed and event.generation not in attempts:
            attempts.append(event.generation)
            control.do("none")

    control.set("faults.withhold_trigger", {"left_lower": [0]})
    with opened(running) as rig:
        rig.box.subscribe(heal)
        played = play(rig, 5)
    assert (played.error, played.gaps, played.shifted) == (None, {}, [])
    assert len(attempts) == 3  # two attempts, each of its own generation, and the run


# ---------------------------------------------------------------- the producer


def test_a_producer_that_crashes_ends_the_run_and_not_this_process(running: RunningRig, control: Control) -> None:
    control.set("faults.crash_producer", [15])
    with opened(running, impatient) as rig:
        played = play(rig, 45)
    assert isinstance(played.error, CameraProcessLost)
    assert "signal 11" in str(played.error)
    assert 10 <= len(played.indices) <= 20
    control.do("none")


def seldom_silent(config: RigConfig) -> RigConfig:
    """Impatient with producers, and the box waits for a busy computer for as long as it may: 2 s."""
    dull = impatient(config)
    return dull.model_copy(update={"box": dull.required_box().model_copy(update={"watchdog_s": 2.0})})


@pytest.mark.realtime
def test_a_producer_that_hangs_is_given_up_in_time(real_time: RunningRig) -> None:
    begun = time.monotonic()
    with real_time.control() as control, opened(real_time, seldom_silent) as rig:
        control.set("faults.hang_producer", [15])
        played = play(rig, 120)
        control.do("none")
    assert isinstance(played.error, CameraProcessLost)
    assert "hangs" in str(played.error)
    assert time.monotonic() - begun < 30


# ---------------------------------------------------------------- cables


def test_two_swapped_trigger_cables_are_found_by_the_wiring_check(running: RunningRig, control: Control) -> None:
    control.set("faults.swap_triggers", ["left_upper", "right_lower"])
    with opened(running) as rig:
        answers = probe_wiring(rig.box, rig.cameras, rig.config, rig.box.identity.tick_rate_hz)
        told = [result for result in judge_wiring(answers, rig.config) if result.status is Status.FAILED]
    said = " ".join(str(result) for result in told)
    assert "left_upper" in said
    assert "right_lower" in said


def test_swapped_cables_of_cameras_that_expose_apart_lock_no_clock(running: RunningRig, control: Control) -> None:
    control.set("faults.swap_triggers", ["left_upper", "right_colour"])
    with opened(running) as rig:
        played = play(rig, 10)
    assert isinstance(played.error, SyncLost) or {"left_upper", "right_colour"} == {name for _, name in played.gaps}
    assert played.shifted == []


# ---------------------------------------------------------------- the box


def test_an_unplugged_box_ends_the_run_with_the_link_lost(running: RunningRig, control: Control) -> None:
    control.set("faults.unplug_box", [15])
    with opened(running, impatient) as rig:
        played = play(rig, 45)
    assert isinstance(played.error, LinkLost)
    assert 10 <= len(played.indices) <= 16


def test_a_box_that_resets_ends_the_run(running: RunningRig, control: Control) -> None:
    control.set("faults.reset_box", [15])
    with opened(running, impatient) as rig:
        played = play(rig, 45)
    assert isinstance(played.error, RigError)
    assert "trigger box" in str(played.error)
    assert 10 <= len(played.indices) <= 16
    assert control.get("status")["output_levels"] == 0


@pytest.mark.parametrize("damage", ["flip_byte_every", "lose_byte_every", "insert_byte_every"])
@pytest.mark.parametrize("side", ["to_host", "to_box"])
def test_damaged_serial_bytes_never_shift_a_frame(
    running: RunningRig, control: Control, damage: str, side: str
) -> None:
    """Edges may be missing (gaps) or the run may end with an error; no frame stands in another pulse's set."""
    control.set("faults.serial_side", side)

    def damage_the_line() -> None:
        control.set(f"faults.{damage}", 700 if side == "to_host" else 60)

    before = control.get("status")["bytes_damaged"]
    played = struck(running, damage_the_line, frames=60)
    after = control.get("status")["bytes_damaged"]
    assert after > before
    assert played.shifted == []
    assert played.error is None or isinstance(played.error, RigError)
    if side == "to_host" and played.error is None:
        assert "EDGES_LOST" in {gap.reason.name for gap in played.gaps.values()}


@pytest.mark.parametrize("key", ["lose_frame_every", "late_exposure_every", "noise_edge_every", "incomplete_every"])
def test_a_fault_at_a_rate_strikes_once_in_so_many_pulses(running: RunningRig, control: Control, key: str) -> None:
    control.set(f"faults.{key}", 10)
    with opened(running) as rig:
        played = play(rig, 20)
    assert {pulse // 10 for pulse, _ in planted(running, played, key.removesuffix("_every"))} == {0, 1}
    assert played.shifted == []
    assert played.error is None


# ---------------------------------------------------------------- from the command line


def test_faults_are_planted_from_the_command_line(running: RunningRig, control: Control) -> None:
    def said(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rigdriver.cli", "sim", "fault", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    rig_file, folder = str(running.rig_file), str(running.folder)
    planted_line = said(rig_file, "lose_frame", "left_upper=[3]").stdout
    assert planted_line == "lose_frame = {'left_upper': [3]}\n"
    with opened(running) as rig:
        assert play(rig, 6).reasons("left_upper") == {3: "NOT_DELIVERED"}
    wrong = said(folder, "loose_frame", "3")
    assert (wrong.returncode, "unknown fault 'loose_frame'" in wrong.stderr) == (2, True)
    listed = said("--list").stdout
    assert "camera.unplug" in listed
    assert "deliver_late_ms" in listed


def test_every_fault_in_the_list_is_planted_by_some_test() -> None:
    from rigdriver_sim.faults.table import catalogue

    folder = Path(__file__).parents[1]
    # The rows of the fault matrix are played by test_selftest_matrix.py.
    files = [*folder.rglob("test_*.py"), folder / "rig" / "selftest_rows.py"]
    tests = "".join(path.read_text() for path in files)
    sizes = ("_us", "_ms", "_s", "_side", "_images")
    names = [name for name, _, _ in catalogue() if not name.endswith(sizes)]
    # Whole names: `lose_frame` is in every text that has `lose_frame_every`.
    assert [name for name in names if not re.search(rf"\b{name}\b", tests)] == []


def test_a_rig_file_of_a_running_rig_is_what_the_driver_accepts(running: RunningRig) -> None:
    assert load(running.rig_file).name == "default"


def test_a_camera_whose_clock_cannot_be_tied_is_named_alone_after_all_attempts(launch_rig):
    running = launch_rig(width=160, height=120, rate_hz=20)
    config = dark(load(Path(running.rig_file)))
    deaf = config.cameras[0].model_copy(update={"features": {"TriggerSource": "Software"}})
    changed = config.model_copy(update={"cameras": (deaf, *config.cameras[1:])})
    with Rig.open(changed) as rig, pytest.raises(SyncLost) as caught:
        list(rig.run(frames=3))
    assert f"camera {deaf.name}: 0 of 5 exposures" in str(caught.value)
    assert not any(f"camera {camera.name}:" in str(caught.value) for camera in config.cameras[1:])
