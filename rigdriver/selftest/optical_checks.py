"""When each camera really exposes, and how late the edges of its lines are, by the light in its images.

In: what the cameras showed of the swept flash. Out: for each camera checks of the exposure's start and length and of
the delays of its lines, each with its expanded uncertainty; and the keys of the rig file that these figures change.
What can be told apart: the images show start and end of the exposure, the box stamps the edges of its line, so both
delays of the line follow. The delay of the trigger input and the camera's latency are seen as a sum only; the latency
is taken from the rig file. The delay of falling trigger edges is seen where the camera can be triggered by them.
Not here: the sweep (see sweeping.py), and its fit (see exposure_window.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.schedule.plan import exposure_us
from rigdriver.selftest.exposure_window import ExposureWindow, NoWindow, find_window
from rigdriver.selftest.optical_plots import sweep_plots
from rigdriver.selftest.result import CheckResult, KeyChange, not_checked, unknown, verdict
from rigdriver.selftest.sweeping import CameraSweep, lit_groups

TOLERANCE_US = 5.0
"""Largest difference of a time from the rig file's, and largest uncertainty with which it is told."""
ROUNDED = 0.01
"""Share of an exposure by which a camera may round it, as in the check of its wiring."""
WRITE = "`rigdriver selftest --write-delays` writes it into the rig file"


@dataclass(frozen=True, slots=True)
class _Time:
    """A measured time and what the rig file says of it."""

    check: str
    key: str
    """Key of `[[cameras]]` that it changes."""
    measured_us: float
    uncertainty_us: float
    expected_us: float
    """The value that the measured one is compared with."""
    of_key_us: float
    """Part of the measured time that belongs to the key."""


def judge_optical(seen: Mapping[str, CameraSweep], config: RigConfig) -> list[CheckResult]:
    """Judge every camera; one that no lamp lights is not checked."""
    lit = {camera.name for cameras, _ in lit_groups(config) for camera in cameras}
    checks: list[CheckResult] = []
    for camera in config.cameras:
        if camera.name not in lit:
            checks.append(not_checked(f"optical.{camera.name}", "no lamp lights this camera"))
        elif camera.name in seen:
            checks += _plotted(camera, seen[camera.name], config)
    return checks


def _plotted(camera: CameraConfig, sweep: CameraSweep, config: RigConfig) -> list[CheckResult]:
    """Judge a camera; the checks that compare its line with its images have the plots, else those of start and end."""
    window = find_window(sweep.samples, sweep.width_us)
    checks = list(_judge_camera(camera, sweep, window, config))
    by_line = isinstance(window, ExposureWindow) and camera.input is not None
    shown = ("line_rise", "line_fall") if by_line else ("exposure_start", "exposure_length")
    plots = dict(zip(shown, sweep_plots(camera.name, sweep, window), strict=True))
    return [
        replace(check, plots=(plots[kind],)) if (kind := check.name.rpartition(".")[2]) in plots else check
        for check in checks
    ]


def _judge_camera(
    camera: CameraConfig, sweep: CameraSweep, window: ExposureWindow | NoWindow, config: RigConfig
) -> Iterator[CheckResult]:
    if isinstance(window, NoWindow):
        yield from _unseen(camera, window.why, config)
        return
    yield _judge_time(camera, _start(camera, sweep, window), _start_remedy(camera, sweep, window))
    yield _judge_length(camera, sweep, window, exposure_us(config, camera))
    if camera.input is None:
        yield not_checked(f"optical.{camera.name}.line_rise", "no exposure-active line is wired")
        return
    for time in (_line_rise(camera, window), _line_fall(camera, window)):
        yield _judge_time(camera, time, _line_remedy(camera, time))
    yield _judge_fall(camera, sweep, window)


def _unseen(camera: CameraConfig, why: str, config: RigConfig) -> Iterator[CheckResult]:
    told = f"camera {camera.name}: {why}; hold a sheet of paper before the cameras, and keep it still"
    for name, expected_us in (("exposure_start", camera.start_us), ("exposure_length", exposure_us(config, camera))):
        yield unknown(f"optical.{camera.name}.{name}", _expected(expected_us), told, "us")


def _start(camera: CameraConfig, sweep: CameraSweep, window: ExposureWindow) -> _Time:
    start_us = sweep.start_us + window.start_us
    return _Time(
        "exposure_start",
        "trigger_rise_us",
        start_us,
        math.hypot(window.start_uncertainty_us, sweep.start_uncertainty_us),
        camera.start_us,
        start_us - camera.latency_us,
    )


def _line_rise(camera: CameraConfig, window: ExposureWindow) -> _Time:
    # The edges were taken back by the delay of the rig file; what is left shows what this delay lacks.
    delay_us = camera.line_rise_us - window.start_us
    return _Time("line_rise", "line_rise_us", delay_us, window.start_uncertainty_us, camera.line_rise_us, delay_us)


def _line_fall(camera: CameraConfig, window: ExposureWindow) -> _Time:
    delay_us = camera.line_fall_us - window.end_us
    return _Time("line_fall", "line_fall_us", delay_us, window.end_uncertainty_us, camera.line_fall_us, delay_us)


def _judge_fall(camera: CameraConfig, sweep: CameraSweep, window: ExposureWindow) -> CheckResult:
    name = f"optical.{camera.name}.trigger_fall"
    if sweep.fall_us is None:
        return not_checked(name, "not observed: the camera was not triggered by a falling edge")
    delay_us = sweep.fall_us + window.start_us - camera.latency_us
    # Against the rising edge: a wrong latency makes both late alike, and is no fault of this edge.
    rise_lacks_us = sweep.start_us + window.start_us - camera.start_us
    time = _Time(
        "trigger_fall",
        "trigger_fall_us",
        delay_us,
        # There are a quarter as many triggers by the falling edge.
        math.hypot(window.start_uncertainty_us, 2 * sweep.start_uncertainty_us),
        camera.trigger_fall_us + rise_lacks_us,
        delay_us,
    )
    remedy = f"camera {camera.name}: a falling trigger edge is {delay_us:.1f} us late in its input; {WRITE}"
    return _judge_time(camera, time, remedy)


def _judge_time(camera: CameraConfig, time: _Time, remedy: str) -> CheckResult:
    name, expected = f"optical.{camera.name}.{time.check}", _expected(time.expected_us)
    if time.uncertainty_us > TOLERANCE_US:
        why = (
            f"camera {camera.name}: its images show this time with an uncertainty of {time.uncertainty_us:.1f} us, and "
            f"{TOLERANCE_US:g} us are asked for; more light helps, and a sheet of paper that is kept still"
        )
        return unknown(name, expected, why, "us")
    is_good = abs(time.measured_us - time.expected_us) <= TOLERANCE_US
    check = verdict(is_good, name, _told(time.measured_us, time.uncertainty_us), expected, "us", remedy)
    return replace(check, changes=(KeyChange(camera.name, time.key, max(0, round(time.of_key_us))),))


def _judge_length(camera: CameraConfig, sweep: CameraSweep, window: ExposureWindow, planned_us: float) -> CheckResult:
    name = f"optical.{camera.name}.exposure_length"
    room_us = TOLERANCE_US + ROUNDED * planned_us
    length_us = sweep.length_us + window.end_us - window.start_us
    remedy = (
        f"camera {camera.name}: its images show an exposure of {length_us:.1f} us; check its ExposureMode and "
        "ExposureAuto"
    )
    is_good = abs(length_us - planned_us) <= room_us
    told = _told(length_us, window.length_uncertainty_us)
    return verdict(is_good, name, told, f"{planned_us:g} +- {room_us:g}", "us", remedy)


def _start_remedy(camera: CameraConfig, sweep: CameraSweep, window: ExposureWindow) -> str:
    start_us = sweep.start_us + window.start_us
    told = (
        f"camera {camera.name}: its exposure begins {start_us:.1f} us after the trigger edge, and not "
        f"{camera.start_us:g} us"
    )
    if start_us < camera.latency_us:
        return f"{told}; mend cameras.latency_us in the rig file"
    rest_us = start_us - camera.latency_us
    return (
        f"{told}; if {rest_us:.0f} us is the delay of its trigger input, trigger_rise_us, {WRITE}; else mend "
        "cameras.latency_us, or its TriggerDelay"
    )


def _line_remedy(camera: CameraConfig, time: _Time) -> str:
    what = "rises" if time.check == "line_rise" else "falls"
    if time.measured_us < -TOLERANCE_US:
        return (
            f"camera {camera.name}: its exposure-active line {what} {-time.measured_us:.1f} us before its images show "
            "it; check its LineSource, and whether its lamps are late (the supply of their drivers)"
        )
    return (
        f"camera {camera.name}: its exposure-active line {what} {time.measured_us:.1f} us late, and proofs count on "
        f"{time.expected_us:g} us ({time.key}); {WRITE}"
    )


def _expected(time_us: float) -> str:
    return f"{round(time_us, 1):g} +- {TOLERANCE_US:g}"


def _told(time_us: float, uncertainty_us: float) -> str:
    return f"{time_us:.1f} +- {uncertainty_us:.1f}"
