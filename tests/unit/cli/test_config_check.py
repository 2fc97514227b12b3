"""`rigdriver config check`, and the choice of a rig.

In: rig files, sound and not, and ways to name one. Out: what is printed and the exit status. No device is opened.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli.source import chosen_source
from rigdriver.cli.verbs import app
from rigdriver.errors import UsageError
from rigdriver.procedures.producer_paths import search_standard_path

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
    with pytest.raises(UsageError, match="--rig: was given together with --sim"):
        chosen_source(tmp_path / "rig.toml", sim=True)


def test_a_scenario_means_the_simulated_rig():
    assert chosen_source(None, sim=False, scenario="smile") == "sim:smile"
    assert chosen_source(None, sim=True) == "sim"


def test_producers_are_found_where_the_gentl_standard_says(tmp_path):
    for name in ("b.cti", "a.cti", "readme.txt"):
        (tmp_path / name).touch()
    found = search_standard_path({"GENICAM_GENTL64_PATH": f"{tmp_path}:/nowhere:"}).paths
    assert [path.name for path in found] == ["a.cti", "b.cti"]


def test_unknown_words_are_a_usage_error_with_status_2(run):
    assert run("capture", "--frames", "0", "--sim").exit_code == 2
    assert run("dance").exit_code == 2


LAMP = '[[lamps]]\nname = "flash"\nkind = "{}"\noutput = 6\n'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'serial = "1"',
            "serial = 23145678",
            'line 8: cameras.0.serial = 23145678: expected a text: put it in quotes, serial = "23145678"',
        ),
        (
            "output = 0",
            "output = 0\nexposure = 2000",
            "line 10: cameras.0.exposure = 2000: unknown key; did you mean exposure_us?",
        ),
        (
            "output = 0",
            "output = 0\nrate_hz = 5",
            "line 10: cameras.0.rate_hz = 5: unknown key here; it belongs into [schedule]",
        ),
        (
            "output = 0",
            f"output = 0\n{LAMP.format('white')}",
            'lamp flash (white): no camera would see it; expected a camera with role = "texture", which',
        ),
    ],
    ids=["serial without quotes", "no unit", "another table", "white lamp, no texture camera"],
)
def test_a_message_says_what_was_meant(tmp_path, run, old, new, told):
    assert old in GOOD
    result = run("config", "check", write(tmp_path, GOOD.replace(old, new)))
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_findings_of_keys_of_the_whole_file_and_of_the_schedule_come_together(tmp_path, run):
    text = GOOD.replace("output = 0", f'output = 0\nexposure = 9\nlink = "usb"\n{LAMP.format("white")}')
    lit = text + LAMP.format("pattern").replace('"flash"', '"pattern"').replace("6", "7") + "max_duty = 0.0001\n"
    told = json.loads(run("config", "check", write(tmp_path, lit), "--json").stdout)["findings"]
    assert [part for part in ("exposure", "link") if any(part in finding for finding in told)] == ["exposure", "link"]
    without_link = lit.replace('link = "usb"\n', "")
    told = json.loads(run("config", "check", write(tmp_path, without_link), "--json").stdout)["findings"]
    assert len(told) == 2
    assert "exposure_us" in told[0]
    assert "lamp flash (white)" in told[1]


def test_every_limit_that_a_schedule_breaks_is_a_finding(tmp_path, run):
    lamp = LAMP.format("pattern") + "max_duty = 0.0001\n"
    text = GOOD.replace("output = 0", f"output = 0\nmax_rate_hz = 5\n{lamp}")
    told = json.loads(run("config", "check", write(tmp_path, text), "--json").stdout)["findings"]
    assert [finding.partition(": ")[2].partition(":")[0] for finding in told] == ["camera left", "lamp flash"]
