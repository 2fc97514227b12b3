"""The computer, judged from planted files: good, bad, and without any evidence."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.usb_devices import UsbDevice
from rigdriver.selftest.camera_loads import CameraLoad
from rigdriver.selftest.computer_checks import (
    CpuTimes,
    cpu_times,
    judge_clock,
    judge_computer,
    judge_cpus,
    judge_load,
    judge_memory,
    judge_port_access,
    judge_socket_buffers,
    judge_stolen_time,
    judge_usb_access,
    judge_usbfs_memory,
)
from rigdriver.selftest.result import CheckResult, Status
from tests.planted_computer import Planted

IMAGE_BYTES = 2048 * 1536
STAT = "cpu  10000 0 2000 80000 0 0 0 {stolen} 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\ncpu1 1 0 1 1 0 0 0 0 0 0\nintr 1"
CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
USBFS = "sys/module/usbcore/parameters/usbfs_memory_mb"


def rig(url: str = "socket://10.0.0.1:4000") -> RigConfig:
    text = f'name = "r"\ngenicam = {{ producers = ["x.cti"] }}\nbox = {{ url = "{url}" }}\n'
    return parse(f'{text}cameras = [{{ name = "a", serial = "A1", output = 0 }}]', "rig.toml", Path())


def load(size: int | None = IMAGE_BYTES, address: str | None = None) -> CameraLoad:
    return CameraLoad("a", "A1", 10, size, IPv4Address(address) if address else None)


def device(address: int = 3, vendor: int = 0x2676) -> UsbDevice:
    return UsbDevice("0000:00:14.0", 2, (1,), address, 5000.0, 5000.0, vendor, 0xBA02, "A1")


def only(checks) -> CheckResult:
    (check,) = checks
    return check


@pytest.fixture
def computer(tmp_path: Path) -> Planted:
    """A desktop computer with two processors, as it should be."""
    planted = Planted(tmp_path)
    planted.write("proc/stat", STAT.format(stolen=0))
    planted.write("proc/loadavg", "0.31 0.40 0.22 2/900 4242")
    planted.write("proc/meminfo", "MemTotal: 16000000 kB\nMemFree: 100000 kB\nMemAvailable: 8000000 kB")
    planted.write("proc/sys/net/core/rmem_max", "33554432")
    planted.write(USBFS, "1000")
    planted.write(CLOCK, "tsc")
    planted.write("dev/bus/usb/002/003", "")
    return planted


@pytest.fixture
def bare(tmp_path: Path) -> ComputerFiles:
    """A container without /sys, /proc and /dev."""
    return ComputerFiles(tmp_path / "nowhere", is_linux=True)


def test_a_good_computer_is_good_in_every_check(computer: Planted) -> None:
    checks = judge_computer(computer.files, [load()], [(device(), load())], rig())
    assert {check.status for check in checks} == {Status.GOOD}
    assert [check.name.partition(".")[2] for check in checks] == [
        "usb_access", "usbfs_memory", "cpus", "load", "memory", "clock_source"
    ]  # fmt: skip


def test_a_container_without_these_files_is_not_checked_and_nothing_raises(bare: ComputerFiles) -> None:
    loads = [load(address="10.0.0.2")]
    checks = judge_computer(bare, loads, [(device(), load())], rig("/dev/nobody-has-this"))
    checks.append(judge_stolen_time(cpu_times(bare), cpu_times(bare)))
    assert {check.status for check in checks} == {Status.NOT_CHECKED}
    assert all(check.remedy for check in checks)


def test_files_with_nonsense_are_no_evidence(computer: Planted) -> None:
    for name in ("proc/stat", "proc/loadavg", "proc/meminfo", "proc/sys/net/core/rmem_max", USBFS):
        computer.write(name, "cpu what")
    checks = judge_computer(computer.files, [load(address="10.0.0.2")], [(device(), load())], rig())
    checks.append(judge_stolen_time(None, cpu_times(computer.files)))
    statuses = {check.name: check.status for check in checks}
    assert {name for name, status in statuses.items() if status is Status.GOOD} == {
        "computer.usb_access", "computer.clock_source"
    }  # fmt: skip
    assert set(statuses.values()) == {Status.GOOD, Status.NOT_CHECKED}


def test_other_systems_get_one_line_that_says_so(tmp_path: Path) -> None:
    planted = Planted(tmp_path, is_linux=False)
    check = only(judge_computer(planted.files, [load()], [], rig()))
    assert (check.name, check.status) == ("computer", Status.NOT_CHECKED)
    assert "only Linux" in check.remedy


def test_usb_devices_without_a_udev_rule_are_counted_and_the_rule_is_told(tmp_path: Path) -> None:
    planted = Planted(tmp_path, may_use=lambda path: path.name == "004")
    for number in (3, 4):
        planted.write(f"dev/bus/usb/002/{number:03}", "")
    check = only(judge_usb_access(planted.files, [device(3), device(4, 0x1E10)]))
    assert (check.status, check.measured, check.expected) == (Status.FAILED, 1, 2)
    assert 'SUBSYSTEM=="usb", ATTR{idVendor}=="2676", MODE="0666"' in check.remedy
    assert "1e10" not in check.remedy
    assert "/etc/udev/rules.d/99-rigdriver.rules" in check.remedy


def test_a_rig_without_usb_devices_needs_no_access(computer: Planted) -> None:
    assert list(judge_usb_access(computer.files, [])) == []


def test_a_port_that_this_user_may_not_open_names_its_group(tmp_path: Path) -> None:
    port = tmp_path / "ttyACM0"
    port.write_text("")
    closed = Planted(tmp_path, may_use=lambda _: False)
    check = only(judge_port_access(closed.files, rig(str(port))))
    assert check.status is Status.FAILED
    assert f"sudo usermod -aG {port.group()} $USER" in check.remedy
    assert only(judge_port_access(Planted(tmp_path).files, rig(str(port)))).status is Status.GOOD
    assert list(judge_port_access(closed.files, rig())) == [], "a box behind a socket has no port here"


@pytest.mark.parametrize(
    ("megabytes", "buffers", "status"),
    [("16", 8, Status.FAILED), ("24", 8, Status.GOOD), ("0", 8, Status.GOOD), ("1000", 256, Status.GOOD)],
)
def test_usb_transfers_need_memory_for_all_buffers_and_zero_is_no_limit(
    computer: Planted, megabytes: str, buffers: int, status: Status
) -> None:
    computer.write(USBFS, megabytes)
    config = rig()
    config = config.model_copy(update={"genicam": config.genicam.model_copy(update={"buffers": buffers})})
    check = only(judge_usbfs_memory(computer.files, [load()], config))
    assert check.status is status
    if status is Status.FAILED:
        assert (check.measured, check.expected, check.unit) == (16, ">= 24", "MB")
        assert "echo 1000 | sudo tee /sys/module/usbcore/parameters/usbfs_memory_mb" in check.remedy


def test_memory_for_usb_is_not_checked_without_cameras_or_their_sizes(computer: Planted) -> None:
    assert list(judge_usbfs_memory(computer.files, [], rig())) == []
    assert only(judge_usbfs_memory(computer.files, [load(None)], rig())).status is Status.NOT_CHECKED


@pytest.mark.parametrize(("limit", "status"), [("212992", Status.FAILED), ("33554432", Status.GOOD)])
def test_a_socket_must_hold_one_frame(computer: Planted, limit: str, status: Status) -> None:
    computer.write("proc/sys/net/core/rmem_max", limit)
    check = only(judge_socket_buffers(computer.files, [load(address="192.168.10.7")]))
    assert check.status is status
    assert ("`sudo sysctl -w net.core.rmem_max=33554432`" in check.remedy) is (status is Status.FAILED)
    assert list(judge_socket_buffers(computer.files, [load()])) == [], "no camera hangs on a network"
    unsized = judge_socket_buffers(computer.files, [load(None, "192.168.10.7")])
    assert only(unsized).status is Status.NOT_CHECKED


@pytest.mark.parametrize(
    ("quota", "number", "status"),
    [(None, 2, Status.GOOD), ("max 100000", 2, Status.GOOD), ("150000 100000", 1.5, Status.FAILED),
     ("x y", 2, Status.GOOD)],
)  # fmt: skip
def test_processors_are_counted_within_the_share_of_a_container(
    computer: Planted, quota: str | None, number: float, status: Status
) -> None:
    if quota is not None:
        computer.write("sys/fs/cgroup/cpu.max", quota)
    check = judge_cpus(computer.files)
    assert (check.status, check.measured) == (status, f"{number:g}")


def test_a_busy_computer_is_unknown_and_blames_no_cable(computer: Planted) -> None:
    assert judge_load(computer.files).status is Status.GOOD
    computer.write("proc/loadavg", "9.44 7.75 6.10 12/137 20092")
    check = judge_load(computer.files)
    assert check.status is Status.UNKNOWN
    assert check.remedy.startswith("9.44 programs share 2 processors: this computer is too busy to tell")


@pytest.mark.parametrize(
    ("before", "after", "share", "status"),
    [
        (CpuTimes(1000, 0), CpuTimes(1400, 3), 0.75, Status.GOOD),
        (CpuTimes(1000, 0), CpuTimes(1400, 40), 10.0, Status.FAILED),
        (CpuTimes(1000, 100), CpuTimes(1400, 100), 0.0, Status.GOOD),
        # Too short a time to judge: what went before counts.
        (CpuTimes(1000, 100), CpuTimes(1010, 100), 9.9, Status.FAILED),
        (None, CpuTimes(1000, 0), 0.0, Status.GOOD),
    ],
)
def test_stolen_time_is_judged_between_two_looks(before, after, share: float, status: Status) -> None:
    check = judge_stolen_time(before, after)
    assert (check.status, check.measured, check.unit) == (status, share, "%")


def test_stolen_time_is_read_where_proc_stat_has_it(computer: Planted) -> None:
    computer.write("proc/stat", STAT.format(stolen=8000))
    assert cpu_times(computer.files) == CpuTimes(100_000, 8000)
    computer.write("proc/stat", "cpu 1 2 3 4")
    assert cpu_times(computer.files) is None


@pytest.mark.parametrize(
    ("available_kb", "limit", "used", "status"),
    [(8_000_000, None, None, Status.GOOD), (70_000, None, None, Status.FAILED), (80_000, "max", "5", Status.GOOD),
     (8_000_000, "200000000", "190000000", Status.FAILED), (8_000_000, "200000000", None, Status.GOOD)],
)  # fmt: skip
def test_free_memory_is_judged_against_buffers_and_slots_and_within_a_container(
    computer: Planted, available_kb: int, limit: str | None, used: str | None, status: Status
) -> None:
    computer.write("proc/meminfo", f"MemTotal: 16000000 kB\nMemAvailable: {available_kb} kB")
    for name, text in (("max", limit), ("current", used)):
        if text is not None:
            computer.write(f"sys/fs/cgroup/memory.{name}", text)
    check = judge_memory(computer.files, [load()], rig())
    assert (check.status, check.expected) == (status, ">= 72")
    assert judge_memory(computer.files, [load(None)], rig()).status is Status.NOT_CHECKED


@pytest.mark.parametrize(
    ("source", "status"),
    [("tsc", Status.GOOD), ("kvm-clock", Status.GOOD), ("arch_sys_counter", Status.GOOD), ("hpet", Status.GOOD),
     ("jiffies", Status.FAILED), ("refined-jiffies", Status.FAILED)],
)  # fmt: skip
def test_a_clock_of_milliseconds_is_too_coarse(computer: Planted, source: str, status: Status) -> None:
    computer.write(CLOCK, source)
    assert judge_clock(computer.files).status is status
