"""The report as it is filed: what it is about, as JUnit XML and as a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from rigdriver.rig import Rig
from rigdriver.selftest import text
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.junit import junit
from rigdriver.selftest.result import CheckResult, Report, Status, not_checked, unknown, verdict

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
    page = text.html(REPORT)
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
