"""The report as a table for people, and as one page of HTML to send to somebody.

In: a `Report`. Out: a rich table, or HTML without scripts and without anything from elsewhere. Not here: what the
checks measure (see suite.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from rigdriver.selftest.result import CheckResult, Report, Status, Value, counts

_COLOURS = {
    Status.GOOD: "green", Status.FAILED: "bold red", Status.UNKNOWN: "yellow", Status.NOT_CHECKED: "yellow",
    Status.NOT_RUN: "yellow",
}  # fmt: skip

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 60em; color: #222 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd; vertical-align: top }
.good { color: #176d2c } .failed { color: #b00020; font-weight: bold }
.unknown, .not-checked, .not-run { color: #8a5a00 }
"""


def table(report: Report) -> Table:
    """Return the checks as a table."""
    shown = Table(title=f"Self-test of {report.rig}", title_justify="left", pad_edge=False, box=SIMPLE_HEAD)
    for heading in ("check", "status"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("measured", "expected"):
        shown.add_column(heading, overflow="fold")
    for check in _folded(report.checks):
        status = Text(check.status.value, style=_COLOURS[check.status])
        shown.add_row(
            check.name, status, _with_unit(check.measured, check.unit), _with_unit(check.expected, check.unit)
        )
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
    return f"{'failed' if report.exit_status == 1 else 'not tested'}: {told}"


def html(report: Report) -> str:
    """Return the report as one HTML page."""
    rows = "\n".join(_html_row(check) for check in report.checks)
    head = "".join(f"<th>{heading}</th>" for heading in ("check", "status", "measured", "expected", "what to do"))
    title = escape(f"Self-test of {report.rig}")
    about = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in _about(report))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n<p>{escape(summary(report))}</p>\n"
        f'<table class="about"><tbody>{about}</tbody></table>\n'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _about(report: Report) -> list[tuple[str, str]]:
    return [] if report.about is None else report.about.lines()


def _complaint(check: CheckResult) -> str:
    if check.status is Status.NOT_CHECKED:
        return f"{check.name}: not checked: {check.remedy}"
    if check.status is Status.UNKNOWN:
        return f"{check.name}: not tested: {check.remedy}"
    seen = _with_unit(check.measured, check.unit) or "nothing"
    wanted = _with_unit(check.expected, check.unit)
    return f"{check.name}: {seen}, expected {wanted}: {check.remedy}"


def _html_row(check: CheckResult) -> str:
    status, style = check.status.value, check.status.value.replace(" ", "-")
    cells = [check.name, _with_unit(check.measured, check.unit), _with_unit(check.expected, check.unit), check.remedy]
    name, measured, expected, remedy = map(escape, cells)
    return (
        f'<tr><td>{name}</td><td class="{style}">{status}</td><td>{measured}</td><td>{expected}</td>'
        f"<td>{remedy}</td></tr>"
    )


def _with_unit(value: Value, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{shown} {unit}".rstrip()
