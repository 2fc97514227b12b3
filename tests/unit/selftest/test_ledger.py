"""The checks of a self-test while it goes on: what a report says when the test has not come to its end."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from rigdriver.selftest import text
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.junit import junit
from rigdriver.selftest.ledger import FINISHED, INTERRUPTED, CheckLedger
from rigdriver.selftest.page import html
from rigdriver.selftest.result import Report, Status, verdict

STAGES = ("box", "light", "counters")


def played(finished: int, begun: bool = False) -> CheckLedger:
    """A test that has finished that many stages, each with one good check, and begun one more."""
    ledger = CheckLedger("rig.toml")
    ledger.plan("bench", circumstances(), STAGES)
    for stage in STAGES[:finished]:
        ledger.begin()
        ledger.add(verdict(True, f"{stage}.check", 1, 1))
        ledger.end()
    if begun:
        ledger.begin()
    return ledger


@pytest.mark.parametrize(
    ("ledger", "told"),
    [
        (CheckLedger("rig.toml"), "the rig was being opened"),
        (played(0), "not begun: box, light, counters"),
        (played(1, begun=True), "not finished: light; not begun: counters"),
        (played(2), "not begun: counters"),
        (played(2, begun=True), "not finished: counters"),
    ],
)
def test_an_interrupted_test_names_what_was_under_way_and_what_was_not_begun(ledger: CheckLedger, told: str) -> None:
    report = ledger.interrupted()
    *made, end = report.checks
    assert (end.name, end.status) == (FINISHED, Status.UNKNOWN)
    assert end.remedy == f"{INTERRUPTED}; {told}; test again"
    assert [check.name for check in made] == [f"{stage}.check" for stage in STAGES[: len(made)]]
    assert (report.is_finished, report.has_passed, report.exit_status) == (False, False, 2)


def test_an_interrupt_after_the_last_stage_changes_nothing() -> None:
    report = played(3).interrupted()
    assert (report.is_finished, report.has_passed) == (True, True)
    assert [check.name for check in report.checks] == [f"{stage}.check" for stage in STAGES]


def test_every_form_of_a_partial_report_says_that_it_is_not_finished() -> None:
    report = played(1, begun=True).interrupted()
    assert text.summary(report) == "not finished: 1 good, 1 unknown"
    assert any(FINISHED in line for line in text.remedies(report))
    assert asdict(report.record())["finished"] is False
    assert 'errors="1"' in junit(report)
    assert "not finished: light" in junit(report)
    assert text.summary(report) in html(report)
    assert text.summary(Report("bench", (), False, is_finished=False)) == "not finished: no check was made"


def test_a_check_whose_ground_came_later_is_still_settled_in_a_partial_report() -> None:
    ledger = played(0, begun=True)
    ledger.add(verdict(False, "wiring.a.frames", 0, 3, remedy="cable"))
    ledger.insert(0, verdict(False, "host.load.wiring", 1, 0, remedy="busy"))
    load, frames, _ = ledger.interrupted().checks
    assert (load.status, frames.status) == (Status.FAILED, Status.NOT_RUN)
