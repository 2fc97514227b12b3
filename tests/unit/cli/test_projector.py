"""`rigdriver projector`: what a projector at USB reports, and the rig file's settings written into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli import projector as shown
from rigdriver.cli.verbs import app
from rigdriver.procedures.projector import look_at_projector
from rigdriver_sim.projector.controller import DlpController
from rigdriver_sim.projector.usb_backend import UsbProjector, usb_core

RIG = """
name = "bench"
box = { url = "/dev/null" }
genicam = { producers = ["maker.cti"] }
cameras = [{ name = "a", serial = "A1", output = 0 }]
lamps = [{ name = "flash", kind = "pattern", output = 6 }]
"""
PROJECTOR = '[projector]\nlamp = "flash"\nleds = "blue"\nblue_level = 200\ntrigger = "falling"\n'


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> DlpController:
    """A projector at USB that shows video."""
    controller = DlpController(is_pattern_mode=False)
    core = usb_core(UsbProjector(controller))
    monkeypatch.setattr(
        shown, "look_at_projector", lambda source, is_setting=False: look_at_projector(source, is_setting, core)
    )
    return controller


def run(tmp_path: Path, verb: str, *words: str, text: str = RIG + PROJECTOR) -> tuple[int, str]:
    (tmp_path / "rig.toml").write_text(text)
    result = CliRunner().invoke(app, ["projector", verb, "--rig", str(tmp_path / "rig.toml"), *words])
    return result.exit_code, result.output


def test_showing_changes_nothing(controller: DlpController, tmp_path: Path) -> None:
    status, said = run(tmp_path, "show")
    assert (status, controller.is_pattern_mode, controller.is_running) == (0, False, True)
    assert "mode: video" in said
    assert "firmware: 4.4.0" in said


def test_setting_makes_it_as_the_rig_file_says(controller: DlpController, tmp_path: Path) -> None:
    status, said = run(tmp_path, "set", "--json")
    told = json.loads(said)
    assert (status, told["mode"], told["sequence"]) == (0, "pattern", "running")
    assert told["patterns"] == ["pattern 0 of 1 bit in blue at falling"]
    assert told["LEDs"] == [0, 104, 200]
    assert controller.led_registers == bytes([255, 151, 55])


def test_patterns_that_are_refused_are_exit_status_1(controller: DlpController, tmp_path: Path) -> None:
    status, said = run(tmp_path, "set", text=RIG + PROJECTOR + "bit_depth = 8\n")
    assert (status, controller.is_running) == (1, False)
    assert "its exposure or period is not possible" in said


def test_a_fault_of_the_projector_is_exit_status_1(controller: DlpController, tmp_path: Path) -> None:
    controller.hardware_status = 0x41
    status, said = run(tmp_path, "show")
    assert status == 1
    assert "its sequencer has aborted" in said


def test_a_rig_without_a_projector_is_told_what_to_add(controller: DlpController, tmp_path: Path) -> None:
    status, said = run(tmp_path, "show", text=RIG)
    assert status == 2
    assert "add a table [projector]" in said
    assert controller.written == []
