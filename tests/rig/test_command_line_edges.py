"""The command line where it hurts: closed and full outputs, paths that are no folders, signals.

In: command lines under bad conditions. Out: one line that says what to do, the right status, and no process left
behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

RIGDRIVER = [sys.executable, "-m", "rigdriver.cli"]


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = {"RIGDRIVER": f"{sys.executable} -m rigdriver.cli"}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=120, cwd=cwd, check=False,
        env={**os.environ, **words},
    )  # fmt: skip


def test_a_closed_stdout_is_no_traceback(rig_file, tmp_path):
    result = shell(f"$RIGDRIVER capture --rig {rig_file} --frames 1 --out out --json >&-", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_reader_that_goes_after_the_first_line_is_not_taken_for_a_failed_check(rig_file, tmp_path):
    result = shell(f"$RIGDRIVER schedule show {rig_file} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}", tmp_path)
    assert result.stdout.strip() in {"0", "2"}  # 0 when all of it fitted into the pipe
    assert "Traceback" not in result.stderr


def test_a_folder_that_is_a_file_and_a_full_disk_are_told_with_a_remedy(rig_file, tmp_path):
    (tmp_path / "file").touch()
    result = shell(f"$RIGDRIVER capture --rig {rig_file} --frames 1 --out file", tmp_path)
    assert (result.returncode, result.stderr.strip()) == (2, "error: file: is no folder; name another with --out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "proofs.json").symlink_to("/dev/full")
    result = shell(f"$RIGDRIVER capture --rig {rig_file} --frames 3 --out full --no-images", tmp_path)
    assert result.returncode == 2
    assert "full: No space left on device; make room" in result.stderr


@pytest.mark.parametrize("delay_s", [0.7, 1.5, 2.5, 4.0])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_stage_ends_everything_and_tells_by_the_status(tmp_path, delay_s, number, status):
    words = [
        "capture",
        "--scenario",
        "default?width=160&height=120",
        "--frames",
        "1000",
        "--out",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen([*RIGDRIVER, *words], stderr=subprocess.PIPE, text=True) as child:
        time.sleep(delay_s)  # the stage at which it is hit is what varies
        family = psutil.Process(child.pid).children(recursive=True)
        is_ready = bool(family)
        child.send_signal(number)
        _, told = child.communicate(timeout=30)
    assert "Traceback" not in told
    if is_ready:
        assert child.returncode == status
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_json_is_one_object_when_a_check_failed(rig_file, tmp_path):
    result = shell("$RIGDRIVER selftest --scenario 'default?width=abc' --json", tmp_path)
    assert json.loads(result.stdout)["passed"] is False
    assert result.returncode == 2
