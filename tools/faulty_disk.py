"""A disk with faults for a program that this one starts: compiles faulty_disk.c and says how it is preloaded.

In: faults by name. Out: environment variables for the program, and what the disk has really kept. Not here: the faults
themselves (see faulty_disk.c), and who judges.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faulty_disk.c")


@dataclass(frozen=True, slots=True)
class DiskFault:
    """What is wrong with the disk, for files whose name ends in `.mcap`."""

    delay_us: int = 0
    """Time, in us, that every write takes longer."""
    stall_at: int = -1
    """Number of the write, from 0, that stands still; -1: none."""
    stall_ms: int = 0
    short_seed: int = 0
    """Seed of the writes that take only a part; 0: none."""
    fail_at: int = -1
    """Number of the fdatasync, from 0, that fails once; -1: none."""


def compiled(folder: Path) -> Path:
    """Return the compiled library, made in that folder."""
    made = folder / "faulty_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", made, SOURCE, "-ldl"], check=True)
    return made


def environment(library: Path, fault: DiskFault, log: Path) -> dict[str, str]:
    """Return the environment of a program that meets the fault; `log` tells what was kept."""
    told = {
        "SUFFIX": ".mcap", "DELAY_US": fault.delay_us, "STALL_AT": fault.stall_at, "STALL_MS": fault.stall_ms,
        "SHORT_SEED": fault.short_seed, "FAIL_AT": fault.fail_at, "LOG": log,
    }  # fmt: skip
    return os.environ | {"LD_PRELOAD": str(library)} | {f"FAULTY_DISK_{key}": str(value) for key, value in told.items()}


def kept_bytes(log: Path) -> int:
    """Return the length of the file that the disk has kept for certain: up to its first failure."""
    kept = 0
    for line in log.read_text(encoding="ascii").splitlines():
        size, result = map(int, line.split())
        if result:
            break
        kept = size
    return kept
