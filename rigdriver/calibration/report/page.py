"""The report of a calibration: one HTML page with verdict, figures and pictures.

In: a `Solution`. Out: DIR/index.html and the pictures beside it. The first lines say whether the result can be used and
what to do if not; the page of a small demo says that it is one, and marks as missed only what a demo must keep. Not
here: the limits (see verdict.py).
"""

from __future__ import annotations

import html
from pathlib import Path

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.report.pictures import draw_all
from rigdriver.calibration.report.verdict import OF_FULL_CALIBRATIONS, LimitFinding, judge_solution
from rigdriver.calibration.solve.all_cameras import Solution
from rigdriver.calibration.views.coverage import assess
from rigdriver.whole_file import write_whole

_STYLE = (
    "body{font:15px sans-serif;max-width:1180px;margin:24px auto;color:#222}table{border-collapse:collapse}"
    "td,th{padding:3px 12px 3px 0;text-align:left;border-bottom:1px solid #ddd}img{max-width:100%}"
    ".good{color:#1b7837}.poor{color:#b2182b}.apart{color:#666}"
)


def write_report(solution: Solution, board: Board, folder: Path, is_demo: bool = False) -> Path:
    """Write page and pictures, and return the page's path. `is_demo`: few views of small images were meant."""
    coverage = assess(solution.observations, board)
    pictures = draw_all(solution, coverage, folder, is_demo)
    calibration = solution.calibration
    rows = judge_solution(solution, coverage)
    is_good = all(row.is_kept or (is_demo and row.kind in OF_FULL_CALIBRATIONS) for row in rows)
    head = "This calibration can be used." if is_good else "This calibration should be improved."
    if is_demo and is_good:
        head = _demo_head(solution)
    findings = "".join(f'<li class="{_class_of(row, is_demo)}">{html.escape(str(row))}</li>' for row in rows)
    advice = "" if is_demo else "".join(f"<li>{html.escape(text)}</li>" for text in coverage.advice[:8])
    notes = "".join(f"<li>{html.escape(text)}</li>" for text in calibration.notes)
    cameras = "".join(
        f"<tr><td>{html.escape(c.name)}</td><td>{html.escape(c.serial)}</td><td>{c.views}</td><td>{c.corners}</td>"
        f"<td>{c.rms_px:.3f}</td><td>{c.K[0, 0]:.2f} &plusmn; {c.sigmas['fx']:.2f}</td></tr>"
        for c in calibration
    )
    images = "".join(f'<h2>{p.stem.capitalize()}</h2><img src="{p.name}" alt="{p.stem}">' for p in pictures)
    bow = ", ".join(f"{b:+.3f}" for b in calibration.bow_mm)
    page = folder / "index.html"
    write_whole(
        page,
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Calibration of {html.escape(calibration.rig)}</title>"
        f"<style>{_STYLE}</style><h1>Calibration of {html.escape(calibration.rig)}</h1>"
        f'<p class="{"good" if is_good else "poor"}"><b>{head}</b></p><ul>{findings}</ul>'
        f"<p>{html.escape(calibration.created)}; board {html.escape(calibration.board.name)}; "
        f"{calibration.views} views; board shape x&sup2;, xy, y&sup2;: {bow} mm</p>"
        + (f"<h2>What more views should show</h2><ul>{advice}</ul>" if advice else "")
        + (f"<h2>Left out and odd</h2><ul>{notes}</ul>" if notes else "")
        + "<table><tr><th>camera<th>serial<th>views<th>corners<th>RMS px<th>focal length px</tr>"
        + f"{cameras}</table>{images}</html>\n",
    )
    return page


def _demo_head(solution: Solution) -> str:
    width, height = solution.observations.sizes_px[0]
    seen = f"{solution.calibration.views} views at {width} x {height} px"
    return (
        f"This is a small demo of {seen}, and a good one. Limits in grey are those of a rig that measures faces: they "
        "need 36 views at full resolution."
    )


def _class_of(row: LimitFinding, is_demo: bool) -> str:
    if row.is_kept:
        return "good"
    return "apart" if is_demo and row.kind in OF_FULL_CALIBRATIONS else "poor"
