"""The plots of the run: skew of the frame sets, jitter of each camera's exposures, and how late its frames arrive.

In: the checks of the run, its proofs, when frames arrived. Out: the same checks with plots. Not here: what is good (see
run_checks.py), and how a plot is drawn (see plots.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median

from rigdriver.clock import us_from_ticks
from rigdriver.config import CameraConfig, RigConfig
from rigdriver.frames import FrameSet, Proof
from rigdriver.selftest.plots import CheckPlot, Point
from rigdriver.selftest.result import CheckResult

_PULSE = "pulse"


class FrameArrivals:
    """Takes note of when the frames of a run arrive."""

    def __init__(self) -> None:
        self.by_camera: dict[str, list[Point]] = {}
        """Camera -> pulse, and time in ms from the pulse's start to the arrival of the frame."""

    def watch(self, frame_sets: Iterable[FrameSet]) -> Iterator[FrameSet]:
        """Hand frame sets on."""
        for frame_set in frame_sets:
            for name, frame in frame_set.frames.items():
                late_ms = (frame.t_host_ns - frame_set.t_host_ns) / 1e6
                self.by_camera.setdefault(name, []).append((float(frame_set.pulse_index), late_ms))
            yield frame_set


def plotted(
    checks: Sequence[CheckResult],
    proofs: Sequence[Proof],
    arrivals: Mapping[str, Sequence[Point]],
    config: RigConfig,
) -> list[CheckResult]:
    """Return the checks with their plots; a check without anything to show gets none."""
    made: dict[str, list[CheckPlot]] = {"run.skew": _skew(proofs, config)}
    for camera in config.cameras:
        made[f"run.{camera.name}.frames"] = _jitter(camera, proofs) + _latency(camera, arrivals.get(camera.name, ()))
    return [replace(check, plots=tuple(made.get(check.name, ()))) for check in checks]


def _skew(proofs: Sequence[Proof], config: RigConfig) -> list[CheckPlot]:
    points = tuple((float(p.pulse_index), p.skew_us) for p in proofs if not math.isnan(p.skew_us))
    if not points:
        return []
    limit = config.sync.max_skew_us
    return [
        CheckPlot(
            kind="skew",
            title="all cameras",
            note=f"{max(y for _, y in points):.2f} us at most, {limit:g} us allowed",
            x_label=_PULSE,
            y_label="us",
            points=points,
            limits=(limit,),
            is_from_zero=True,
        )
    ]


def _jitter(camera: CameraConfig, proofs: Sequence[Proof]) -> list[CheckPlot]:
    mine = [(proof, proof.frames[camera.name]) for proof in proofs if camera.name in proof.frames]
    late_us = [us_from_ticks(f.exposure_start_ticks - f.trigger_ticks, p.tick_rate_hz) for p, f in mine]
    if not late_us or camera.input is None:  # without a line the start is computed, not seen
        return []
    typical = median(late_us)
    points = tuple((float(p.pulse_index), us - typical) for (p, _), us in zip(mine, late_us, strict=True))
    return [
        CheckPlot(
            kind="jitter",
            title=camera.name,
            note=f"{max(abs(y) for _, y in points):.2f} us at most, {camera.jitter_us:g} us allowed",
            x_label=_PULSE,
            y_label=f"us from the median, {typical:.1f} us",
            points=points,
            limits=(-camera.jitter_us, camera.jitter_us),
        )
    ]


def _latency(camera: CameraConfig, arrived: Sequence[Point]) -> list[CheckPlot]:
    if not arrived:
        return []
    delays = [ms for _, ms in arrived]
    return [
        CheckPlot(
            kind="latency",
            title=camera.name,
            note=f"median {median(delays):.1f} ms, {max(delays):.1f} ms at most",
            x_label=_PULSE,
            y_label="ms from pulse to arrival",
            points=tuple(arrived),
            is_from_zero=True,
        )
    ]
