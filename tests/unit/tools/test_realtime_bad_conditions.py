"""Stops and ends of real processes: children of this test, and nobody else.

In: Python processes that wait or work. Out: their states as /proc shows them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bad_conditions import Process, Stop, Stopper, burners, end_family, family, has_pending_stop, look_at

pytestmark = pytest.mark.realtime

WAIT_S = 60.0
SLEEPER = "import time; print(flush=True); time.sleep(600)"
NEST = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}"
        time.sleep(0.005)


def state(pid: int) -> str:
    seen = look_at(pid)
    return "" if seen is None else seen.state


@pytest.fixture
def root() -> Process:
    seen = look_at(os.getpid())
    assert seen is not None
    return seen


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def stopper(root: Process, child: subprocess.Popen[bytes], log: Path, length_s: float) -> Stopper:
    """Everything but that child is spared."""
    others = [p.pid for p in psutil.Process().children(recursive=True) if p.pid != child.pid]
    return Stopper(root, others, iter([Stop(0, length_s, 0.0)] + [Stop(WAIT_S, length_s, 0.0)] * 9), log)


def test_a_child_is_stopped_for_its_time_and_goes_on(root, child, tmp_path):
    stops = stopper(root, child, tmp_path / "stops", 0.05)
    stops.turn()
    until(lambda: state(child.pid) == "T", "the stop")
    until(lambda: stops.turn() or state(child.pid) != "T", "its end")
    assert f" 50 ms  {child.pid} " in (tmp_path / "stops").read_text()


def test_a_child_that_a_test_stops_meanwhile_stays_stopped(root, child, tmp_path):
    stops = stopper(root, child, tmp_path / "stops", WAIT_S)
    stops.turn()
    until(lambda: state(child.pid) == "T", "the stop")
    assert not has_pending_stop(child.pid)
    child.send_signal(signal.SIGSTOP)
    assert has_pending_stop(child.pid)
    stops.release()
    assert state(child.pid) == "T"


def test_a_child_that_was_stopped_before_is_let_alone(root, child, tmp_path):
    child.send_signal(signal.SIGSTOP)
    until(lambda: state(child.pid) == "T", "the test's own stop")
    stops = stopper(root, child, tmp_path / "stops", 0.05)
    stops.turn()
    stops.release()
    assert state(child.pid) == "T"
    assert not (tmp_path / "stops").exists()


def test_all_of_a_family_is_ended_but_those_that_are_spared(root, child):
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with subprocess.Popen([sys.executable, "-c", NEST], stdout=subprocess.PIPE) as nest:
        assert nest.stdout is not None
        nest.stdout.readline()  # the grandchild is there
        parent = look_at(nest.pid)
        assert parent is not None
        (grandchild,) = family({pid: p for pid in psutil.pids() if (p := look_at(pid)) is not None}, parent)
        # Its orphans are this process's no longer, as nobody has adopted them here: they are ended by their parent's.
        assert end_family(parent, []) == []
        assert state(grandchild.pid) in {"", "Z"}
        nest.wait(WAIT_S)
    assert {p.pid for p in psutil.Process().children(recursive=True)} == before
    assert child.poll() is None


def test_burners_work_and_end_with_their_block():
    with burners(1) as (pid,):
        until(lambda: state(pid) == "R", "work")
    assert not psutil.pid_exists(pid)
