"""`rigdriver selftest` around the test itself: its history, and how it repeats."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Self, cast

import pytest
import typer
from typer.testing import CliRunner

from rigdriver.cli import selftest as shown
from rigdriver.cli import verb
from rigdriver.cli.verbs import app
from rigdriver.config import parse
from rigdriver.rig import Rig
from rigdriver.selftest import ledger, suite
from rigdriver.selftest.about import circumstances
from rigdriver.selftest.result import CheckResult, Report, verdict
from rigdriver.selftest.stages import Stage

BENCH = """
name = "bench"
box = { url = "/dev/null" }
genicam = { producers = ["maker.cti"] }
cameras = [{ name = "a", serial = "A1", output = 0 }]
"""
ABOUT = circumstances()
STAGES = ("box", "light")
ALL_CHECKS = [f"{stage}.{number}" for stage in STAGES for number in (1, 2)]


def report(sharpness: float, is_good: bool = True) -> Report:
    checks = (verdict(True, "focus.a", sharpness, ">= 0.1"), verdict(is_good, "light.b", 1, 1, remedy="mend lamp b"))
    return Report("bench", checks, True)


@pytest.fixture
def rig_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rig file whose rig is played: five good tests, then one with another figure and a fault, then Ctrl-C."""
    reports = iter([*(report(0.4) for _ in range(5)), report(0.2, is_good=False)])

    def done(*_: object) -> shown.SelfTestDone:
        try:
            return shown.SelfTestDone(next(reports))
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(shown, "_done", done)
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
    lines = [json.loads(line) for line in (rig_file.parent / "rig.selftest.jsonl").read_text().splitlines()]
    assert [line["finished"] for line in lines] == [True] * 6 + [False]


def test_a_test_that_is_interrupted_replaces_no_page_of_a_finished_one(rig_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("--rig", rig_file, "--watch", "--html", page)[0] == 130
    assert "failed: 1 good, 1 failed" in page.read_text()


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


class PlayedRig:
    """A rig with a lamp that burns while one of its stages goes on."""

    def __init__(self) -> None:
        self.was_opened = self.is_lit = False
        self.config = parse(BENCH, "rig.toml", Path())
        self.cameras = SimpleNamespace(reports={})
        self.timebase = None  # modelled time: nothing watches this computer's load
        self.box = SimpleNamespace(identity=SimpleNamespace(device_name="Box", serial_number=1, firmware="1"))

    def __enter__(self) -> Self:
        self.was_opened = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_lit = False

    def judged(self, name: str) -> Iterator[CheckResult]:
        """Make two checks of a stage."""
        self.is_lit = True
        for number in (1, 2):
            yield verdict(True, f"{name}.{number}", 1, 1)
        self.is_lit = False


class SignalAt:
    """Sends SIGINT at the n-th call of a function of the self-test, counted from 1 once the test has begun."""

    WATCHED = frozenset(module.__file__ for module in (shown, ledger, suite, verb))

    def __init__(self, call: int) -> None:
        self._left, self._has_begun = call, False

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        self._has_begun = self._has_begun or code.co_name == "_tested_and_told"
        if event != "call" or not self._has_begun or code.co_filename not in self.WATCHED:
            return
        self._left -= 1
        if self._left == 0:
            sys.setprofile(None)  # it costs most of the time
            os.kill(os.getpid(), signal.SIGINT)


def interrupted(call: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[int, PlayedRig, str]:
    """Run the verb on a played rig; return its exit status, the rig and what stands on stdout."""
    rig = PlayedRig()
    monkeypatch.setattr(Rig, "open", lambda _: rig)
    monkeypatch.setattr(suite, "circumstances", lambda _: ABOUT)  # reading versions takes most of the time
    played = [Stage(name, name, lambda _, name=name: rig.judged(name)) for name in STAGES]  # type: ignore[misc]
    monkeypatch.setattr(suite, "stages", lambda *_: played)
    before, said = sys.getprofile(), io.StringIO()
    sys.setprofile(SignalAt(call))
    try:
        with redirect_stdout(said):
            shown.selftest(rig=folder / "rig.toml", json=True, html=folder / "p.html", overwrite=True)
    except typer.Exit as ended:
        return ended.exit_code, rig, said.getvalue()
    except KeyboardInterrupt:  # behind the verb; the program's own end takes it
        return 130, rig, said.getvalue()
    finally:
        sys.setprofile(before)
    raise AssertionError("every verb ends with an exit status")


def test_ctrl_c_at_any_call_gives_all_checks_so_far_and_no_light(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: set[tuple[bool, int]] = set()
    for call in range(1, 1000):
        status, rig, said = interrupted(call, monkeypatch, tmp_path)
        assert not rig.is_lit
        if rig.was_opened:
            told = json.loads(said)
            names = [check["name"] for check in told["checks"] if check["name"] != ledger.FINISHED]
            assert names == ALL_CHECKS[: len(names)]
            assert told["finished"] is (len(told["checks"]) == len(names) == len(ALL_CHECKS))
            assert (status, ("not finished" in (tmp_path / "p.html").read_text())) in {
                (0, False), (130, not told["finished"])
            }  # fmt: skip
            ways.add((told["finished"], len(names)))
        if status == 0:
            break
    assert ways == {(False, number) for number in range(len(ALL_CHECKS) + 1)} | {(True, len(ALL_CHECKS))}


def test_a_check_that_was_made_before_its_stage_was_interrupted_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(_: object) -> Iterator[CheckResult]:
        yield verdict(True, "box.first", 1, 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "circumstances", lambda _: ABOUT)
    monkeypatch.setattr(suite, "stages", lambda *_: [Stage("box", "the box", judged)])
    kept = ledger.CheckLedger("rig.toml")
    with pytest.raises(KeyboardInterrupt):
        suite.run_selftest(cast(Rig, PlayedRig()), lambda _: None, ledger=kept)
    assert [check.name for check in kept.interrupted().checks] == ["box.first", ledger.FINISHED]
