"""The report as it is filed: what it is about, as JUnit XML and as a page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

from rigdriver.frames import Frame
from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.grounds import settled
from rigdriver.selftest.junit import junit
from rigdriver.selftest.page import html
from rigdriver.selftest.pictures import detail, thumbnail
from rigdriver.selftest.result import CheckResult, KeyChange, Report, Status, not_checked, unknown, verdict

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
RIG = SimpleNamespace(
    config=SimpleNamespace(schedule=SimpleNamespace(mode="box")),
    cameras=SimpleNamespace(reports={"a": SimpleNamespace(vendor="Maker", model="M5", serial="A1")}),
    box=SimpleNamespace(identity=SimpleNamespace(device_name="TriggerBox", serial_number=7, firmware="1.0.0")),
)
REPORT = Report(
    "bench",
    (
        verdict(True, "rig_file", "bench", "bench"),
        verdict(False, "light.flash", "no light", "> 2%", remedy="lamp flash: <check> its supply\x00"),
        unknown("run.rate", 10, "no frame set came", "Hz"),
        CheckResult("run.skew", Status.NOT_RUN, None, 1, "us", "run.finished is not good"),
        not_checked("focus.a", "one camera"),
    ),
    True,
    circumstances(cast(Rig, RIG), NOW),
)


def test_a_report_has_date_serial_numbers_versions_and_this_computer():
    told = json.loads(json.dumps(asdict(REPORT.record()), allow_nan=False))["about"]
    assert told["date"] == "2026-03-11T12:00:00+00:00"
    assert told["cameras"] == {"a": "Maker M5, SN A1"}
    assert told["box"] == "TriggerBox 7, firmware 1.0.0"
    assert all(told[key] for key in ("driver", "host", "system", "python", "processors"))


def test_a_rig_that_was_not_opened_still_has_date_and_computer():
    about = circumstances(None, NOW)
    assert (about.cameras, about.box) == ({}, "")
    assert about.driver


def test_junit_has_one_case_per_check_and_counts_them_by_outcome():
    suite = ET.fromstring(junit(REPORT))
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["5", "1", "1", "2"]
    cases = {f"{case.get('classname')}.{case.get('name')}": case for case in suite.iter("testcase")}
    assert set(cases) == {"rig_file.rig_file", "light.flash", "run.rate", "run.skew", "focus.a"}
    (failure,) = cases["light.flash"]
    assert failure.tag == "failure"
    assert failure.get("message") == "lamp flash: <check> its supply"
    assert suite.get("timestamp") == "2026-03-11T12:00:00+00:00"
    assert "Maker M5, SN A1" in {one.get("value") for one in suite.iter("property")}


def test_the_page_says_what_it_is_about():
    page = html(REPORT)
    assert "2026-03-11" in page
    assert "Maker M5, SN A1" in page
    assert "src=" not in page
    assert "href=" not in page


def test_what_is_not_run_is_told_with_its_ground():
    assert "run.skew: not run: run.finished is not good" in text.remedies(REPORT)


def test_checks_that_are_not_run_for_one_reason_share_a_line():
    left_out = [CheckResult(f"run.{name}", Status.NOT_RUN, None, 1, "", "run.finished is not good") for name in "ab"]
    other = CheckResult("light.c", Status.NOT_RUN, None, 1, "", "box.interlock is not good")
    report = Report("bench", (left_out[0], other, left_out[1]), True)
    assert text.remedies(report) == [
        "run.a, run.b: not run: run.finished is not good",
        "light.c: not run: box.interlock is not good",
    ]


def played_frame(camera: str, pixel_format: str = "Mono8") -> Frame:
    """A dark image with a bright square that lies off the centre."""
    pixels = np.full((240, 320), 4, np.uint8 if pixel_format.endswith("8") else np.uint16)
    pixels[20:80, 200:280] = np.iinfo(pixels.dtype).max if pixels.dtype == np.uint8 else 4095
    return Frame(camera=camera, frame_id=1, t_camera_ns=0, t_host_ns=0, pixel_format=pixel_format, pixels=pixels)


@pytest.mark.parametrize("pixel_format", ["Mono8", "Mono12", "BayerRG8", "BayerRG12"])
def test_a_thumbnail_shows_the_whole_image_and_a_detail_its_brightest_part(pixel_format: str) -> None:
    frame = played_frame("a", pixel_format)
    small, part = thumbnail(frame, "5%"), detail(frame, "sharpness 0.3")
    assert (small.width_px, small.height_px) == (208, 156)
    shown = cv2.imdecode(np.frombuffer(small.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape == (156, 208)
    assert (shown[32, 156] > 240, shown[130, 28] < 60) == (True, True)
    bright = cv2.imdecode(np.frombuffer(part.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert bright is not None
    # The whole square is in it, so its share of the part is that of 60 x 80 in 160 x 160 pixels.
    assert float((bright > 128).mean()) == pytest.approx(60 * 80 / 160**2, abs=0.02)


def test_the_page_shows_each_lamp_in_a_row_and_holds_its_pictures_itself() -> None:
    lamp = tuple(thumbnail(played_frame(name), f"{level}% of <full> scale") for name, level in (("a", 5), ("b", 0)))
    lens = [replace(not_checked(f"focus.{name}", ""), pictures=(detail(played_frame(name), ""),)) for name in "ab"]
    light = verdict(False, "light.flash", "no light", "> 2%", remedy="check its supply")
    page = html(Report("bench", (replace(light, pictures=lamp), *lens), True))
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["light.flash", "focus"]
    assert page.count('src="data:image/jpeg;base64,') == page.count("<img ") == 4
    assert page.count("http") == page.count("<script") == 0
    assert "0% of &lt;full&gt; scale" in page
    assert page.index("check its supply") < page.index("<h3>light.flash</h3>")
    (row,) = re.findall(r"<h3>light.flash</h3>\s*(<div.*?</div>)", page, re.DOTALL)
    assert re.findall(r'<img alt="(\w)"', row) == ["a", "b"]


def test_a_check_that_is_not_run_changes_nothing_in_the_rig_file() -> None:
    ground = verdict(False, "light.finished", "no", "yes", remedy="lamp")
    start = verdict(False, "optical.a.exposure_start", 9, 2)
    start = replace(start, changes=(KeyChange("a", "trigger_rise_us", 7),))
    (_, seen) = settled((ground, start))
    assert (seen.status, seen.changes) == (Status.NOT_RUN, ())


def test_a_check_that_is_not_run_keeps_its_pictures() -> None:
    ground = verdict(False, "wiring.a.frames", 0, 3, remedy="cable")
    lamp = replace(verdict(False, "light.flash", 0, 1), pictures=(thumbnail(played_frame("a"), ""),), figure=0.1)
    (_, settled_lamp) = settled((ground, lamp))
    assert settled_lamp.status is Status.NOT_RUN
    assert len(settled_lamp.pictures) == 1
    assert settled_lamp.figure is None
    assert "pictures" not in asdict(Report("bench", (settled_lamp,), True).record())["checks"][0]
