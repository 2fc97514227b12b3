"""An application that is killed while lamps flash: the light log tells at least what was lit.

In: a run in a process of its own, and SIGKILL. Out: the lines of the log, against the box's own count of flashes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from rigdriver.config import load
from rigdriver.devices.box.trigger_box import TriggerBox

pytestmark = [pytest.mark.sim, pytest.mark.realtime]

WAIT_S = 120.0
LAMPS = 4
PULSES = 200
PLAY = """
import sys
from pathlib import Path
from rigdriver.config import load
from rigdriver.rig import Rig

config = load(Path(sys.argv[1]))
light = config.light.model_copy(update={"log": Path(sys.argv[2])})
with Rig.open(config.model_copy(update={"light": light})) as rig:
    for frame_set in rig.run(frames=int(sys.argv[3])):
        print(frame_set.pulse_index, flush=True)
"""


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}"
        time.sleep(0.005)


@pytest.mark.plants_faults
@pytest.mark.parametrize("lines", [1, 2, 40])
def test_after_a_kill_no_flash_is_without_a_line(launch_rig, tmp_path, lines):
    running, log = launch_rig(width=160, height=120, rate_hz=20), tmp_path / "light.jsonl"

    def kinds() -> list[str]:
        found = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line)["kind"] for line in found]

    words = [sys.executable, "-c", PLAY, str(running.rig_file), str(log), str(PULSES)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as child:
        try:
            wait_for(lambda: child.poll() is not None or len(kinds()) >= lines, "lines of the log")
            assert child.poll() is None
        finally:
            child.kill()
    box = load(running.rig_file).required_box()
    with TriggerBox.open(box) as opened:
        lit = opened.light_session().session_flashes
    found = [json.loads(line) for line in log.read_text().splitlines()]
    (announced,) = (line for line in found if line["kind"] == "announced")
    flashes = [line for line in found if line["kind"] == "flash"]
    assert "ended" not in kinds()
    assert announced["pulses"] >= lit
    assert announced["flashes_per_pulse"] == dict.fromkeys(announced["flashes_per_pulse"], 1)
    assert len(announced["flashes_per_pulse"]) == LAMPS
    assert {line["train"] for line in found} == {announced["train"]}
    assert len(flashes) <= LAMPS * announced["pulses"]
