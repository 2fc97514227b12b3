"""Triggers by command: who is waited for, for how long the others were held up, and who has not answered."""

from __future__ import annotations

from rigdriver.errors import CameraError, CameraSilent
from rigdriver.own_pause import LOOK_S
from rigdriver.run.software_trigger import COMMAND, SLOW_S, SoftwareTrigger, Waiting
from tests.fake_time import FakeTime


def test_a_quick_camera_holds_nobody_up() -> None:
    asked: list[tuple[str, str]] = []
    software = SoftwareTrigger(lambda camera, command: asked.append((camera, command)), FakeTime())
    assert software.trigger("left") == ("", None)
    assert asked == [("left", COMMAND)]
    assert (software.look(), software.holds()) == (None, [])


def test_a_slow_camera_is_waited_for_and_its_time_is_told_once() -> None:
    time = FakeTime()
    seen: list[Waiting | None] = []

    def execute(_camera: str, _command: str) -> None:
        for _ in range(12):
            time.pass_s(LOOK_S)
            seen.append(software.look())

    software = SoftwareTrigger(execute, time)
    assert software.trigger("left") == ("", None)
    assert (seen[0], seen[-1]) == (Waiting("left", LOOK_S), Waiting("left", 3.0))
    assert software.look() is None
    assert software.holds() == [("left", 3.0)]
    assert software.holds() == []


def test_a_command_of_usual_length_excuses_nobody() -> None:
    time = FakeTime()
    software = SoftwareTrigger(lambda _camera, _command: time.pass_s(SLOW_S / 2), time)
    software.trigger("left")
    assert software.holds() == []


def test_a_refusal_is_what_the_camera_said() -> None:
    def execute(_camera: str, _command: str) -> None:
        raise CameraError("camera left: TriggerSoftware refused")

    assert SoftwareTrigger(execute, FakeTime()).trigger("left") == ("camera left: TriggerSoftware refused", None)


def test_a_camera_that_does_not_answer_for_a_moment_is_not_lost_for_that() -> None:
    def execute(_camera: str, _command: str) -> None:
        raise CameraSilent("camera left: does not answer")

    assert SoftwareTrigger(execute, FakeTime()).trigger("left") == ("camera left: does not answer", None)


def test_a_producer_that_waited_long_in_vain_makes_its_camera_lost(monkeypatch) -> None:
    wall = FakeTime()
    monkeypatch.setattr("rigdriver.run.software_trigger.WALL_TIME", wall)
    silent = CameraSilent("camera left: does not answer")

    def execute(_camera: str, _command: str) -> None:
        for _ in range(12):
            wall.pass_s(LOOK_S)  # modelled time stands still meanwhile
            software.look()
        raise silent

    software = SoftwareTrigger(execute, FakeTime())
    assert software.trigger("left") == (str(silent), silent)


def test_a_camera_is_not_lost_because_this_process_stood_still_while_it_was_asked(monkeypatch) -> None:
    wall, time = FakeTime(), FakeTime()
    monkeypatch.setattr("rigdriver.run.software_trigger.WALL_TIME", wall)
    silent = CameraSilent("camera left: does not answer")
    seen: list[Waiting | None] = []

    def execute(_camera: str, _command: str) -> None:
        for clock in (wall, time):
            clock.pass_s(60)  # stopped and continued
        seen.append(software.look())
        raise silent

    software = SoftwareTrigger(execute, time)
    assert software.trigger("left") == (str(silent), None)
    assert seen == [Waiting("left", 0.0)]
