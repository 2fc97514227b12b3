"""Bad conditions for a family of processes: random stops, CPU burners; and how all of the family is ended.

In: the process whose descendants are meant, and a seed. Out: stops of 50 to 500 ms of one random descendant at a time.
A signal goes only to a process that still is the one that was looked at (number and start time) and that descends from
the root at that moment. Linux only, standard library only. Not here: what the processes do (see suite_under_load.py).

One lie is left: a test that stops a process itself, while it is held here, is noticed by the signal that is then
pending; between that look and the SIGCONT that ends the stop a few microseconds remain.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SHORTEST_S, LONGEST_S = 0.05, 0.5
"""Bounds of a stop's length, s."""
END_S = 30.0
"""Time limit for killed processes to vanish, s."""
LOOK_S = 0.05
"""Pause between two looks at processes that are about to vanish, s."""
PR_SET_CHILD_SUBREAPER = 36
"""Number of prctl's option, from linux/prctl.h."""
BURNER = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass\n"
"""Program that keeps one CPU busy until its parent has ended."""


# ---------------------------------------------------------------- processes


@dataclass(frozen=True, slots=True)
class Process:
    """A process as /proc shows it. Number and start time together name it for good: numbers are used again."""

    pid: int
    start_ticks: int
    parent: int
    state: str
    command: str

    def is_same(self, other: Process | None) -> bool:
        """Whether that is this very process, whatever it does now."""
        return other is not None and (other.pid, other.start_ticks) == (self.pid, self.start_ticks)


def look_at(pid: int) -> Process | None:
    """Return that process, or None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    # The name stands in brackets and may hold any character, brackets too.
    fields = text.rpartition(")")[2].split()
    # Behind the name the fields begin with the third of proc(5): the parent is the fourth, the start time the 22nd.
    return Process(pid, int(fields[19]), int(fields[1]), fields[0], command)


def all_processes() -> dict[int, Process]:
    """Return every process of this machine by its number."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {pid: process for pid in pids if (process := look_at(pid)) is not None}


def family(processes: Mapping[int, Process], root: Process) -> list[Process]:
    """Return the descendants of `root`, without it: only children that began no earlier than their parents."""
    if not root.is_same(processes.get(root.pid)):
        return []
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    open_ends = [root]
    while open_ends:
        parent = open_ends.pop()
        born = [c for c in children.get(parent.pid, ()) if c.start_ticks >= parent.start_ticks and c.pid != parent.pid]
        found += born
        open_ends += born
    return found


def is_descendant(process: Process, root: Process) -> bool:
    """Whether that process still lives and its line of parents, looked up one by one, leads to `root`."""
    now = look_at(process.pid)
    if now is None or not process.is_same(now) or now.state in {"Z", "X"}:
        return False
    while now.pid not in {0, 1}:
        parent = look_at(now.parent)
        if parent is None or parent.start_ticks > now.start_ticks:
            return False
        if root.is_same(parent):
            return True
        now = parent
    return False


@contextmanager
def handle_of(process: Process, root: Process) -> Iterator[int | None]:
    """Yield a handle that can reach no other process, or None when it is not, or no longer, a descendant of `root`."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        yield None
        return
    try:
        # The handle is taken first: what it names cannot be replaced any more while its descent is looked up.
        yield handle if is_descendant(process, root) else None
    finally:
        os.close(handle)


def has_pending_stop(pid: int) -> bool:
    """Whether somebody else has sent SIGSTOP to a process that was stopped already."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("State:") and line.split()[1] != "T":
                return False  # it has not run since, so the stop that is pending is this tool's
            if line.startswith(("ShdPnd:", "SigPnd:")) and int(line.split()[1], 16) >> (signal.SIGSTOP - 1) & 1:
                return True
    return False


# ---------------------------------------------------------------- stops


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop to be made: how long after the end of the one before, for how long, and which of the processes."""

    after_s: float
    length_s: float
    share: float
    """Place of the process among all candidates, 0 to 1, without 1."""

    def pick(self, candidates: Sequence[Process]) -> Process | None:
        """Return the process that is hit."""
        running = [process for process in candidates if process.state not in {"T", "t", "Z", "X"}]
        return running[int(self.share * len(running))] if running else None


def plan_stops(seed: int, spacing_s: float) -> Iterator[Stop]:
    """Yield stops without end: at random (exponential) distances, of evenly distributed lengths."""
    dice = random.Random(seed)
    while True:
        yield Stop(dice.expovariate(1 / spacing_s), dice.uniform(SHORTEST_S, LONGEST_S), dice.random())


class Stopper:
    """Stops one random process of a run at a time; call `turn` often."""

    def __init__(self, root: Process, spared: Sequence[int], stops: Iterator[Stop], log: Path) -> None:
        self._root, self._spared, self._stops, self._log = root, frozenset(spared), stops, log
        self._begun_s = time.monotonic()
        self._next = next(stops)
        self._due_s = self._begun_s + self._next.after_s
        self._held: tuple[Process, int] | None = None

    def turn(self) -> None:
        """Begin or end a stop when it is time to."""
        if time.monotonic() < self._due_s:
            return
        if self._held is None:
            self._begin()
        else:
            self.release()

    def release(self) -> None:
        """Let the held process go on, unless a test has stopped it meanwhile."""
        if self._held is not None:
            process, handle = self._held
            self._held = None
            if not has_pending_stop(process.pid):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGCONT)
            os.close(handle)
        self._next = next(self._stops)
        self._due_s = time.monotonic() + self._next.after_s

    def _begin(self) -> None:
        process = self._next.pick([p for p in family(all_processes(), self._root) if p.pid not in self._spared])
        if process is None or not self._stop(process):
            self.release()
            return
        self._due_s = time.monotonic() + self._next.length_s
        with self._log.open("a", encoding="utf-8") as file:
            at_s = time.monotonic() - self._begun_s
            file.write(f"{at_s:9.2f} s  {1e3 * self._next.length_s:4.0f} ms  {process.pid} {process.command[:120]}\n")

    def _stop(self, process: Process) -> bool:
        with handle_of(process, self._root) as handle:
            if handle is None:
                return False
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGSTOP)
                self._held = process, os.dup(handle)
        return self._held is not None


# ---------------------------------------------------------------- burners, and the end


@contextmanager
def burners(count: int) -> Iterator[list[int]]:
    """Keep that many CPUs busy; the burners end with this process, however it ends."""
    running = [subprocess.Popen([sys.executable, "-c", BURNER], start_new_session=True) for _ in range(count)]
    try:
        yield [burner.pid for burner in running]
    finally:
        for burner in running:
            burner.kill()
            burner.wait()


def adopt_orphans() -> None:
    """Let processes whose parents die become children of this one, so that none of a run gets out of sight."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def bury_orphans(spared: Sequence[int]) -> None:
    """Reap dead children of this process, but for those that somebody else waits for."""
    with suppress(OSError):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8").split()
        for pid in {int(word) for word in children} - set(spared):
            child = look_at(pid)
            if child is not None and child.state == "Z":
                os.waitpid(pid, os.WNOHANG)


def end_family(root: Process, spared: Sequence[int]) -> list[Process]:
    """Kill all descendants but the spared ones, wait until they are gone, and return those that are not."""
    deadline = time.monotonic() + END_S
    while True:
        left = [p for p in family(all_processes(), root) if p.pid not in spared]
        if not left or time.monotonic() > deadline:
            return left
        for process in left:
            with handle_of(process, root) as handle, suppress(ProcessLookupError):
                if handle is not None:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        bury_orphans(spared)
        time.sleep(LOOK_S)
