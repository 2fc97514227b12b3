"""The plots of the self-test: what they show of a run, of a swept flash and of earlier tests, and that SVG is drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from rigdriver.selftest.exposure_window import NoWindow, find_window
from rigdriver.selftest.history import SelfTestLine, series
from rigdriver.selftest.optical_checks import judge_optical
from rigdriver.selftest.optical_plots import sweep_plots
from rigdriver.selftest.page import html
from rigdriver.selftest.plots import HEIGHT, WIDTH, CheckPlot, Point, svg
from rigdriver.selftest.result import Report, Status, verdict
from rigdriver.selftest.run_plots import plotted
from tests.unit.selftest.test_optical_checks import rig, seen
from tests.unit.selftest.test_run_checks import CONFIG, proof

PLOT = CheckPlot("jitter", "a", "5 us <at most>", "pulse", "us", ((0.0, 1.0), (1.0, 3.0)))


def dots(drawn: str) -> list[tuple[float, float]]:
    circles = ET.fromstring(drawn).iter("circle")
    return [(float(circle.get("cx", "")), float(circle.get("cy", ""))) for circle in circles]


@pytest.mark.parametrize(
    "points",
    [
        ((0.0, 0.0),), ((0.0, 5.0), (1.0, 5.0)), ((0.0, -1e-9), (1.0, 1e-9)), ((-3.0, 1e6), (1e9, 1e6 + 1)),
        ((0.0, -40.0), (2000.0, 7.0), (1000.0, 0.0)),
    ],
)  # fmt: skip
def test_every_point_stands_inside_of_the_drawing_and_higher_values_stand_higher(points: tuple[Point, ...]) -> None:
    drawn = svg(replace(PLOT, points=points))
    found = dots(drawn)
    assert len(found) == len(points)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    ordered = sorted(zip(points, found, strict=True), key=lambda pair: pair[0][1])
    assert [y for _, (_, y) in ordered] == sorted((y for _, (_, y) in ordered), reverse=True)
    assert not re.search(r"nan|inf", drawn)


def test_a_limit_that_would_press_the_points_into_a_line_is_not_drawn() -> None:
    assert svg(replace(PLOT, limits=(4.0,))).count("stroke-dasharray") == 1
    assert svg(replace(PLOT, limits=(4000.0,))).count("stroke-dasharray") == 0


def test_nothing_is_drawn_without_points() -> None:
    assert svg(replace(PLOT, points=())) == ""


def test_the_run_shows_skew_jitter_about_the_median_and_arrivals() -> None:
    proofs = [proof(pulse) for pulse in range(3)]
    camera = CONFIG.cameras[0].name
    checks = [verdict(True, name, 1, 1) for name in ("run.skew", f"run.{camera}.frames", "run.rate")]
    arrived = {camera: [(0.0, 4.0), (1.0, 6.0), (2.0, 5.0)]}
    skew, frames, rate = plotted(checks, proofs, arrived, CONFIG)
    assert [plot.kind for plot in skew.plots] == ["skew"]
    assert skew.plots[0].limits == (CONFIG.sync.max_skew_us,)
    assert [plot.kind for plot in frames.plots] == ["jitter", "latency"]
    assert {y for _, y in frames.plots[0].points} == {0.0}
    assert frames.plots[1].note == "median 5.0 ms, 6.0 ms at most"
    assert rate.plots == ()


def test_the_corner_of_the_fit_stands_at_the_lines_edge_when_the_line_is_true() -> None:
    swept = seen(0.0, 0.0, 0.0, 0.0, rig())
    start, end = sweep_plots("a", swept, find_window(swept.samples, swept.width_us))
    assert start.line[2][0] == pytest.approx(0, abs=1)
    assert end.line[2][0] == pytest.approx(0, abs=1)
    assert start.line[1][1] < start.line[2][1]
    assert end.line[1][1] > end.line[2][1]
    assert len(start.points) + len(end.points) == sum(s.flash_us is not None for s in swept.samples)


def test_images_that_show_no_exposure_are_plotted_without_a_fit() -> None:
    start, end = sweep_plots("a", seen(0.0, 0.0, 0.0, 0.0, rig()), NoWindow("dark"))
    assert (start.line, end.line) == ((), ())
    assert start.points


def test_the_plot_of_the_sweep_is_coloured_by_the_check_that_compares_line_and_light() -> None:
    checks = judge_optical({"a": seen(0.0, 0.0, 38.0, 0.0, rig())}, rig())
    shown = {check.plots[0].kind: (check.name, check.status) for check in checks if check.plots}
    assert shown == {
        "start of exposure": ("optical.a.line_rise", Status.FAILED),
        "end of exposure": ("optical.a.line_fall", Status.GOOD),
    }


def test_figures_over_earlier_tests_show_what_stands_out_first_and_what_is_usual() -> None:
    def line(lamp: float, other: float) -> SelfTestLine:
        return SelfTestLine("", "", "bench", True, True, {"light.a": lamp, "wiring.a.latency": other, "run.n": 3.0}, {})

    earlier = [line(1.0 + n / 100, 20.0 + n) for n in range(5)]
    checks = [verdict(True, "run.n", 3, 3), verdict(True, "light.a", 0.3, 1), verdict(True, "wiring.a.latency", 22, 1)]
    (lamp,) = series(Report("bench", tuple(checks), True), earlier)
    assert (lamp.title, lamp.is_good, lamp.newest) == ("light.a", False, (0.0, 0.3))
    assert lamp.limits == pytest.approx((0.7 * 1.02, 1.3 * 1.02))
    checks[2] = verdict(True, "wiring.a.latency", 60, 1)
    assert {plot.title for plot in series(Report("bench", tuple(checks), True), earlier)} == {
        "light.a",
        "wiring.a.latency",
    }


def test_the_page_holds_its_plots_itself_and_says_how_to_read_them() -> None:
    check = replace(verdict(True, "run.a.frames", 1, 1), plots=(PLOT,))
    page = html(Report("bench", (check,), True), [replace(PLOT, kind="history", title="light.a", is_good=False)])
    assert page.count("<svg ") == 2
    assert page.count("http") == page.count("<script") == page.count("src=") == 0
    assert "<h3>jitter</h3>" in page
    assert "5 us &lt;at most&gt;" in page
    assert page.index("Good: a narrow band") < page.index("Against earlier tests")
