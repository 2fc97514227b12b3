"""The report as a table for people, with one line for each thing to do.

In: a `Report`. Out: a rich table, and lines. Not here: what the checks measure (see suite.py), and the page of HTML
(see page.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from rigdriver.selftest.result import CheckResult, Report, Status, Value, counts

_COLOURS = {
    Status.GOOD: "green", Status.FAILED: "bold red", Status.UNKNOWN: "yellow", Status.NOT_CHECKED: "yellow",
    Status.NOT_RUN: "yellow",
}  # fmt: skip


def table(report: Report) -> Table:
    """Return the checks as a table."""
    shown = Table(title=f"Self-test of {report.rig}", title_justify="left", pad_edge=False, box=SIMPLE_HEAD)
    for heading in ("check", "status"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("measured", "expected"):
        shown.add_column(heading, overflow="fold")
    for check in _folded(report.checks):
        status = Text(check.status.value, style=_COLOURS[check.status])
        shown.add_row(check.name, status, with_unit(check.measured, check.unit), with_unit(check.expected, check.unit))
    return shown


def _folded(checks: Sequence[CheckResult]) -> Iterator[CheckResult]:
    """Fold good checks of one camera, or of this computer's load, into one line; JSON and HTML hold all of them."""
    groups: dict[str, list[CheckResult]] = {}
    for check in checks:
        groups.setdefault(_group(check), []).append(check)
    told: set[str] = set()
    for check in checks:
        group = _group(check)
        each = groups[group]
        if not group or len(each) == 1 or any(member.status is not Status.GOOD for member in each):
            yield check
        elif group not in told:
            told.add(group)
            yield CheckResult(group, Status.GOOD, f"{len(each)} checks good", "")


def _group(check: CheckResult) -> str:
    # `wiring.left_upper.frames` belongs to `wiring.left_upper`; `run.rate` stands alone.
    return check.name.rpartition(".")[0] if check.name.count(".") == 2 else ""


def remedies(report: Report) -> list[str]:
    """Return one line for each check that is not good: what is wrong and what to do.

    Checks that were not run for one reason share a line, which stands where the first of them would.
    """
    lines: dict[str, list[str]] = {}
    for check in report.checks:
        if check.status is Status.NOT_RUN:
            lines.setdefault(f"not run: {check.remedy}", []).append(check.name)
        elif check.status is not Status.GOOD:
            lines[_complaint(check)] = []
    return [f"{', '.join(names)}: {line}" if names else line for line, names in lines.items()]


def summary(report: Report) -> str:
    """Return the verdict in one line."""
    number = counts(report.checks)
    if report.has_passed:
        rest = number[Status.NOT_CHECKED]
        return f"passed: {number[Status.GOOD]} checks good" + (f", {rest} not checked" if rest else "")
    told = ", ".join(f"{number[status]} {status.value}" for status in Status if number[status])
    if not report.is_finished:
        return f"not finished: {told or 'no check was made'}"
    return f"{'failed' if report.exit_status == 1 else 'not tested'}: {told}"


def _complaint(check: CheckResult) -> str:
    if check.status is Status.NOT_CHECKED:
        return f"{check.name}: not checked: {check.remedy}"
    if check.status is Status.UNKNOWN:
        return f"{check.name}: not tested: {check.remedy}"
    seen = with_unit(check.measured, check.unit) or "nothing"
    wanted = with_unit(check.expected, check.unit)
    return f"{check.name}: {seen}, expected {wanted}: {check.remedy}"


def with_unit(value: Value, unit: str) -> str:
    """Return a value for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{shown} {unit}".rstrip()
