"""Which checks are made and shown for `--only`, `--skip` and `--quick`."""

from __future__ import annotations

import pytest

from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.selftest.result import CheckResult, unknown, verdict
from rigdriver.selftest.selection import ALL, Selection

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": n, "serial": n, "output": i, "input": i} for i, n in enumerate(("a", "b"))],
        "lamps": [{"name": "flash", "kind": "pattern", "output": 9}],
    }
)
EVERY = {
    "computer",
    "buses",
    "opening",
    "calibration",
    "projector",
    "box",
    "wiring",
    "run",
    "light",
    "optical",
    "watchdog",
    "counters",
}


def shown(selection: Selection, *checks: CheckResult) -> list[str]:
    return [check.name for check in selection.shown(checks)]


def good(name: str) -> CheckResult:
    return verdict(True, name, 1, 1)


def test_everything_is_made_by_default():
    assert ALL.stages(CONFIG) == EVERY
    assert shown(ALL, good("light.flash"), good("box.state")) == ["light.flash", "box.state"]


def test_only_the_wanted_checks_and_their_grounds_are_made():
    assert Selection(only=("box.state",)).stages(CONFIG) == {"opening", "box"}
    assert Selection(only=("wiring.*",)).stages(CONFIG) == {"opening", "box", "wiring"}
    assert "watchdog" not in Selection(only=("light",)).stages(CONFIG)


def test_a_ground_is_shown_when_it_is_not_good():
    only = Selection(only=("wiring.a.frames",))
    bad = verdict(False, "box.state", "fault", "no fault", remedy="mend it")
    assert shown(only, good("box.state"), good("wiring.a.frames")) == ["wiring.a.frames"]
    assert shown(only, bad, good("wiring.a.frames")) == ["box.state", "wiring.a.frames"]


def test_what_is_skipped_is_neither_made_nor_shown():
    skip = Selection(skip=("light.*", "focus", "ambient"))
    assert skip.stages(CONFIG) == EVERY - {"light"}
    assert shown(skip, good("focus.a"), unknown("light.flash", "seen", "dark"), good("box.state")) == ["box.state"]


def test_quick_leaves_out_the_run_the_swept_flash_and_the_watchdog():
    assert Selection(is_quick=True).stages(CONFIG) == EVERY - {"run", "optical", "watchdog"}


@pytest.mark.parametrize("glob", ["ligth.*", "wiring.c.frames"])
def test_a_glob_that_matches_no_check_is_refused_with_what_there_is(glob):
    with pytest.raises(UsageError, match=r"no check is called .*light"):
        Selection(only=(glob,)).refuse_strangers(CONFIG)
    Selection(only=("light.flash", "wiring"), skip=("wiring.b.*",)).refuse_strangers(CONFIG)
