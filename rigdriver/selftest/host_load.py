"""Whether this computer had time for a stage of the self-test, or was too busy to tell anything.

In: a stage that goes on. Out: how late a thread woke up that only sleeps, which share of the processors was stolen by
other machines on the same hardware, and for which share of the time some program waited for a processor: one check,
good or unknown. Late replies and lost frames of a busy computer look like bad cables; so what is not good in such a
stage is not run. A thread that sleeps much wakes in time also where programs with more work starve, such as the camera
process; that others waited counts where something in the stage is not good. A simulated rig in lockstep waits for this
computer, so there the check is left out. Not here: what else the computer must have, such as memory and disk.
"""

from __future__ import annotations

import re
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
LARGEST_WAITING_SHARE = 0.8
"""Share of the time in which some program waited for a processor above which failures may be this computer's."""
_PRESSURE = "proc/pressure/cpu"
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
    waiting_share: float = 0.0
    """Share of the time in which some program waited for a processor (PSI, Documentation/accounting/psi.rst)."""

    def is_too_busy(self, is_all_good: bool = True) -> bool:
        """Return whether the computer was too busy for what it says of the rig to count."""
        if self.longest_s > LONGEST_S or max(self.late_share, self.stolen_share) > LARGEST_SHARE:
            return True
        return not is_all_good and self.waiting_share > LARGEST_WAITING_SHARE


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
        self._waited_s = _waited_s(self._files)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(1.0)
        lasted_s = max(time.monotonic() - self._begun_s, TICK_S)
        waited_s = _waited_s(self._files) - self._waited_s
        self.load = HostLoad(self._longest_s, self._late_s / lasted_s, self._stolen_share(), waited_s / lasted_s)

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


def _waited_s(files: ComputerFiles) -> float:
    """Return for how long some program has waited for a processor since the start; 0 where that is not shown."""
    # some avg10=0.00 avg60=0.00 avg300=0.00 total=1326724404 (in us; Linux 4.20 and later)
    found = re.search(r"^some .*total=(\d+)", files.text(_PRESSURE) or "", re.MULTILINE)
    return int(found[1]) / 1e6 if found else 0.0


def judge_load(stage: str, load: HostLoad, is_all_good: bool = True) -> CheckResult:
    """Judge whether a stage had a computer that could tell. `is_all_good`: whether all checks of the stage are."""
    name, expected = f"host.load.{stage}", f"<= {LONGEST_S * 1e3:g}"
    if not load.is_too_busy(is_all_good):
        return verdict(True, name, round(load.longest_s * 1e3, 1), expected, "ms")
    stolen = f", and other machines took {load.stolen_share:.0%} of its processors" if load.stolen_share > 0.01 else ""
    why = (
        f"this computer is too busy to tell: a thread that only sleeps woke up to {load.longest_s * 1e3:.0f} ms late, "
        f"{load.late_share:.0%} of the time, and for {load.waiting_share:.0%} of it some program waited for a "
        f"processor{stolen}; close other programs and test again"
    )
    return unknown(name, expected, why, "ms")
