"""The stages of the self-test: each makes one measurement and judges it in several checks.

In: an open rig, idle. Out: the stages in the order in which they are made. Not here: what a single check measures (see
box_checks.py, wiring.py, run_checks.py, light_checks.py, optical_checks.py and the like), and how the checks depend on
each other (see grounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rigdriver.devices.box.clock_probe import ClockProbe
from rigdriver.devices.network_interfaces import network_interfaces
from rigdriver.devices.usb_library import CORE
from rigdriver.errors import CameraError
from rigdriver.rig import Rig
from rigdriver.run.frame_sets import FrameSets
from rigdriver.selftest import box_checks, opening
from rigdriver.selftest.bench_checks import judge_bench_run
from rigdriver.selftest.calibration_checks import judge_calibration, judge_health
from rigdriver.selftest.camera_checks import judge_temperatures
from rigdriver.selftest.camera_loads import camera_loads
from rigdriver.selftest.clock_drift import judge_drift, shortest_probe
from rigdriver.selftest.computer_stage import check_buses, check_computer, computer_of, reading
from rigdriver.selftest.focus_checks import judge_focus
from rigdriver.selftest.lamps import watch_lamps
from rigdriver.selftest.light_checks import judge_light
from rigdriver.selftest.light_pictures import illustrated
from rigdriver.selftest.optical_checks import judge_optical
from rigdriver.selftest.packet_checks import PacketCounts, count_packets, judge_packets
from rigdriver.selftest.plots import Point
from rigdriver.selftest.projector_checks import check_projector
from rigdriver.selftest.result import CheckResult
from rigdriver.selftest.run_checks import FRAME_SETS, Observed, judge_run, keep
from rigdriver.selftest.run_plots import FrameArrivals, plotted
from rigdriver.selftest.samples import Samples
from rigdriver.selftest.sweeping import sweep_lamps
from rigdriver.selftest.texture_checks import judge_texture
from rigdriver.selftest.wiring import WiringAnswer, judge_wiring, probe_wiring

LOOKED_AT = 5
"""Number of frame sets of the run whose images are compared with the calibration."""
Judge = Callable[[Rig], Iterable[CheckResult]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One measurement."""

    name: str
    told: str
    """What a person reads meanwhile."""
    judge: Judge
    is_timed: bool = False
    """Whether a busy computer could spoil it, so that its load is watched."""


def stages(rig: Rig, frame_sets: int = FRAME_SETS, usb_core: Any = CORE) -> list[Stage]:
    """Return what is to be done on this rig; the run takes that many frame sets. `usb_core`: pyusb's, or another."""
    opened = [
        Stage("computer", "this computer", lambda r: check_computer(r.config, reading(r.cameras))),
        Stage("buses", "the buses of the cameras", lambda r: check_buses(r.config, reading(r.cameras))),
        Stage("opening", "what opening has shown", _opening),
        Stage("calibration", "the calibration file", _calibration),
        Stage("projector", "the projector", lambda r: check_projector(r.config, usb_core)),
    ]
    at_rate = f"{frame_sets} frame sets at {rig.config.schedule.rate_hz:g} Hz"
    if rig.config.schedule.mode != "box":
        return [*opened, Stage("run", at_rate, lambda r: _bench_run(r, frame_sets), is_timed=True)]
    # Before the first check, so that errors which the other checks cause on the link are counted.
    before, first_probe = box_checks.Health.of(rig.box), shortest_probe(rig.box)
    return [
        *opened,
        Stage("box", "the box: identity, clock, interlock", lambda r: box_checks.judge_box(r.box, r.config), True),
        Stage("wiring", "the wiring, camera by camera", _wiring, is_timed=True),
        Stage("run", at_rate, lambda r: _run(r, frame_sets), is_timed=True),
        Stage("light", "the lamps, one by one", _light, is_timed=True),
        Stage("optical", "the exposures, by a swept flash", _optical, is_timed=True),
        # After the run: it trips a fault on purpose. The counters come last and see all stages.
        Stage("watchdog", "the watchdog", lambda r: box_checks.judge_watchdog(r.box, r.config, r.timebase), True),
        Stage("counters", "the counters and the clock of the box", lambda r: _at_the_end(r, before, first_probe)),
    ]


def _opening(rig: Rig) -> list[CheckResult]:
    return opening.good_opening(rig.config, rig.cameras.reports) + judge_temperatures(rig.config, reading(rig.cameras))


def _calibration(rig: Rig) -> list[CheckResult]:
    if rig.config.calibration is None:
        return []
    return judge_calibration(rig.config, rig.sizes_px(), datetime.now(UTC), rig.regions())


def _wiring(rig: Rig) -> list[CheckResult]:
    answers = probe_wiring(rig.box, rig.cameras, rig.config, rig.box.identity.tick_rate_hz, rig.timebase)
    return judge_wiring([_asked(answer, rig) for answer in answers], rig.config)


def _asked(answer: WiringAnswer, rig: Rig) -> WiringAnswer:
    """Ask a camera that did not answer its trigger for an image: a cut cable does not keep it from giving one."""
    if answer.frames or any(answer.lines.values()) or answer.lost:
        return answer
    try:
        rig.snap(answer.camera)
    except CameraError as exc:
        return replace(answer, silence=str(exc))
    return answer


def _bench_run(rig: Rig, frame_sets: int) -> list[CheckResult]:
    packets = _Packets(rig)
    observed, samples, arrivals, run = _observed(rig, frame_sets)
    checks = judge_bench_run(observed, run.statistics.rate_hz, rig.config)
    return plotted(checks, (), arrivals, rig.config) + packets.judged() + _health(rig, samples)


def _run(rig: Rig, frame_sets: int) -> list[CheckResult]:
    packets = _Packets(rig)
    observed, samples, arrivals, _ = _observed(rig, frame_sets)
    checks = judge_run(observed, rig.config)
    return plotted(checks, observed.proofs, arrivals, rig.config) + packets.judged() + _health(rig, samples)


class _Packets:
    """The counters of packets as they were before the run."""

    def __init__(self, rig: Rig) -> None:
        self._files, self._read = computer_of(rig.config), reading(rig.cameras)
        self._cameras = camera_loads(rig.config, self._read)
        self._interfaces = network_interfaces(self._files)
        self._before = self._now()

    def _now(self) -> PacketCounts:
        return count_packets(self._cameras, self._interfaces, self._files, self._read)

    def judged(self) -> list[CheckResult]:
        """Judge what was added since."""
        return list(judge_packets(self._before, self._now(), self._cameras, self._interfaces))


def _observed(rig: Rig, frame_sets: int) -> tuple[Observed, Samples, Mapping[str, Sequence[Point]], FrameSets]:
    before = rig.cameras.statistics()
    samples, arrivals = Samples(LOOKED_AT if rig.config.calibration else 0), FrameArrivals()
    with rig.run(frames=frame_sets) as run:
        proofs, gaps = keep(arrivals.watch(samples.watch(run)))
    figures, after = run.statistics, rig.cameras.statistics()
    noise = figures.noise_edges
    observed = Observed(proofs, gaps, figures.dropped_frame_sets, before, after, figures.stopped_by, noise, frame_sets)
    return observed, samples, arrivals.by_camera, run


def _light(rig: Rig) -> list[CheckResult]:
    if not rig.config.lamps:
        return []
    seen = watch_lamps(rig)
    checks = judge_light(seen, rig.config) + judge_focus(seen, rig.config)
    return illustrated(checks + judge_texture(seen, rig.config, rig.sizes_px()), seen, rig.config)


def _optical(rig: Rig) -> list[CheckResult]:
    return judge_optical(sweep_lamps(rig), rig.config) if rig.config.lamps else []


def _at_the_end(rig: Rig, before: box_checks.Health, first_probe: ClockProbe) -> Iterable[CheckResult]:
    """Judge what box and link have counted, and how far the box's clock has gone, since the test began."""
    yield judge_drift(first_probe, shortest_probe(rig.box), rig.box.identity.tick_rate_hz)
    yield from box_checks.judge_health(before, box_checks.Health.of(rig.box))


def _health(rig: Rig, samples: Samples) -> list[CheckResult]:
    if rig.config.calibration is None:
        return []
    return judge_health(rig.config, rig.sizes_px(), samples.frame_sets)
