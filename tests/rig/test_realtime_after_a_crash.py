"""Programs that are killed, stopped for long or hung up: the box goes dark, and the next program works.

In: an application of the simulated rig in a process of its own, and a signal. Out: a capture by the next program. Time
limits are there to end a hang and measure nothing.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from rigdriver.config import load
from rigdriver.frames import FrameSet
from rigdriver.procedures.capture import CaptureOptions, capture
from rigdriver.rig import Rig
from tests.conftest import REAL_TIME
from tests.rig.played import dark, play
from tests.rig.test_realtime_signals import RIGDRIVER, WAIT_S, rows, wait_for

pytestmark = [pytest.mark.sim, pytest.mark.realtime, pytest.mark.plants_faults]

SLOW_HZ = 5.0


def capturing(running, folder: Path) -> subprocess.Popen[str]:
    """Start a capture that has its first frame sets."""
    words = ["capture", "--rig", str(running.rig_file), "--frames", "1000", "--no-images", "--out", str(folder)]
    # Under nohup SIGHUP is ignored, and a child inherits that; then it would rightly live on.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        process = subprocess.Popen([*RIGDRIVER, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(lambda: rows(folder / "proofs.csv") > 7, "the first frame sets")
    return process


def state_of(running) -> str:
    with running.control() as control:
        return str(control.get("status")["box_state"])


@pytest.mark.parametrize("how", ["kill", "stop", "hang up"])
def test_after_a_killed_a_stopped_or_a_hung_up_program_the_next_one_works(launch_rig, tmp_path, how):
    running = launch_rig(width=160, height=120, **REAL_TIME)
    with capturing(running, tmp_path / "first") as process:
        try:
            if how == "hang up":
                process.send_signal(signal.SIGHUP)
                _, told = process.communicate(timeout=WAIT_S)
                assert (process.returncode, told) == (129, "")
                assert state_of(running) != "FAULT"
            else:
                process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGSTOP)
                wait_for(lambda: state_of(running) == "FAULT", "the watchdog of the box")
                process.send_signal(signal.SIGCONT)
                _, told = process.communicate(timeout=WAIT_S)
                assert process.returncode == (-signal.SIGKILL if how == "kill" else 2)
                assert "this program stood still for " in told or how == "kill"
                assert "silent for longer than box.watchdog_s; check cable and load" in told or how == "kill"
        finally:
            process.kill()
    with running.control() as control:
        assert control.get("status")["output_levels"] == 0
    done = capture(load(Path(running.rig_file)), CaptureOptions(5, tmp_path / "next", image_format=None))
    assert done.statistics.frame_sets == 5


def test_a_camera_process_that_stood_still_for_longer_than_a_frame_may_take_costs_no_frame(launch_rig):
    running = launch_rig(width=160, height=120, **REAL_TIME)
    pulses = 8
    with Rig.open(dark(load(Path(running.rig_file)))) as rig, running.control() as control:

        def then(frame_set: FrameSet) -> None:
            if frame_set.pulse_index == 5:
                child = psutil.Process(rig.cameras.process_pid)
                child.suspend()
                begun = int(control.get("status")["pulse"])
                wait_for(lambda: int(control.get("status")["pulse"]) >= begun + pulses, "pulses that nobody reads")
                child.resume()

        # Eight pulses take 1.6 s here; sync.gap_timeout_s is 1 s.
        assert rig.config.sync.gap_timeout_s < pulses / SLOW_HZ
        played = play(rig, 25, SLOW_HZ, then)
    assert (played.error, played.gaps, played.shifted) == (None, {}, [])
