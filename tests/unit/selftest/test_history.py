"""The history of self-tests: what is kept, what stands out, and what is new from one test to the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rigdriver.selftest.about import circumstances
from rigdriver.selftest.history import append, changes, differences, history_of, read
from rigdriver.selftest.result import CheckResult, Report, Status, unknown, verdict

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
CAMERAS = ("left_upper", "left_lower", "right_upper", "right_lower")


def report(sharpness: float = 0.39, skew_us: float = 3.0, rig: str = "bench", lamp: float = 0.15) -> Report:
    lens = [verdict(True, f"focus.{camera}", sharpness, ">= 0.19", "sharpness") for camera in CAMERAS]
    light = CheckResult("light.left", Status.GOOD, "15% at left_upper", "> 2%", figure=lamp)
    busy = verdict(True, "computer.load", 100 * skew_us, "<= 1000")
    return Report(
        rig, (*lens, light, busy, verdict(True, "run.skew", skew_us, "<= 100", "us")), True, circumstances(None, NOW)
    )


def kept(path: Path, *reports: Report) -> Path:
    for one in reports:
        append(path, one)
    return path


def test_a_history_lies_beside_its_rig_file_and_holds_one_line_per_test(tmp_path: Path) -> None:
    path = history_of(tmp_path / "rig.toml")
    assert path == tmp_path / "rig.selftest.jsonl"
    bad = Report("bench", (unknown("run.rate", 10, "no frame set came", "Hz"),), True, circumstances(None, NOW))
    first, second = read(kept(path, report(), bad))
    assert (first.date, first.passed, first.figures["focus.left_upper"]) == ("2026-03-11T12:00:00+00:00", True, 0.39)
    assert first.figures["light.left"] == 0.15
    assert "computer.load" not in first.figures
    assert (second.passed, second.not_good) == (False, {"run.rate": "unknown: no frame set came"})


def test_cameras_that_are_all_blurred_alike_stand_out_against_the_earlier_tests(tmp_path: Path) -> None:
    earlier = read(kept(tmp_path / "h", *(report(0.39 + n / 100) for n in (0, 1, -1, 2))))
    assert changes(report(0.36), earlier) == []
    found = changes(report(0.1), earlier)
    assert [change.name for change in found] == [f"focus.{camera}" for camera in CAMERAS]
    assert str(found[0]) == "focus.left_upper: 0.1, and 0.395 in the 4 tests before"


def test_a_lamp_that_has_lost_light_stands_out(tmp_path: Path) -> None:
    earlier = read(kept(tmp_path / "h", *(report(lamp=0.15 + n / 1000) for n in range(5))))
    assert [change.name for change in changes(report(lamp=0.1), earlier)] == ["light.left"]


def test_what_varies_by_itself_does_not_stand_out(tmp_path: Path) -> None:
    earlier = read(kept(tmp_path / "h", *(report(skew_us=skew) for skew in (3.0, 5.0, 2.5, 4.5, 3.5))))
    assert changes(report(skew_us=6.0), earlier) == []
    assert [change.name for change in changes(report(skew_us=30.0), earlier)] == ["run.skew"]


@pytest.mark.parametrize("others", [[report()] * 2, [report(rig="another")] * 9])
def test_too_few_tests_of_this_rig_tell_nothing(tmp_path: Path, others: list[Report]) -> None:
    assert changes(report(0.01), read(kept(tmp_path / "h", *others))) == []


def test_a_test_that_was_not_finished_is_kept_and_compared_with_nothing(tmp_path: Path) -> None:
    halves = [replace(report(sharpness=0.1), is_finished=False)] * 5
    lines = read(kept(tmp_path / "h", *(report() for _ in range(3)), *halves))
    assert [line.finished for line in lines] == [True] * 3 + [False] * 5
    assert changes(report(), lines) == []
    assert [change.usual for change in changes(report(sharpness=0.1), lines)] == [0.39] * 4


def test_lines_of_earlier_releases_count_as_finished(tmp_path: Path) -> None:
    path = kept(tmp_path / "h", report())
    path.write_text(path.read_text().replace('"finished": true, ', ""))
    (line,) = read(path)
    assert line.finished


def test_what_was_not_made_yet_is_not_told_as_no_longer_tested() -> None:
    good = Report("bench", (verdict(True, "a", 1, 1), verdict(True, "b", 1, 1)), True)
    half = Report("bench", good.checks[:1], True, is_finished=False)
    assert differences(good, half) == []


def test_what_is_no_line_is_passed_over(tmp_path: Path) -> None:
    path = kept(tmp_path / "h", report())
    text = path.read_text()
    path.write_text(f'{text}{{"date": 1}}\n[]\n{{torn\n{text}')
    assert len(read(path)) == 2
    assert read(tmp_path / "none") == ()
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    assert read(tmp_path / "binary") == ()


def test_from_one_test_to_the_next_only_what_is_new_is_told() -> None:
    good = Report("bench", (verdict(True, "a", 1, 1), verdict(True, "b", 1, 1)), True)
    bad = Report(
        "bench", (verdict(True, "a", 2, 1), verdict(False, "b", 0, 1, remedy="mend b"), unknown("c", 1, "?")), True
    )
    assert differences(good, good) == []
    assert differences(good, bad) == ["b: good -> failed: mend b", "c: not tested before -> unknown: ?"]
    assert differences(bad, good) == ["b: failed -> good", "c: unknown -> no longer tested"]
