"""A run goes along its table of states, whoever stops or closes it and whenever.

In: acts in every state, and a run that does nothing but count. Out: the next state, and what was begun and finished.
"""

from __future__ import annotations

import logging
import re
import threading

import pytest

from rigdriver.errors import CameraError, StateError
from rigdriver.frames import FrameSet
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.frame_sets import FrameSets
from rigdriver.run.queues import Outbox
from rigdriver.run.states import HALTED, STOPPED, RunAct, RunState, RunStates, after
from rigdriver.run.statistics import RunStatistics, Tally
from rigdriver.run_end import EndCause

TABLE = """
state              start       tie      play      stop               satisfy     fail     close              finish
new                starting    -        -         withdrawn          -           -        closed             -
withdrawn          giving up   -        -         -                  -           -        closed             -
starting           -           tying    playing   giving up          -           -        closing            -
tying              -           -        playing   giving up          -           -        closing            -
giving up          -           -        -         -                  -           -        closing, stopped   -
playing            -           -        -         stopping           satisfied   failed   closing            -
stopping           -           -        -         -                  satisfied   failed   closing, stopped   -
satisfied          -           -        -         -                  -           failed   closing            -
failed             -           -        -         -                  -           -        closing            -
closing            -           -        -         closing, stopped   -           -        -                  closed
closing, stopped   -           -        -         -                  -           -        -                  closed
closed             -           -        -         -                  -           -        -                  -
"""
"""The oracle: a copy of its own, written by hand."""


def test_the_table_of_states_is_the_one_written_here() -> None:
    heading, *rows = (re.split(r"\s{2,}", line) for line in TABLE.strip().splitlines())
    expected = {(row[0], act): to for row in rows for act, to in zip(heading[1:], row[1:], strict=True)}
    found = {(s.value, a.value): next_.value if (next_ := after(s, a)) else "-" for s in RunState for a in RunAct}
    assert found == expected


WAYS = {
    RunState.NEW: (),
    RunState.WITHDRAWN: (RunAct.STOP,),
    RunState.STARTING: (RunAct.START,),
    RunState.TYING: (RunAct.START, RunAct.TIE),
    RunState.GIVING_UP: (RunAct.START, RunAct.STOP),
    RunState.PLAYING: (RunAct.START, RunAct.TIE, RunAct.PLAY),
    RunState.STOPPING: (RunAct.START, RunAct.PLAY, RunAct.STOP),
    RunState.SATISFIED: (RunAct.START, RunAct.PLAY, RunAct.SATISFY),
    RunState.FAILED: (RunAct.START, RunAct.PLAY, RunAct.FAIL),
    RunState.CLOSING: (RunAct.START, RunAct.PLAY, RunAct.CLOSE),
    RunState.CLOSING_STOPPED: (RunAct.START, RunAct.PLAY, RunAct.STOP, RunAct.CLOSE),
    RunState.CLOSED: (RunAct.START, RunAct.PLAY, RunAct.CLOSE, RunAct.FINISH),
}
"""A way to each state."""


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("act", RunAct)
def test_an_act_is_told_to_the_watchers_or_changes_nothing(state: RunState, act: RunAct) -> None:
    states = RunStates()
    for step in WAYS[state]:
        states.go(step)
    assert states.state is state
    entered: list[RunState] = []
    states.watch(entered.append)
    to = after(state, act)
    assert states.go(act) is (None if to is None else state)
    assert states.state is (to or state)
    assert entered == ([] if to is None else [to])
    assert states.halted.is_set() == (states.state in HALTED)


def test_a_run_that_was_stopped_is_unwanted_until_it_is_closed_and_halted_only_then() -> None:
    for state, way in WAYS.items():
        states = RunStates()
        for step in way:
            states.go(step)
        assert states.unwanted.is_set() == (state in STOPPED | HALTED), state
        assert states.halted.is_set() == (state in HALTED), state


class Counted(FrameSets):
    """A run that begins and finishes, and counts both."""

    def __init__(self, lifecycle: Lifecycle, error: Exception | None = None) -> None:
        super().__init__(lifecycle, Outbox(1, is_dropping=False))
        self.begun = 0
        self.finished: list[EndCause] = []
        self.error = error

    def stop(self) -> None:
        self._states.go(RunAct.STOP)

    @property
    def statistics(self) -> RunStatistics:
        return Tally(None).snapshot(0, 0, 0, None)

    def _begin(self) -> None:
        self.begun += 1
        if self.error is not None:
            raise self.error
        self._go_on(RunAct.PLAY)
        self._outbox.end()

    def _finish(self, cause: EndCause) -> None:
        self.close()  # harmless, even now
        self.finished.append(cause)


def frames_of(run: FrameSets) -> list[FrameSet]:
    return list(run)


def test_a_run_begins_once_and_is_finished_once_however_often_it_is_started_and_closed() -> None:
    lifecycle = Lifecycle()
    run = Counted(lifecycle)
    run.start()
    run.start()
    assert lifecycle.state is RigState.STARTING
    run.close()
    run.close()
    assert (run.begun, run.finished, lifecycle.state) == (1, [EndCause.CLOSED_EARLY], RigState.OPEN)
    with pytest.raises(StateError, match="this run: is over; ask the rig for a new one"):
        run.start()


def test_a_run_that_never_began_is_closed_without_being_finished() -> None:
    lifecycle = Lifecycle()
    run = Counted(lifecycle)
    run.close()
    assert (run.begun, run.finished, lifecycle.state) == (0, [], RigState.OPEN)
    with pytest.raises(StateError, match="this run: is over; ask the rig for a new one"):
        frames_of(run)


def test_a_run_that_was_stopped_before_it_began_gives_its_start_up_and_says_so() -> None:
    lifecycle = Lifecycle()
    run = Counted(lifecycle)
    run.stop()
    assert frames_of(run) == []
    assert (run.finished, run.states.state, lifecycle.state) == ([EndCause.STOPPED], RunState.CLOSED, RigState.OPEN)


def test_a_run_that_cannot_begin_is_finished_and_its_error_is_raised() -> None:
    lifecycle = Lifecycle()
    run = Counted(lifecycle, CameraError("camera x: on fire"))
    with pytest.raises(CameraError, match="on fire"):
        run.start()
    assert (run.finished, run.states.state, lifecycle.state) == (
        [EndCause.CLOSED_EARLY],
        RunState.CLOSED,
        RigState.OPEN,
    )


def test_a_run_of_a_rig_that_runs_already_stays_new_and_may_be_started_later() -> None:
    lifecycle = Lifecycle()
    first, second = Counted(lifecycle), Counted(lifecycle)
    first.start()
    with pytest.raises(StateError):
        second.start()
    assert (second.states.state, second.begun) == (RunState.NEW, 0)
    first.close()
    second.start()
    second.close()
    assert second.finished == [EndCause.CLOSED_EARLY]


def test_a_run_that_another_thread_closes_just_before_its_start_leaves_the_rig_open() -> None:
    lifecycle = Lifecycle()
    run = Counted(lifecycle)
    go = lifecycle.go

    def close_first(to: RigState) -> None:
        if run.states.state is RunState.NEW:
            closer = threading.Thread(target=run.states.go, args=(RunAct.CLOSE,))
            closer.start()
            closer.join(10)
        go(to)

    lifecycle.go = close_first  # type: ignore[method-assign]
    with pytest.raises(StateError, match="this run: is over; ask the rig for a new one"):
        run.start()
    assert (run.begun, run.finished, lifecycle.state) == (0, [], RigState.OPEN)


class Told(logging.Handler):
    """Waits until the log says something."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.has_told = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.has_told.set()


def test_a_run_whose_devices_are_slow_to_stop_says_why_it_ends_before_they_have_stopped() -> None:
    told = Told()

    class Slow(Counted):
        def _finish(self, cause: EndCause) -> None:
            assert told.has_told.wait(30), "nothing was told while the run ended"
            super()._finish(cause)

    logger = logging.getLogger("rigdriver.run.frame_sets")
    logger.addHandler(told)
    try:
        with pytest.raises(CameraError, match="c1: is silent"):
            frames_of(Slow(Lifecycle(), CameraError(device="c1", seen="is silent")))
    finally:
        logger.removeHandler(told)
    assert told.texts == ["the run ends, but its devices take long to stop: c1: is silent"]
