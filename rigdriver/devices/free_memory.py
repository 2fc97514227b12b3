"""How much memory this program can still get: the least of what the system and the container leave.

In: the files of a computer. Out: bytes, or None where the system does not say it. Not here: how much is enough.
Source: proc(5), MemAvailable; Linux kernel documentation, cgroup v2, memory.max and memory.current.
"""

from __future__ import annotations

from rigdriver.devices.computer_files import ComputerFiles

_CGROUP = "sys/fs/cgroup"


def free_memory_bytes(files: ComputerFiles) -> int | None:
    """Return the memory that programs can still get, within the limit of this container."""
    lines = (files.text("proc/meminfo") or "").splitlines()
    cells = next((line.split() for line in lines if line.startswith("MemAvailable:")), [])
    if len(cells) < 2 or not cells[1].isdecimal():
        return None
    limit, used = files.number(f"{_CGROUP}/memory.max"), files.number(f"{_CGROUP}/memory.current")
    free = int(cells[1]) * 1024
    return free if limit is None or used is None else min(free, max(0, limit - used))
