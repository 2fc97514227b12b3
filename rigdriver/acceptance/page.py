"""Report of the acceptance test: one HTML page with the verdict, every figure, pictures, and drift over time.

In: the tests so far and pictures by title. Out: a self-contained page. It also names what was not tested. Not here: the
verdict (see judge.py).
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.acceptance.judge import Acceptance, Characteristic

GOOD, BAD, LINE = "#17692b", "#b3141d", "#2a5d9f"


def report_html(history: Sequence[Acceptance], pictures: Mapping[str, npt.NDArray[np.uint8]]) -> str:
    """Return one self-contained page: the last test, its pictures, and the drift of each figure over all tests."""
    last = history[-1]
    rows = "".join(_row(c) for c in last.characteristics)
    shown = "".join(
        f"<img alt='{html.escape(name, quote=True)}' src='data:image/png;base64,{_png(image)}'>"
        for name, image in pictures.items()
    )
    charts = "".join(_chart(history, c.name, c.limit_um) for c in last.characteristics)
    verdict = "<b class=good>passed</b>" if last.is_passed else "<b class=bad>FAILED</b>"
    untested = "".join(
        f"<p class=bad>No {name} was measured, so the characteristics that need one were not tested.</p>"
        for name in last.missing
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Acceptance test</title><style>"
        "body{font:15px sans-serif;margin:2em auto;max-width:74em;padding:0 1em}table{border-collapse:collapse}"
        "td,th{border:1px solid #bbb;padding:.35em .7em;text-align:left}.n{text-align:right}"
        f".good{{color:{GOOD}}}.bad{{color:{BAD}}}.shown{{display:flex;flex-wrap:wrap;gap:1em}}"
        "img{max-width:100%}svg{display:block;margin-bottom:1.2em}</style>"
        f"<h1>Acceptance test: {verdict}</h1><p>Rig {html.escape(last.rig)}, {last.created}; calibration of "
        f"{html.escape(last.calibration)}; {last.ball_bar_positions} positions of a ball bar, {last.plate_positions} "
        "of a plate. After VDI/VDE 2634 part 2 (see also ISO 10360-13); micrometres; the worst position counts.</p>"
        f"{untested}<table><tr><th>characteristic<th>meaning<th>worst<th>limit<th>full range, all points<th>RMS"
        f"<th>verdict</tr>{rows}</table><h2>How far points lie off the fitted shapes</h2><div class=shown>{shown}</div>"
        f"<h2>Drift</h2>{charts}</html>"
    )


def _row(c: Characteristic) -> str:
    return (
        f"<tr><td>{c.name}</td><td>{c.meaning}</td><td class=n>{c.worst_um:+.1f}</td><td class=n>{c.limit_um:g}</td>"
        f"<td class=n>{_text(c.full_range_um)}</td><td class=n>{c.rms_um:.1f}</td>"
        f"<td class={'good' if c.is_passed else 'bad'}>{'pass' if c.is_passed else 'FAIL'}</td></tr>"
    )


def _text(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.1f}"


def _png(image: npt.NDArray[np.uint8]) -> str:
    coded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(coded.tobytes()).decode("ascii")


def _chart(history: Sequence[Acceptance], name: str, limit_um: float) -> str:
    """Return a small line chart over the tests' times, as SVG."""
    tests = [(datetime.fromisoformat(t.created), c) for t in history for c in t.characteristics if c.name == name]
    values = [abs(c.worst_um) for _, c in tests]
    # The axis begins at 0 and holds the limit, with some room above.
    top = 1.15 * max([limit_um, *values])
    width, height, left = 720, 150, 60
    seconds = [(when - tests[0][0]).total_seconds() for when, _ in tests]
    reach = max(seconds[-1], 1.0)
    # Time runs to the right, over the width that is left beside the numbers; a single test stands in the middle.
    x = [left + 12 + (width - left - 90) * (s / reach if seconds[-1] > 0 else 0.5) for s in seconds]
    y = [height - 24 - (height - 40) * value / top for value in values]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    bound, base = height - 24 - (height - 40) * limit_um / top, height - 24
    dots = "".join(
        f"<circle cx={a:.1f} cy={b:.1f} r=3.5 fill='{LINE if c.is_passed else BAD}'><title>{when:%Y-%m-%d %H:%M}: "
        f"{c.worst_um:+.1f} um</title></circle>"
        for a, b, (when, c) in zip(x, y, tests, strict=True)
    )
    return (
        f"<svg width={width} height={height} role=img font-family=sans-serif font-size=12><text x=0 y=12 "
        f"font-weight=bold>{name}, largest of each test, um</text><line x1={left} y1={base} x2={width} y2={base} "
        f"stroke='#888'/><text x={left - 8} y={base + 4} text-anchor=end>0</text><line x1={left} x2={width} "
        f"y1={bound:.1f} y2={bound:.1f} stroke='{BAD}' stroke-dasharray='5 4'/><text x={left - 8} y={bound + 4:.1f} "
        f"text-anchor=end fill='{BAD}'>{limit_um:g}</text><polyline points='{line}' fill=none stroke='{LINE}'/>{dots}"
        f"<text x={x[-1] + 8:.1f} y={y[-1] + 4:.1f}>{values[-1]:.1f}</text><text x={left} y={height - 6}>"
        f"{tests[0][0]:%Y-%m-%d} to {tests[-1][0]:%Y-%m-%d}, {len(tests)} tests</text></svg>"
    )
