"""The verdict over all checks, as scripts read it.

In: results of checks. Out: one verdict and its exit status; unknown is never good.
"""

import json
from dataclasses import asdict

import pytest

from rigdriver.selftest import text
from rigdriver.selftest.page import html
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
    page = html(Report("<rig>", (verdict(False, "x", "<b>", "&", remedy="<script>"),), True))
    assert "&lt;rig&gt;" in page
    assert "<script>" not in page
    assert "<b>" not in page


def test_good_checks_of_one_camera_are_one_line_and_none_is_hidden_that_is_not_good():
    parts = [verdict(True, f"run.left.{part}", 1, 1) for part in ("frames", "residual")]
    bad = verdict(False, "run.right.frames", 3, 30, "frames", "mend it")
    others = [verdict(True, "run.right.residual", 7, 9), verdict(True, "host.load.run", 0.1, 1), GOOD]
    shown = text.table(Report("rig", (parts[0], bad, *others, parts[1]), True))
    names, _, measured, _ = (list(column.cells) for column in shown.columns)
    assert names == ["run.left", "run.right.frames", "run.right.residual", "host.load.run", "box.clock_probe"]
    assert measured == ["2 checks good", "3 frames", "7", "0.1", "1.5 ms"]
