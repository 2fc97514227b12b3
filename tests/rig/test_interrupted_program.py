"""Ctrl-C at any moment of the program, from its first call to its last: no traceback, and exit status 130.

In: a verb in a process of its own that gets SIGINT at its n-th call of a function. Out: the status, and its output.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from rigdriver.cli import main
wanted, calls = int(sys.argv.pop(1)), 0
def count(frame, event, arg):
    global calls
    calls += 1
    if calls == wanted:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)
sys.setprofile(count)
main()
"""
# While its modules load, while the command line is read, in the verb, and behind it.
MOMENTS = [5, 30, 100, 1_000, 10_000, 30_000, 100_000, 200_000, 400_000, 800_000, 1_600_000]


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_leaves_no_traceback_and_the_right_status(moment):
    command = [sys.executable, "-c", SCRIPT, str(moment), "config", "keys"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert "Traceback" not in ended.stderr
    if ended.returncode == 0:  # it was over before that call
        assert ended.stdout
    else:
        assert (ended.returncode, ended.stderr) == (130, "")
