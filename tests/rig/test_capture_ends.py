"""A whole capture that a signal ends: its images, proofs.csv and proofs.json are of the same frame sets.

In: `rigdriver capture` in a process of its own, on a rig in modelled time, and a signal after the first frame sets.
Out: files that agree, and the status of the signal. Time limits are there to end a hang and measure nothing.
"""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.sim

WAIT_S = 120.0
SMALL = "default?width=160&height=120&lockstep=true"


def rows(folder: Path) -> list[dict[str, str]]:
    file = folder / "proofs.csv"
    return list(csv.DictReader(file.read_text().splitlines())) if file.exists() else []


def kept_of(line: str) -> int | None:
    """Return how many frame sets lie there, as the sentence about those that were dropped has it."""
    found = re.search(r": [1-9]\d* of \d+ frame sets were dropped .*; the first (\d+) lie there", line)
    return int(found[1]) if found else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_images_and_proofs_agree_when_a_signal_ends_a_capture(tmp_path, number):
    out, nothing = tmp_path / "out", threading.Event()
    words = ["capture", "--scenario", SMALL, "--frames", "2000", "--out", str(out)]
    with subprocess.Popen([sys.executable, "-m", "rigdriver.cli", *words], stderr=subprocess.PIPE, text=True) as child:
        try:
            assert any(
                len(rows(out)) > 20 or child.poll() is not None or nothing.wait(0.01)
                for _ in range(round(100 * WAIT_S))
            )
            child.send_signal(number)
            _, told = child.communicate(timeout=WAIT_S)
        finally:
            child.kill()
    assert child.returncode == 128 + number, told
    proved = {(int(row["index"]), row["camera"]) for row in rows(out) if row["verdict"] != "gap"}
    tables = json.loads((out / "proofs.json").read_text())["frame_sets"]
    assert {(table["index"], name) for table in tables for name in table["arrivals"]} == proved
    assert {(int(path.stem), path.parent.name) for path in out.glob("*/*.png")} == proved
    assert [table["index"] for table in tables] == list(range(len(tables)))
    assert not list(out.rglob("*.part"))
    # A quiet end has nothing to tell: all that was taken was written. What was dropped is told, and only that.
    assert "left to itself" not in told, "a part of the end hung"
    assert all(kept_of(line) == len(tables) for line in told.splitlines()), told
