"""The self-test as a whole: its stages one after another, and what stands on a fault is not run.

In: an open rig, idle. Out: a `Report`. Cameras are triggered, and during the run the lamps flash as the rig file plans;
afterwards every output is off. Not here: the stages (see stages.py), and which check is the ground of which (see
grounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest import opening
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.computer_stage import check_unopened
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.host_load import LoadWatch, judge_load
from rigdriver.selftest.result import CheckResult, Report, unknown
from rigdriver.selftest.run_checks import FRAME_SETS
from rigdriver.selftest.selection import ALL, Selection
from rigdriver.selftest.stages import Stage, stages
from rigdriver.timebase import WALL_TIME

Tell = Callable[[str], None]


def run_selftest(rig: Rig, tell: Tell, selection: Selection = ALL, frame_sets: int = FRAME_SETS) -> Report:
    """Make the wanted checks on an open, idle rig. `tell` is called with what comes next.

    `frame_sets`: how many the run at full rate takes; two at least.

    Raises:
        UsageError: the selection names a check that this rig does not have.
        KeyboardInterrupt: as everywhere; the outputs are off then, too.
    """
    selection.refuse_strangers(rig.config)
    about, wanted = circumstances(rig), selection.stages(rig.config)
    checks: list[CheckResult] = []
    for stage in stages(rig, frame_sets):
        if stage.name not in wanted:
            continue
        tell(stage.told)
        # A stage that fails does not end the test: one report tells a technician everything that is wrong.
        checks += _watched(stage, rig)
    return Report(rig.config.name, selection.shown(settled(checks)), was_opened=True, about=about)


def untested(rig: str, error: RigError) -> Report:
    """Return the report of a rig that could not be opened."""
    checks = settled((*opening.failed_opening(error), *check_unopened(rig, error)))
    return Report(rig, checks, was_opened=False, about=circumstances())


def _watched(stage: Stage, rig: Rig) -> list[CheckResult]:
    # Modelled time waits for this computer, however busy it is.
    if not stage.is_timed or rig.timebase is not WALL_TIME:
        return list(_carried_out(stage, rig))
    with LoadWatch() as watch:
        checks = list(_carried_out(stage, rig))
    return [judge_load(stage.name, watch.load), *checks]


def _carried_out(stage: Stage, rig: Rig) -> Iterator[CheckResult]:
    """Make the checks of a stage; when a device fails meanwhile, the rest of the stage is unknown."""
    try:
        yield from stage.judge(rig)
    except RigError as exc:
        yield unknown(f"{stage.name}.finished", "carried out", str(exc))
