"""One image of one camera without a run: triggered by a command, or the first frame of a camera that runs freely.

In: open cameras that do not stream, and a name. Out: the frame, and how it was triggered. The trigger is put back
afterwards. The image is unproved: no lamp flashes, and no other camera is triggered with it. Not here: runs (see run.py
and bench_run.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from rigdriver.config import FeatureValue, RigConfig
from rigdriver.devices.camera_link.settings import CameraSettings, TriggerBy
from rigdriver.devices.cameras.camera_features import CameraFeatures
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.events import CameraEvent, CameraLost, FrameLost
from rigdriver.errors import CameraError, RigError, gather
from rigdriver.frames import Frame
from rigdriver.schedule.plan import exposure_us
from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import Timebase, TimeLimit

_COMMAND = "TriggerSoftware"
_TRIGGER_FEATURES = ("TriggerSource", "TriggerActivation", "TriggerMode")
"""Features of the trigger that lie behind TriggerSelector."""
_AGAIN_S = 1.0
"""Time without a frame after which the trigger is given again, in s; a camera ignores one that comes too early."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One image, and how it came about."""

    frame: Frame
    trigger: TriggerBy
    """Trigger of the image: SOFTWARE, a command; ITSELF, a camera that ran freely."""


def snap_timeout_s(config: RigConfig, camera: str) -> float:
    """Return the longest time for one image: what a command may take, and two exposures."""
    exposures = [exposure_us(config, c) for c in config.cameras if c.name == camera]
    return config.genicam.command_timeout_s + 2e-6 * max(exposures, default=0.0)


def snap(cameras: Cameras, camera: str, timeout_s: float, timebase: Timebase) -> Snapshot:
    """Take one image of one camera; it waits for `timeout_s` at most.

    Raises:
        CameraError: the camera refuses, or delivers no whole image in time.
        StateError: the cameras stream, or are closed.
    """
    features = cameras[camera].features
    before = _trigger_of(features)
    try:
        trigger = _set_trigger(features)
        frame = _take(cameras, camera, trigger, TimeLimit(timebase, timeout_s), timebase)
    finally:
        put_back = features.write(CameraSettings(before))
    if put_back.refusals:
        raise gather(f"camera {camera}: its trigger cannot be put back; open it again", put_back.refusals)
    return Snapshot(frame, trigger)


def _trigger_of(features: CameraFeatures) -> Mapping[str, FeatureValue]:
    """Return what the trigger is set to, behind each entry of its selector."""
    known = {feature.name: feature for feature in features}
    selector = known.get("TriggerSelector")
    before: dict[str, FeatureValue] = {}
    behind = [""] if selector is None else [f"[TriggerSelector={entry}]" for entry in selector.entries]
    for key in ["AcquisitionMode", *(name + place for place in behind for name in _TRIGGER_FEATURES)]:
        with suppress(CameraError):  # the camera has no such feature, or not with this entry
            before[key] = features.get(key)
    if selector is not None and selector.value is not None:
        before["TriggerSelector"] = selector.value
        features.set("TriggerSelector", selector.value)
    return before


def _set_trigger(features: CameraFeatures) -> TriggerBy:
    """Let the camera wait for a command, or run freely when it cannot."""
    if any(feature.name == _COMMAND for feature in features):
        outcome = features.write(CameraSettings({}, TriggerBy.SOFTWARE))
        if outcome.is_as_asked and {"TriggerSource", "TriggerMode"} <= {report.name for report in outcome.reports}:
            return TriggerBy.SOFTWARE
    refusals = features.write(CameraSettings({}, TriggerBy.ITSELF)).refusals
    if refusals:
        raise gather("one image", refusals)
    return TriggerBy.ITSELF


class _FirstFrame:
    """Keeps the first whole frame of one camera; the sink of the cameras' events."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self.has_ended = SafeEvent()
        self.frame: Frame | None = None
        self.error: RigError | None = None
        self.lost = 0

    def take(self, event: CameraEvent) -> None:
        if event.camera != self._camera or self.has_ended.is_set():
            return
        match event:
            case Frame():
                self.frame = event
            case CameraLost():
                self.error = event.error
            case FrameLost():
                self.lost += event.count
                return
        self.has_ended.set()


def _take(cameras: Cameras, camera: str, trigger: TriggerBy, limit: TimeLimit, timebase: Timebase) -> Frame:
    first = _FirstFrame(camera)
    cameras.start(first.take)
    due_s = timebase.now_s()
    try:
        while not first.has_ended.is_set() and limit.left_s() > 0:
            if trigger is TriggerBy.SOFTWARE and timebase.now_s() >= due_s:
                cameras.execute(camera, _COMMAND)
                due_s += _AGAIN_S
            timebase.wait(first.has_ended, limit.look_s())
    finally:
        cameras.stop()
    if first.error is not None:
        raise first.error
    if first.frame is None:
        raise CameraError(
            device=f"camera {camera}",
            seen=f"delivered no whole image in time ({first.lost} incomplete), {_how(trigger)}",
            expected="one image",
            remedy="check its cable and its exposure time",
        )
    return first.frame


def _how(trigger: TriggerBy) -> str:
    return f"triggered by {_COMMAND}" if trigger is TriggerBy.SOFTWARE else "running freely"
