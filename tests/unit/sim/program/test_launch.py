"""Starting and ending a simulated rig: what it offers, and that nothing stays behind, however it ends.

In: scenarios, and a child that is ended, killed or orphaned. Out: a rig file and a control socket that work, and
nothing left behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from rigdriver import config
from rigdriver_sim.feed import producer
from rigdriver_sim.feed.producer import ProducerMissing
from rigdriver_sim.folder import LOCK, PREFIX, _is_dead, make_folder, sweep
from rigdriver_sim.program import fault_verb
from rigdriver_sim.program.launch import LaunchError, RunningRig, launch
from rigdriver_sim.reach.control import Control, ControlError
from rigdriver_sim.scenario import ScenarioError

SMALL = "default?width=128&height=64"
ENDS_S = 60.0


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + ENDS_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {ENDS_S:.0f} s: {what}"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def box_url(rig: RunningRig) -> str:
    box = config.load(rig.rig_file).box
    assert box is not None
    return box.url


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Rigs of other tests and of other people must not be swept up here, nor hide what is left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.glob(f"{PREFIX}*")), "a rig's folder was left behind"


@pytest.fixture
def rig() -> Iterator[RunningRig]:
    with launch(SMALL) as rig:
        yield rig


def test_a_rig_is_reached_however_long_the_path_of_its_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25) / "folder"
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setenv("TMPDIR", str(long))
    with launch(SMALL) as rig, rig.control() as control:
        assert rig.folder.is_relative_to(long)
        assert control.get("status")["box_state"] == "IDLE"


def test_a_launched_rig_offers_what_the_driver_needs_and_goes_without_trace(rig: RunningRig) -> None:
    assert box_url(rig) == rig.port
    assert rig.producer.is_file()
    assert Path(rig.port).resolve().is_char_device()
    assert rig.is_running
    rig.close()
    rig.close()
    assert is_gone(rig.pid)
    assert not rig.folder.exists()


def test_two_rigs_run_at_once(rig: RunningRig) -> None:
    with launch(SMALL) as other:
        assert other.folder != rig.folder
        assert rig.is_running
        assert other.is_running
    assert rig.is_running


def test_a_rig_with_a_socket_names_it_in_its_rig_file() -> None:
    with launch(f"{SMALL}&box.tcp=true") as rig:
        assert box_url(rig) == rig.box_url
        assert rig.box_url.startswith("socket://127.0.0.1:")


def test_a_wrong_spec_is_told_before_anything_starts() -> None:
    with pytest.raises(ScenarioError, match="no scenario 'smiel'"):
        launch("smiel")
    with pytest.raises(ScenarioError, match="641"):
        launch("default?width=641")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_rig_ends_in_order_on_a_signal(rig: RunningRig, number: int) -> None:
    os.kill(rig.pid, number)
    until(lambda: not rig.is_running, "the rig's end")
    assert not rig.folder.exists()


def test_a_killed_rig_is_cleared_away_by_whoever_launched_it(rig: RunningRig) -> None:
    os.kill(rig.pid, signal.SIGKILL)
    until(lambda: not rig.is_running, "the rig's end")
    assert rig.folder.exists()
    rig.close()
    assert not rig.folder.exists()


PARENT = """
import json, sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from rigdriver_sim.program.launch import launch
rig = launch(sys.argv[2])
print(json.dumps([str(rig.folder), rig.pid]), flush=True)
time.sleep(600)
"""


def start_parent(folder: Path) -> tuple[subprocess.Popen[bytes], Path, int]:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder), SMALL], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    line = parent.stdout.readline()
    parent.stdout.close()
    rig_folder, pid = json.loads(line)
    return parent, Path(rig_folder), pid


def test_a_rig_ends_and_clears_up_when_its_parent_is_killed(own_temporary_folder: Path) -> None:
    parent, folder, pid = start_parent(own_temporary_folder)
    assert folder.exists()
    parent.kill()
    parent.wait(ENDS_S)
    until(lambda: is_gone(pid), "the rig's end")
    until(lambda: not folder.exists(), "the folder's end")


def test_what_a_killed_rig_and_its_killed_parent_left_is_swept_at_the_next_launch(own_temporary_folder: Path) -> None:
    parent, folder, pid = start_parent(own_temporary_folder)
    os.kill(pid, signal.SIGKILL)
    parent.kill()
    parent.wait(ENDS_S)
    # Its threads may outlive the process's leader by a moment, and hold the lock.
    until(lambda: is_gone(pid) and _is_dead(folder), "the rig's end")
    assert folder.exists()
    with launch(SMALL) as rig:
        assert not folder.exists()
        assert rig.folder.exists()


def test_sweeping_spares_the_living_and_the_newborn(own_temporary_folder: Path) -> None:
    living, lock = make_folder()
    newborn = own_temporary_folder / f"{PREFIX}newborn"
    newborn.mkdir()
    old = own_temporary_folder / f"{PREFIX}old"
    old.mkdir()
    os.utime(old, (0, 0))
    sweep()
    assert living.exists()
    assert newborn.exists()
    assert not old.exists()
    os.close(lock)
    (newborn / LOCK).touch()
    sweep()
    assert not living.exists()
    assert not newborn.exists()


# ---------------------------------------------------------------- control socket


def test_faults_are_set_while_the_rig_runs_and_wrong_ones_are_refused(rig: RunningRig) -> None:
    with rig.control() as control:
        control.set("faults.withhold_trigger_every", 50)
        control.set("faults.withhold_trigger", {"left_upper": [3]})
        with pytest.raises(ControlError, match=r"faults\.withhold_trigger_every = -1: .*0"):
            control.set("faults.withhold_trigger_every", -1)
        with pytest.raises(ControlError, match="unknown key"):
            control.set("faults.withold", 1)
        with pytest.raises(ControlError, match="cannot be set"):
            control.set("rate_hz", 1)
        faults = control.get("status")["faults"]
    assert (faults["withhold_trigger_every"], faults["withhold_trigger"]) == (50, {"left_upper": [3]})


def test_the_box_and_the_cameras_can_be_unplugged_and_come_back(rig: RunningRig) -> None:
    with rig.control() as control:
        control.do("box.unplug")
        assert not Path(rig.port).exists()
        control.do("box.replug")
        assert Path(rig.port).exists()
        control.do("camera.unplug", camera="left_upper")
        control.do("camera.replug", camera="left_upper")
        for act in ("box.reset", "interlock.open", "interlock.close", "sync.pulse", "truth.flush"):
            control.do(act)
        with pytest.raises(ControlError, match="no camera 'middle'"):
            control.do("camera.unplug", camera="middle")
        with pytest.raises(ControlError, match="unknown act"):
            control.do("box.explode")
        assert control.get("status")["box_state"] == "IDLE"


def test_nonsense_on_the_control_socket_is_answered_and_harms_nobody(rig: RunningRig) -> None:
    with rig.control() as control:
        for nonsense in (b"{\n", b"[]\n", b"{}\n", b'{"get": 3}\n'):
            control._socket.sendall(nonsense)
            assert json.loads(control._line(time.monotonic() + 60))["ok"] is False
    with rig.control() as control:
        assert control.get("status")["output_levels"] == 0


def test_a_rig_that_is_gone_cannot_be_controlled(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="is it still running"):
        Control(tmp_path)


def test_the_fault_verb_names_the_rig_that_it_cannot_reach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fault_verb.main([str(tmp_path / "gone" / "rig.toml"), "lose_frame", "3"]) == 2
    told = capsys.readouterr().err
    assert told == (
        f"error: simulated rig {tmp_path}/gone/rig.toml: cannot be reached: No such file or directory; "
        "is it still running?\n"
    )


# ---------------------------------------------------------------- the producer


def test_an_installation_without_a_producer_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "PACKAGED", tmp_path / "rigsim.cti")
    monkeypatch.setattr(producer, "CHECKOUT", tmp_path / "nowhere")
    with pytest.raises(ProducerMissing, match="no C compiler when it was installed; install one"):
        launch(SMALL)


def test_a_checkout_without_a_compiler_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "PACKAGED", tmp_path / "rigsim.cti")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProducerMissing, match="no C compiler found"):
        launch(SMALL)
    assert not list(tmp_path.glob("*.cti"))


def test_a_process_that_does_not_come_up_is_a_launch_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LaunchError, match="ended with status 1"):
        launch(SMALL)
