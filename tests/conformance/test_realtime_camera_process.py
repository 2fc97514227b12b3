"""The process that holds the producers: it crashes, it hangs, its parent is killed, its consumer fails.

In: a streaming camera of each producer, and a signal or a sink that fails. Out: every camera told as lost, in bounded
time, and no process left behind.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from rigdriver.config import load
from rigdriver.devices.cameras import process
from rigdriver.devices.cameras.events import CameraEvent
from rigdriver.errors import CameraProcessLost, StateError
from rigdriver_sim.program.launch import RunningRig
from tests.conformance.camera_worlds import PATIENCE_S, Backend, Sink, launched, simulated

pytestmark = pytest.mark.realtime
HANGS_S = 3
"""Time after which a producer counts as hanging: long enough for a healthy one on a busy computer."""


@pytest.fixture(scope="module")
def sim_rig() -> Iterator[RunningRig]:
    """A rig in real time: time in lockstep would wait for a producer that hangs."""
    with launched("default?width=320&height=240&seed=1") as running:
        yield running


@pytest.fixture(scope="module")
def sim(sim_rig: RunningRig) -> Backend:
    return simulated(sim_rig)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_producer_that_crashes_is_told_for_every_camera_and_the_cameras_open_again(
    backend: Backend, how: signal.Signals
) -> None:
    sink = Sink()
    with backend.open(2) as cameras:
        cameras.start(sink)
        sink.wait(lambda: len(sink.frames("camera0")) > 0, "a frame")
        os.kill(cameras.process_pid, how)
        sink.wait(lambda: set(sink.lost()) == {"camera0", "camera1"}, "the end of both cameras")
        assert all(isinstance(e.error, CameraProcessLost) for e in sink.lost().values())
        assert f"signal {int(how)}" in str(sink.lost()["camera0"].error)
        with pytest.raises(CameraProcessLost, match="open the cameras again"):
            cameras.get("camera0", "Width")
    backend.open(2).close()


def test_a_producer_that_hangs_in_a_command_is_killed(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1, command_timeout_s=HANGS_S) as cameras:
        cameras.start(sink)
        os.kill(cameras.process_pid, signal.SIGSTOP)
        with pytest.raises(CameraProcessLost, match=rf"did not answer `get` within {HANGS_S} s|has been silent"):
            cameras.get("camera0", "Width")
        sink.wait(lambda: set(sink.lost()) == {"camera0"}, "the end of the camera")


def test_a_producer_that_hangs_while_nobody_asks_is_killed(backend: Backend) -> None:
    sink = Sink()
    with backend.open(1, command_timeout_s=HANGS_S) as cameras:
        cameras.start(sink)
        os.kill(cameras.process_pid, signal.SIGSTOP)
        sink.wait(lambda: set(sink.lost()) == {"camera0"}, "the end of the camera")
        assert "silent" in str(sink.lost()["camera0"].error)


def test_a_producer_that_hangs_in_its_own_call_is_noticed_long_before_a_command_would_time_out(
    sim_rig: RunningRig,
) -> None:
    sink = Sink()
    with simulated(sim_rig).open(1, command_timeout_s=PATIENCE_S) as cameras, sim_rig.control() as control:
        cameras.start(sink)
        sink.wait(lambda: cameras.process_pid > 0, "its start")
        control.do("producer.hang")
        sink.wait(lambda: set(sink.lost()) == {"camera0"}, "the end of the camera")
        assert re.search(r"silent for 0\.\d+ s; a GenTL producer hangs", str(sink.lost()["camera0"].error))


def test_a_producer_that_waits_for_one_camera_is_not_taken_for_one_that_hangs(
    sim_rig: RunningRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_MODULE", "tests.conformance.patient_camera_process")
    sink = Sink()
    left_upper = next(c.name for c in load(sim_rig.rig_file).cameras if c.serial == "SIM0001")
    with simulated(sim_rig).open(2) as cameras, sim_rig.control() as control:
        cameras.start(sink)
        sink.wait(lambda: bool(sink.frames("camera0") and sink.frames("camera1")), "a frame of each")
        control.do("camera.link_down", camera=left_upper)
        try:
            sink.wait(lambda: "camera0" in sink.lost(), "the end of the camera")
            seen = len(sink.frames("camera1"))
            sink.wait(lambda: len(sink.frames("camera1")) > seen, "a frame of the other camera")
        finally:
            control.do("camera.link_up", camera=left_upper)
        assert "camera camera0" in str(sink.lost()["camera0"].error)
        assert set(sink.lost()) == {"camera0"}


def test_a_camera_process_that_somebody_stops_for_a_while_is_not_given_up(sim: Backend) -> None:
    sink = Sink()
    with sim.open(1) as cameras:
        cameras.start(sink)
        _until(lambda: cameras.statistics()["camera0"].delivered >= 0)
        os.kill(cameras.process_pid, signal.SIGSTOP)
        time.sleep(2)  # the pause itself, no condition: longer than a producer that hangs is given
        os.kill(cameras.process_pid, signal.SIGCONT)
        assert cameras.get("camera0", "Width") == 320
        assert sink.lost() == {}


def test_closing_is_bounded_when_a_producer_hangs(backend: Backend) -> None:
    cameras = backend.open(1, command_timeout_s=HANGS_S)
    pid = cameras.process_pid
    os.kill(pid, signal.SIGSTOP)
    cameras.close()
    assert not psutil.pid_exists(pid)


def test_a_killed_application_leaves_no_process_behind_even_when_a_producer_hangs(backend: Backend) -> None:
    # The script has no `__main__` guard, and opens its cameras on a thread that ends at once.
    script = f"""
import os, signal, sys, threading, time
from pathlib import Path
from rigdriver.config import CameraConfig, GenicamConfig
from rigdriver.devices.cameras.cameras import Cameras
got = []
def work():
    genicam = GenicamConfig(producers=(Path({str(backend.producer)!r}),))
    got.append(Cameras.open(genicam, [CameraConfig(name="camera0", serial={backend.serials[0]!r}, output=0)], {{}}))
thread = threading.Thread(target=work); thread.start(); thread.join()
streams = threading.Event()
got[0].start(lambda event: streams.set())
assert streams.wait({PATIENCE_S})
print(got[0].process_pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as application:
        assert application.stdout is not None
        child = psutil.Process(int(application.stdout.readline()))
        assert child.is_running()
        os.kill(child.pid, signal.SIGSTOP)
        application.kill()
    child.wait(PATIENCE_S)


def test_a_sink_that_raises_is_heard_of_when_the_cameras_stop(backend: Backend) -> None:
    def sink(event: CameraEvent) -> None:
        raise ArithmeticError("planted")

    with backend.open(1) as cameras:
        cameras.start(sink)
        _until(lambda: cameras.statistics()["camera0"].delivered > 0)
        with pytest.raises(Exception, match="handler of their events failed: ArithmeticError"):
            cameras.stop()


def test_a_sink_that_asks_its_cameras_is_refused_and_not_locked_up(backend: Backend) -> None:
    errors: list[Exception] = []
    told = threading.Event()
    with backend.open(1) as cameras:

        def sink(event: CameraEvent) -> None:
            if not told.is_set():
                try:
                    cameras.get("camera0", "Width")
                except StateError as exc:
                    errors.append(exc)
                told.set()

        cameras.start(sink)
        assert told.wait(PATIENCE_S)
        cameras.stop()
    assert "a sink must not ask" in str(errors[0])


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s"
        time.sleep(0.01)
