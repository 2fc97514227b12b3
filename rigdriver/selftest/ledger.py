"""The checks of a self-test while it goes on: at every moment they are a report, the whole one or a partial one.

In: the stages that are wanted, and checks one by one. Out: a `Report`. When the test is interrupted, the partial report
holds the checks that were made and one more, which names the stage that was under way and those that were not begun.
Not here: making the checks (see suite.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.selftest.about import Circumstances, circumstances
from rigdriver.selftest.grounds import NOT_GOOD, settled
from rigdriver.selftest.result import CheckResult, Report, unknown
from rigdriver.selftest.selection import ALL, Selection

FINISHED = "selftest.finished"
"""Name of a check that is in the report only when the test has not come to its end."""
INTERRUPTED = "the test was interrupted"
OPENING = "the rig was being opened"


class CheckLedger:
    """Takes the checks of one self-test."""

    def __init__(self, rig: str, selection: Selection = ALL) -> None:
        """`rig`: what is known of it before it is open."""
        self._rig, self._selection = rig, selection
        self._about: Circumstances | None = None
        self._checks: list[CheckResult] = []
        self._left: list[str] = []
        """Names of the stages that are not finished."""
        self._begun = ""
        """Name of the stage that began last."""

    @property
    def is_open(self) -> bool:
        """Whether the rig is open and its stages are known."""
        return self._about is not None

    @property
    def is_whole(self) -> bool:
        """Whether every stage is finished."""
        return self.is_open and not self._left

    def plan(self, rig: str, about: Circumstances, stages: Sequence[str]) -> None:
        """Take note of the open rig, and of the stages in their order."""
        self._left = list(stages)
        self._rig, self._about = rig, about

    def begin(self) -> None:
        """Take note that the next stage begins."""
        self._begun = self._left[0]

    def add(self, check: CheckResult) -> None:
        """Take a check."""
        self._checks.append(check)

    def mark(self) -> int:
        """Return the place that the next check will have."""
        return len(self._checks)

    def is_good_since(self, place: int) -> bool:
        """Return whether no check from that place on speaks against the rig."""
        return not any(check.status in NOT_GOOD for check in self._checks[place:])

    def insert(self, place: int, check: CheckResult) -> None:
        """Take a check that belongs before those from `place` on."""
        self._checks.insert(place, check)

    def end(self) -> None:
        """Take note that the stage under way is finished."""
        del self._left[0]

    def whole(self) -> Report:
        """Return the report of a test that has come to its end."""
        checks = self._selection.shown(settled(self._checks))
        return Report(self._rig, checks, was_opened=True, about=self._about)

    def partial(self, why: str) -> Report:
        """Return the report so far; `why` tells what has ended the test."""
        checks = self._selection.shown(settled(self._checks))
        end = unknown(FINISHED, "all stages", "; ".join([why, *self._missing(), "test again"]))
        about = circumstances() if self._about is None else self._about
        return Report(self._rig, (*checks, end), self.is_open, about, is_finished=False)

    def interrupted(self) -> Report:
        """Return the report of a test that somebody has ended: the whole one, when that changes nothing any more."""
        return self.whole() if self.is_whole else self.partial(INTERRUPTED)

    def _missing(self) -> list[str]:
        if not self.is_open:
            return [OPENING]
        waiting = [name for name in self._left if name != self._begun]
        told = [f"not finished: {name}" for name in self._left if name == self._begun]
        return [*told, f"not begun: {', '.join(waiting)}"] if waiting else told
