"""The computer: may it use the devices, does it have the memory, processors and clock that the rig needs.

In: the files of a computer, what the cameras send, the rig file. Out: one check each. A file that a computer does not
have, as in a container, is "not checked" with its name. Linux only; other systems get one line that says so. Not here:
the disk (see disk_checks.py), the buses (see bus_checks.py and gige_checks.py), producers (see opening.py).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigdriver.config import RigConfig
from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.free_memory import free_memory_bytes
from rigdriver.devices.usb_devices import UsbDevice
from rigdriver.selftest.camera_loads import CameraLoad, of_unknown_size, total_payload_bytes
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict

LEAST_CPUS = 2
"""Processors for the camera process and the application, which work side by side."""
MOST_STOLEN = 0.01
"""Largest share of the processors' time that a host of virtual machines may take."""
LEAST_TICKS = 50
"""Ticks of all processors between two looks below which the time since the start of the computer is judged."""
_USBFS = "sys/module/usbcore/parameters/usbfs_memory_mb"
_CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
_COARSE_CLOCKS = {"jiffies", "refined-jiffies", "pit"}
"""Clock sources that count milliseconds (kernel/time/jiffies.c, drivers/clocksource/i8253.c)."""
_CGROUP = "sys/fs/cgroup"
_RULES = "/etc/udev/rules.d/99-rigdriver.rules"


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Time of all processors since the start of the computer, in ticks."""

    total: int
    stolen: int

    def __sub__(self, earlier: CpuTimes) -> CpuTimes:
        return CpuTimes(self.total - earlier.total, self.stolen - earlier.stolen)


def cpu_times(files: ComputerFiles) -> CpuTimes | None:
    """Return the processors' times; None where they are not shown."""
    first, *_ = (files.text("proc/stat") or "").splitlines() or [""]
    try:
        ticks = [int(cell) for cell in first.split()[1:9]]
    except ValueError:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal (proc(5)); older kernels have no steal.
    return CpuTimes(sum(ticks), ticks[7]) if len(ticks) == 8 else None


def judge_computer(
    files: ComputerFiles,
    loads: Sequence[CameraLoad],
    usb: Sequence[tuple[UsbDevice, CameraLoad | None]],
    config: RigConfig,
) -> list[CheckResult]:
    """Judge permissions, memory, processors and clock. `usb`: the rig's USB devices, each with its camera."""
    if not files.is_linux:
        return [not_checked("computer", "only Linux shows what these checks read (/sys and /proc)")]
    return [
        *judge_usb_access(files, [device for device, _ in usb]),
        *judge_port_access(files, config),
        *judge_usbfs_memory(files, [load for _, load in usb if load is not None], config),
        *judge_socket_buffers(files, loads),
        judge_cpus(files),
        judge_load(files),
        judge_memory(files, loads, config),
        judge_clock(files),
    ]


def judge_usb_access(files: ComputerFiles, usb: Sequence[UsbDevice]) -> Iterator[CheckResult]:
    """Judge whether this user may open the USB devices."""
    nodes = [(device, f"dev/bus/usb/{device.bus:03}/{device.address:03}") for device in usb]
    absent = [node for _, node in nodes if not files.is_there(node)]
    if absent:
        yield not_checked("computer.usb_access", f"/{absent[0]} is not there; a container may lack /dev/bus/usb")
    elif nodes:
        closed = [device for device, node in nodes if not files.may_use(files.path(node))]
        vendors = ", ".join(dict.fromkeys(f'ATTR{{idVendor}}=="{device.vendor_id:04x}"' for device in closed))
        remedy = (
            f'write SUBSYSTEM=="usb", {vendors}, MODE="0666" into {_RULES} (one line for each vendor), call '
            "`sudo udevadm control -R` and plug the devices in again; a maker's package brings such rules, too"
        )
        yield verdict(not closed, "computer.usb_access", len(nodes) - len(closed), len(nodes), "devices", remedy)


def judge_port_access(files: ComputerFiles, config: RigConfig) -> Iterator[CheckResult]:
    """Judge whether this user may open the port of the trigger box."""
    name = "computer.port_access"
    if config.box is None or "://" in config.box.url:
        return
    port = Path(config.box.url)
    if not os.path.exists(port):  # noqa: PTH110 - Path.exists raises where a folder on the way is closed
        yield not_checked(name, f"there is no port {port} (box.url)")
        return
    remedy = f"call `sudo usermod -aG {_group(port)} $USER` and log in again; the group owns {port}"
    yield verdict(files.may_use(port), name, files.may_use(port), True, "", remedy)


def judge_usbfs_memory(files: ComputerFiles, on_usb: Sequence[CameraLoad], config: RigConfig) -> Iterator[CheckResult]:
    """Judge the kernel's memory for USB transfers against the buffers of the USB cameras."""
    name, there = "computer.usbfs_memory", files.number(_USBFS)
    if not on_usb:
        return
    if there is None:
        yield not_checked(name, f"/{_USBFS} is not there")
        return
    if (payload := total_payload_bytes(on_usb)) is None:
        yield not_checked(name, of_unknown_size(on_usb))
        return
    needed = math.ceil(payload * config.genicam.buffers / 2**20)
    enough = max(1000, needed)
    remedy = (
        f"call `echo {enough} | sudo tee /{_USBFS}`; to keep it, add usbcore.usbfs_memory_mb={enough} to the kernel's "
        "command line; or lower genicam.buffers"
    )
    # 0 is no limit (drivers/usb/core/devio.c).
    yield verdict(there == 0 or there >= needed, name, there, f">= {needed}", "MB", remedy)


def judge_socket_buffers(files: ComputerFiles, loads: Sequence[CameraLoad]) -> Iterator[CheckResult]:
    """Judge whether a socket may hold the frame that comes while the camera process is busy."""
    name, on_net = "computer.socket_buffers", [load for load in loads if load.address is not None]
    there = files.number("proc/sys/net/core/rmem_max")
    sizes = [load.payload_bytes for load in on_net if load.payload_bytes is not None]
    if not on_net:
        return
    if there is None:
        yield not_checked(name, "/proc/sys/net/core/rmem_max is not there")
    elif not sizes:
        yield not_checked(name, of_unknown_size(on_net))
    else:
        needed = max(sizes)
        remedy = f"call `sudo sysctl -w net.core.rmem_max={max(needed, 32 << 20)}`; /etc/sysctl.d keeps it"
        yield verdict(there >= needed, name, there, f">= {needed}", "B", remedy)


def judge_cpus(files: ComputerFiles) -> CheckResult:
    """Judge the number of processors that this program may use."""
    number = usable_cpus(files)
    if number is None:
        return not_checked("computer.cpus", "/proc/stat is not there")
    remedy = (
        "camera process and application need one processor each: give this container or virtual machine more of them, "
        "or use another computer"
    )
    return verdict(number >= LEAST_CPUS, "computer.cpus", f"{number:g}", f">= {LEAST_CPUS}", "processors", remedy)


def judge_load(files: ComputerFiles) -> CheckResult:
    """Judge whether other programs leave the rig a processor: the load of the last minute."""
    number = usable_cpus(files)
    try:
        load = float((files.text("proc/loadavg") or "").split()[0])
    except (IndexError, ValueError):
        return not_checked("computer.load", "/proc/loadavg is not there")
    if number is None:
        return not_checked("computer.load", "the number of processors is not known (/proc/stat is not there)")
    if load <= number:
        return verdict(True, "computer.load", load, f"<= {number:g}", "programs at work")
    why = (
        f"{load:g} programs share {number:g} processors: this computer is too busy to tell its own delays from bad "
        "cables; close other programs (`top` shows them), wait a minute and test again"
    )
    return unknown("computer.load", f"<= {number:g}", why, "programs at work")


def judge_stolen_time(before: CpuTimes | None, after: CpuTimes | None) -> CheckResult:
    """Judge what a host of virtual machines took, between two looks or since the computer started."""
    name = "computer.stolen_time"
    if after is None or after.total <= 0:
        return not_checked(name, "/proc/stat does not show it")
    times = after if before is None or (after - before).total < LEAST_TICKS else after - before
    share = times.stolen / times.total
    remedy = (
        "other virtual machines take this one's time: give it processors of its own, or run the rig on a computer "
        "without virtual machines"
    )
    return verdict(share <= MOST_STOLEN, name, round(100 * share, 2), f"<= {100 * MOST_STOLEN:g}", "%", remedy)


def judge_memory(files: ComputerFiles, loads: Sequence[CameraLoad], config: RigConfig) -> CheckResult:
    """Judge the free memory against the buffers of the cameras and the slots of their frames."""
    name, free = "computer.memory", free_memory_bytes(files)
    if free is None:
        return not_checked(name, "/proc/meminfo does not show it")
    if (payload := total_payload_bytes(loads)) is None:
        return not_checked(name, of_unknown_size(loads))
    needed = payload * (config.genicam.buffers + config.genicam.frame_slots)
    remedy = "close other programs, or lower genicam.buffers and genicam.frame_slots"
    return verdict(free >= needed, name, free >> 20, f">= {-(-needed >> 20)}", "MB", remedy)


def judge_clock(files: ComputerFiles) -> CheckResult:
    """Judge whether the kernel's clock counts fine enough for host times."""
    name, source = "computer.clock_source", files.text(_CLOCK)
    if not source:
        return not_checked(name, f"/{_CLOCK} is not there")
    remedy = (
        f"the kernel counts time with {source}, in steps of milliseconds: `dmesg` says why it distrusts better clocks; "
        "remove clocksource= from the kernel's command line, or update the computer's firmware"
    )
    return verdict(source not in _COARSE_CLOCKS, name, source, "finer than 1 ms", "", remedy)


def usable_cpus(files: ComputerFiles) -> float | None:
    """Return how many processors this program may use: what there are, its affinity, and its container's share."""
    lines = (files.text("proc/stat") or "").splitlines()
    number = float(sum(line.startswith("cpu") and line[3:4].isdecimal() for line in lines))
    if not number:
        return None
    if files.is_this_computer and hasattr(os, "sched_getaffinity"):
        number = min(number, len(os.sched_getaffinity(0)))
    # "200000 100000" is two processors' time; "max 100000" is no limit (cgroup v2).
    quota, _, period = (files.text(f"{_CGROUP}/cpu.max") or "").partition(" ")
    return min(number, int(quota) / int(period)) if quota.isdecimal() and int(period or 0) else number


def _group(port: Path) -> str:
    try:
        return port.group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"
