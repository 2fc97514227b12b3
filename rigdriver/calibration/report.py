"""The report of a calibration: one HTML page with verdict, figures and pictures, and the same as JSON figures.

In: a `Solution`. Out: DIR/index.html, the pictures beside it, and a dictionary of figures. The first lines say whether
the result can be used and what to do if not. This file refuses to decide by other limits than those written here.
"""

from __future__ import annotations

import html
from pathlib import Path

from rigdriver.calibration.boards import Board
from rigdriver.calibration.coverage import Coverage, assess
from rigdriver.calibration.pictures import draw_all
from rigdriver.calibration.solve import Solution

WELL_RMS_PX = 0.10
WELL_POINT_UM = 10.0
WELL_STEP_UM = 10.0
WELL_SCALE_PPM = 100.0
WELL_KEPT = 0.90
_STYLE = (
    "body{font:15px sans-serif;max-width:1180px;margin:24px auto;color:#222}table{border-collapse:collapse}"
    "td,th{padding:3px 12px 3px 0;text-align:left;border-bottom:1px solid #ddd}img{max-width:100%}"
    ".good{color:#1b7837}.poor{color:#b2182b}"
)


def judge(solution: Solution, coverage: Coverage) -> list[tuple[bool, str]]:
    """What a technician must know: is it good, and the sentence."""
    calibration = solution.calibration
    rows = [
        _row(
            calibration.rms_px, WELL_RMS_PX, "reprojection RMS", "px", "refocus, hold the board still, light it evenly"
        ),
        (
            calibration.kept_share >= WELL_KEPT,
            f"{calibration.kept_share:.1%} of {len(solution.observations)} corners kept (expected {WELL_KEPT:.0%})"
            + ("" if calibration.kept_share >= WELL_KEPT else ": see the notes for views that were dropped"),
        ),
    ]
    accuracy = calibration.accuracy
    if accuracy is None:
        rows.append((False, "no pod has two geometry cameras: no 3D error can be stated"))
    else:
        more = "take more views with more tilt and depth" + (f": {coverage.advice[0]}" if coverage.advice else "")
        rows.append(_row(accuracy.point_um_95, WELL_POINT_UM, "expected 3D error (95 %)", "um", more))
        if accuracy.step_um_95 == accuracy.step_um_95:
            rows.append(_row(accuracy.step_um_95, WELL_STEP_UM, "expected step between the pods (95 %)", "um", more))
        remedy = "measure the board's squares more exactly, or take more views"
        rows.append(_row(accuracy.scale_ppm_95, WELL_SCALE_PPM, "expected scale error (95 %)", "ppm", remedy))
    return rows


def _row(value: float, limit: float, what: str, unit: str, remedy: str) -> tuple[bool, str]:
    is_good = value <= limit
    return is_good, f"{what} {value:.3g} {unit} (expected at most {limit:g})" + ("" if is_good else f": {remedy}")


def figures(solution: Solution, board: Board) -> dict[str, object]:
    """The numbers of the report, for `--json`."""
    calibration, accuracy = solution.calibration, solution.calibration.accuracy
    rows = judge(solution, assess(solution.observations, board))
    return {
        "passed": all(is_good for is_good, _ in rows),
        "rms_px": calibration.rms_px,
        "kept_share": calibration.kept_share,
        "views": calibration.views,
        "corners": calibration.corners,
        "bow_mm": list(calibration.bow_mm),
        "expected": None
        if accuracy is None
        else {
            "point_um": accuracy.point_um,
            "point_um_95": accuracy.point_um_95,
            "step_um": accuracy.step_um if accuracy.step_um == accuracy.step_um else None,
            "step_um_95": accuracy.step_um_95 if accuracy.step_um_95 == accuracy.step_um_95 else None,
            "scale_ppm": accuracy.scale_ppm,
            "scale_ppm_95": accuracy.scale_ppm_95,
        },
        "cameras": {
            c.name: {
                "rms_px": c.rms_px,
                "views": c.views,
                "corners": c.corners,
                "fx": c.K[0, 0],
                "sigma_fx": c.sigmas["fx"],
            }
            for c in calibration
        },
        "findings": [{"passed": is_good, "text": text} for is_good, text in rows],
        "notes": list(calibration.notes),
    }


def write_report(solution: Solution, board: Board, folder: Path) -> Path:
    """Write page and pictures; returns the page's path."""
    coverage = assess(solution.observations, board)
    pictures = draw_all(solution, coverage, folder)
    calibration = solution.calibration
    rows = judge(solution, coverage)
    is_good = all(good for good, _ in rows)
    head = "This calibration can be used." if is_good else "This calibration should be improved."
    findings = "".join(f'<li class="{"good" if good else "poor"}">{html.escape(text)}</li>' for good, text in rows)
    advice = "".join(f"<li>{html.escape(text)}</li>" for text in coverage.advice[:8])
    notes = "".join(f"<li>{html.escape(text)}</li>" for text in calibration.notes)
    cameras = "".join(
        f"<tr><td>{html.escape(c.name)}</td><td>{html.escape(c.serial)}</td><td>{c.views}</td><td>{c.corners}</td>"
        f"<td>{c.rms_px:.3f}</td><td>{c.K[0, 0]:.2f} &plusmn; {c.sigmas['fx']:.2f}</td></tr>"
        for c in calibration
    )
    images = "".join(f'<h2>{p.stem.capitalize()}</h2><img src="{p.name}" alt="{p.stem}">' for p in pictures)
    bow = ", ".join(f"{b:+.3f}" for b in calibration.bow_mm)
    page = folder / "index.html"
    page.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Calibration of {html.escape(calibration.rig)}</title>"
        f"<style>{_STYLE}</style><h1>Calibration of {html.escape(calibration.rig)}</h1>"
        f'<p class="{"good" if is_good else "poor"}"><b>{head}</b></p><ul>{findings}</ul>'
        f"<p>{html.escape(calibration.created)}; board {html.escape(calibration.board.name)}; "
        f"{calibration.views} views; board shape x&sup2;, xy, y&sup2;: {bow} mm</p>"
        + (f"<h2>What more views should show</h2><ul>{advice}</ul>" if advice else "")
        + (f"<h2>Left out and odd</h2><ul>{notes}</ul>" if notes else "")
        + "<table><tr><th>camera<th>serial<th>views<th>corners<th>RMS px<th>focal length px</tr>"
        + f"{cameras}</table>{images}</html>\n",
        encoding="utf-8",
    )
    return page
