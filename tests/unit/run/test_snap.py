"""One image of one camera: which way it is triggered, how long it waits, and that the trigger is put back.

In: a scripted camera that delivers, loses or refuses. Out: the frame or the error, and what was written to the camera.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pytest

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import FeatureReport
from rigdriver.devices.camera_link.feature_tree import FeatureDescription, FeatureKind, SettingsOutcome
from rigdriver.devices.camera_link.settings import CameraSettings, TriggerBy
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, FrameLost
from rigdriver.errors import CameraError
from rigdriver.frames import Frame, GapReason
from rigdriver.run.snap import snap
from tests.fake_time import FakeTime

TRIGGERED = (
    FeatureReport("TriggerSource", "Software", "Software", False),
    FeatureReport("TriggerMode", "On", "On", False),
)
BEFORE: dict[str, FeatureValue] = {
    "AcquisitionMode": "Continuous", "TriggerSelector": "FrameStart",
    "TriggerSource[TriggerSelector=FrameStart]": "Line0", "TriggerMode[TriggerSelector=FrameStart]": "On",
}  # fmt: skip


def frame(camera: str = "left") -> Frame:
    return Frame(camera, 1, 0, 0, "Mono8", np.zeros((2, 2), np.uint8), MappingProxyType({}))


class Scripted:
    """One camera, as `Cameras`, as `RigCamera` and as its features: it answers each trigger with the next events."""

    def __init__(self, *answers: tuple[CameraEvent, ...], has_command: bool = True, is_obedient: bool = True) -> None:
        self.answers = list(answers)
        self.has_command, self.is_obedient = has_command, is_obedient
        self.log: list[str] = []
        self.asked: list[CameraSettings] = []
        self.put_back = SettingsOutcome(())
        self.sink: Callable[[CameraEvent], None] | None = None

    @property
    def features(self) -> Scripted:
        return self

    def __getitem__(self, _camera: str) -> Scripted:
        return self

    def __iter__(self) -> Iterator[FeatureDescription]:
        yield FeatureDescription(
            "TriggerSelector", "", FeatureKind.ENUMERATION, "FrameStart", True, True, entries=("FrameStart",)
        )
        if self.has_command:
            yield FeatureDescription("TriggerSoftware", "", FeatureKind.COMMAND, None, False, True)

    def get(self, key: str) -> FeatureValue:
        if key not in BEFORE:
            raise CameraError(f"no {key}")
        return BEFORE[key]

    def set(self, key: str, value: FeatureValue) -> None:
        self.log.append(f"{key}={value}")

    def write(self, settings: CameraSettings) -> SettingsOutcome:
        self.asked.append(settings)
        if settings.trigger is TriggerBy.SOFTWARE:
            refusals = () if self.is_obedient else (CameraError("camera left: TriggerSource refused"),)
            return SettingsOutcome(TRIGGERED if self.is_obedient else (), refusals)
        return self.put_back if settings.trigger is None else SettingsOutcome(())

    def start(self, sink: Callable[[CameraEvent], None]) -> None:
        self.log.append("start")
        self.sink = sink
        if self.asked[-1].trigger is TriggerBy.ITSELF:
            self._answer()

    def execute(self, camera: str, command: str) -> None:
        self.log.append(f"{camera}.{command}")
        self._answer()

    def stop(self) -> None:
        self.log.append("stop")

    def _answer(self) -> None:
        assert self.sink is not None
        for event in self.answers.pop(0) if self.answers else ():
            self.sink(event)


def taken(camera: Scripted, timeout_s: float = 3.0) -> Any:
    return snap(cast("Cameras", camera), "left", timeout_s, FakeTime())


def test_a_camera_with_a_software_trigger_is_commanded_once_and_put_back() -> None:
    camera = Scripted((frame("right"), frame()))
    snapshot = taken(camera)
    assert (snapshot.frame.camera, snapshot.trigger) == ("left", TriggerBy.SOFTWARE)
    assert camera.log == ["TriggerSelector=FrameStart", "start", "left.TriggerSoftware", "stop"]
    assert [settings.trigger for settings in camera.asked] == [TriggerBy.SOFTWARE, None]
    assert camera.asked[-1].demands == BEFORE


@pytest.mark.parametrize("lacking", [{"has_command": False}, {"is_obedient": False}])
def test_a_camera_without_a_software_trigger_runs_freely_for_one_frame(lacking: dict[str, bool]) -> None:
    camera = Scripted((frame(), frame()), **lacking)
    assert taken(camera).trigger is TriggerBy.ITSELF
    assert "left.TriggerSoftware" not in camera.log
    assert camera.asked[-1].demands == BEFORE


def test_a_lost_image_is_triggered_again() -> None:
    lost = FrameLost("left", 1, GapReason.INCOMPLETE, 1, 0)
    camera = Scripted((lost,), (frame(),))
    assert taken(camera).frame.camera == "left"
    assert camera.log.count("left.TriggerSoftware") == 2


def test_a_camera_that_delivers_nothing_is_named_in_bounded_time_and_put_back() -> None:
    lost = FrameLost("left", 1, GapReason.INCOMPLETE, 2, 0)
    camera = Scripted((lost,))
    with pytest.raises(
        CameraError, match=r"camera left: delivered no whole image in time \(2 incomplete\), triggered by"
    ):
        taken(camera)
    assert camera.log.count("left.TriggerSoftware") == 3
    assert camera.log[-1] == "stop"
    assert camera.asked[-1].demands == BEFORE


def test_a_camera_that_is_lost_says_why_and_one_that_cannot_be_put_back_says_so() -> None:
    with pytest.raises(CameraError, match="unplugged"):
        taken(Scripted((CameraLost("left", CameraError("camera left: unplugged")),)))
    camera = Scripted((frame(),))
    camera.put_back = SettingsOutcome((), (CameraError("camera left: TriggerMode refused"),))
    with pytest.raises(CameraError, match="TriggerMode refused"):
        taken(camera)
