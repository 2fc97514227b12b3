"""Every way in which a run may end before its time: the box is idle afterwards, and the rig can run again.

In: a running rig, and an application that returns, raises, is slow or is killed. Out: all lamps off, no thread and no
port left, and a run that can be started again.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from rigdriver.config import load
from rigdriver.devices.cameras.events import CameraLost
from rigdriver.errors import BoxFault, CameraError, CameraProcessLost, StateError
from rigdriver.lifecycle import RigState
from rigdriver.rig import Rig
from rigdriver.run.frame_sets import FrameSets
from rigdriver.run.states import RunState
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.wire.registers import BoxStates
from tests.rig.test_frame_sets import dark

MANY = 100_000


@pytest.fixture
def rig(rig_file) -> Iterator[Rig]:
    with Rig.open(dark(load(rig_file))) as opened:
        yield opened


def is_idle_and_good(rig: Rig) -> bool:
    """The box does nothing, and the rig runs as ever."""
    status = rig.box.status()
    assert (status.state is not BoxStates.RUNNING, status.output_levels, rig.state) == (True, 0, RigState.OPEN)
    return [frame_set.pulse_index for frame_set in rig.run(frames=3)] == [0, 1, 2]


def _fail_at_the_first(rig: Rig) -> None:
    for _ in rig.run(frames=MANY):
        raise KeyError("mine")


def test_a_loop_that_breaks_or_fails_leaves_an_idle_box(rig):
    for _ in rig.run(frames=MANY):
        break
    assert is_idle_and_good(rig)
    with pytest.raises(KeyError, match="mine"):
        _fail_at_the_first(rig)
    assert is_idle_and_good(rig)


def end_once(run: FrameSets, act: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what ends the run from another thread, the first time that it is called, and what joins that thread."""
    ender = threading.Thread(target=getattr(run, act))
    closing = threading.Event()
    run.states.watch(lambda state: closing.set() if state is RunState.CLOSING else None)

    def end() -> None:
        if ender.ident is None:
            ender.start()
            if act == "stop":
                ender.join(10)
            else:
                assert closing.wait(10)  # closing itself waits for the start under way

    return end, lambda: ender.join(10)


@pytest.mark.parametrize("stage", [RunState.STARTING, RunState.TYING])
@pytest.mark.parametrize("act", ["close", "stop"])
def test_a_run_that_is_ended_from_another_thread_while_it_starts_never_flashes_on(rig, stage, act):
    before = rig.box.counters().pulses_started
    run = rig.run(frames=MANY)
    seen: list[RunState] = []
    end, join = end_once(run, act)
    run.states.watch(seen.append)
    run.states.watch(lambda state: end() if state is stage else None)
    assert list(run) == []
    join()
    assert RunState.PLAYING not in seen
    assert rig.box.counters().pulses_started == before
    assert run.statistics.stopped_by == RunEnd(EndCause.STOPPED if act == "stop" else EndCause.CLOSED_EARLY)
    assert is_idle_and_good(rig)


@pytest.mark.parametrize("box_act", ["probe_clock", "commit", "arm", "start"])
@pytest.mark.parametrize("act", ["close", "stop"])
def test_a_run_that_is_ended_while_its_start_talks_to_the_box_never_flashes_on(rig, mocker, box_act, act):
    before = rig.box.counters().pulses_started
    run = rig.run(frames=MANY)
    seen: list[RunState] = []
    end, join = end_once(run, act)
    run.states.watch(seen.append)
    original = getattr(rig.box, box_act)

    def interrupted(*args):
        end()
        return original(*args)

    mocker.patch.object(rig.box, box_act, interrupted)
    assert list(run) == []
    join()
    assert RunState.PLAYING not in seen
    mocker.stopall()
    assert rig.box.counters().pulses_started <= before + 1  # the preamble's one pulse at most
    assert is_idle_and_good(rig)


@pytest.mark.plants_faults
def test_a_box_that_faults_in_the_preamble_is_explained(rig, mocker):
    start = rig.box.start

    def unfed(generation):
        rig.box.stop_feeding()
        start(generation)

    mocker.patch.object(rig.box, "start", unfed)
    with pytest.raises(BoxFault, match=r"silent for longer than box.watchdog_s; check cable and load; .* run again"):
        list(rig.run(frames=MANY))
    mocker.stopall()
    rig.box.clear_fault()
    assert is_idle_and_good(rig)


def test_a_run_that_was_stopped_or_closed_before_it_began_pulses_nothing(rig):
    before = rig.box.counters().pulses_started
    stopped, closed = rig.run(frames=MANY), rig.run(frames=MANY)
    stopped.stop()
    closed.close()
    assert list(stopped) == []
    with pytest.raises(StateError, match="over"):
        list(closed)
    assert rig.box.counters().pulses_started == before
    assert is_idle_and_good(rig)


def test_closing_the_rig_ends_the_run_that_runs_even_if_another_was_asked_for_since(rig_file):
    rig = Rig.open(dark(load(rig_file)))
    running, _never_begun = rig.run(frames=MANY), rig.run(frames=1)
    loop = iter(running)
    next(loop)
    rig.close()
    assert running.statistics.stopped_by == RunEnd(EndCause.CLOSED_EARLY)
    assert list(loop) == []
    assert rig.state is RigState.CLOSED


def test_a_run_may_be_closed_by_another_thread_while_its_loop_waits(rig):
    run = rig.run(frames=MANY)
    seen = []
    for frame_set in run:
        seen.append(frame_set.pulse_index)
        if len(seen) == 3:
            closer = threading.Thread(target=run.close)
            closer.start()
    closer.join(10)
    assert seen[:3] == [0, 1, 2]
    assert is_idle_and_good(rig)


def test_a_consumer_that_pauses_for_long_loses_nothing_but_what_the_statistics_tell(launch_rig):
    running = launch_rig(width=160, height=120, rate_hz=30)
    with Rig.open(dark(load(running.rig_file))) as rig:
        run = rig.run(frames=120)
        indices = []
        for frame_set in run:
            indices.append(frame_set.pulse_index)
            if frame_set.pulse_index == 3:
                time.sleep(3)  # the consumer's slowness itself, no condition
        assert indices == list(range(120))
        assert run.statistics.stopped_by == RunEnd(EndCause.DONE)
        assert set(run.statistics.gap_reasons) <= {"NO_SLOT", "NOT_DELIVERED"}


def test_what_ended_a_run_is_told_and_not_what_failed_because_of_it(rig_file, mocker):
    with Rig.open(dark(load(rig_file))) as rig:
        begun = mocker.spy(rig.cameras, "start")
        run = rig.run(frames=MANY)
        loop = iter(run)
        next(loop)
        sink = begun.call_args.args[0]
        stop = rig.cameras.stop
        mocker.patch.object(rig.cameras, "stop", side_effect=[CameraError("camera x: cannot stop")])
        sink(CameraLost("left_upper", CameraProcessLost("cameras: on fire")))
        with pytest.raises(CameraProcessLost, match="on fire") as caught:
            list(loop)
        assert "cannot stop" in caught.value.__notes__[0]
        stop()


def test_a_script_that_forgets_to_close_ends_silently_and_leaves_the_box_idle(rig_file):
    script = f"""
from pathlib import Path
from rigdriver.config import load
from rigdriver.rig import Rig
rig = Rig.open(load(Path({str(rig_file)!r})).model_copy(update={{"lamps": ()}}))
loop = iter(rig.run(frames={MANY}))
print(next(loop).pulse_index)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")
    with Rig.open(dark(load(rig_file))) as rig:
        assert is_idle_and_good(rig)


@pytest.mark.parametrize("frames", [1.5, "5"])
def test_a_number_of_frames_that_is_no_whole_number_is_refused_before_anything_starts(rig, frames):
    with pytest.raises(TypeError, match="integer"):
        rig.run(frames=frames)
    assert rig.state is RigState.OPEN
