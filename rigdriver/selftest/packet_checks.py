"""Packets of cameras that were lost and sent again during the run, and who lost them.

In: counters before and after the run: those of cameras and their streams, and those that Linux keeps of each network
port. Out: one check per camera that counts them or has an IP address. A packet that is asked for again is no lost frame
yet, so that a bad link is seen here first. Three witnesses tell where packets are lost: a damaged one is counted by the
port or the camera (cable, connector), one that found no room by the port (this computer), and one that nobody counted
was lost between (switch). Not here: frames that are incomplete (see run_checks.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.network_interfaces import NetworkInterface, reaching
from rigdriver.selftest.camera_loads import CameraLoad, ReadFeature
from rigdriver.selftest.result import CheckResult, not_checked, verdict

RESENDS = (
    "StreamPacketResendRequestCount",
    "Statistic_Resend_Request_Count",
    "StatPacketRequested",
    "PacketResendRequestCount",
)
"""Names under which streams (FLIR and simulated, Basler, Allied Vision) and cameras (FLIR) count requests for packets
that were lost."""
LINK_ERRORS = ("LinkErrorCount",)
"""Names under which cameras count damaged packets (FLIR: Oryx)."""
DAMAGED = ("rx_crc_errors", "rx_frame_errors", "rx_length_errors")
"""Linux's counters of a port for packets that arrived damaged (ABI/testing/sysfs-class-net-statistics)."""
NO_ROOM = ("rx_missed_errors", "rx_fifo_errors", "rx_over_errors", "rx_dropped")
"""Its counters for packets that arrived and found no room."""


@dataclass(frozen=True, slots=True)
class PacketCounts:
    """The counters at one moment; None where something is not counted."""

    resends: Mapping[str, int | None]
    link_errors: Mapping[str, int | None]
    """Camera -> count."""
    damaged: Mapping[str, int | None]
    no_room: Mapping[str, int | None]
    """Network port -> sum of its counters."""


def count_packets(
    cameras: Sequence[CameraLoad], interfaces: Sequence[NetworkInterface], files: ComputerFiles, read: ReadFeature
) -> PacketCounts:
    """Read all counters."""
    names = [load.name for load in cameras]
    ports = [interface.name for interface in interfaces]
    return PacketCounts(
        resends={name: _feature(name, RESENDS, read) for name in names},
        link_errors={name: _feature(name, LINK_ERRORS, read) for name in names},
        damaged={port: _sum(files, port, DAMAGED) for port in ports},
        no_room={port: _sum(files, port, NO_ROOM) for port in ports},
    )


def _feature(camera: str, names: Sequence[str], read: ReadFeature) -> int | None:
    values = (read(camera, name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


def _sum(files: ComputerFiles, port: str, counters: Sequence[str]) -> int | None:
    found = [files.number(f"sys/class/net/{port}/statistics/{counter}") for counter in counters]
    known = [count for count in found if count is not None]
    return sum(known) if known else None


def judge_packets(
    before: PacketCounts,
    after: PacketCounts,
    cameras: Sequence[CameraLoad],
    interfaces: Sequence[NetworkInterface],
) -> Iterator[CheckResult]:
    """Judge what was added meanwhile: a sound link asks for no packet again."""
    for load in cameras:
        name, resends = f"run.{load.name}.resends", _grown(before.resends, after.resends, load.name)
        if resends is None and load.address is None:
            continue
        if resends is None:
            yield not_checked(name, f"{load.label} and its stream have no counter of packets that were sent again")
            continue
        found = None if load.address is None else reaching(interfaces, load.address)
        remedy = f"{load.label}: {_culprit(before, after, load, '' if found is None else found.name)}"
        yield verdict(resends == 0, name, resends, 0, "requests", remedy)


def _culprit(before: PacketCounts, after: PacketCounts, load: CameraLoad, port: str) -> str:
    """Name the part that loses packets: cable, this computer, or what lies between."""
    damaged, no_room = _grown(before.damaged, after.damaged, port), _grown(before.no_room, after.no_room, port)
    errors = _grown(before.link_errors, after.link_errors, load.name)
    if errors:
        return f"it counts {errors} errors on its link: change the cable at the camera, and look at its plug"
    if damaged:
        return f"port {port} counts {damaged} damaged packets: change the cable at this port, and look at its plug"
    if no_room:
        return (
            f"port {port} had no room for {no_room} packets: this computer does not take them in time; free the "
            f"processor, and raise its buffers: `sudo ethtool -G {port} rx 4096`"
        )
    if damaged is None or no_room is None:
        return "packets were lost and sent again, and this computer does not show where; change the cable first"
    return (
        f"packets were lost before port {port}, which counts none as damaged or dropped: connect the camera without a "
        "switch; if that helps, use another port of the switch, or another switch"
    )


def _grown(before: Mapping[str, int | None], after: Mapping[str, int | None], name: str) -> int | None:
    old, new = before.get(name), after.get(name)
    # A counter that runs back was reset, or has reached its end.
    return None if old is None or new is None else max(0, new - old)
