"""The plots of the swept flash: brightness against its start, at the beginning and at the end of each exposure.

In: the images of one camera, and the exposure that was fitted to them, or none. Out: two plots. Where the exposure is
what its line says, the line's edge (dashed) meets the corner of the fit. Not here: the fit (see exposure_window.py).
"""

from __future__ import annotations

from rigdriver.selftest.exposure_window import ExposureWindow, NoWindow
from rigdriver.selftest.plots import CheckPlot, Point
from rigdriver.selftest.sweeping import CameraSweep

_PERCENT = 100.0
_Y = "% of full scale"


def sweep_plots(camera: str, sweep: CameraSweep, window: ExposureWindow | NoWindow) -> tuple[CheckPlot, CheckPlot]:
    """Return the plot of the exposure's start and that of its end."""
    flashed = [(s.flash_us, s.length_us, s.brightness * _PERCENT) for s in sweep.samples if s.flash_us is not None]
    first = tuple((flash, level) for flash, length, level in flashed if flash < length / 2)
    last = tuple((flash - length, level) for flash, length, level in flashed if flash >= length / 2)
    start, end = ("its images do not show it",) * 2
    rise: tuple[Point, ...] = ()
    fall: tuple[Point, ...] = ()
    if isinstance(window, ExposureWindow):
        start = f"{_signed(window.start_us)} us against its line, +- {window.start_uncertainty_us:.1g} us"
        end = f"{_signed(window.end_us)} us against its line, +- {window.end_uncertainty_us:.1g} us"
        dark, full = window.dark * _PERCENT, (window.dark + window.light) * _PERCENT
        rise = _ramp(first, (window.start_us - window.shone_us, dark), (window.start_us, full))
        fall = _ramp(last, (window.end_us - window.shone_us, full), (window.end_us, dark))
    x_label = "us after the line's {} edge"
    return (
        CheckPlot("start of exposure", camera, start, x_label.format("rising"), _Y, first, line=rise, marks=(0.0,)),
        CheckPlot("end of exposure", camera, end, x_label.format("falling"), _Y, last, line=fall, marks=(0.0,)),
    )


def _ramp(points: tuple[Point, ...], begin: Point, end: Point) -> tuple[Point, ...]:
    """Return a level, a slope and a level, over the width of the points."""
    places = [x for x, _ in points] or [0.0]
    low, high = min(*places, begin[0]), max(*places, end[0])
    return ((low, begin[1]), begin, end, (high, end[1]))


def _signed(time_us: float) -> str:
    return f"{time_us:+.1f}"
