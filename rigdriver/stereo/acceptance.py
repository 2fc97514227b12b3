"""The acceptance test: several positions of certified artefacts against the rig's limits, kept over time.

In: results of `artefacts`, limits, a history file. Out: a verdict with every figure, an HTML report with a drift
chart, and a lock that refuses measuring when the last test failed or is too old. The history is JSON lines.
This file refuses to know cameras and clouds.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from rigdriver.errors import UsageError
from rigdriver.stereo.artefacts import BallBarResult, PlateResult


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest permissible values, micrometres."""

    probing_form_um: float = 80.0
    probing_size_um: float = 40.0
    spacing_um: float = 20.0
    flatness_um: float = 100.0


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One line of the certificate: the worst position decides."""

    name: str
    meaning: str
    worst_um: float
    limit_um: float
    full_range_um: float
    """Of all points, none left out; NaN where it has no meaning."""
    rms_um: float
    is_passed: bool


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One acceptance test."""

    created: str
    """UTC, ISO 8601."""
    rig: str
    calibration: str
    """When the calibration that was tested was made."""
    characteristics: tuple[Characteristic, ...]

    @property
    def is_passed(self) -> bool:
        """All characteristics are within their limits, and there is at least one."""
        return bool(self.characteristics) and all(c.is_passed for c in self.characteristics)


def judge(
    rig: str, calibration: str, bars: Sequence[BallBarResult], plates: Sequence[PlateResult], limits: Limits,
    now: datetime,
) -> Acceptance:  # fmt: skip
    """Compare all positions with the limits.

    Raises:
        UsageError: no position was measured.
    """
    if not bars and not plates:
        raise UsageError("acceptance: no position was measured; place a ball bar or a plate in the volume")
    lines = []
    spheres = [sphere for bar in bars for sphere in bar.spheres]
    nan = float("nan")
    if spheres:
        form = max(spheres, key=lambda s: s.form.range_95_um).form
        lines.append(_line(
            "probing error form", "range of 95 % of the points about the fitted sphere", form.range_95_um,
            limits.probing_form_um, max(s.form.range_um for s in spheres), max(s.form.rms_um for s in spheres),
        ))  # fmt: skip
        sizes = [error for bar in bars for error in bar.size_errors_um]
        lines.append(_line(
            "probing error size", "fitted minus certified diameter", max(sizes, key=abs), limits.probing_size_um, nan,
            float(np.sqrt(np.mean(np.square(sizes)))),
        ))  # fmt: skip
        spacings = [bar.spacing_error_um for bar in bars]
        lines.append(_line(
            "sphere-spacing error", "fitted minus certified distance of the centres", max(spacings, key=abs),
            limits.spacing_um, nan, float(np.sqrt(np.mean(np.square(spacings)))),
        ))  # fmt: skip
    if plates:
        worst = max(plates, key=lambda p: p.flatness.range_95_um).flatness
        lines.append(_line(
            "flatness", "range of 95 % of the points about the fitted plane", worst.range_95_um, limits.flatness_um,
            max(p.flatness.range_um for p in plates), max(p.flatness.rms_um for p in plates),
        ))  # fmt: skip
    return Acceptance(now.astimezone(UTC).isoformat(timespec="seconds"), rig, calibration, tuple(lines))


def _line(name: str, meaning: str, worst: float, limit: float, full: float, rms: float) -> Characteristic:
    return Characteristic(name, meaning, float(worst), limit, full, rms, abs(worst) <= limit)


def append_history(path: Path, done: Acceptance) -> None:
    """Add one test to the history file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(done)) + "\n")


def read_history(path: Path) -> list[Acceptance]:
    """Return all tests, oldest first; none when there is no file.

    Raises:
        UsageError: a line cannot be read.
    """
    if not path.exists():
        return []
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            table = json.loads(text)
            lines = tuple(Characteristic(**line) for line in table.pop("characteristics"))
            found.append(Acceptance(**table, characteristics=lines))
        except (ValueError, TypeError, KeyError) as exc:
            raise UsageError(f"{path} line {number}: no acceptance test: {exc}; move the file away") from exc
    return found


def check_lock(path: Path, now: datetime, most_days: float) -> None:
    """Refuse measuring when the last acceptance test failed, is too old, or there is none.

    Raises:
        UsageError: with what to do.
    """
    history = read_history(path)
    if not history:
        raise UsageError(f"{path}: no acceptance test yet; run `rigdriver verify` first")
    last = history[-1]
    if not last.is_passed:
        names = ", ".join(c.name for c in last.characteristics if not c.is_passed)
        raise UsageError(f"the last acceptance test ({last.created}) failed: {names}; calibrate, then verify again")
    age = now.astimezone(UTC) - datetime.fromisoformat(last.created)
    if age > timedelta(days=most_days):
        raise UsageError(
            f"the last acceptance test is {age.days} days old, at most {most_days:g} are allowed; "
            "run `rigdriver verify` again"
        )


def report_html(history: Sequence[Acceptance], pictures: Mapping[str, npt.NDArray[np.uint8]]) -> str:
    """Return one self-contained page: the last test, its pictures, and how each figure drifted."""
    last = history[-1]
    rows = "".join(
        f"<tr><td>{c.name}</td><td>{c.meaning}</td><td class=n>{c.worst_um:+.1f}</td><td class=n>{c.limit_um:.0f}</td>"
        f"<td class=n>{_text(c.full_range_um)}</td><td class=n>{c.rms_um:.1f}</td>"
        f"<td class={'good' if c.is_passed else 'bad'}>{'pass' if c.is_passed else 'FAIL'}</td></tr>"
        for c in last.characteristics
    )
    shown = "".join(
        f"<figure><img src='data:image/png;base64,{_png(image)}'><figcaption>{html.escape(name)}</figcaption></figure>"
        for name, image in pictures.items()
    )
    charts = "".join(_chart(history, c.name, c.limit_um) for c in last.characteristics)
    verdict = "<b class=good>passed</b>" if last.is_passed else "<b class=bad>FAILED</b>"
    return (
        "<!doctype html><meta charset=utf-8><title>Acceptance test</title><style>body{font:15px sans-serif;margin:2em;"
        "max-width:70em}table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left}"
        ".n{text-align:right}.good{color:#17692b}.bad{color:#b3141d}img{max-width:100%}figure{margin:1em 0}</style>"
        f"<h1>Acceptance test: {verdict}</h1><p>Rig {html.escape(last.rig)}, {last.created}; calibration of "
        f"{html.escape(last.calibration)}. After VDI/VDE 2634 part 2; micrometres; the worst position counts.</p>"
        "<table><tr><th>characteristic<th>meaning<th>worst<th>limit<th>full range, all points<th>RMS<th>verdict</tr>"
        f"{rows}</table>{shown}<h2>Drift</h2>{charts}"
    )


def _text(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "-"


def _png(image: npt.NDArray[np.uint8]) -> str:
    coded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(coded.tobytes()).decode("ascii")


def _chart(history: Sequence[Acceptance], name: str, limit_um: float) -> str:
    """A small line chart over the tests, as SVG."""
    points = [abs(c.worst_um) for test in history for c in test.characteristics if c.name == name]
    top = 1.15 * max([limit_um, *points])
    width, height = 640, 120
    x = [40 + (width - 60) * (n + 0.5) / len(points) for n in range(len(points))]
    y = [height - 20 - (height - 30) * value / top for value in points]
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    bound = height - 20 - (height - 30) * limit_um / top
    dots = "".join(f"<circle cx={a:.1f} cy={b:.1f} r=3 fill='#2a5d9f'/>" for a, b in zip(x, y, strict=True))
    return (
        f"<p>{name}</p><svg width={width} height={height} role=img><line x1=40 x2={width - 20} y1={bound:.1f} "
        f"y2={bound:.1f} stroke='#b3141d' stroke-dasharray='5 4'/><text x=2 y={bound + 4:.1f} font-size=11>{limit_um:g}"
        f"</text><polyline points='{line}' fill=none stroke='#2a5d9f'/>{dots}<text x=40 y={height - 4} font-size=11>"
        f"{history[0].created[:10]} to {history[-1].created[:10]}, {len(points)} tests</text></svg>"
    )
