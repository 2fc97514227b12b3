"""A compiled schedule as a timing diagram: rows of intervals, drawn with characters or as a picture.

In: a `Schedule`. Out: text for a terminal, or an SVG or PNG file. Both show the same rows: per camera the trigger edge
and the exposure with its jitter, per lamp the flash. Not here: whether the schedule is allowed (see limits.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from rigdriver.clock import us_from_ticks
from rigdriver.schedule.planned import Schedule
from rigdriver.whole_file import write_whole

MARGIN = 1.04
COLOURS = {"trigger": "#555555", "jitter": "#f2c57c", "exposure": "#4c78a8", "light": "#e45756"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the diagram; times in microseconds after the pulse start."""

    name: str
    trigger_us: float | None
    exposure_us: tuple[float, float] | None
    jitter_us: float
    light_us: tuple[float, float] | None

    @property
    def end_us(self) -> float:
        """Time at which the row's last event is over."""
        return (self.exposure_us or self.light_us or (0.0, 0.0))[1] + self.jitter_us


def rows(schedule: Schedule) -> list[Row]:
    """Return the diagram's rows: cameras in the order of the rig file, then lamps."""

    def us(ticks: int) -> float:
        return us_from_ticks(ticks, schedule.tick_rate_hz)

    cameras = [
        Row(
            e.camera,
            us(e.delay_ticks),
            (us(e.start_ticks), us(e.start_ticks + e.exposure_ticks)),
            us(e.jitter_ticks),
            None,
        )
        for e in schedule.exposures.values()
    ]
    lamps = [
        Row(s.lamp, None, None, 0.0, (us(s.delay_ticks), us(s.delay_ticks + s.width_ticks))) for s in schedule.flashes
    ]
    return cameras + lamps


def as_text(schedule: Schedule, width: int = 100) -> str:
    """Return the diagram for a terminal of that many columns."""
    lines = rows(schedule)
    label = max(len(row.name) for row in lines) + 2
    columns = max(20, width - label)
    # A little more than the last event, so that its end can be seen.
    us_per_column = max(row.end_us for row in lines) * MARGIN / columns
    drawn = [f"{row.name:<{label}}{_draw(row, columns, us_per_column)}" for row in lines]
    ruler = _ruler(columns, us_per_column)
    period_us = us_from_ticks(schedule.box.pulse_period_ticks, schedule.tick_rate_hz)
    return "\n".join(
        [
            *drawn,
            " " * label + ruler,
            f"one column is {us_per_column:.1f} us; | trigger, = exposure, # light; next after {period_us:.0f} us",
        ]
    )


def _draw(row: Row, columns: int, us_per_column: float) -> str:
    cells = [" "] * columns

    def fill(span_us: tuple[float, float], mark: str) -> None:
        first, last = (min(columns - 1, int(t / us_per_column)) for t in span_us)
        cells[first : last + 1] = mark * (last + 1 - first)

    if row.exposure_us is not None:
        fill(row.exposure_us, "=")
    if row.light_us is not None:
        fill(row.light_us, "#")
    # Drawn last: an edge is one column wide and would vanish under an exposure that begins with it.
    if row.trigger_us is not None:
        cells[min(columns - 1, int(row.trigger_us / us_per_column))] = "|"
    return "".join(cells).rstrip()


def _ruler(columns: int, us_per_column: float) -> str:
    """Return a line with times in microseconds, one about every twenty columns."""
    text = ""
    for at in range(0, columns, 20):
        text = f"{text:<{at}}{at * us_per_column:.0f}"
    return text + " us"


def draw(schedule: Schedule, path: Path) -> None:
    """Write the diagram as a picture; the suffix (.svg or .png) decides the format."""
    from matplotlib.figure import Figure  # noqa: PLC0415  slow to import, and most uses of schedules draw nothing

    lines = rows(schedule)
    figure = Figure(figsize=(11, 0.42 * len(lines) + 1.6), layout="constrained")
    axes = figure.subplots()
    for n, row in enumerate(lines):
        if row.exposure_us is not None:
            start, end = row.exposure_us
            axes.broken_barh([(start, end - start)], (n - 0.3, 0.6), color=COLOURS["exposure"])
            for edge in row.exposure_us:
                axes.broken_barh([(edge - row.jitter_us, 2 * row.jitter_us)], (n - 0.3, 0.6), color=COLOURS["jitter"])
        if row.light_us is not None:
            start, end = row.light_us
            axes.broken_barh([(start, end - start)], (n - 0.3, 0.6), color=COLOURS["light"])
            axes.text(end, n, f"  {end - start:.0f} us", va="center", fontsize=8)
        if row.trigger_us is not None:
            axes.plot([row.trigger_us] * 2, [n - 0.42, n + 0.42], color=COLOURS["trigger"], linewidth=2)
    axes.set_yticks(range(len(lines)), [row.name for row in lines])
    axes.invert_yaxis()
    axes.set_xlim(-0.01 * max(r.end_us for r in lines), max(r.end_us for r in lines) * 1.08)
    axes.set_xlabel("microseconds after the pulse start")
    axes.set_title(
        f"one pulse of {schedule.rate_hz:g} per second:  trigger (grey), exposure (blue, jitter yellow), light (red)"
    )
    axes.grid(axis="x", alpha=0.3)
    picture = BytesIO()
    figure.savefig(picture, dpi=130, format=path.suffix.lower().lstrip("."))
    write_whole(path, picture.getbuffer())
