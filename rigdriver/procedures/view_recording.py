"""Shows a recording in Rerun, a viewer that reads such files itself; it listens on this computer only.

In: a recording. Out: the viewer's exit status, when it was closed. Rerun is an optional part of the installation.
Source of the options: Rerun's command line manual; without `--bind` it listens on all interfaces. Not here: the file.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rigdriver.errors import UsageError
from rigdriver.recording.recording_file import Recording

VIEWER = "rerun"
"""Package that brings the viewer; it is started as a module, so that it is the one of this installation."""
LOOPBACK = "127.0.0.1"
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET")
"""Variables of which one is set where programs can open windows."""


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
    # A port of its own: on a known one, images would go to whichever viewer of this computer listens there.
    return [sys.executable, "-m", VIEWER, "--bind", LOOPBACK, "--port", "auto", str(path)]


def view_recording(
    path: Path, environment: Mapping[str, str], run: Callable[[Sequence[str]], int] = subprocess.call
) -> int:
    """Show a recording until the viewer is closed, and return its exit status.

    Raises:
        UsageError: as `view_command`, and when there is no screen.
    """
    command = view_command(path)
    if not any(environment.get(name) for name in SCREENS):
        raise UsageError(
            device="the viewer Rerun",
            seen="needs a screen, and there is none in this session",
            remedy="open the file on a computer with a screen, or let `rigdriver recording export` write images",
        )
    return run(command)
