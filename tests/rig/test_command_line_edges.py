"""The command line where it hurts: closed and full outputs, paths that are no folders.

In: command lines under bad conditions. Out: one line that says what to do, and the right status. Not here: signals (see
test_realtime_signals.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
    assert (result.returncode, result.stderr.strip()) == (
        2,
        "error: file: is no folder; name another folder with --out",
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "proofs.json").symlink_to("/dev/full")
    result = shell(f"$RIGDRIVER capture --rig {rig_file} --frames 3 --out full --no-images", tmp_path)
    assert result.returncode == 2
    assert "full/proofs.json: cannot be written: No space left on device; free space on the disk" in result.stderr


def test_json_is_one_object_when_a_check_failed(rig_file, tmp_path):
    result = shell("$RIGDRIVER selftest --scenario 'default?width=abc' --json", tmp_path)
    assert json.loads(result.stdout)["passed"] is False
    assert result.returncode == 2
