"""The self-test as a whole: opening, box, wiring, then a run; what fails early leaves the rest untold.

In: an open rig, idle. Out: a `Report`. Cameras are triggered, and during the run the lamps flash as the rig file plans;
afterwards every output is off. Not here: what a single check measures (see box_checks.py, wiring.py, run_checks.py and
calibration_checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest import box_checks, opening
from rigdriver.selftest.bench_checks import judge_bench_run
from rigdriver.selftest.calibration_checks import judge_calibration, judge_health
from rigdriver.selftest.computer_stage import check_buses, check_computer, check_unopened, reading
from rigdriver.selftest.result import CheckResult, Report, unknown
from rigdriver.selftest.run_checks import FRAME_SETS, Observed, judge_run, keep
from rigdriver.selftest.samples import Samples
from rigdriver.selftest.wiring import judge_wiring, probe_wiring

LOOKED_AT = 5
"""Number of frame sets of the run whose images are compared with the calibration."""
Tell = Callable[[str], None]
Stage = Callable[[Rig], Iterable[CheckResult]]


def run_selftest(rig: Rig, tell: Tell) -> Report:
    """Make every check on an open, idle rig. `tell` is called with what comes next.

    Raises:
        KeyboardInterrupt: as everywhere; the outputs are off then, too.
    """
    checks: list[CheckResult] = []
    for name, what, stage in _stages(rig):
        tell(what)
        # A stage that fails does not end the test: one report tells a technician everything that is wrong.
        checks += _carried_out(name, stage, rig)
    return Report(rig.config.name, tuple(checks), was_opened=True)


def _stages(rig: Rig) -> list[tuple[str, str, Stage]]:
    """Return what is to be done, each with its name and with what a person reads meanwhile."""
    opened: list[tuple[str, str, Stage]] = [
        ("computer", "this computer", lambda r: check_computer(r.config, reading(r.cameras))),
        ("buses", "the buses of the cameras", lambda r: check_buses(r.config, reading(r.cameras))),
        ("opening", "what opening has shown", lambda r: opening.good_opening(r.config, r.cameras.reports)),
        ("calibration", "the calibration file", _calibration),
    ]
    at_rate = f"{FRAME_SETS} frame sets at {rig.config.schedule.rate_hz:g} Hz"
    if rig.config.schedule.mode != "box":
        return [*opened, ("run", at_rate, _bench_run)]
    # Before the first check, so that errors which the other checks cause on the link are counted.
    before = box_checks.Health.of(rig.box)
    return [
        *opened,
        ("box", "the box: identity, clock, interlock", lambda r: box_checks.judge_box(r.box, r.config)),
        ("wiring", "the wiring, camera by camera", _wiring),
        ("run", at_rate, _run),
        # After the run: it trips a fault on purpose. The counters come last and see all stages.
        ("watchdog", "the watchdog", lambda r: box_checks.judge_watchdog(r.box, r.config, r.timebase)),
        ("counters", "the counters", lambda r: box_checks.judge_health(before, box_checks.Health.of(r.box))),
    ]


def untested(rig: str, error: RigError) -> Report:
    """Return the report of a rig that could not be opened."""
    return Report(rig, (*opening.failed_opening(error), *check_unopened(rig, error)), was_opened=False)


def _carried_out(name: str, stage: Stage, rig: Rig) -> Iterator[CheckResult]:
    """Make the checks of a stage; when a device fails meanwhile, the rest of the stage is unknown."""
    try:
        yield from stage(rig)
    except RigError as exc:
        yield unknown(f"{name}.finished", "carried out", str(exc))


def _calibration(rig: Rig) -> list[CheckResult]:
    if rig.config.calibration is None:
        return []
    return judge_calibration(rig.config, rig.sizes_px(), datetime.now(UTC), rig.regions())


def _wiring(rig: Rig) -> list[CheckResult]:
    return judge_wiring(
        probe_wiring(rig.box, rig.cameras, rig.config, rig.box.identity.tick_rate_hz, rig.timebase), rig.config
    )


def _bench_run(rig: Rig) -> list[CheckResult]:
    before = rig.cameras.statistics()
    samples = Samples(LOOKED_AT if rig.config.calibration else 0)
    with rig.run(frames=FRAME_SETS) as run:
        proofs, gaps = keep(samples.watch(run))
    figures = run.statistics
    after = rig.cameras.statistics()
    observed = Observed(proofs, gaps, figures.dropped_frame_sets, before, after, figures.stopped_by)
    checks = judge_bench_run(observed, figures.complete, figures.rate_hz, rig.config)
    if rig.config.calibration is not None:
        checks += judge_health(rig.config, rig.sizes_px(), samples.frame_sets)
    return checks


def _run(rig: Rig) -> list[CheckResult]:
    before = rig.cameras.statistics()
    samples = Samples(LOOKED_AT if rig.config.calibration else 0)
    with rig.run(frames=FRAME_SETS) as run:
        proofs, gaps = keep(samples.watch(run))
    figures = run.statistics
    after = rig.cameras.statistics()
    observed = Observed(proofs, gaps, figures.dropped_frame_sets, before, after, figures.stopped_by)
    checks = judge_run(observed, rig.config)
    if rig.config.calibration is not None:
        checks += judge_health(rig.config, rig.sizes_px(), samples.frame_sets)
    return checks
