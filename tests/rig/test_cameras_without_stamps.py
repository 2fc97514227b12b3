"""Cameras without time stamps, or with stamps of no known unit: proved by two witnesses, and told as such, or not.

In: a simulated rig of which one camera is such a make. Out: with the box a weaker proof that names the missing witness,
and no wrong frame where the two that are left disagree; without it, unproved frame sets that say whose stamps lack.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rigdriver.config import load
from rigdriver.rig import Rig
from rigdriver.selftest.result import Status
from rigdriver.selftest.suite import run_selftest
from rigdriver.sync.proof import NO_STAMP
from tests.rig.played import dark

pytestmark = pytest.mark.sim

SMALL = {"width": 160, "height": 120, "rate_hz": 20}
MAKES = ("no_tick", "no_stamps")
CAMERA, OTHER = "left_upper", "left_lower"


@pytest.mark.parametrize("make", MAKES)
def test_frames_without_time_stamps_are_proved_by_id_and_arrival_and_the_proof_says_so(launch_rig, make):
    lost = {f"faults.lose_frame.{CAMERA}": "[7,8]"}
    running = launch_rig(**SMALL, **{f"cameras.{CAMERA}.make": make}, **lost)
    with Rig.open(dark(load(Path(running.rig_file)))) as rig:
        run = rig.run(frames=25)
        frame_sets = list(run)
        clocks = run.clocks
    assert [f.pulse_index for f in frame_sets if f.gaps] == [7, 8]
    with_frame = [f for f in frame_sets if CAMERA in f.frames]
    # The lost frames have used up their ids, so a frame of another pulse would have another difference.
    assert len({f[CAMERA].frame_id - f.pulse_index for f in with_frame}) == 1
    assert all(f[CAMERA].t_camera_ns is None for f in with_frame)
    assert all(f.proof.frames[CAMERA].residual_us is None for f in with_frame)
    assert all(f.proof.frames[CAMERA].unchecked == (NO_STAMP,) for f in with_frame)
    assert all(f"{NO_STAMP}: {CAMERA}" in f.proof.unchecked for f in with_frame)
    assert all(f.proof.frames[OTHER].residual_us is not None for f in frame_sets)
    assert CAMERA not in clocks
    assert OTHER in clocks


def test_where_id_and_arrival_disagree_nothing_is_proved_until_a_new_run(launch_rig):
    skipped = {f"faults.skip_frame.{CAMERA}": "[6]"}
    running = launch_rig(**SMALL, **{f"cameras.{CAMERA}.make": "no_stamps"}, **skipped)
    with Rig.open(dark(load(Path(running.rig_file)))) as rig:
        frame_sets = list(rig.run(frames=20))
        told = {f.pulse_index: f.gaps[CAMERA] for f in frame_sets if CAMERA in f.gaps}
        assert sorted(told) == list(range(6, 20))
        assert {gap.reason.name for gap in told.values()} == {"AMBIGUOUS", "NOT_DELIVERED"}
        assert "gives no time stamps" in str(told[12])
        assert "start a new run" in str(told[12])
        assert all(set(f.gaps) <= {CAMERA} for f in frame_sets)
        assert CAMERA in next(iter(rig.run(frames=3))).frames


@pytest.mark.plants_faults
def test_the_self_test_says_which_camera_was_proved_without_time_stamps(launch_rig):
    running = launch_rig(**SMALL, **{f"cameras.{CAMERA}.make": "no_tick"})
    with Rig.open(dark(load(Path(running.rig_file)))) as rig:
        report = run_selftest(rig, lambda _: None)
    unlike = {check.name: check for check in report.checks if check.status is not Status.GOOD}
    assert set(unlike) == {f"run.{CAMERA}.time_stamps"}
    assert unlike[f"run.{CAMERA}.time_stamps"].status is Status.NOT_CHECKED
    assert "weaker proof" in unlike[f"run.{CAMERA}.time_stamps"].remedy


def test_a_bench_says_whose_time_stamps_lack(launch_rig):
    running = launch_rig(**SMALL, **{f"cameras.{CAMERA}.make": "no_stamps"})
    config = dark(load(Path(running.rig_file)))
    schedule = config.schedule.model_copy(update={"mode": "software"})
    bench = config.model_copy(update={"schedule": schedule, "box": None, "cameras": config.cameras[:2]})
    with Rig.open(bench) as rig:
        frame_sets = list(rig.run(frames=5))
    assert all(f"time stamps: none from {CAMERA}" in f.proof.unchecked for f in frame_sets)
    assert all((f[CAMERA].t_camera_ns is None) and f[OTHER].t_camera_ns for f in frame_sets)
