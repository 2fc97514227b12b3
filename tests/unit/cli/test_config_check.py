"""`rigdriver config check`, and the choice of a rig.

In: rig files, sound and not, and ways to name one. Out: what is printed and the exit status. No device is opened.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli import app
from rigdriver.cli.source import chosen_source
from rigdriver.errors import UsageError
from rigdriver.procedures.list_devices import installed_producers

GOOD = """name = "bench"
[box]
url = "/dev/ttyACM0"
[genicam]
producers = ["x.cti"]
[[cameras]]
name = "left"
serial = "1"
output = 0
"""


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def write(folder: Path, text: str) -> Path:
    file = folder / "rig.toml"
    file.write_text(text)
    return file


def test_a_good_rig_file_is_good(tmp_path, run):
    result = run("config", "check", write(tmp_path, GOOD))
    assert result.exit_code == 0
    assert "1 cameras" in result.stdout


def test_a_finding_names_line_key_value_and_bound(tmp_path, run):
    file = write(tmp_path, GOOD.replace("output = 0", "output = 16"))
    result = run("config", "check", file)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    for part in (str(file), "line 9", "output = 16", "15"):
        assert part in result.stderr


def test_every_finding_is_told_and_stands_in_the_json(tmp_path, run):
    result = run("config", "check", write(tmp_path, GOOD + "colour = 1\n[sync]\ntolerance_us = -1\n"), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 2
    assert told["passed"] is False
    assert len(told["findings"]) == 2


def test_a_plan_that_breaks_its_own_limits_is_a_finding(tmp_path, run):
    result = run("config", "check", write(tmp_path, GOOD + "[schedule]\ngeometry_exposure_us = 200_000\n"))
    assert result.exit_code == 2
    assert "lower rate_hz" in result.stderr


def test_a_missing_rig_file_is_one_line(tmp_path, run):
    result = run("config", "check", tmp_path / "no.toml")
    assert result.exit_code == 2
    assert "no.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_rig_is_chosen_silently(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--sim"):
        chosen_source(None, sim=False)
    write(tmp_path, GOOD)
    assert chosen_source(None, sim=False) == Path("rig.toml")


def test_two_rigs_cannot_be_chosen(tmp_path):
    with pytest.raises(UsageError, match="exclude"):
        chosen_source(tmp_path / "rig.toml", sim=True)


def test_a_scenario_means_the_simulated_rig():
    assert chosen_source(None, sim=False, scenario="smile") == "sim:smile"
    assert chosen_source(None, sim=True) == "sim"


def test_producers_are_found_where_the_gentl_standard_says(tmp_path):
    for name in ("b.cti", "a.cti", "readme.txt"):
        (tmp_path / name).touch()
    found = installed_producers({"GENICAM_GENTL64_PATH": f"{tmp_path}:/nowhere:"})
    assert [path.name for path in found] == ["a.cti", "b.cti"]


def test_unknown_words_are_a_usage_error_with_status_2(run):
    assert run("capture", "--frames", "0", "--sim").exit_code == 2
    assert run("dance").exit_code == 2
