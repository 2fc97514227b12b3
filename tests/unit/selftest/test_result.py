"""The verdict over all checks, as scripts read it.

In: results of checks. Out: one verdict and its exit status; unknown is never good.
"""

import json
from dataclasses import asdict

import pytest

from rigdriver.selftest import text
from rigdriver.selftest.result import CheckResult, Report, Status, unknown, verdict

GOOD = verdict(True, "box.clock_probe", 1.5, "<= 50", "ms")
FAILED = verdict(False, "wiring.left_upper.frames", "3 from right_upper", "3 from left_upper", remedy="swap the cables")
UNKNOWN = unknown("run.skew", "<= 100", "no frame set came", "us")


@pytest.mark.parametrize(
    ("checks", "was_opened", "exit_status"),
    [
        ((GOOD, GOOD), True, 0),
        ((GOOD, FAILED), True, 1),
        ((FAILED, UNKNOWN), True, 1),
        ((GOOD, UNKNOWN), True, 2),
        ((FAILED, UNKNOWN), False, 2),
        ((), True, 2),
    ],
)
def test_exit_status_tells_good_from_failed_from_could_not_tell(checks, was_opened, exit_status):
    assert Report("rig", checks, was_opened).exit_status == exit_status


def test_only_a_report_without_doubt_has_passed():
    assert Report("rig", (GOOD,), True).has_passed
    assert not Report("rig", (GOOD, UNKNOWN), True).has_passed
    assert not Report("rig", (), True).has_passed


def test_json_holds_what_scripts_read():
    told = json.loads(json.dumps(asdict(Report("rig", (GOOD, FAILED), True).record()), allow_nan=False))
    assert told["passed"] is False
    assert told["checks"][1] == {
        "name": "wiring.left_upper.frames",
        "status": "failed",
        "measured": "3 from right_upper",
        "expected": "3 from left_upper",
        "unit": "",
        "remedy": "swap the cables",
    }


def test_a_measured_nan_is_null_in_json():
    assert CheckResult("run.rate", Status.FAILED, float("nan"), 10.0).record().measured is None


def test_good_checks_carry_no_remedy():
    assert verdict(True, "x", 1, 1, remedy="do this").remedy == ""


def test_remedies_name_every_check_that_is_not_good():
    lines = text.remedies(Report("rig", (GOOD, FAILED, UNKNOWN), True))
    assert lines == [
        "wiring.left_upper.frames: 3 from right_upper, expected 3 from left_upper: swap the cables",
        "run.skew: not tested: no frame set came",
    ]


def test_html_escapes_what_devices_say():
    page = text.html(Report("<rig>", (verdict(False, "x", "<b>", "&", remedy="<script>"),), True))
    assert "&lt;rig&gt;" in page
    assert "<script>" not in page
    assert "<b>" not in page
