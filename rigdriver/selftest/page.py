"""The report as one page of HTML to send to somebody: what is wrong first, then all checks, then pictures.

In: a `Report`, and plots of its figures over earlier tests. Out: HTML without scripts and without anything from
elsewhere. The pictures of a lamp stand in one row, so that a camera that does not see it stands out; so do the plots of
one kind. Not here: how pictures and plots are made (see pictures.py and plots.py).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape

from rigdriver.selftest.pictures import CheckPicture
from rigdriver.selftest.plots import CheckPlot, svg
from rigdriver.selftest.result import CheckResult, Report, Status
from rigdriver.selftest.text import remedies, summary, with_unit

_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 92em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd; vertical-align: top }
.good { color: #176d2c } .failed { color: #b00020; font-weight: bold }
.unknown, .not-checked, .not-run { color: #8a5a00 }
.row { display: flex; flex-wrap: wrap; gap: .6em; margin-bottom: 1.2em }
figure { margin: 0; max-width: 208px } svg text { font: 10px system-ui, sans-serif }
figcaption { font-size: 13px } img { display: block; background: #000 }
h3 { margin: .6em 0 .3em; font-size: 15px }
"""
_EXPLAINED = (
    "All small images are brightened alike (gamma 2.2), so they can be compared. Images of focus are parts at full "
    "size, each as bright as the screen allows. The page shows who sat before the rig: handle it like other images of "
    "people."
)


def html(report: Report, history: Sequence[CheckPlot] = ()) -> str:
    """Return the report as one HTML page. `history`: figures over earlier tests."""
    rows = "\n".join(map(_check, report.checks))
    head = "".join(f"<th>{heading}</th>" for heading in ("check", "status", "measured", "expected", "what to do"))
    title = escape(f"Self-test of {report.rig}")
    lines = [] if report.about is None else report.about.lines()
    about = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in lines)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n<p>{escape(summary(report))}</p>\n"
        f"{_to_do(report)}"
        f'<table class="about"><tbody>{about}</tbody></table>\n'
        f"{_pictures(report.checks)}{_measured(report.checks)}{_earlier(history)}<h2>All checks</h2>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _to_do(report: Report) -> str:
    """Return what is wrong and what to do, without what was only not run."""
    bad = tuple(check for check in report.checks if check.status in {Status.FAILED, Status.UNKNOWN})
    lines = remedies(Report(report.rig, bad, report.was_opened))
    return f"<h2>What to do</h2>\n<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>\n" if lines else ""


def _pictures(checks: Sequence[CheckResult]) -> str:
    """Return the pictures in rows: one per check with several, one per kind of check where each has one."""
    rows: dict[str, list[tuple[CheckResult, CheckPicture]]] = {}
    for check in checks:
        for picture in check.pictures:
            row = check.name if len(check.pictures) > 1 else check.name.partition(".")[0]
            rows.setdefault(row, []).append((check, picture))
    if not rows:
        return ""
    told = "".join(f"<h3>{escape(name)}</h3>\n{_row(pictures)}" for name, pictures in rows.items())
    return f"<h2>What the cameras saw</h2>\n<p>{_EXPLAINED}</p>\n{told}"


_SECTIONS: Mapping[str, tuple[str, str]] = {
    "skew": ("run.skew", "How far apart the exposures of one frame set begin. Good: below the red line, no trend."),
    "jitter": ("run.*.frames", "When each exposure begins, against its median. Good: a narrow band without a trend."),
    "latency": (
        "run.*.frames",
        "How late each frame arrives. Good: a level band. High points: a busy computer; a rise: it does not keep up.",
    ),
    "start of exposure": (
        "optical.*",
        "By a swept flash. Good: all points on the orange line, and its upper corner at the dashed edge.",
    ),
    "end of exposure": (
        "optical.*",
        "By a swept flash. Good: all points on the orange line, and its lower corner at the dashed edge.",
    ),
}
"""Kind of plot -> names of the checks that have it, and how to read it."""


_USUAL = (
    "The figures of lamps, focus and run, and any other that has changed much. Between the red lines is what is usual."
)


def _measured(checks: Sequence[CheckResult]) -> str:
    """Return the plots of the checks, one section per kind."""
    told = ""
    for kind, (names, explained) in _SECTIONS.items():
        mine = [
            _plot(plot, _style(check.status))
            for check in checks
            if fnmatchcase(check.name, names)
            for plot in check.plots
            if plot.kind == kind
        ]
        told += f'<h3>{kind}</h3>\n<p>{explained}</p>\n<div class="row">{"".join(mine)}</div>\n' if any(mine) else ""
    return f"<h2>What was measured</h2>\n{told}" if told else ""


def _earlier(history: Sequence[CheckPlot]) -> str:
    drawn = "".join(_plot(plot, "good" if plot.is_good else "failed") for plot in history)
    return (
        f"<h2>Against earlier tests of this rig</h2>\n<p>{_USUAL}</p>\n" + f'<div class="row">{drawn}</div>\n'
        if drawn
        else ""
    )


def _plot(plot: CheckPlot, style: str) -> str:
    drawn = svg(plot)
    if not drawn:
        return ""
    caption = f'{escape(plot.title)} <span class="{style}">{escape(plot.note)}</span>'
    return f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"


def _row(pictures: Sequence[tuple[CheckResult, CheckPicture]]) -> str:
    return f'<div class="row">{"".join(_figure(check, picture) for check, picture in pictures)}</div>\n'


def _figure(check: CheckResult, picture: CheckPicture) -> str:
    data = base64.b64encode(picture.jpeg).decode("ascii")
    title, note = escape(picture.title, quote=True), escape(picture.note)
    return (
        f'<figure><img alt="{title}" width="{picture.width_px}" height="{picture.height_px}" '
        f'src="data:image/jpeg;base64,{data}"><figcaption>{title} <span class="{_style(check.status)}">{note}</span>'
        "</figcaption></figure>"
    )


def _check(check: CheckResult) -> str:
    cells = [check.name, with_unit(check.measured, check.unit), with_unit(check.expected, check.unit), check.remedy]
    name, measured, expected, remedy = map(escape, cells)
    return (
        f'<tr><td>{name}</td><td class="{_style(check.status)}">{check.status.value}</td><td>{measured}</td>'
        f"<td>{expected}</td><td>{remedy}</td></tr>"
    )


def _style(status: Status) -> str:
    return status.value.replace(" ", "-")
