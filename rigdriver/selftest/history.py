"""The history of self-tests: one line of JSON per test beside the rig file, and which figures have changed much.

In: reports. Out: lines, and `FigureChange`s: a figure that lies far from what the earlier tests of this rig measured. A
lamp that ages or a lens that drifts is seen here before a check fails, also where all cameras have changed alike. Of
this computer only the checks are kept, no figures: its load says nothing about the rig. Not here: what a check expects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rigdriver.file_text import json_values, read_utf8
from rigdriver.line_file import LineFile
from rigdriver.selftest.plots import CheckPlot
from rigdriver.selftest.result import CheckResult, Report, Status

SUFFIX = ".selftest.jsonl"
"""Suffix of the history of a rig file: `rig.selftest.jsonl` beside `rig.toml`."""
COMPARED = 20
"""Number of earlier tests with which a test is compared: the newest ones."""
LEAST_EARLIER = 3
"""Least number of earlier tests that tell what is usual."""
LARGEST_SHARE = 0.3
"""Largest deviation from the median that is usual, as a share of it: the rig is no laboratory."""
LARGEST_SPREADS = 6.0
"""Largest deviation from the median that is usual, in median deviations; 6 are four sigma of a normal distribution."""
_OF_THE_COMPUTER = ("computer.", "host.")
_SHOWN = ("light.", "focus.", "run.")
"""Beginnings of the names of checks whose figures are shown also when they are as usual."""


@dataclass(frozen=True, slots=True)
class SelfTestLine:
    """One self-test as its line keeps it."""

    date: str
    driver: str
    rig: str
    passed: bool
    finished: bool
    """Whether the test came to its end; one that did not is compared with nothing."""
    figures: Mapping[str, float]
    """Check -> its figure."""
    not_good: Mapping[str, str]
    """Check that is not good -> its status and remedy."""


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure far from what it was."""

    name: str
    value: float
    usual: float
    """Median of the earlier tests."""
    tests: int
    """Number of earlier tests that have it."""

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.4g}, and {self.usual:.4g} in the {self.tests} tests before"


def history_of(rig_file: Path) -> Path:
    """Return where the history of a rig file lies."""
    return rig_file.with_suffix(SUFFIX)


def line_of(report: Report) -> SelfTestLine:
    """Return what is kept of a report."""
    about, bad = report.about, [check for check in report.checks if check.status in {Status.FAILED, Status.UNKNOWN}]
    return SelfTestLine(
        date="" if about is None else about.date,
        driver="" if about is None else about.driver,
        rig=report.rig,
        passed=report.has_passed,
        finished=report.is_finished,
        figures=_figures(report),
        not_good={check.name: f"{check.status.value}: {check.remedy}" for check in bad},
    )


def figure_of(check: CheckResult) -> float | None:
    """Return the figure of a check that was made; None where it has none, and for what is the computer's."""
    value = check.measured if check.figure is None else check.figure
    if check.name.startswith(_OF_THE_COMPUTER) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _figures(report: Report) -> dict[str, float]:
    return {check.name: figure for check in report.checks if (figure := figure_of(check)) is not None}


def append(history: Path, report: Report) -> None:
    """Add the line of a report. FileNotWritten when it cannot be written."""
    with LineFile(history) as file:
        file.append(json.dumps(asdict(line_of(report)), allow_nan=False))


def read(history: Path) -> tuple[SelfTestLine, ...]:
    """Return the lines of a history, oldest first; none of a file that is not there, and none of what is no line."""
    try:
        text = read_utf8(history)
    except (OSError, ValueError):
        return ()
    return tuple(_lines(text))


def _lines(text: str) -> Iterator[SelfTestLine]:
    for line in text.splitlines():
        try:
            values = json_values(line)
            figures = {str(name): float(figure) for name, figure in values["figures"].items()}
            not_good = {str(name): str(told) for name, told in values["not_good"].items()}
            date, driver, rig = (str(values[key]) for key in ("date", "driver", "rig"))
            # Lines of earlier releases, which kept finished tests only, do not say it.
            passed, finished = values["passed"] is True, values.get("finished", True) is True
            yield SelfTestLine(date, driver, rig, passed, finished, figures, not_good)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a torn line, or one of a later release


def changes(report: Report, earlier: Sequence[SelfTestLine]) -> list[FigureChange]:
    """Return the figures of a report that lie far from those of the earlier tests of the same rig."""
    alike = _alike(report, earlier)
    found = [
        _change(name, figure, [old[name] for old in alike if name in old]) for name, figure in _figures(report).items()
    ]
    return [change for change in found if change is not None]


def _alike(report: Report, earlier: Sequence[SelfTestLine]) -> list[Mapping[str, float]]:
    """Return the figures of the newest tests that this one is compared with: finished ones of the same rig."""
    return [line.figures for line in earlier if line.rig == report.rig and line.finished][-COMPARED:]


def _change(name: str, value: float, earlier: Sequence[float]) -> FigureChange | None:
    if len(earlier) < LEAST_EARLIER:
        return None
    usual, room = _usual(earlier)
    return FigureChange(name, value, usual, len(earlier)) if abs(value - usual) > room else None


def _usual(earlier: Sequence[float]) -> tuple[float, float]:
    """Return the median of figures, and the largest deviation from it that is usual."""
    usual = median(earlier)
    spread = median(abs(figure - usual) for figure in earlier)
    return usual, max(LARGEST_SHARE * abs(usual), LARGEST_SPREADS * spread)


def series(report: Report, earlier: Sequence[SelfTestLine]) -> list[CheckPlot]:
    """Return plots of figures over the earlier tests of the same rig and this one; those that stand out come first."""
    alike = _alike(report, earlier)
    changed = {change.name for change in changes(report, earlier)}
    found = [
        _series(name, figure, [old[name] for old in alike if name in old], name in changed)
        for name, figure in _figures(report).items()
        if name in changed or name.startswith(_SHOWN)
    ]
    return sorted((plot for plot in found if plot is not None), key=lambda plot: plot.is_good)


def _series(name: str, value: float, earlier: Sequence[float], is_changed: bool) -> CheckPlot | None:
    # A figure that never changes, such as a count of frames, shows nothing.
    if len(earlier) < LEAST_EARLIER or len({*earlier, value}) == 1:
        return None
    points = tuple((float(place - len(earlier)), figure) for place, figure in enumerate(earlier))
    changed, (usual, room) = "changed much: " if is_changed else "", _usual(earlier)
    return CheckPlot(
        kind="history",
        title=name,
        note=f"{changed}{value:.4g} now, {usual:.4g} usually",
        x_label="tests ago (0: this one)",
        y_label="",
        points=points,
        line=(*points, (0.0, value)),
        limits=(usual - room, usual + room),
        newest=(0.0, value),
        is_good=not is_changed,
    )


def differences(before: Report, now: Report) -> list[str]:
    """Return one line for each check that is good or not good otherwise than before."""
    old = {check.name: check.status for check in before.checks}
    new = {check.name: check for check in now.checks}
    told = [
        f"{name}: {_status(old.get(name))} -> {check.status.value}" + (f": {check.remedy}" if check.remedy else "")
        for name, check in new.items()
        if old.get(name) is not check.status
    ]
    if not now.is_finished:  # what was not made yet is not new
        return told
    return told + [f"{name}: {status.value} -> no longer tested" for name, status in old.items() if name not in new]


def _status(status: Status | None) -> str:
    return "not tested before" if status is None else status.value
