"""Signals to whole processes: Ctrl-C and SIGTERM at every stage of a verb, and a computer that stands still.

In: verbs in processes of their own, and signals when a stage has been reached, which is seen from outside. Out: the
right status, one line or none, dark outputs, no process left. Time limits are there to end a hang and measure nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rigdriver.config import load
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.wire.registers import BoxStates
from tests.conftest import REAL_TIME

pytestmark = [pytest.mark.sim, pytest.mark.realtime]

RIGDRIVER = [sys.executable, "-m", "rigdriver.cli"]
WAIT_S = 120.0
MANY = 100_000


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}"
        time.sleep(0.01)


def rows(proofs: Path) -> int:
    return len(proofs.read_text().splitlines()) if proofs.exists() else 0


# ---------------------------------------------------------------- stages of a capture


def has_child(process: subprocess.Popen[str], program: str) -> bool:
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if any(program in word for word in child.cmdline()):
                return True
        except psutil.Error:  # it has ended since
            continue
    return False


STAGES: dict[str, Callable[[subprocess.Popen[str], Path], bool]] = {
    "the simulated rig starts": lambda process, _: has_child(process, "rigdriver_sim"),
    "the cameras open": lambda process, _: has_child(process, "camera_process"),
    "the first frames came": lambda _, out: rows(out / "proofs.csv") > 1,
    "frames have come for a while": lambda _, out: rows(out / "proofs.csv") > 100,
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_stage_ends_everything_and_tells_by_the_status(tmp_path, stage, number, status):
    # A computer that stands still for longer than box.watchdog_s ends a run before the signal does, and rightly so:
    # here the rig waits for it.
    scenario = ["--scenario", "default?width=160&height=120&lockstep=true"]
    words = [*RIGDRIVER, "capture", *scenario, "--frames", "1000", "--out", str(tmp_path / "out")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child:
        try:
            wait_for(lambda: child.poll() is not None or STAGES[stage](child, tmp_path / "out"), stage)
            assert child.poll() is None, child.communicate()
            family = psutil.Process(child.pid).children(recursive=True)
            child.send_signal(number)
            _, told = child.communicate(timeout=WAIT_S)
        finally:
            child.kill()
    assert "Traceback" not in told
    assert child.returncode == status, told
    assert family
    _, alive = psutil.wait_procs(family, timeout=WAIT_S)
    assert alive == []


def test_ctrl_c_in_a_capture_turns_every_output_off_and_exits_130(launch_rig, tmp_path):
    rig = launch_rig(**REAL_TIME)
    words = ["capture", "--rig", str(rig.rig_file), "--frames", "1000", "--no-images", "--out", str(tmp_path / "out")]
    process = subprocess.Popen([*RIGDRIVER, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: rows(tmp_path / "out" / "proofs.csv") >= 2, "two frame sets")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert told == ""
    with TriggerBox.open(load(Path(rig.rig_file)).required_box()) as box:
        status = box.status()
    assert status.output_levels == 0
    assert status.state is not BoxStates.FAULT


# ---------------------------------------------------------------- the simulated rig


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_sim_leaves_nothing_when_it_is_ended(number, status):
    words = [*RIGDRIVER, "sim", "default?width=320&height=240", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            process.send_signal(number)
            assert process.wait(WAIT_S) == status
        finally:
            process.kill()
    assert not Path(told["rig_file"]).exists()
    assert not Path(told["port"]).exists()
    assert not psutil.pid_exists(told["pid"])


# ---------------------------------------------------------------- a computer that stands still


@pytest.mark.plants_faults
def test_a_computer_that_stood_still_hears_from_the_box_why_the_run_ended(launch_rig):
    running = launch_rig(width=160, height=120, rate_hz=30, **REAL_TIME)
    script = f"""
from pathlib import Path
from rigdriver.config import load
from rigdriver.errors import BoxFault
from rigdriver.rig import Rig
with Rig.open(load(Path({str(running.rig_file)!r})).model_copy(update={{"lamps": ()}})) as rig:
    try:
        for frame_set in rig.run(frames={MANY}):
            if frame_set.pulse_index == 5:
                print("running", flush=True)
    except BoxFault as fault:
        print(fault)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "running\n"
            child.send_signal(signal.SIGSTOP)
            with running.control() as control:
                wait_for(lambda: control.get("status")["box_state"] == "FAULT", "the watchdog of the box")
                assert control.get("status")["output_levels"] == 0
            child.send_signal(signal.SIGCONT)
            told = child.stdout.readline()
            assert "this computer was silent for longer than box.watchdog_s; check cable and load" in told
            assert "run again" in told
            assert child.wait(WAIT_S) == 0
        finally:
            child.kill()
