"""What a check found, and what all of them say together.

In: a measured value, what was expected, the remedy. Out: `CheckResult`s and their `Report`, with the exit status and
the JSON object that scripts read. Not here: how anything is measured (see suite.py) or shown (see text.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from rigdriver.config import RigConfig
from rigdriver.selftest.about import Circumstances
from rigdriver.selftest.pictures import CheckPicture
from rigdriver.selftest.plots import CheckPlot

Value = bool | int | float | str | None


class Status(Enum):
    """Outcome of one check."""

    GOOD = "good"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Status of a check that could not be carried out."""
    NOT_CHECKED = "not checked"
    """Status of a check that this rig has no means for; it is neither good nor bad."""
    NOT_RUN = "not run"
    """Status of a check whose ground is not good: another check must be good before this one says anything."""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check as scripts read it: plain values for JSON, which knows no NaN."""

    name: str
    status: str
    measured: Value
    expected: Value
    unit: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """The object that `--json` prints."""

    passed: bool
    finished: bool
    """Whether all checks that were wanted have been made."""
    rig: str
    about: Circumstances | None
    """Date, serial numbers, versions, computer and load."""
    checks: tuple[CheckRecord, ...]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key of a camera's table in the rig file, and the value that a check has measured for it."""

    camera: str
    key: str
    value: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report."""

    name: str
    """Name for scripts, stable and dotted: `wiring.left_upper`."""
    status: Status
    measured: Value
    expected: Value
    unit: str = ""
    remedy: str = ""
    """Remedy; empty when the check is good."""
    changes: tuple[KeyChange, ...] = ()
    """Values of the rig file that the check has measured."""
    figure: float | None = None
    """Figure for the history, where what was measured is told in words."""
    pictures: tuple[CheckPicture, ...] = ()
    """Pictures for the page; scripts do not get them."""
    plots: tuple[CheckPlot, ...] = ()
    """Plots for the page; scripts do not get them."""

    def record(self) -> CheckRecord:
        """Return the check as scripts read it."""
        return CheckRecord(
            name=self.name,
            status=self.status.value,
            measured=_finite(self.measured),
            expected=_finite(self.expected),
            unit=self.unit,
            remedy=self.remedy,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one self-test, in the order in which they were made."""

    rig: str
    checks: tuple[CheckResult, ...]
    was_opened: bool
    """Whether all devices could be opened; if not, most of the rig is untested."""
    about: Circumstances | None = None
    is_finished: bool = True
    """Whether the test came to its end; after Ctrl-C the checks are those that were made before."""

    @property
    def has_passed(self) -> bool:
        """Whether every check for which the rig has the means is good, and there is one."""
        made = [check.status for check in self.checks if check.status is not Status.NOT_CHECKED]
        # A report without checks has shown nothing, and `all` of nothing is true.
        return self.is_finished and bool(made) and all(status is Status.GOOD for status in made)

    @property
    def exit_status(self) -> int:
        """0 good; 1 the rig was tested and a check failed; 2 the rig, or a part of it, could not be tested."""
        if self.has_passed:
            return 0
        has_failed = any(check.status is Status.FAILED for check in self.checks)
        return 1 if has_failed and self.was_opened else 2

    def changed_keys(self, config: RigConfig) -> dict[str, int]:
        """Return dotted key -> measured value of each key of the rig file that differs from what was measured."""
        return {
            f"cameras.{change.camera}.{change.key}": change.value
            for check in self.checks
            for change in check.changes
            if abs(change.value - getattr(config.camera(change.camera), change.key)) >= 1
        }

    def record(self) -> ReportRecord:
        """Return the report as scripts read it."""
        checks = tuple(check.record() for check in self.checks)
        return ReportRecord(self.has_passed, self.is_finished, self.rig, self.about, checks)


Sink = Callable[[CheckResult], None]


def verdict(
    is_good: bool, name: str, measured: Value, expected: Value, unit: str = "", remedy: str = ""
) -> CheckResult:
    """Return a good or failed result; the remedy is kept for the failed one."""
    status = Status.GOOD if is_good else Status.FAILED
    return CheckResult(name, status, measured, expected, unit, "" if is_good else remedy)


def unknown(name: str, expected: Value, why: str, unit: str = "") -> CheckResult:
    """Return a result for a check that could not be carried out."""
    return CheckResult(name, Status.UNKNOWN, None, expected, unit, why)


def not_checked(name: str, why: str) -> CheckResult:
    """Return a result for a check that this rig has no means for."""
    return CheckResult(name, Status.NOT_CHECKED, None, None, "", why)


def not_run(check: CheckResult, ground: str, why: str) -> CheckResult:
    """Return what is left of a check whose ground, the check of that name, is not good."""
    # Its pictures stay, since they may show why; what it measured counts for nothing, in no rig file either.
    return replace(check, status=Status.NOT_RUN, measured=None, remedy=ground + why, changes=(), figure=None)


def counts(checks: Iterable[CheckResult]) -> dict[Status, int]:
    """Return how many checks had each outcome."""
    found = [check.status for check in checks]
    return {status: found.count(status) for status in Status}


def _finite(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value
