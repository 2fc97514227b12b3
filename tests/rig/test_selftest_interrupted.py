"""Ctrl-C and SIGTERM in each stage of a self-test: all outputs are off, and the checks so far are reported.

In: the verb in this process, on a rig in modelled time, and a signal in the middle of a stage. Out: what the simulated
box says of its outputs, the exit status and the reports.
"""

from __future__ import annotations

import json
import os
import signal
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.devices.box.trigger_box import TriggerBox
from rigdriver.selftest import stages as made_stages
from rigdriver.selftest.ledger import FINISHED
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig.played import LOCKSTEP

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]
LIT = ["light", "optical", "watchdog"]
"""Stages that start the box; `wiring` and `run` start it as these do."""
SKIPPED = ("wiring", "run", "light", "ambient", "focus", "optical", "box.watchdog", "box.outputs_cut")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRig]:
    with launch(f"default?width=160&height=120&{LOCKSTEP}") as running:
        yield running


def raise_in(monkeypatch: pytest.MonkeyPatch, stage: str, number: signal.Signals) -> None:
    """Send a signal in that stage, when it starts the box for the second time."""
    starts: list[int] = []
    start = TriggerBox.start

    def started(box: TriggerBox, generation: int) -> None:
        start(box, generation)
        starts.append(generation)
        # The watchdog's stage starts the box once.
        if len(starts) == (1 if stage == "watchdog" else 2):
            os.kill(os.getpid(), number)

    def watched(judge: Callable[..., Any]) -> Callable[..., Any]:
        def begun(rig: Any) -> Any:
            monkeypatch.setattr(TriggerBox, "start", started)
            return judge(rig)

        return begun

    def all_stages(*args: Any) -> list[made_stages.Stage]:
        return [
            made_stages.Stage(s.name, s.told, watched(s.judge) if s.name == stage else s.judge, s.is_timed)
            for s in plain(*args)
        ]

    plain = made_stages.stages
    monkeypatch.setattr("rigdriver.selftest.suite.stages", all_stages)


def skipping_all_but(stage: str) -> list[str]:
    names = {"light": ("light", "ambient", "focus"), "watchdog": ("box.watchdog", "box.outputs_cut")}
    kept = names.get(stage, (stage,))
    return [word for name in SKIPPED if name not in kept for word in ("--skip", name)]


@pytest.mark.parametrize("stage", LIT)
def test_a_signal_in_a_stage_leaves_all_outputs_low_and_a_partial_report(
    running: RunningRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: str
) -> None:
    number, status = (signal.SIGTERM, 143) if stage == "optical" else (signal.SIGINT, 130)
    raise_in(monkeypatch, stage, number)
    html, junit = tmp_path / "page.html", tmp_path / "report.xml"
    words = ["selftest", "--rig", str(running.rig_file), "--json", "--html", str(html), "--junit", str(junit)]
    result = CliRunner().invoke(app, [*words, *skipping_all_but(stage)])
    with running.control() as control:
        now = control.get("status")
    assert (result.exit_code, now["output_levels"]) == (status, 0)
    told = json.loads(result.stdout)
    assert (told["finished"], told["passed"]) == (False, False)
    end = told["checks"][-1]
    assert end["name"] == FINISHED
    assert f"; not finished: {stage}" in end["remedy"]
    assert {check["status"] for check in told["checks"][:-1]} <= {"good", "not checked"}
    assert "not finished" in html.read_text()
    assert ET.parse(junit).getroot().get("errors") == "1"
    history = Path(running.rig_file).with_suffix(".selftest.jsonl").read_text().splitlines()
    assert json.loads(history[-1])["finished"] is False
