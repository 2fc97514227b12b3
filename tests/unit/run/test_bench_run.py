"""A run without a trigger box, on cameras that the test plays by hand.

In: frames handed to the run. Out: the frame sets that the consumer gets, above all at the end of the run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, FrameLost
from rigdriver.errors import CameraError, CameraSilent, NoReply, SyncError
from rigdriver.frames import Frame, FrameSet, GapReason
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.run.bench_run import BenchRun
from rigdriver.run_end import EndCause, RunEnd
from rigdriver.timebase import AnyCondition
from tests.fake_time import FakeTime

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "genicam": {"producers": ["x.cti"]},
        "schedule": {"mode": "external"},
        "cameras": [{"name": n, "serial": n, "output": i} for i, n in enumerate(("left", "right"))],
    }
)
PERIOD_NS = 3_600_000_000_000
"""A group ends by itself only after this time, so in a test never."""


class HandPlayed:
    """Cameras that deliver what the test says."""

    awaited: str | None = None
    unheard_s = 0.0

    def __init__(self, early: str | None = None) -> None:
        """`early`: a camera that delivers while the others still start."""
        self._early = early

    def start(self, sink: Callable[[CameraEvent], None]) -> None:
        self._sink = sink
        if self._early is not None:
            self.deliver(self._early, 0, 0)

    def spoil(self, camera: str, frame_id: int, t_host_ns: int) -> None:
        self._sink(FrameLost(camera, frame_id, GapReason.INCOMPLETE, 1, t_host_ns))

    def lose(self, camera: str) -> None:
        self._sink(CameraLost(camera, CameraError(f"camera {camera}: its cable is out")))

    def stop(self, time_s=None) -> None: ...

    def execute(self, camera: str, command: str) -> None:
        raise AssertionError(f"nobody commands these cameras: {camera} {command}")

    def deliver(self, camera: str, frame_id: int, t_host_ns: int) -> None:
        self._sink(Frame(camera, frame_id, 0, t_host_ns, "Mono8", np.zeros((2, 2), np.uint8)))


def test_the_group_under_way_is_handed_out_when_the_run_is_stopped() -> None:
    cameras, lifecycle = HandPlayed(), Lifecycle()
    run = BenchRun(CONFIG, cast(Cameras, cameras), lifecycle, None, 1e9 / PERIOD_NS)
    run.start()
    cameras.deliver("left", 0, 0)
    cameras.deliver("right", 0, 1)
    cameras.deliver("left", 1, PERIOD_NS - 1)
    run.stop()
    first, last = list(run)
    assert first.is_complete
    assert set(last.frames) == {"left"}
    assert last.gaps["right"].reason is GapReason.NOT_DELIVERED
    assert run.statistics.stopped_by == RunEnd(EndCause.STOPPED)
    assert lifecycle.state is RigState.OPEN


def test_a_stopped_run_hands_out_no_more_than_was_asked_for() -> None:
    cameras = HandPlayed()
    run = BenchRun(CONFIG, cast(Cameras, cameras), Lifecycle(), 1, 1e9 / PERIOD_NS)
    run.start()
    cameras.deliver("left", 0, 0)
    cameras.deliver("left", 1, PERIOD_NS - 1)
    run.stop()
    assert [set(frame_set.frames) for frame_set in run] == [{"left"}]


# ---------------------------------------------------------------- losses and silence


def policy(on_gap: str) -> RigConfig:
    return CONFIG.model_copy(update={"run": CONFIG.run.model_copy(update={"on_gap": on_gap})})


def started(config: RigConfig, frames: int | None = None) -> tuple[HandPlayed, BenchRun]:
    cameras = HandPlayed()
    run = BenchRun(config, cast(Cameras, cameras), Lifecycle(), frames, 1e9 / PERIOD_NS)
    run.start()
    return cameras, run


def test_a_lost_camera_is_a_gap_with_that_reason_and_the_others_go_on() -> None:
    cameras, run = started(policy("continue"))
    cameras.lose("right")
    for number in range(3):
        cameras.deliver("left", number, number * PERIOD_NS)
    run.stop()
    reasons = [frame_set.gaps["right"].reason for frame_set in run]
    assert reasons == [GapReason.CAMERA_LOST] * 3
    assert run.statistics.gap_reasons == {"CAMERA_LOST": 3}


def test_retry_ends_with_the_error_of_a_lost_camera_for_no_frame_set_can_be_complete() -> None:
    cameras, run = started(policy("retry"), 5)
    cameras.lose("right")
    with pytest.raises(CameraError, match="its cable is out"):
        list(run)


def test_retry_leaves_frame_sets_with_gaps_out_and_gives_up_after_as_many_as_were_asked_for() -> None:
    cameras, run = started(policy("retry"), 3)
    cameras.deliver("left", 0, 0)
    cameras.deliver("right", 0, 1)
    for number in range(1, 14):
        cameras.spoil("left", number, number * PERIOD_NS)
        cameras.deliver("right", number, number * PERIOD_NS + 1)
    taken: list[FrameSet] = []
    with pytest.raises(SyncError, match=r"11 frame sets with gaps were left out.*on_gap = 'retry'"):
        taken.extend(run)
    assert [frame_set.pulse_index for frame_set in taken] == [0]
    assert (run.statistics.left_out, run.statistics.gap_reasons["INCOMPLETE"]) == (11, 11)


def test_stop_ends_with_the_first_gap() -> None:
    cameras, run = started(policy("stop"))
    cameras.deliver("left", 0, 0)
    cameras.spoil("right", 0, 1)
    with pytest.raises(SyncError, match=r"frame set 0: camera right: .*bytes missing.*on_gap = 'stop'"):
        list(run)
    assert run.statistics.frame_sets == 1


def test_a_trigger_that_never_comes_ends_the_run_and_blames_no_camera() -> None:
    run = BenchRun(CONFIG, cast(Cameras, HandPlayed()), Lifecycle(), None, 10, FakeTime())
    with pytest.raises(NoReply, match="no camera has delivered anything"):
        list(run)


def test_what_some_cameras_deliver_before_all_have_started_is_no_frame_set() -> None:
    cameras = HandPlayed(early="left")
    run = BenchRun(CONFIG, cast(Cameras, cameras), Lifecycle(), None, 1e9 / PERIOD_NS)
    run.start()
    run.stop()
    assert list(run) == []


class TimeOfCommands(FakeTime):
    """A time that passes only while a camera keeps the run waiting, and by the turns of the thread "sync"."""

    is_asked = False

    def wait_on(self, condition: AnyCondition, timeout_s: float) -> None:
        if self.is_asked and threading.current_thread().name == "sync":
            super().wait_on(condition, timeout_s)
        else:
            condition.wait(0.001)


class HalfDeaf(HandPlayed):
    """Cameras of which the left one keeps whoever commands it waiting for five seconds; the right one obeys at once."""

    def __init__(self, time: TimeOfCommands) -> None:
        super().__init__()
        self._time = time
        self._delivered = 0
        self.commands: list[str] = []

    def execute(self, camera: str, _command: str) -> None:
        self.commands.append(camera)
        if camera == "right":
            self.deliver("right", self._delivered, self._time.now_ns())
            self._delivered += 1
            return
        until_s, turn = self._time.now_s() + 5, threading.Event()
        self._time.is_asked = True
        while self._time.now_s() < until_s:  # the run moves this time
            turn.wait(0.001)
        self._time.is_asked = False
        raise CameraSilent("camera left: TriggerSoftware refused: timed out")


def test_a_camera_that_leaves_a_command_unanswered_is_lost_and_the_others_are_not_blamed() -> None:
    time = TimeOfCommands()
    config = policy("continue")
    config = config.model_copy(update={"schedule": config.schedule.model_copy(update={"mode": "software"})})
    cameras = HalfDeaf(time)
    run = BenchRun(config, cast(Cameras, cameras), Lifecycle(), 3, 10, time)
    frame_sets = list(run)
    assert [set(frame_set.frames) for frame_set in frame_sets] == [{"right"}] * 3
    assert {frame_set.gaps["left"].reason for frame_set in frame_sets} == {GapReason.CAMERA_LOST}
    assert "does not answer the command TriggerSoftware for 1 s" in frame_sets[0].gaps["left"].detail
    assert cameras.commands.count("left") == 1
