"""`rigdriver list`: the tables of what was found, without a device.

In: producers with interfaces that answered, took their time or failed. Out: their times and outcomes, line by line.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceOutcome, InterfaceReport
from rigdriver.procedures.list_devices import Connected

PRODUCER = Path("/opt/a.cti")
CAMERA = DeviceInfo(
    str(PRODUCER), "cam", "V", "M", "11", "stage", "GEV", "eth0", "eth0", "de:ad:be:ef:ca:fe", "10.0.1.2"
)


def interface(name: str, outcome: InterfaceOutcome, asked_s: float, code: int = 0) -> InterfaceReport:
    return InterfaceReport(str(PRODUCER), name, name, "GEV", outcome, asked_s, int(name == "eth0"), code)


INTERFACES = (
    interface("eth0", InterfaceOutcome.COMPLETE, 0.02),
    interface("eth1", InterfaceOutcome.TIME_USED, 9.75),
    interface("eth2", InterfaceOutcome.FAILED, 0.31, -1001),
)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is printed of one producer with a camera and three interfaces."""
    connected = Connected((PRODUCER,), {PRODUCER: [CAMERA]}, {PRODUCER: INTERFACES}, {}, ())
    monkeypatch.setattr("rigdriver.cli.list_devices.list_connected", lambda _paths, _wait: connected)
    done = CliRunner().invoke(app, ["list", "--producer", str(PRODUCER)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def line_of(listed: str, *words: str) -> str:
    (line,) = [line for line in listed.splitlines() if all(word in line for word in words)]
    return " ".join(line.split())


def test_each_interface_is_listed_with_the_time_for_which_it_was_asked_and_what_came_of_it(listed: str) -> None:
    assert line_of(listed, "listed all it has") == "eth0 GEV 1 0.02 s listed all it has"
    assert line_of(listed, "took all of its time").startswith("eth1 GEV 0 9.75 s took all of its time")
    assert line_of(listed, "failed") == "eth2 GEV 0 0.31 s failed (GenTL error -1001)"


def test_each_camera_is_listed_with_every_word_by_which_a_rig_file_can_choose_it(listed: str) -> None:
    line = line_of(listed, "10.0.1.2")
    assert all(word in line for word in ("11", "stage", "eth0", "cam", "de:ad:be:ef:ca:fe"))


def test_a_bad_entry_of_the_standard_path_is_named_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENICAM_GENTL64_PATH", "/nowhere")
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0, done.output
    assert "GENICAM_GENTL64_PATH: /nowhere does not exist" in done.stderr
    assert "No GenTL producers" in done.stdout
