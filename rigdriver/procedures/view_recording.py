"""Shows a recording in Rerun, a viewer that reads such files itself; it listens on this computer only.

In: a recording. Out: the viewer's exit status, when it was closed. Rerun is an optional part of the installation.
Source of the options: Rerun's command line manual; without `--bind` it listens on all interfaces. Not here: the file.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rigdriver.errors import UsageError
from rigdriver.recording.recording_file import Recording

VIEWER = "rerun"
"""Package that brings the viewer; it is started as a module, so that it is the one of this installation."""
LOOPBACK = "127.0.0.1"


def view_command(path: Path, is_installed: Callable[[str], bool] | None = None) -> list[str]:
    """Return the command that shows a recording.

    Raises:
        UsageError: the file is no recording, its images are compressed, or Rerun is not installed.
    """
    with Recording(path) as recording:
        coding = recording.plan.coding
    if coding != "raw":
        raise UsageError(
            device=str(path),
            seen="is compact, and viewers do not decode its images (JPEG XL)",
            remedy="`rigdriver recording export` writes images that every viewer shows",
        )
    known = is_installed or (lambda name: importlib.util.find_spec(name) is not None)
    if not known(VIEWER):
        raise UsageError(
            device="the viewer Rerun",
            seen="is not installed",
            remedy="call `pip install 'rigdriver[rerun]'`, or open the file in another viewer for MCAP",
        )
    return [sys.executable, "-m", VIEWER, "--bind", LOOPBACK, str(path)]


def view_recording(path: Path, run: Callable[[Sequence[str]], int] = subprocess.call) -> int:
    """Show a recording until the viewer is closed, and return its exit status; raises as `view_command`."""
    return run(view_command(path))
