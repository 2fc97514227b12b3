"""Whether this computer had time for a stage of the self-test, or was too busy to tell anything.

In: a stage that goes on. Out: how late a thread woke up that only sleeps, and which share of the processors was stolen
by other machines on the same hardware: one check, good or unknown. Late replies and lost frames of a busy computer look
like bad cables; so what is not good in such a stage is not run. A simulated rig in lockstep waits for this computer, so
there the check is left out. Not here: what else the computer must have, such as memory and disk.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Self

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.own_pause import LOOK_S
from rigdriver.selftest.computer_checks import cpu_times
from rigdriver.selftest.result import CheckResult, unknown, verdict
from rigdriver.signal_safe import SafeEvent

TICK_S = 0.01
LONGEST_S = LOOK_S
"""Longest good delay, in s: after a longer one the driver's own threads count themselves as away."""
LARGEST_SHARE = 0.5
"""Largest good share of the time, for delays together and for stolen time: above it, less than half is left."""
THIS_COMPUTER = ComputerFiles()


@dataclass(frozen=True, slots=True)
class HostLoad:
    """What a stage has shown of this computer."""

    longest_s: float
    """Longest delay of a thread that should have woken up."""
    late_share: float
    """Sum of the delays, as a share of the stage's duration."""
    stolen_share: float
    """Share of processor time that other machines on this hardware took (`steal` in proc(5))."""

    @property
    def is_too_busy(self) -> bool:
        """Whether the computer was too busy for what it says of the rig to count."""
        return self.longest_s > LONGEST_S or max(self.late_share, self.stolen_share) > LARGEST_SHARE


class LoadWatch:
    """Watches this computer while the block lasts; `load` holds what was seen."""

    def __init__(self, files: ComputerFiles = THIS_COMPUTER) -> None:
        self._files = files
        self.load = HostLoad(0.0, 0.0, 0.0)
        self._is_over = SafeEvent()
        self._longest_s = 0.0
        self._late_s = 0.0
        self._thread = Thread(target=self._run, name="host load", daemon=True)

    def __enter__(self) -> Self:
        self._begun_s, self._before = time.monotonic(), cpu_times(self._files)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(1.0)
        lasted_s = max(time.monotonic() - self._begun_s, TICK_S)
        self.load = HostLoad(self._longest_s, self._late_s / lasted_s, self._stolen_share())

    def _stolen_share(self) -> float:
        """Return the stolen share of processor time; 0 where the computer does not show it."""
        after = cpu_times(self._files)
        if self._before is None or after is None:
            return 0.0
        passed = after - self._before
        return passed.stolen / max(passed.total, 1)

    def _run(self) -> None:
        before_s = time.monotonic()
        while not self._is_over.wait(TICK_S):
            now_s = time.monotonic()
            late_s = max(0.0, now_s - before_s - TICK_S)
            self._longest_s = max(self._longest_s, late_s)
            self._late_s += late_s
            before_s = now_s


def judge_load(stage: str, load: HostLoad) -> CheckResult:
    """Judge whether a stage had a computer that could tell."""
    name, expected = f"host.load.{stage}", f"<= {LONGEST_S * 1e3:g}"
    if not load.is_too_busy:
        return verdict(True, name, round(load.longest_s * 1e3, 1), expected, "ms")
    stolen = f", and other machines took {load.stolen_share:.0%} of its processors" if load.stolen_share > 0.01 else ""
    why = (
        f"this computer is too busy to tell: a thread that only sleeps woke up to {load.longest_s * 1e3:.0f} ms late, "
        f"{load.late_share:.0%} of the time{stolen}; close other programs and test again"
    )
    return unknown(name, expected, why, "ms")
