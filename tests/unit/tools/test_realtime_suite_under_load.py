"""The tool from its command line, on a suite of two files: a table, a time limit, and nothing left behind.

In: a folder that looks like a checkout with a `.venv`. Out: exit status, table, processes and temporary folders.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.realtime

TOOL = Path(__file__).parents[3] / "tools" / "suite_under_load.py"
WAIT_S = 120.0
GOOD = "def test_good(): pass\n"
BAD = "def test_bad(): assert False\n"
STUCK = """
import subprocess, sys, time
def test_stuck():
    # An orphan in a session of its own is out of sight for whoever looks at groups or parents.
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    subprocess.run([sys.executable, "-c", f"import subprocess; subprocess.Popen({sleep}, start_new_session=True)"])
    open("is_stuck", "w").close()
    time.sleep(600)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    python = tmp_path / "checkout" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    return tmp_path / "checkout"


def start(checkout: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(TOOL), "--venv", str(checkout / ".venv"), "--out", str(checkout.parent / "out")]
    env = {**os.environ, "TMPDIR": str(checkout.parent / "tmp")}
    return subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def nothing_is_left(checkout: Path) -> bool:
    mine = [p.info["pid"] for p in psutil.process_iter(["pid", "cwd"]) if p.info["cwd"] == str(checkout)]
    return (mine, list((checkout.parent / "tmp").iterdir())) == ([], [])


def test_each_run_is_a_row_and_one_failure_is_the_exit_status(checkout):
    (checkout / "test_good.py").write_text(GOOD)
    (checkout / "test_bad.py").write_text(BAD)
    with start(checkout, "--runs", "2", "--stops", "--stop-every", "0.2", "--nice", "5") as tool:
        told, said = tool.communicate(timeout=WAIT_S)
    assert tool.returncode == 1, said
    rows = (checkout.parent / "out" / "table.md").read_text().splitlines()[2:]
    assert [row.split(" | ")[6:11] for row in rows] == [["1", "1", "0", "0", "FAILED"]] * 2
    assert all(row.endswith("| test_bad.py::test_bad (failed) |") for row in rows)
    assert rows[-1] in told
    assert nothing_is_left(checkout)


def test_a_report_of_an_earlier_run_is_never_taken_for_this_ones(checkout):
    (checkout / "test_good.py").write_text(GOOD)
    (checkout.parent / "out").mkdir()
    (checkout.parent / "out" / "run-01.xml").write_text('<testsuite><testcase classname="a" name="b"/></testsuite>')
    (checkout / "conftest.py").write_text("import os\ndef pytest_sessionstart(session): os._exit(9)\n")
    with start(checkout) as tool:
        tool.communicate(timeout=WAIT_S)
    assert tool.returncode == 1
    assert "| no report, exit status 9: see the log |" in (checkout.parent / "out" / "table.md").read_text()


def test_ctrl_c_ends_everything_and_leaves_nothing_behind(checkout):
    (checkout / "test_stuck.py").write_text(STUCK)
    with start(checkout, "--burners", "1") as tool:
        deadline = time.monotonic() + WAIT_S
        while not (checkout / "is_stuck").exists():
            assert tool.poll() is None, tool.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family = psutil.Process(tool.pid).children(recursive=True)
        assert any("time.sleep(600)" in " ".join(p.cmdline()) for p in family), "the orphan has been adopted"
        tool.send_signal(signal.SIGINT)
        _, said = tool.communicate(timeout=WAIT_S)
    assert tool.returncode == 130
    assert "interrupted" in said
    assert "| interrupted |" in (checkout.parent / "out" / "table.md").read_text()
    assert [p for p in family if p.is_running()] == []
    assert nothing_is_left(checkout)


def test_a_run_that_does_not_end_is_ended_at_its_time_limit(checkout):
    (checkout / "test_stuck.py").write_text(STUCK)
    with start(checkout, "--limit", "0.1") as tool:
        tool.communicate(timeout=WAIT_S)
    assert tool.returncode == 1
    assert "| time limit of 0.1 min |" in (checkout.parent / "out" / "table.md").read_text()
    assert nothing_is_left(checkout)
