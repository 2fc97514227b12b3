"""Plots of the self-test: measured points, a fitted line, limits; values, and the SVG that shows them.

In: numbers of a check. Out: `CheckPlot`s, and text in SVG for the page. A plot shows its unit on each axis, its limits
where there are some. Not here: which checks have plots (see
run_plots.py and optical_checks.py), and the page (see page.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 208, 160
"""Size of one plot in pixels: six of them stand beside each other, as the images of six cameras do."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 22, 36
_TICKS = 4
"""Number of steps that an axis is cut into, about."""
_POINTS, _LINE, _LIMIT, _NEW = "#1b4f8a", "#c25e00", "#b00020", "#b00020"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CheckPlot:
    """One plot of a check."""

    kind: str
    """What it shows: plots of one kind stand together."""
    title: str
    """Name of the camera, or of the figure."""
    note: str
    """What was measured, in a few words."""
    x_label: str
    y_label: str
    """Quantity and unit of each axis."""
    points: tuple[Point, ...]
    line: tuple[Point, ...] = ()
    """Corners of a line: a fit, or what connects the points."""
    limits: tuple[float, ...] = ()
    """Largest and smallest good values of y; a limit far outside of the points is told and not drawn."""
    marks: tuple[float, ...] = ()
    """Places on x that are marked from bottom to top."""
    newest: Point | None = None
    """Point that stands out."""
    is_good: bool = True
    """Whether that point is as usual."""
    is_from_zero: bool = False
    """Whether the axis of y begins at 0."""


def svg(plot: CheckPlot) -> str:
    """Return the plot as SVG, or a sentence where there is nothing to show."""
    every = [*plot.points, *plot.line, *([plot.newest] if plot.newest else [])]
    if not every:
        return ""
    limits = [limit for limit in plot.limits if _is_near(limit, [y for _, y in every])]
    across = _Axis([x for x, _ in every] + list(plot.marks), _LEFT, WIDTH - _RIGHT)
    up = _Axis([y for _, y in every] + limits + ([0.0] if plot.is_from_zero else []), HEIGHT - _BOTTOM, _TOP)
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(plot.title, quote=True)}: {escape(plot.note, quote=True)}">'
        f"{_frame(across, up, plot)}{_marks(plot.marks, across)}{_limits(limits, up)}"
        f"{_polyline(plot.line, across, up)}{_dots(plot, across, up)}</svg>"
    )


def _is_near(limit: float, values: Sequence[float]) -> bool:
    """Whether a limit can be drawn without pressing the points into a line."""
    low, high = min(values), max(values)
    reach = max(high - low, abs(high), abs(low), 1e-12)
    return low - 4 * reach <= limit <= high + 4 * reach


class _Axis:
    """Maps values to pixels, with round numbers at its ticks."""

    def __init__(self, values: Sequence[float], begin_px: float, end_px: float) -> None:
        low, high = min(values), max(values)
        step = _round_step((high - low) / _TICKS or abs(high) / _TICKS or 1.0)
        self.step, self._low = step, math.floor(low / step + 1e-9) * step
        self._high = max(math.ceil(high / step - 1e-9) * step, self._low + step)
        self._begin_px, self._per_unit = begin_px, (end_px - begin_px) / (self._high - self._low)

    def px(self, value: float) -> float:
        """Return where a value stands."""
        return self._begin_px + (value - self._low) * self._per_unit

    def ticks(self) -> list[float]:
        """Return the values at which the axis has a number."""
        return [self._low + n * self.step for n in range(round((self._high - self._low) / self.step) + 1)]


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10 times a power of ten that is not less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _frame(across: _Axis, up: _Axis, plot: CheckPlot) -> str:
    bottom = HEIGHT - _BOTTOM
    lines = [
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{up.px(y):.1f}" y2="{up.px(y):.1f}" stroke="#e3e3e3"/>'
        f'<text x="{_LEFT - 5}" y="{up.px(y) + 4:.1f}" text-anchor="end">{_number(y, up.step)}</text>'
        for y in up.ticks()
    ]
    places = across.ticks()
    every = max(1, -(-len(places) // 5))
    lines += [
        f'<line x1="{across.px(x):.1f}" x2="{across.px(x):.1f}" y1="{bottom}" y2="{bottom + 4}" stroke="#888"/>'
        f'<text x="{across.px(x):.1f}" y="{bottom + 16}" text-anchor="middle">{_number(x, across.step)}</text>'
        for x in places[::every]
    ]
    return (
        f"{''.join(lines)}"
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}" stroke="#888"/>'
        f'<text x="{_LEFT}" y="13" fill="#555">{escape(plot.y_label)}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 5}" text-anchor="end" fill="#555">{escape(plot.x_label)}</text>'
    )


def _number(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{digits}f}" if abs(value) > step / 2 else "0"


def _marks(marks: Sequence[float], across: _Axis) -> str:
    return "".join(
        f'<line x1="{across.px(x):.1f}" x2="{across.px(x):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" stroke="#999" '
        f'stroke-dasharray="3 3"/>'
        for x in marks
    )


def _limits(limits: Sequence[float], up: _Axis) -> str:
    return "".join(
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{up.px(y):.1f}" y2="{up.px(y):.1f}" stroke="{_LIMIT}" '
        f'stroke-dasharray="6 4"/>'
        for y in limits
    )


def _polyline(line: Sequence[Point], across: _Axis, up: _Axis) -> str:
    if not line:
        return ""
    corners = " ".join(f"{across.px(x):.1f},{up.px(y):.1f}" for x, y in line)
    return f'<polyline points="{corners}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>'


def _dots(plot: CheckPlot, across: _Axis, up: _Axis) -> str:
    dots = "".join(
        f'<circle cx="{across.px(x):.1f}" cy="{up.px(y):.1f}" r="2.6" fill="{_POINTS}"/>' for x, y in plot.points
    )
    if plot.newest is None:
        return dots
    x, y = plot.newest
    colour = _POINTS if plot.is_good else _NEW
    return f'{dots}<circle cx="{across.px(x):.1f}" cy="{up.px(y):.1f}" r="4.5" fill="{colour}"/>'
