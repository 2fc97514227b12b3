"""The file for a bug report: what it holds, and what must not be in it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.config import load
from rigdriver.errors import NoReply
from rigdriver.rig import Rig
from rigdriver.selftest import bug_report
from rigdriver.selftest.bug_report import NEWEST_LINES, packed, report_texts, scrubbed
from rigdriver.selftest.history import append
from rigdriver.selftest.result import Report, verdict
from rigdriver_sim.reach.computer import write_computer
from rigdriver_sim.reach.rig_file import rig_file_text
from rigdriver_sim.scenario import load as load_scenario

WORDS = ("/home/jdoe", "jdoe", "lab-pc-7")


@pytest.fixture
def rig_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rig file of a user, with a history, a light log, and images and a catalogue beside it."""
    scenario = load_scenario("default")
    write_computer(tmp_path / "computer", scenario, "/dev/ttyACM0")
    text = rig_file_text(scenario, "/dev/ttyACM0", "x.cti", "", "computer")
    assert "[light]\n" in text
    path = tmp_path / "rig.toml"
    head = "# of jdoe on lab-pc-7, from /home/jdoe/rigs and /home/asmith\n"
    path.write_text(head + text.replace("[light]\n", "[light]\nlog = 'light.log'\n"))
    (tmp_path / "light.log").write_text("".join(f'{{"kind": "flash", "n": {n}}}\n' for n in range(500)))
    (tmp_path / "catalogue.sqlite").write_text("subject 0815")
    (tmp_path / "left_upper").mkdir()
    (tmp_path / "left_upper" / "000000.png").write_bytes(b"an image of subject 0815")
    append(tmp_path / "rig.selftest.jsonl", Report("bench", (verdict(False, "light.a", 0, 1, remedy="lamp a"),), True))
    monkeypatch.setattr(bug_report, "private_words", lambda: WORDS)
    return path


def test_a_report_holds_what_a_developer_needs_and_nothing_of_people(rig_file: Path) -> None:
    texts = report_texts(rig_file, load(rig_file), None, "trigger box at /home/jdoe/port: no reply")
    assert list(texts) == [
        "versions.json", "rig.toml", "selftests.jsonl", "trouble.txt", "topology.json", "light.jsonl",
    ]  # fmt: skip
    everything = "".join(texts.values())
    assert [word for word in ("jdoe", "asmith", "lab-pc-7", "0815") if word in everything] == []
    assert json.loads(texts["versions.json"])["numpy"]
    assert json.loads(texts["selftests.jsonl"])["not_good"] == {"light.a": "failed: lamp a"}
    assert {device["serial"] for device in json.loads(texts["topology.json"])["usb"]["devices"]} >= {
        "SIM0001",
        "SIM0006",
    }
    assert "SIM0001" in texts["rig.toml"]
    assert len(texts["light.jsonl"].splitlines()) == NEWEST_LINES
    assert texts["light.jsonl"].splitlines()[-1] == '{"kind": "flash", "n": 499}'


def test_whole_words_are_replaced_and_no_parts_of_others() -> None:
    assert scrubbed("/home/jdoe/x jdoe@lab-pc-7 jdoes 'C:\\Users\\asmith\\x'", WORDS) == (
        "PRIVATE/x PRIVATE@PRIVATE jdoes 'C:\\Users\\PRIVATE\\x'"
    )


def test_a_packed_report_is_a_zip_file_of_its_texts() -> None:
    with zipfile.ZipFile(io.BytesIO(packed({"a.txt": "one\n", "b.json": "{}"}))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {"a.txt": "one\n", "b.json": "{}"}


def test_a_rig_that_cannot_be_opened_is_packed_with_the_reason(
    rig_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_: object) -> None:
        raise NoReply(device="trigger box", seen="no reply", remedy="check its cable")

    monkeypatch.setattr(Rig, "open", fail)
    out = tmp_path / "bug.zip"
    result = CliRunner().invoke(app, ["report", "--rig", str(rig_file), "-o", str(out)])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(out) as archive:
        assert "check its cable" in archive.read("trouble.txt").decode()
        assert all(name in result.output for name in archive.namelist())
    assert out.stat().st_mode & 0o077 == 0


def test_a_rig_file_that_is_wrong_is_packed_too(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text("name = 5\n")
    result = CliRunner().invoke(app, ["report", "--rig", str(tmp_path / "rig.toml"), "-o", str(tmp_path / "bug.zip")])
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(tmp_path / "bug.zip") as archive:
        assert archive.namelist() == ["versions.json", "rig.toml", "trouble.txt"]
