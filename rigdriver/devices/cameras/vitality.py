"""Whether a process that says nothing hangs, or only had no chance to speak.

In: looks at a process while nothing comes from it. Out: for how long it could have spoken and did not. Its main thread,
which beats, had that chance while it slept in a call (its own sleeps are milliseconds long) and while it used the
processor. It had none while it was stopped (Ctrl-Z, a debugger) or waited for a processor that others used. Linux only;
elsewhere nothing is known, and the longer limit of the caller holds. Not here: what is done about it (see process.py).
"""

from __future__ import annotations

import os

LOOK_S = 0.1
"""Longest time, in s, that one look stands for: a pause of the one who looks is not the other's silence."""
_ASLEEP = frozenset("SDI")
"""States of proc(5) in which a thread waits inside a call."""
_LINE_BYTES = 4096
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Vitality:
    """The silence of one process, as far as it is its own."""

    def __init__(self, pid: int) -> None:
        self._stat = f"/proc/{pid}/task/{pid}/stat"
        self._looked_s: float | None = None
        self._cpu_s = 0.0
        self.silent_s = 0.0
        """Time without a word in which the process could have spoken, in s."""

    def heard(self) -> None:
        """It has spoken."""
        self._looked_s, self.silent_s = None, 0.0

    def look(self, now_s: float) -> None:
        """Look at it while it is silent."""
        state, cpu_s = self._state()
        before_s, self._looked_s = self._looked_s, now_s
        used_s, self._cpu_s = cpu_s - self._cpu_s, cpu_s
        if before_s is not None:
            passed_s = min(LOOK_S, max(0.0, now_s - before_s))
            self.silent_s += passed_s if state in _ASLEEP else min(passed_s, max(0.0, used_s))

    def _state(self) -> tuple[str, float]:
        """Return the state of its main thread, and the processor time that it has used; "" where that is not known."""
        try:
            # The name stands in brackets and may hold anything; the fields after it are counted from the last one.
            fields = _read(self._stat).rpartition(b")")[2].decode("ascii", "replace").split()
            return fields[0], (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        except (OSError, IndexError, ValueError):
            return "", self._cpu_s


def _read(file: str) -> bytes:
    """Return what stands in a file of the system: one line, without what Python's text files do around each read."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _LINE_BYTES)
    finally:
        os.close(fd)
