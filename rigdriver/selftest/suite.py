"""The self-test as a whole: its stages one after another, and what stands on a fault is not run.

In: an open rig, idle. Out: a `Report`. Cameras are triggered, and during the run the lamps flash as the rig file plans;
afterwards every output is off, also when the test is interrupted. Not here: the stages (see stages.py), which check is
the ground of which (see grounds.py), and the report of a test that is interrupted (see ledger.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rigdriver.devices.usb_library import CORE
from rigdriver.errors import RigError
from rigdriver.rig import Rig
from rigdriver.selftest import opening
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.computer_stage import check_unopened
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.host_load import LoadWatch, judge_load
from rigdriver.selftest.ledger import CheckLedger
from rigdriver.selftest.result import CheckResult, Report, unknown
from rigdriver.selftest.run_checks import FRAME_SETS
from rigdriver.selftest.selection import ALL, Selection
from rigdriver.selftest.stages import Stage, stages
from rigdriver.timebase import WALL_TIME

Tell = Callable[[str], None]


def run_selftest(
    rig: Rig,
    tell: Tell,
    selection: Selection = ALL,
    frame_sets: int = FRAME_SETS,
    ledger: CheckLedger | None = None,
    usb_core: Any = CORE,
) -> Report:
    """Make the wanted checks on an open, idle rig. `tell` is called with what comes next.

    `frame_sets`: how many the run at full rate takes; two at least. `ledger`: takes each check as it is made, so that
    they are not lost when this is interrupted. `usb_core`: pyusb's, or another in its place.

    Raises:
        UsageError: the selection names a check that this rig does not have.
        KeyboardInterrupt: as everywhere; the outputs are off then, too.
    """
    selection.refuse_strangers(rig.config)
    ledger = CheckLedger(rig.config.name, selection) if ledger is None else ledger
    about, wanted = circumstances(rig), selection.stages(rig.config)
    planned = [stage for stage in stages(rig, frame_sets, usb_core) if stage.name in wanted]
    ledger.plan(rig.config.name, about, [stage.name for stage in planned])
    for stage in planned:
        tell(stage.told)
        ledger.begin()
        # A stage that fails does not end the test: one report tells a technician everything that is wrong.
        _watched(stage, rig, ledger)
        ledger.end()
    return ledger.whole()


def untested(rig: str, error: RigError) -> Report:
    """Return the report of a rig that could not be opened."""
    checks = settled((*opening.failed_opening(error), *check_unopened(rig, error)))
    return Report(rig, checks, was_opened=False, about=circumstances())


def _watched(stage: Stage, rig: Rig, ledger: CheckLedger) -> None:
    # Modelled time waits for this computer, however busy it is.
    if not stage.is_timed or rig.timebase is not WALL_TIME:
        _made(stage, rig, ledger)
        return
    place, watch = ledger.mark(), LoadWatch()
    try:
        with watch:
            _made(stage, rig, ledger)
    finally:
        # Also after an interrupt: it is the ground of the checks that were made.
        ledger.insert(place, judge_load(stage.name, watch.load, ledger.is_good_since(place)))


def _made(stage: Stage, rig: Rig, ledger: CheckLedger) -> None:
    for check in _carried_out(stage, rig):
        ledger.add(check)


def _carried_out(stage: Stage, rig: Rig) -> Iterator[CheckResult]:
    """Make the checks of a stage; when a device fails meanwhile, the rest of the stage is unknown."""
    try:
        yield from stage.judge(rig)
    except RigError as exc:
        yield unknown(f"{stage.name}.finished", "carried out", str(exc))
