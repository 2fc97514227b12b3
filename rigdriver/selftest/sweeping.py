"""The flash swept across the exposures: what the cameras show of it, image by image.

In: an open rig, idle. Out: for each camera its exposures and images of the sweep. The cameras that one kind of lamp
lights expose together, and the lamps of this kind flash together: once across the start of the exposures, once across
their end. Then the cameras are triggered by the falling edge, without light, which shows how late that edge is.
Everything stays within the limits on light and stands in the light log. Not here: what it means (see
exposure_window.py and optical_checks.py), and the schedule of a sweep (see schedule/sweep.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

import cv2
import numpy as np

from rigdriver.clock import ticks_from_us, us_from_ticks
from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.devices.box.events import BoxEvent
from rigdriver.devices.cameras.events import CameraEvent
from rigdriver.errors import CameraError, RigError
from rigdriver.frames import Frame, PulseReport
from rigdriver.images.pixel_formats import full_scale
from rigdriver.rig import Rig
from rigdriver.run.light import await_light_budget, await_start
from rigdriver.run.light_log import LightLog
from rigdriver.run.utc import utc_ns
from rigdriver.schedule.plan import exposure_us, light_limits
from rigdriver.schedule.sweep import LightSweep, compile_sweep, flash_width_us
from rigdriver.selftest.exposure_window import COVERAGE, SweepSample
from rigdriver.signal_safe import SafeCondition
from rigdriver.sync.exposures import Exposure, ExposureLog
from rigdriver.sync.lock import pair_preamble
from rigdriver.timebase import Timebase, TimeLimit, wait_for

FLASHES = 8
"""Number of flashes across the start, and of as many across the end, of the exposures."""
MARGIN_US = 100.0
"""Time by which an exposure may begin or end earlier or later than planned, so that the sweep still finds it."""
FALLS = 4
"""Number of triggers by the falling edge."""
# Numbers of their own: a report that comes late from another run cannot pass for an answer.
_GENERATION = 0x4F505449
_LOOK_S = 0.1
_ACTIVATION = "TriggerActivation"
_NO_PIXELS = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class CameraSweep:
    """What one camera showed of the sweep."""

    samples: tuple[SweepSample, ...]
    """Its images, as far as they show of which exposure they are."""
    width_us: float
    """Time for which the lamps' outputs were high."""
    start_us: float
    """Mean time from the trigger edge to the exposure's start, by the edge of its line."""
    start_uncertainty_us: float
    """Expanded uncertainty of this mean, from the scatter of the times."""
    length_us: float
    """Mean length of the exposures, by the edges of the line."""
    fall_us: float | None
    """Mean time from the falling trigger edge to the exposure's start, by the edge of its line; None: not observed."""


def sweep_lamps(rig: Rig) -> dict[str, CameraSweep]:
    """Sweep the flash across all exposures; cameras without lamps are left out.

    Raises:
        ScheduleError: the limits on light do not allow it.
        DeviceError: a device failed.
    """
    seen: dict[str, CameraSweep] = {}
    for number, (cameras, lamps) in enumerate(lit_groups(rig.config)):
        generation = _GENERATION + 4 * number
        sweeps = _sweeps(rig, cameras, lamps, generation)
        with _playing(rig) as player:
            shown = [player.play(sweep) for sweep in sweeps]
        falls = _falls(rig, cameras, generation + len(sweeps))
        for camera in cameras:
            seen[camera.name] = _joined(camera, shown, sweeps[0], falls.get(camera.name))
    return seen


def lit_groups(config: RigConfig) -> Iterator[tuple[list[CameraConfig], list[LampConfig]]]:
    """Yield the cameras of each role with the lamps that light them; a role without cameras or lamps is left out."""
    for role, kind in (("geometry", "pattern"), ("texture", "white")):
        cameras = [camera for camera in config.cameras if camera.role == role]
        lamps = [lamp for lamp in config.lamps if lamp.kind == kind]
        if cameras and lamps:
            yield cameras, lamps


def _sweeps(
    rig: Rig, cameras: Sequence[CameraConfig], lamps: Sequence[LampConfig], generation: int
) -> tuple[LightSweep, LightSweep]:
    """Return a sweep across the start of the exposures and one across their end."""
    config = rig.config
    shortest_us = min(exposure_us(config, camera) for camera in cameras)
    longest_us = max(exposure_us(config, camera) for camera in cameras)
    width_us = flash_width_us(config, lamps, shortest_us)
    starts_us = [camera.start_us for camera in cameras]
    first = np.linspace(min(starts_us) - width_us - MARGIN_US, max(starts_us) + MARGIN_US, FLASHES)
    last = np.linspace(
        min(starts_us) + shortest_us - width_us - MARGIN_US, max(starts_us) + longest_us + MARGIN_US, FLASHES
    )
    ticks = rig.box.identity.tick_rate_hz
    sweeps = [
        compile_sweep(config, ticks, generation + n, cameras, lamps, [float(us) for us in delays_us], width_us)
        for n, delays_us in enumerate((first, last))
    ]
    return sweeps[0], sweeps[1]


@dataclass(frozen=True, slots=True)
class _Shown:
    """One camera's exposures and images in one sweep, with the flash of each; times in ticks."""

    exposure: Exposure
    brightness: float
    flash_ticks: int | None


@dataclass(frozen=True, slots=True)
class _Play:
    """What came of one sweep."""

    shown: Mapping[str, Sequence[_Shown]]
    exposures: Mapping[str, Sequence[Exposure]]


def _joined(camera: CameraConfig, plays: Sequence[_Play], sweep: LightSweep, fall_us: float | None) -> CameraSweep:
    rate = sweep.schedule.tick_rate_hz
    exposures = [exposure for play in plays for exposure in play.exposures[camera.name]]
    starts = [e.start_ticks - e.trigger_ticks for e in exposures if e.trigger_ticks is not None] or [0]
    return CameraSweep(
        samples=tuple(_sample(shown, rate) for play in plays for shown in play.shown[camera.name]),
        width_us=us_from_ticks(sweep.width_ticks, rate),
        start_us=us_from_ticks(fmean(starts), rate),
        start_uncertainty_us=us_from_ticks(COVERAGE * pstdev(starts) / math.sqrt(len(starts)), rate),
        length_us=us_from_ticks(fmean([e.end_ticks - e.start_ticks for e in exposures] or (0,)), rate),
        fall_us=fall_us,
    )


def _sample(shown: _Shown, rate: int) -> SweepSample:
    exposure, flash = shown.exposure, shown.flash_ticks
    flash_us = None if flash is None else us_from_ticks(flash - exposure.start_ticks, rate)
    return SweepSample(shown.brightness, flash_us, us_from_ticks(exposure.end_ticks - exposure.start_ticks, rate))


def _falls(rig: Rig, cameras: Sequence[CameraConfig], generation: int) -> dict[str, float]:
    """Return how long after the falling trigger edge each exposure begins, of cameras that can be triggered by it."""
    config, rate = rig.config, rig.box.identity.tick_rate_hz
    sweep = compile_sweep(config, rate, generation, cameras, (), [0.0] * (FALLS - 1), 1.0)
    width = ticks_from_us(config.schedule.trigger_width_us, rate)
    with _by_falling_edge(rig, [camera.name for camera in cameras if camera.input is not None]) as names:
        if not names:
            return {}
        with _playing(rig) as player:
            exposures = player.play(sweep).exposures
    late = {
        name: [e.start_ticks - e.trigger_ticks - width for e in exposures[name] if e.trigger_ticks is not None]
        for name in names
    }
    return {name: us_from_ticks(fmean(ticks), rate) for name, ticks in late.items() if len(ticks) >= FALLS - 1}


@contextmanager
def _by_falling_edge(rig: Rig, names: Sequence[str]) -> Iterator[list[str]]:
    """Have cameras be triggered by falling edges; yields those that can."""
    able: list[str] = []
    with ExitStack() as last:
        for name in names:
            with suppress(CameraError):
                usual = rig.cameras.get(name, _ACTIVATION)
                got = rig.cameras.set(name, _ACTIVATION, "FallingEdge").got
                last.callback(rig.cameras.set, name, _ACTIVATION, usual)
                if got == "FallingEdge":
                    able.append(name)
        yield able


@contextmanager
def _playing(rig: Rig) -> Iterator[_SweepPlayer]:
    """Let box and cameras report to a player; afterwards all outputs are off."""
    player = _SweepPlayer(rig)
    with ExitStack() as last:
        # Closed in reverse: the outputs are off before the cameras stop, and nobody listens afterwards.
        last.callback(rig.box.unsubscribe, player.hear_box)
        rig.box.subscribe(player.hear_box)
        rig.cameras.start(player.hear_camera)
        last.callback(rig.cameras.stop)
        last.callback(rig.box.stop, now=True)
        yield player


class _SweepPlayer:
    """Plays sweeps, one after the other."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._box, self._config = rig, rig.box, rig.config
        self._rate = rig.box.identity.tick_rate_hz
        self._timebase: Timebase = rig.timebase
        self._news = SafeCondition()
        self._reports: list[PulseReport] = []
        self._frames: dict[str, list[tuple[Frame, float]]] = {}
        self._probe = rig.box.probe_clock()
        self._log = self._new_log()

    def _utc_ns(self, t_box_ticks: int) -> int:
        passed_ns = (t_box_ticks - self._probe.t_box_ticks) * 10**9 // self._rate
        return utc_ns(self._probe.t_received_ns + passed_ns)

    def _new_log(self) -> LightLog:
        return LightLog(self._config, self._rate, self._utc_ns, self._timebase.now_ns)

    def hear_box(self, event: BoxEvent) -> None:
        """Take an event of the box."""
        self._log.hear(event)
        if isinstance(event, PulseReport):
            with self._news:
                self._reports.append(event)
                self._news.notify_all()

    def hear_camera(self, event: CameraEvent) -> None:
        """Take an event of a camera; of its pixels only the brightness is kept."""
        if isinstance(event, Frame):
            seen = replace(event, pixels=_NO_PIXELS), brightness_of(event)
            with self._news:
                self._frames.setdefault(event.camera, []).append(seen)
                self._news.notify_all()

    def play(self, sweep: LightSweep) -> _Play:
        """Play one sweep and return what came of it."""
        self._log, is_dark = self._new_log(), False
        with self._news:
            self._reports.clear()
            self._frames.clear()
        try:
            self._start(sweep)
            self._await(sweep)
        finally:
            with suppress(RigError):  # the box's own watchdog turns its outputs off when the link is gone
                self._box.stop(now=True)
                is_dark = True
            self._log.close(is_dark)
        return self._play_of(sweep)

    def _start(self, sweep: LightSweep) -> None:
        box, schedule = self._box, sweep.schedule
        generation = schedule.box.generation
        if schedule.has_light:
            self._log.open()
            box.set_light_limits(light_limits(self._config, self._rate))
            await_light_budget(box, self._config, sweep.as_pulses, timebase=self._timebase)
        box.commit(schedule.box)
        box.arm(generation)
        if schedule.has_light:
            await_start(box, schedule, timebase=self._timebase)
            self._log.announce(schedule)
        box.start(generation)

    def _await(self, sweep: LightSweep) -> None:
        """Wait until the box has ended the sweep and the frames have come; a missing frame is waited for in vain."""
        period_s = sweep.schedule.box.pulse_period_ticks / self._rate
        self._wait_for(lambda: any(r.is_closed and self._is_of(r, sweep) for r in self._reports), period_s + 1)
        count, names = len(sweep.triggers_ticks), tuple(sweep.schedule.exposures)
        self._wait_for(
            lambda: all(len(self._frames.get(name, ())) >= count for name in names), self._config.sync.gap_timeout_s
        )

    def _wait_for(self, is_so: Callable[[], bool], timeout_s: float) -> None:
        limit = TimeLimit(self._timebase, timeout_s)
        while limit.left_s() > 0:
            with self._news:
                if wait_for(self._timebase, self._news, is_so, min(_LOOK_S, limit.left_s())):
                    break
            self._log.write()  # raises when it cannot: whoever plays turns the light off then
        self._log.write()

    def _is_of(self, report: PulseReport, sweep: LightSweep) -> bool:
        return report.generation == sweep.schedule.box.generation

    def _play_of(self, sweep: LightSweep) -> _Play:
        with self._news:
            reports = [report for report in self._reports if self._is_of(report, sweep)]
            frames = {name: list(came) for name, came in self._frames.items()}
        exposures = {name: _exposures(self._config, sweep, name, reports) for name in sweep.schedule.exposures}
        begun = reports[0].start_ticks if reports else 0
        shown = {
            name: _shown(self._config, sweep, begun, seen, frames.get(name, ())) for name, seen in exposures.items()
        }
        return _Play(shown, exposures)


def _exposures(config: RigConfig, sweep: LightSweep, name: str, reports: Sequence[PulseReport]) -> list[Exposure]:
    schedule = sweep.schedule
    log = ExposureLog(schedule.exposures[name], ticks_from_us(config.sync.tolerance_us, schedule.tick_rate_hz))
    return [e for report in reports for e in log.feed(report, schedule.box.pulse_period_ticks)[1]]


def _shown(
    config: RigConfig,
    sweep: LightSweep,
    begun_ticks: int,
    exposures: Sequence[Exposure],
    frames: Sequence[tuple[Frame, float]],
) -> list[_Shown]:
    """Pair images and exposures by the distances of the triggers, which are all different."""
    rate = sweep.schedule.tick_rate_hz
    tolerance = ticks_from_us(config.sync.tolerance_us, rate)
    brightness = {id(frame): level for frame, level in frames}
    pairs = pair_preamble([frame for frame, _ in frames], exposures, rate / 1e9, tolerance) or ()
    # The n-th trigger has the flash n - 1; the first one has none.
    flash_of = dict(zip(sweep.triggers_ticks, (None, *sweep.flashes_ticks), strict=True))
    found = []
    for pair in pairs:
        trigger = None if pair.exposure.trigger_ticks is None else pair.exposure.trigger_ticks - begun_ticks
        if trigger in flash_of:
            flash = flash_of[trigger]
            at = None if flash is None else begun_ticks + flash
            found.append(_Shown(pair.exposure, brightness[id(pair.frame)], at))
    return found


def brightness_of(frame: Frame) -> float:
    """Return the mean of the middle of an image, half as wide and high, as a share of full scale."""
    height, width = frame.pixels.shape[:2]
    middle = frame.pixels[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(cv2.mean(middle)[0]) / full_scale(frame.pixel_format)
