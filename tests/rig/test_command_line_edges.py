"""The command line where it hurts: closed and full outputs, paths that are no folders, signals.

In: command lines under bad conditions. Out: one line that says what to do, the right status, and no process left
behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


def _family(child: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True)


def _has_child(child: subprocess.Popen[str], word: str) -> bool:
    for relative in _family(child):
        with contextlib.suppress(psutil.Error):
            if word in " ".join(relative.cmdline()):
                return True
    return False


def _images(out: Path) -> int:
    return len(list(out.glob("*/*.png")) + list(out.glob("*/*.tiff")))


STAGES: dict[str, Callable[[subprocess.Popen[str], Path], bool]] = {
    "the simulated rig comes up": lambda child, _: _has_child(child, "rigdriver_sim"),
    "the cameras are opened": lambda child, _: _has_child(child, "genicam_host"),
    "the first frame set is there": lambda _, out: _images(out) > 0,
    "it is in full swing": lambda _, out: _images(out) > 60,
}
"""At each of them the signal comes: as soon as it can be seen from outside, however long that takes."""


@pytest.mark.realtime
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_stage_ends_everything_and_tells_by_the_status(tmp_path, stage, number, status):
    out = tmp_path / "out"
    words = ["capture", "--scenario", "default?width=160&height=120", "--frames", "1000", "--out", str(out)]
    with subprocess.Popen([*RIGDRIVER, *words], stderr=subprocess.PIPE, text=True) as child:
        deadline = time.monotonic() + 120
        while not STAGES[stage](child, out):
            assert child.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, f"waited 120 s until {stage}"
            time.sleep(0.01)
        family = _family(child)
        child.send_signal(number)
        _, told = child.communicate(timeout=120)
    assert "Traceback" not in told
    assert child.returncode == status
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_json_is_one_object_when_a_check_failed(rig_file, tmp_path):
    result = shell("$RIGDRIVER selftest --scenario 'default?width=abc' --json", tmp_path)
    assert json.loads(result.stdout)["passed"] is False
    assert result.returncode == 2
