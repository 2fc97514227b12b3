"""History of acceptance tests, its report page, and what the lock refuses."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rigdriver.acceptance.lock import append_history, check_lock, read_history
from rigdriver.acceptance.page import report_html
from rigdriver.errors import NotAccepted, UsageError

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_history_comes_back_and_the_report_shows_it(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    for done in (passed, failed):
        append_history(path, done)
    history = read_history(path)
    assert [h.is_passed for h in history] == [True, False]
    page = report_html(history, {"shaded": np.zeros((8, 8, 3), np.uint8)})
    assert "FAILED" in page
    assert "2 tests" in page
    assert "data:image/png;base64," in page


def test_lock_refuses_without_after_a_failed_and_after_an_old_test(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    with pytest.raises(NotAccepted, match="no acceptance test yet"):
        check_lock(path, NOW, 7)
    append_history(path, failed)
    with pytest.raises(NotAccepted, match="failed: sphere-spacing error"):
        check_lock(path, NOW, 7)
    append_history(path, passed)
    check_lock(path, NOW + timedelta(days=6), 7)
    with pytest.raises(NotAccepted, match="8 days old"):
        check_lock(path, NOW + timedelta(days=8), 7)


def test_lock_refuses_another_calibration_than_the_one_that_was_tested(passed, tmp_path):
    path = tmp_path / "history.jsonl"
    append_history(path, passed)
    check_lock(path, NOW, 7, "2026-01-01")
    with pytest.raises(
        NotAccepted, match=r"of the calibration of 2026-01-01; expected of the one in use, of 2026-02-02"
    ):
        check_lock(path, NOW, 7, "2026-02-02")


def test_the_newest_test_decides(passed, failed, tmp_path):
    path = tmp_path / "history.jsonl"
    for done in (passed, failed):
        append_history(path, done)
    with pytest.raises(NotAccepted, match="failed: sphere-spacing error"):
        check_lock(path, NOW, 7)


def test_a_damaged_history_names_its_line(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1"):
        read_history(path)


def test_a_test_that_is_dated_ahead_does_not_unlock_and_the_next_one_does(passed, tmp_path):
    path = tmp_path / "history.jsonl"
    append_history(path, replace(passed, created="2099-01-01T00:00:00+00:00"))
    with pytest.raises(
        NotAccepted, match=r"2099-01-01T00:00:00\+00:00\): has a date after the clock .*set this computer's"
    ):
        check_lock(path, NOW, 7)
    append_history(path, passed)
    check_lock(path, NOW, 7)


@pytest.mark.parametrize("most_days", [float("nan"), -1.0])
def test_an_age_that_is_no_number_of_days_does_not_unlock(passed, tmp_path, most_days):
    path = tmp_path / "history.jsonl"
    append_history(path, passed)
    with pytest.raises(NotAccepted):
        check_lock(path, NOW + timedelta(hours=1), most_days)
    check_lock(path, NOW, 1e12)


@pytest.mark.parametrize(
    "change",
    [
        {"created": 5},
        {"created": "yesterday"},
        {"created": "2026-03-04T12:00:00"},
        {"characteristics": 7},
        {"characteristics": [5]},
        {"characteristics": [{}]},
        {"rig": None},
        {"ball_bar_positions": -3},
        {"surplus": 1},
    ],
)
def test_a_line_of_wrong_types_is_refused_in_one_sentence(passed, tmp_path, change):
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps({**asdict(passed), **change}) + "\n")
    with pytest.raises(UsageError, match="line 1: cannot be read as an acceptance test") as told:
        read_history(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("change", [{"is_passed": "yes"}, {"is_passed": 1}, {"surplus": 1}, {"worst_um": float("nan")}])
def test_a_characteristic_of_wrong_types_is_refused(passed, tmp_path, change):
    path = tmp_path / "history.jsonl"
    line = asdict(passed)
    line["characteristics"][0].update(change)
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(UsageError, match="line 1: cannot be read as an acceptance test"):
        read_history(path)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b"\xff", b"3", b"null", b'{"created": NaN}'])
def test_a_history_that_is_none_is_refused_in_one_sentence(tmp_path, raw):
    path = tmp_path / "history.jsonl"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="cannot be read") as told:
        read_history(path)
    assert "\n" not in str(told.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_history(tmp_path)
