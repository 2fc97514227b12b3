"""Benches without a trigger box in the whole chain: what is lost is told with its reason, and silence ends a run.

In: simulated cameras with planted faults, in each mode. Out: complete frame sets, gaps with their true reason, or an
error within two seconds of the rig's time that names the cameras and what to do.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.errors import NoReply, RigError
from rigdriver.procedures.capture import CaptureOptions, capture
from rigdriver.recording.proof_files import read_proofs
from rigdriver.rig import Rig
from rigdriver.run.frame_sets import FrameSets
from rigdriver.schedule.plan import compile_schedule
from rigdriver.selftest.result import Status
from rigdriver.selftest.suite import run_selftest
from tests.rig.played import dark

pytestmark = pytest.mark.sim

SMALL = {"width": 160, "height": 120, "rate_hz": 20}
CAMERAS = ("left_upper", "left_lower")
FREE: dict[str, bool | float | str] = {
    "TriggerMode": "Off", "AcquisitionFrameRateEnable": True, "AcquisitionFrameRate": 20.0,
}  # fmt: skip
MODES = ("software", "free", "external")
STEADY_HZ = 4.0
"""Rate at which frames are counted one by one: the modelled time of an arrival can be off by 50 ms, and half a period,
within which frames belong together, is longer than that."""
TRIGGERS = 200
"""Number of pulses of the box that plays the foreign trigger."""


def bench(
    file: Path,
    mode: str,
    features: dict[str, bool | float | str] | None = None,
    on_gap: str = "continue",
    rate_hz: float = 20.0,
):
    """Two cameras of a simulated rig, without its box."""
    config = dark(load(file))
    free = {**FREE, "AcquisitionFrameRate": rate_hz}
    wanted = free if mode == "free" and features is None else features or {}
    cameras = tuple(c.model_copy(update={"features": {**c.features, **wanted}}) for c in config.cameras[:2])
    schedule = config.schedule.model_copy(update={"mode": mode, "rate_hz": rate_hz})
    run = config.run.model_copy(update={"on_gap": on_gap})
    return config.model_copy(update={"cameras": cameras, "schedule": schedule, "box": None, "run": run})


def faults(what: str, pulses: range, cameras: tuple[str, ...] = CAMERAS) -> dict[str, object]:
    return {f"faults.{what}.{camera}": str(list(pulses)).replace(" ", "") for camera in cameras}


@contextmanager
def playing(file: Path, config: RigConfig, frames: int) -> Iterator[tuple[Rig, FrameSets]]:
    """Start a run; in mode `external` the rig's box, which the bench does not know, triggers the cameras."""
    whole = dark(load(file))
    with Rig.open(config) as rig, rig.run(frames=frames) as run:
        if config.schedule.mode != "external":
            yield rig, run
            return
        with TriggerBox.open(whole.required_box(), rig.timebase) as box:
            schedule = compile_schedule(whole, box.identity.tick_rate_hz, 5, TRIGGERS, config.schedule.rate_hz)
            box.commit(schedule.box)
            box.arm(5)
            box.start(5)
            yield rig, run


@pytest.mark.parametrize("mode", MODES)
def test_frames_that_all_come_damaged_are_gaps_and_soon_an_error_that_says_what_to_do(launch_rig, mode):
    file = Path(launch_rig(**SMALL, **faults("incomplete", range(400))).rig_file)
    with playing(file, bench(file, mode), 200) as (rig, run):
        begun_s = rig.timebase.now_s()
        seen = []
        with pytest.raises(RigError, match=r"left_upper.*bytes missing.*MTU") as caught:
            seen.extend(run)
        assert rig.timebase.now_s() - begun_s < 2
    assert "left_lower" in str(caught.value)
    assert len(seen) >= 10
    assert {gap.reason.name for frame_set in seen for gap in frame_set.gaps.values()} == {"INCOMPLETE"}


@pytest.mark.parametrize("mode", MODES)
def test_one_lost_frame_in_three_is_counted_also_where_all_cameras_lose_it(launch_rig, mode):
    file = Path(launch_rig(**SMALL, **faults("lose_frame", range(2, 400, 3))).rig_file)
    config = bench(file, mode, rate_hz=STEADY_HZ)
    # The next frame shows what was lost; it must come before the gap times out, however long a command takes.
    patient = config.model_copy(update={"sync": config.sync.model_copy(update={"gap_timeout_s": 30.0})})
    with playing(file, patient, 30) as (_, run):
        gaps = Counter(gap.reason.name for frame_set in run for gap in frame_set.gaps.values())
    # Each camera lost ten of thirty sets; the first loss may lie before the first frame set.
    assert set(gaps) == {"LOST_ON_THE_WAY"}
    assert 18 <= gaps["LOST_ON_THE_WAY"] <= 20
    assert run.statistics.gaps == gaps["LOST_ON_THE_WAY"]


@pytest.mark.parametrize("mode", MODES)
def test_damaged_frames_that_have_the_ids_of_later_ones_cost_no_other_frame(launch_rig, mode):
    keys = faults("incomplete", range(2, 400, 3), CAMERAS[:1])
    file = Path(launch_rig(**SMALL, make="damaged_ahead", **keys).rig_file)
    with playing(file, bench(file, mode, rate_hz=STEADY_HZ), 30) as (_, run):
        gaps = [{name: gap.reason.name for name, gap in frame_set.gaps.items()} for frame_set in run]
    # The cameras run on while others start, so the first damaged frame may be one of the first three.
    first = next(n for n, gap in enumerate(gaps) if gap)
    assert first <= 2
    assert gaps == [{"left_upper": "INCOMPLETE"} if n % 3 == first else {} for n in range(30)]


@pytest.mark.parametrize("mode", MODES)
def test_a_camera_that_is_killed_is_lost_within_two_seconds(launch_rig, mode):
    running = launch_rig(**SMALL)
    file = Path(running.rig_file)
    with playing(file, bench(file, mode), 60) as (rig, run), running.control() as control:
        reasons = []
        killed_s = lost_s = 0.0
        for frame_set in run:
            reasons.append({name: gap.reason.name for name, gap in frame_set.gaps.items()})
            if len(reasons) == 3:
                control.do("camera.unplug", camera="left_lower")
                killed_s = rig.timebase.now_s()
            if "CAMERA_LOST" in reasons[-1].values():
                lost_s = lost_s or rig.timebase.now_s()
    assert 0 < lost_s - killed_s < 2
    assert len(reasons) == 60
    assert reasons[-1] == {"left_lower": "CAMERA_LOST"}


def test_retry_ends_when_a_camera_is_killed_for_no_frame_set_can_be_complete_any_more(launch_rig):
    running = launch_rig(**SMALL)
    file = Path(running.rig_file)
    with playing(file, bench(file, "software", on_gap="retry"), 60) as (_, run), running.control() as control:
        frame_sets = iter(run)
        assert all(next(frame_sets).is_complete for _ in range(3))
        control.do("camera.unplug", camera="left_lower")
        with pytest.raises(RigError, match="left_lower"):
            deque(frame_sets, maxlen=0)
        assert 3 <= run.statistics.frame_sets < 60


def test_free_cameras_that_were_left_triggered_are_named_within_two_seconds(launch_rig):
    file = Path(launch_rig(**SMALL).rig_file)
    with playing(file, bench(file, "free", {"TriggerMode": "On"}), 5) as (rig, run):
        begun_s = rig.timebase.now_s()
        with pytest.raises(RigError, match=r'left_upper.*no frame for .*TriggerMode = "Off"'):
            list(run)
        assert rig.timebase.now_s() - begun_s < 2


def test_an_external_trigger_that_never_comes_is_told_and_no_camera_blamed(launch_rig):
    file = Path(launch_rig(**SMALL).rig_file)
    with Rig.open(bench(file, "external")) as rig:
        begun_s = rig.timebase.now_s()
        with pytest.raises(NoReply, match=r"no camera has delivered anything.*check that the trigger runs"):
            list(rig.run(frames=5))
        assert rig.timebase.now_s() - begun_s < 2


def test_a_bench_passes_its_self_test_and_says_what_was_not_checked(launch_rig):
    file = Path(launch_rig(**SMALL).rig_file)
    with Rig.open(bench(file, "software", rate_hz=STEADY_HZ)) as rig:
        report = run_selftest(rig, lambda _: None)
    unlike = {check.name: (check.status, check.remedy) for check in report.checks if check.status is not Status.GOOD}
    assert set(unlike.values()) == {(Status.NOT_CHECKED, "no trigger box")}
    assert {"box", "wiring", "run.skew", "run.exposure_edges"} <= set(unlike)
    assert report.exit_status == 0
    assert "nan" not in json.dumps([c.measured for c in report.checks]).lower()


def test_the_proofs_of_a_bench_hold_ids_and_stamps_of_every_frame_and_no_nan(launch_rig, tmp_path):
    file = Path(launch_rig(**SMALL).rig_file)
    capture(bench(file, "software"), CaptureOptions(5, tmp_path / "taken", image_format=None))
    text = (tmp_path / "taken" / "proofs.csv").read_text()
    header, *rows = [line.split(",") for line in text.splitlines()]
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert len(told) == 10
    assert {row["verdict"] for row in told} == {"unproved"}
    assert all(row["frame_id"] and int(row["t_camera_ns"]) > 0 and int(row["t_host_ns"]) > 0 for row in told)
    assert "nan" not in (text + (tmp_path / "taken" / "proofs.json").read_text()).lower()
    stored = read_proofs(tmp_path / "taken")
    assert {name: a.frame_id for name, a in stored[1].arrivals.items()} == {
        row["camera"]: int(row["frame_id"]) for row in told if row["index"] == "1"
    }
