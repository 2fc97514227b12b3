"""`rigdriver selftest` around the test itself: its history, and how it repeats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli import selftest as shown
from rigdriver.cli.verbs import app
from rigdriver.selftest.result import Report, verdict


def report(sharpness: float, is_good: bool = True) -> Report:
    checks = (verdict(True, "focus.a", sharpness, ">= 0.1"), verdict(is_good, "light.b", 1, 1, remedy="mend lamp b"))
    return Report("bench", checks, True)


@pytest.fixture
def rig_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rig file whose rig is played: five good tests, then one with another figure and a fault, then Ctrl-C."""
    reports = iter([*(report(0.4) for _ in range(5)), report(0.2, is_good=False)])

    def made(*_: object) -> tuple[Report, None, dict[str, int]]:
        try:
            return next(reports), None, {}
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(shown, "_made", made)
    monkeypatch.setattr(shown, "PAUSE_S", 0.0)
    return tmp_path / "rig.toml"


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["selftest", *map(str, words)])
    return result.exit_code, result.output


def test_watching_repeats_until_ctrl_c_and_shows_what_is_new(rig_file: Path) -> None:
    status, said = run("--rig", rig_file, "--watch")
    assert status == 130
    assert said.count("passed: 2 checks good") == 5
    assert said.count("light.b: good -> failed: mend lamp b") == 1
    assert said.count("changed much: focus.a: 0.2, and 0.4 in the 5 tests before") == 1
    assert len((rig_file.parent / "rig.selftest.jsonl").read_text().splitlines()) == 6


def test_json_names_the_figures_that_changed(rig_file: Path) -> None:
    lines = [json.loads(run("--rig", rig_file, "--json")[1]) for _ in range(6)]
    assert [line["changed"] for line in lines[:5]] == [[]] * 5
    assert [change["name"] for change in lines[5]["changed"]] == ["focus.a"]


def test_without_history_nothing_is_kept(rig_file: Path) -> None:
    assert run("--rig", rig_file, "--no-history")[0] == 0
    assert list(rig_file.parent.iterdir()) == []


def test_a_simulated_rig_leaves_no_history(rig_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rig_file.parent)
    assert run("--sim")[0] == 0
    assert list(rig_file.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_ends_no_test(rig_file: Path) -> None:
    (rig_file.parent / "rig.selftest.jsonl").mkdir()
    status, said = run("--rig", rig_file)
    assert status == 0
    assert "this test is not kept" in said
