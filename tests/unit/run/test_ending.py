"""A run ends for a reason, and every way to the end is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rigdriver.devices.box.events import BoxStatus, EventsLost
from rigdriver.devices.cameras.events import CameraLost
from rigdriver.errors import BoxFault, CameraError, CameraProcessLost, LinkLost, NoReply, RigError, RunCutShort
from rigdriver.run.ending import Ending
from rigdriver.run.states import RunAct, RunState, RunStates
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.wire.registers import BoxStates, Faults
from tests.fake_time import FakeTime

GENERATION = 7
NONE = Faults(0)


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime(100_000_000_000)


def status(state: BoxStates, fault: Faults = NONE, generation: int = GENERATION) -> BoxStatus:
    return BoxStatus(state, fault, generation, 0, 0, 0, previous_state=BoxStates.RUNNING)


def wait(ending: Ending, clock: FakeTime, seconds: float, is_idle: bool = False) -> bool:
    """Let time pass as it does while somebody listens; return whether the run is over then."""
    is_over = False
    for _ in range(round(seconds / 0.1)):
        clock.pass_s(0.1)
        is_over = ending.is_over(0, is_idle)
    return is_over


def playing() -> RunStates:
    states = RunStates()
    for act in (RunAct.START, RunAct.TIE, RunAct.PLAY):
        states.go(act)
    return states


def an_ending(
    clock: FakeTime,
    expected: int,
    period_s: float,
    asked: BoxStatus | RigError | None = None,
    states: RunStates | None = None,
) -> Ending:
    def ask() -> BoxStatus:
        if isinstance(asked, RigError):
            raise asked
        return asked or status(BoxStates.RUNNING)

    return Ending(states or playing(), expected, 1, period_s, ask, clock.now_s)


def test_it_is_over_when_every_pulse_has_left(clock: FakeTime) -> None:
    ending = an_ending(clock, 10, 0.1)
    assert not ending.is_over(9, is_idle=True)
    assert ending.is_over(10, is_idle=True)


def test_after_the_box_has_ended_frames_may_come_for_the_grace_time_and_no_longer(clock: FakeTime) -> None:
    ending = an_ending(clock, 10, 0.1)
    ending.heard_of_state(status(BoxStates.COMMITTED), GENERATION)
    assert not wait(ending, clock, 0.9)
    assert wait(ending, clock, 0.2)
    assert ending.error is None


def test_the_end_of_the_preamble_is_not_the_end_of_the_run(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 10)
    ending.heard_of_state(status(BoxStates.COMMITTED, generation=GENERATION - 1), GENERATION)
    clock.pass_s(5)
    assert not ending.is_over(0, is_idle=True)


def test_the_time_before_the_schedule_starts_is_no_silence(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    clock.pass_s(60)
    ending.begin()
    clock.pass_s(1)
    assert not ending.is_over(0, is_idle=True)
    assert ending.error is None


def test_a_box_that_falls_silent_ends_the_run_with_an_error(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    assert not wait(ending, clock, 1.2, is_idle=True)
    assert ending.end is None
    wait(ending, clock, 0.2, is_idle=True)
    assert isinstance(ending.error, NoReply)
    assert ending.is_over(0, is_idle=True)


def test_a_fault_of_the_box_is_the_error_with_its_cause_and_what_to_do(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.heard_of_state(status(BoxStates.FAULT, Faults.INTERLOCK_OPEN), GENERATION)
    assert isinstance(ending.error, BoxFault)
    assert ending.end == RunEnd(EndCause.FAILED, ending.error)
    assert str(ending.end) == (
        "trigger box: turned everything off: the interlock opened; close it; "
        "then clear the fault (box.clear_fault) and run again"
    )


def test_several_faults_at_once_are_all_explained(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.heard_of_state(status(BoxStates.FAULT, Faults.WATCHDOG_EXPIRED | Faults.INTERLOCK_OPEN), GENERATION)
    told = str(ending.error)
    assert "silent for longer than box.watchdog_s; check cable and load" in told
    assert "the interlock opened; close it" in told


def test_a_run_that_the_box_ends_at_a_limit_on_light_says_so_in_its_statistics(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.heard_of_state(status(BoxStates.FAULT, Faults.LIGHT_LIMIT), GENERATION)
    ending.settle(EndCause.DONE)
    assert ending.end == RunEnd(EndCause.LIGHT_LIMIT, ending.error)
    assert str(ending.end) == "light limit"
    assert "a limit on light was reached" in str(ending.error)


def test_a_box_that_has_restarted_ends_the_run(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.events_lost(EventsLost(3, 10, 13, 0))
    assert ending.error is None
    ending.events_lost(EventsLost(0, 13, 0, 0))
    assert isinstance(ending.error, LinkLost)


def test_the_run_goes_on_until_the_last_camera_is_gone(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.camera_gone(CameraLost("a", CameraError("camera a: gone")), cameras=2)
    assert ending.error is None
    ending.camera_gone(CameraLost("b", CameraError("camera b: gone")), cameras=2)
    assert str(ending.error) == "camera b: gone"


def test_the_end_of_the_cameras_process_ends_the_run_at_once_and_the_first_error_counts(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.camera_gone(CameraLost("a", CameraProcessLost("cameras: process gone")), cameras=6)
    ending.fail(LinkLost("later"))
    assert str(ending.error) == "cameras: process gone"
    assert str(ending.end) == "cameras: process gone"


def test_a_run_that_was_stopped_is_over_when_nothing_waits_any_more(clock: FakeTime) -> None:
    states = playing()
    ending = an_ending(clock, 0, 0.1, states=states)
    states.go(RunAct.STOP)
    ending.heard_of_state(status(BoxStates.COMMITTED), GENERATION)
    assert not ending.is_over(3, is_idle=False)
    assert ending.is_over(4, is_idle=True)
    ending.settle(EndCause.DONE)
    assert ending.end == RunEnd(EndCause.STOPPED)


def test_a_run_that_has_handed_out_enough_is_over_and_later_says_nothing_else(clock: FakeTime) -> None:
    states = playing()
    ending = an_ending(clock, 0, 0.1, states=states)
    ending.satisfy(EndCause.DONE)
    assert states.state is RunState.SATISFIED
    assert ending.is_over(3, is_idle=False)
    states.go(RunAct.CLOSE)
    ending.settle(EndCause.CLOSED_EARLY)
    assert ending.end == RunEnd(EndCause.DONE)


def test_a_run_that_was_stopped_before_it_had_enough_was_stopped(clock: FakeTime) -> None:
    states = playing()
    ending = an_ending(clock, 0, 0.1, states=states)
    states.go(RunAct.STOP)
    ending.satisfy(EndCause.DONE)
    assert ending.end == RunEnd(EndCause.STOPPED)


def test_time_in_which_nobody_listened_is_neither_silence_nor_grace(clock: FakeTime) -> None:
    ending = an_ending(clock, 10, 0.1)
    clock.pass_s(30)  # a slow consumer held the thread up, or the process was stopped
    assert not ending.is_over(3, is_idle=False)
    assert ending.error is None
    ending.heard_of_state(status(BoxStates.COMMITTED), GENERATION)
    clock.pass_s(30)
    assert not ending.is_over(9, is_idle=False)


@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        (status(BoxStates.IDLE, generation=0), LinkLost, "has restarted and lost its schedule"),
        (NoReply("trigger box at COM3: no answer"), NoReply, "does not answer"),
        (status(BoxStates.RUNNING), NoReply, "still runs, but sends no more reports"),
    ],
)
def test_a_silent_box_is_asked_why(
    clock: FakeTime, asked: BoxStatus | RigError, kind: type[RigError], told: str
) -> None:
    ending = an_ending(clock, 0, 0.1, asked)
    for _ in range(40):
        clock.pass_s(0.05)
        ending.is_over(0, is_idle=True)
    assert type(ending.error) is kind
    assert told in str(ending.error)


def ended_after(pulses_made: int) -> BoxStatus:
    return replace(status(BoxStates.COMMITTED), pulses_started=pulses_made)


@pytest.mark.parametrize(
    ("expected", "made", "came", "pulses", "asked", "told"),
    [
        (50, 11, 11, 11, 50, "11 of 50 frame sets came; another program has stopped the trigger box"),
        (0, 11, 11, 11, None, "11 frame sets came; another program has stopped the trigger box"),
        (100, 11, 11, 11, None, "11 frame sets came; another program has stopped the trigger box"),
        (13, 13, 1, 13, 3, "1 of 3 frame sets came; all pulses of the run are used up"),
        (50, 50, 49, 49, 50, "49 of 50 frame sets came; the trigger box has made all pulses, but its reports"),
    ],
)
def test_fewer_frame_sets_than_were_asked_for_are_an_error_that_names_the_cause(
    clock: FakeTime, expected: int, made: int, came: int, pulses: int, asked: int | None, told: str
) -> None:
    ending = an_ending(clock, expected, 0.1)
    ending.heard_of_state(ended_after(made), GENERATION)
    ending.conclude(EndCause.DONE, came, pulses, asked)
    assert isinstance(ending.error, RunCutShort)
    assert told in str(ending.error)
    assert (ending.error.frame_sets, ending.error.asked) == (came, asked)
    assert ending.end == RunEnd(ending.error.cause, ending.error)


@pytest.mark.parametrize(("expected", "came", "asked"), [(50, 50, 50), (100, 100, None), (60, 50, 50)])
def test_as_many_frame_sets_as_were_asked_for_are_no_error(
    clock: FakeTime, expected: int, came: int, asked: int | None
) -> None:
    ending = an_ending(clock, expected, 0.1)
    ending.heard_of_state(ended_after(expected), GENERATION)
    ending.conclude(EndCause.DONE, came, expected, asked)
    assert (ending.error, ending.end) == (None, RunEnd(EndCause.DONE))


def test_fewer_frame_sets_are_no_error_when_the_user_has_stopped_the_run(clock: FakeTime) -> None:
    states = playing()
    ending = an_ending(clock, 50, 0.1, states=states)
    states.go(RunAct.STOP)
    ending.heard_of_state(ended_after(11), GENERATION)
    ending.conclude(EndCause.DONE, 11, 11, 50)
    assert (ending.error, ending.end) == (None, RunEnd(EndCause.STOPPED))


def test_frames_that_nobody_read_before_the_end_may_still_come(clock: FakeTime) -> None:
    ending = an_ending(clock, 0, 0.1)
    ending.heard_of_state(status(BoxStates.ARMED), GENERATION)
    assert not wait(ending, clock, 0.8)
    ending.excuse(0.7)
    assert not wait(ending, clock, 0.8)
    assert wait(ending, clock, 0.3)
