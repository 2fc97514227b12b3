"""The rig as an application sees it: open it, run it, take proved frame sets, close it.

In: a rig file, or the name of a rig that can be started (`sim`). Out: runs of frame sets. Composes the trigger box and
the cameras; recording and reconstruction are the caller's to add. Not here: protocols (see wire/) and matching (see
sync/matcher.py).

    with Rig.open("rig.toml") as rig:
        for frame_set in rig.run(frames=100):
            print(frame_set.pulse_index, frame_set.proof.skew_us)
"""

from __future__ import annotations

import atexit
import logging
import operator
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar
from weakref import WeakSet

from rigdriver.config import CameraConfig, FeatureValue, RigConfig
from rigdriver.config.models import ownership
from rigdriver.config.owned_features import refusal
from rigdriver.devices.box.outputs import wrong_outputs
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.devices.camera_link.settings import CameraSettings, Reset, TriggerBy
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.exposure import write_exposure
from rigdriver.ends import End
from rigdriver.errors import CameraError, RigError, ScheduleError, StateError, UsageError, gather
from rigdriver.findings import BrokenLimit
from rigdriver.frames import Frame
from rigdriver.images.region import ImageRegion, region_of
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.opening import keep, opened
from rigdriver.ownership import Owner
from rigdriver.run.bench_run import BenchRun
from rigdriver.run.frame_sets import FrameSets
from rigdriver.run.run import Run
from rigdriver.run.snap import snap, snap_timeout_s
from rigdriver.schedule.pattern_light import pattern_light
from rigdriver.schedule.plan import RULERS, compile_preamble, compile_schedule
from rigdriver.schedule.plan import exposure_us as planned_exposure_us
from rigdriver.schedule.planned import CameraFacts
from rigdriver.sources import resolve
from rigdriver.timebase import Timebase, open_timebase

PREAMBLE_MARGIN = 1.25
"""Ratio of the shortest interval between two triggers of the preamble to the shortest period of the slowest camera."""
SHORTEST_UNIT_US = 5000
SPARE_PULSES = 10
"""Least number of extra pulses that a run with `on_gap = "retry"` may use to replace frame sets with gaps."""
# SFNC has no name for it. In this order: Basler, its SFNC 1.x models, FLIR, others, Allied Vision's older models.
RATE_FEATURES = (
    "ResultingFrameRate", "ResultingFrameRateAbs", "AcquisitionResultingFrameRate", "AcquisitionFrameRateMax",
    "AcquisitionFrameRateLimit",
)  # fmt: skip
_TRIGGERS: Mapping[str, TriggerBy] = MappingProxyType({"free": TriggerBy.ITSELF, "software": TriggerBy.SOFTWARE})
_logger = logging.getLogger(__name__)


T = TypeVar("T")


class Rig:
    """An open rig. One run at a time; every method may be called from any thread, runs are consumed by one."""

    def __init__(
        self, config: RigConfig, box: TriggerBox | None, cameras: Cameras, stack: ExitStack, timebase: Timebase
    ) -> None:
        """Use `Rig.open`."""
        self.config = config
        self._owner = Owner()
        self._box = box
        self.cameras = cameras
        cameras.guard = self._refuse_owned
        self.timebase = timebase
        """Host time on this rig; frame sets and waits use it."""
        self._stack = stack
        self._lifecycle = Lifecycle()
        # Random at the start: an event that is left from an earlier session must not carry a generation of this one.
        self._generation = secrets.randbelow(2**31) + 1
        self._runs: WeakSet[FrameSets] = WeakSet()
        self._end = End(f"rig {config.name}", self._close, timebase)
        keep(self.close)
        atexit.register(self.close)  # while the threads still live that turn the outputs off

    @classmethod
    def open(cls, source: str | Path | RigConfig) -> Rig:
        """Open a rig: connect its box and cameras, write and read back every camera feature. Nothing is triggered yet.

        What a camera changed or lacks is logged as a warning, which Python prints on stderr when nobody handles it;
        `rig.cameras.reports` holds the values. A changed image size, place or format is an error.

        `source`: a rig file, a configuration, or the name of a rig such as `sim` or `sim:default?rate_hz=60`.

        Raises:
            ConfigError: the rig file is wrong, or a lamp or camera is on an output that the box counts otherwise.
            DeviceError: a device is missing, refuses or does not answer; all failures are reported at once.
        """
        return opened("the rig", lambda: cls._opened(source))

    @classmethod
    def _opened(cls, source: str | Path | RigConfig) -> Rig:
        stack = ExitStack()
        keep(stack.close)
        config = resolve(source, stack)
        errors: list[RigError] = []
        timebase = open_timebase(config.timebase)
        # Box and cameras are both tried, so that one report names everything that is not connected.
        box = _collect(errors, lambda: _open_box(config, stack, timebase))
        cameras = _collect(errors, lambda: stack.enter_context(_open_cameras(config)))
        errors += wrong_outputs(config, box.identity) if box is not None else ()
        if errors or cameras is None:
            raise gather(f"rig {config.name}", errors)
        for report in cameras.reports.values():
            for remark in report.remarks:
                _logger.warning("%s", remark)
        # From here on the rig closes what was opened.
        return cls(config, box, cameras, stack, timebase)

    @property
    def state(self) -> RigState:
        """What the rig is doing."""
        return self._lifecycle.state

    @property
    def box(self) -> TriggerBox:
        """The trigger box. StateError on a bench that has none (schedule.mode)."""
        if self._box is None:
            raise StateError(
                device=f"rig {self.config.name}",
                seen=f"has no trigger box (schedule.mode = {self.config.schedule.mode!r})",
                expected="schedule.mode = 'box'",
            )
        return self._box

    def run(
        self,
        frames: int | None = None,
        rate_hz: float | None = None,
        lamps: Collection[str] | None = None,
        *,
        in_pattern_light: bool = False,
    ) -> FrameSets:
        """Return a run of that many frame sets; it starts when it is iterated.

        `frames` None runs until stopped (with light: until one flash train is over). `rate_hz` None takes the rig
        file's. `lamps`: those that flash; the others stay dark. None lets all of them flash. `in_pattern_light`:
        texture cameras expose together with the geometry cameras, in the light of the pattern lamps.

        Raises:
            ScheduleError: the plan breaks a limit.
            StateError: the rig is closed, or another run is under way.
        """
        frames = None if frames is None else operator.index(frames)  # TypeError for 1.5 frames
        self._expect_open()
        config = _lit_by(pattern_light(self.config) if in_pattern_light else self.config, lamps)
        if config.schedule.mode != "box":
            rate = _checked_rate(config, frames, rate_hz)
            return self._kept(BenchRun(config, self.cameras, self._lifecycle, frames, rate, self.timebase))
        ticks = self.box.identity.tick_rate_hz
        is_retrying = config.run.on_gap == "retry" and frames is not None
        facts = {c.name: self._camera_facts(c.name) for c in config.cameras}
        schedule = compile_schedule(
            config, ticks, self._next_generation(), self._pulses(frames) if is_retrying else frames, rate_hz, facts
        )
        unit_us = _preamble_unit_us(facts.values(), 1e6 / schedule.rate_hz)
        # A generation for each attempt: edges of one can never be taken for those of another, or of the run.
        preambles = [compile_preamble(config, ticks, self._next_generation(), unit_us, marks) for marks in RULERS]
        wanted = frames if is_retrying else None
        is_lit = frames is None and schedule.has_light
        devices = config, self.box, self.cameras, self._lifecycle
        return self._kept(Run(*devices, preambles, schedule, wanted, self.timebase, is_lit))

    def set_exposure(self, camera: str, exposure_us: float) -> float:
        """Change one camera's exposure for the runs to come; return what the camera made of it, in us.

        Nothing is opened anew. The schedule and the flashes of the next run follow from it; the rig file stays as it
        is.

        Raises:
            ScheduleError: a schedule with this exposure breaks a limit; nothing has changed.
            CameraError: the camera lacks exposure times, refuses this one or changes it; its exposure is as before.
            ConfigError: the value is out of bounds.
            StateError: the rig is closed, or a run is under way.
        """
        self._expect_open()
        changed = self.config.with_exposure(camera, exposure_us)
        if self._box is not None:
            compile_schedule(changed, self._box.identity.tick_rate_hz, self._next_generation(), 1)
        features = self.cameras[camera].features
        try:
            got_us = write_exposure(features, camera, exposure_us)
        except CameraError:
            with suppress(CameraError):
                write_exposure(features, camera, planned_exposure_us(self.config, self.config.camera(camera)))
            raise
        self.config = changed
        return got_us

    def snap(self, camera: str) -> Frame:
        """Return one image of one camera with its present settings, without a run: no lamp flashes, nothing is proved.

        The image is triggered by a command where the camera can do that; else the camera runs freely for one frame.
        Afterwards its trigger is as it was.

        Raises:
            CameraError: the camera refuses, or delivers no whole image in time.
            StateError: the rig is closed, a run is under way, or no camera has that name.
        """
        self._expect_open()
        return snap(self.cameras, camera, snap_timeout_s(self.config, camera), self.timebase).frame

    def sizes_px(self) -> dict[str, tuple[int, int]]:
        """Return width and height of each camera's images, as the cameras are set.

        Raises:
            CameraError: a camera does not report its size.
        """
        sizes: dict[str, tuple[int, int]] = {}
        for camera in self.config.cameras:
            width, height = (self.cameras.get(camera.name, feature) for feature in ("Width", "Height"))
            sizes[camera.name] = (int(width), int(height))
        return sizes

    def regions(self) -> dict[str, ImageRegion]:
        """Return each camera's place on its sensor, as the cameras are set; calibrations hold for one place only."""
        return {camera.name: region_of(partial(self._setting, camera.name)) for camera in self.config.cameras}

    def close(self) -> None:
        """Turn all outputs off and give the devices back. Closing twice is harmless.

        It takes 5 s at most: what does not answer by then is abandoned, and the log names it. Ctrl-C waits until it is
        done. A fork of the process that opened the rig leaves it alone.
        """
        if self._owner.is_here:
            self._end.run()
        # Behind the end, so that one that was never begun is made up for at exit.
        atexit.unregister(self.close)

    def _close(self) -> None:
        with self._stack:
            try:
                # Runs end before the devices close, so that the outputs are turned off over a link that still works.
                for run in list(self._runs):  # one of them at most has started; it may be any
                    run.close()
            finally:
                self._lifecycle.go(RigState.CLOSED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _expect_open(self) -> None:
        self._owner.expect_here(f"rig {self.config.name}")
        for run in list(self._runs):
            run.await_end()
        if self.state is not RigState.OPEN:
            raise StateError(
                device=f"rig {self.config.name}",
                seen=f"is {self.state.value}",
                expected=RigState.OPEN.value,
                remedy="end that run first, or open the rig again",
            )

    def _refuse_owned(self, camera: str, values: Mapping[str, FeatureValue]) -> None:
        """Refuse to write what the schedule or the rig's mode sets: the next run would not be what it says."""
        use = ownership(self.config, self.config.camera(camera))
        for feature, value in values.items():
            if (remedy := refusal(feature, value, use)) is not None:
                raise UsageError(
                    device=f"camera {camera}",
                    seen=f"{feature} = {value!r} cannot be written, because the schedule sets it",
                    remedy=remedy,
                )

    def _kept(self, run: FrameSets) -> FrameSets:
        self._runs.add(run)
        return run

    def _next_generation(self) -> int:
        # 0 is no generation for the box, and its number has 32 bits.
        self._generation = self._generation % (2**32 - 1) + 1
        return self._generation

    def _pulses(self, frames: int | None) -> int | None:
        """Return how many pulses may be used for that many complete frame sets."""
        if frames is None:
            return None
        spare = max(SPARE_PULSES, frames)
        return (
            # Spare pulses must not make a run too long for the light limits when the frames alone keep them.
            min(frames + spare, max(frames, self.config.light.max_train_flashes))
            if self.config.lamps
            else frames + spare
        )

    def _camera_facts(self, camera: str) -> CameraFacts:
        # Vendors name it differently; the first feature that a camera has counts.
        rate_hz = next(filter(None, (self._number(camera, feature) for feature in RATE_FEATURES)), None)
        payload = self._number(camera, "PayloadSize")
        return CameraFacts(max_rate_hz=rate_hz, payload_bytes=None if payload is None else int(payload))

    def _setting(self, camera: str, feature: str) -> float | None:
        """Return a feature that is a number or a switch; None where the camera has no such feature."""
        try:
            value = self.cameras.get(camera, feature)
        except CameraError:
            return None
        return float(value) if isinstance(value, int | float) else None

    def _number(self, camera: str, feature: str) -> float | None:
        """Return a feature that is a positive number; None where the camera has no such feature."""
        value = self._setting(camera, feature)
        return value if value is not None and value > 0 else None


def _lit_by(config: RigConfig, lamps: Collection[str] | None) -> RigConfig:
    """Return the configuration in which only those lamps flash."""
    if lamps is None:
        return config
    known = [lamp.name for lamp in config.lamps]
    if unknown := sorted(set(lamps) - set(known)):
        raise UsageError(
            device=f"rig {config.name}",
            seen=f"lamps = {unknown}",
            expected=f"lamps of the rig file: {', '.join(known) or 'none'}",
        )
    return config.model_copy(update={"lamps": tuple(lamp for lamp in config.lamps if lamp.name in lamps)})


def _preamble_unit_us(facts: Iterable[CameraFacts], period_us: float) -> float:
    """Return the preamble's unit: as short as the slowest camera allows, so that a start takes little time."""
    slowest_us = max(1e6 / f.max_rate_hz if f.max_rate_hz else period_us for f in facts)
    return max(SHORTEST_UNIT_US, PREAMBLE_MARGIN * slowest_us)


def trigger_features(config: RigConfig, camera: CameraConfig) -> CameraSettings:
    """Return what a camera is set to: triggered as the rig's mode says, exposed as planned, and what the file demands.

    Only what the rig file names under `features` is a demand. The rest is written under the names that the camera has.
    """
    mode = config.schedule.mode
    trigger = _TRIGGERS.get(mode, TriggerBy.LINE)
    # The simplest cameras run freely and have no exposure time.
    planned_us = camera.exposure_us if mode == "free" else planned_exposure_us(config, camera)
    return CameraSettings(camera.features, trigger, planned_us, Reset(camera.reset))


def _open_box(config: RigConfig, stack: ExitStack, timebase: Timebase) -> TriggerBox | None:
    if config.box is None or config.schedule.mode != "box":
        return None
    return stack.enter_context(TriggerBox.open(config.box, timebase))


def _checked_rate(config: RigConfig, frames: int | None, rate_hz: float | None) -> float:
    rate = config.schedule.rate_hz if rate_hz is None else rate_hz
    if not 0 < rate <= 1000:
        raise ScheduleError(
            kind=BrokenLimit.RATE, device="run", seen=f"rate_hz = {rate:g}", expected="more than 0 and at most 1000 Hz"
        )
    if frames is not None and frames < 1:
        raise ScheduleError(kind=BrokenLimit.PULSES, device="run", seen=f"frames = {frames}", expected="at least 1")
    return rate


def _open_cameras(config: RigConfig) -> Cameras:
    features = {c.name: trigger_features(config, c) for c in config.cameras}
    return Cameras.open(config.genicam, config.cameras, features, config.timebase)


def _collect(errors: list[RigError], act: Callable[[], T]) -> T | None:
    try:
        return act()
    except RigError as exc:
        errors.append(exc)
        return None
