"""Start a simulated rig as a child process and end it again: the entry point `sim` of the group `rigdriver.rigs`.

In: a spec (scenario.py). Out: a `RunningRig` with the rig file that reaches it. The rig ends with `close`, and with
this process, however that ends; nothing stays behind. Not here: what runs in the child (see serve.py).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rigdriver_sim.feed.producer import producer
from rigdriver_sim.folder import make_folder
from rigdriver_sim.program.progress import rendering_bar
from rigdriver_sim.reach.control import Control
from rigdriver_sim.scenario import ScenarioError, load

START_TIMEOUT_S = 60.0
"""Longest silence of a rig that comes up; it says every few seconds that it lives."""
START_LIMIT_S = 3600.0
"""Longest start, in s; rendering the largest scene on one busy core stays far below it."""
END_TIMEOUT_S = 1.6
"""Longest wait, in s, for each of the three ways in which a rig is ended."""


class LaunchError(RuntimeError):
    """The simulated rig could not be started."""


class RunningRig:
    """A simulated rig in a process of its own; a context manager."""

    def __init__(self, child: subprocess.Popen[bytes], folder: Path, ready: dict[str, Any]) -> None:
        self._owner_pid = os.getpid()
        self._child = child
        self.folder = folder
        self.rig_file = Path(ready["rig_file"])
        self.producer = Path(ready["producer"])
        self.port: str = ready["port"]
        """The box's pty."""
        self.box_url: str = ready["box_url"]
        """URL in the rig file: the pty, or a socket:// URL when the scenario has `box.tcp`."""
        self.pid: int = ready["pid"]
        self.truth_file = folder / "truth.jsonl"

    @property
    def is_running(self) -> bool:
        """The rig's process lives."""
        return self._child.poll() is None

    def control(self) -> Control:
        """Return a connection to the rig's control socket; the caller closes it."""
        return Control(self.folder)

    def truth(self) -> list[dict[str, Any]]:
        """Return what really happened so far (bench/truth.py), for scoring."""
        with self.control() as control:
            control.do("truth.flush")
        return [json.loads(line) for line in self.truth_file.read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        """End the rig and remove its folder; closing twice, or in a fork, is harmless."""
        if os.getpid() != self._owner_pid:
            return
        _end(self._child)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def launch(spec: str = "") -> RunningRig:
    """Start the simulated rig that the spec names and return it when it can be used.

    Raises:
        ScenarioError: the spec or the scenario is wrong.
        ProducerMissing: the simulated cameras were not compiled.
        LaunchError: the rig's process did not come up.
    """
    # Both are checked in this process first: their errors need no child, and nothing has to be cleaned up yet.
    load(spec)
    producer()
    folder, lock = make_folder()
    child: subprocess.Popen[bytes] | None = None
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "rigdriver_sim", "serve", spec, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[lock],
            env=_environment(),
            # Out of the terminal's process group: Ctrl-C is for the caller, who stops the rig in good order.
            process_group=0,
        )
        return RunningRig(child, folder, _wait_until_ready(child))
    except BaseException:
        if child is not None:
            _end(child)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        # The child holds the lock now, as long as it lives.
        os.close(lock)


def _environment() -> dict[str, str]:
    """Return this process's environment in which the child finds this very package, with one thread of BLAS."""
    package_root = str(Path(__file__).parents[2])
    paths = [package_root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _wait_until_ready(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Hear the child out; while it renders it tells how far it is, and has time."""
    end_s = time.monotonic() + START_LIMIT_S
    with rendering_bar() as show:
        while True:
            if time.monotonic() > end_s:
                raise LaunchError(f"the simulated rig was not ready within {START_LIMIT_S / 60:.0f} min; start it anew")
            answer = _hear(child)
            if "alive" in answer:
                continue
            if "progress" not in answer:
                break
            show(int(answer["progress"]), int(answer["of"]))
    if not answer["ready"]:
        raise (ScenarioError if answer["kind"] == "usage" else LaunchError)(answer["error"])
    return answer


def _hear(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the child's next line."""
    assert child.stdout is not None, "started with a pipe"
    deadline = time.monotonic() + START_TIMEOUT_S
    line = b""
    while not line.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([child.stdout], [], [], left_s)[0]:
            raise LaunchError(f"the simulated rig said nothing for {START_TIMEOUT_S:.0f} s; is the machine overloaded?")
        # A byte at a time: the lines that follow must stay where select sees them.
        piece = os.read(child.stdout.fileno(), 1)
        if not piece:
            raise LaunchError(f"the simulated rig ended with status {child.wait(END_TIMEOUT_S)} before it was ready")
        line += piece
    answer: dict[str, Any] = json.loads(line)
    return answer


def is_stopped(pid: int) -> bool:
    """Return whether a process has been stopped by a signal (Linux; elsewhere nobody can tell)."""
    try:
        # proc(5): the state stands behind the name, which may hold any character but ends with the last parenthesis.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask by closing stdin, then with SIGTERM, then kill; each with its time."""
    if child.stdin is not None:
        with suppress(BrokenPipeError):
            child.stdin.close()
    for force in (child.terminate, child.kill, None):
        if is_stopped(child.pid) and force is not None:  # it cannot end by itself
            child.kill()
        try:
            child.wait(END_TIMEOUT_S)
            break
        except subprocess.TimeoutExpired:
            if force is not None:
                force()
    if child.stdout is not None:
        child.stdout.close()
