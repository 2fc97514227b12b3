"""The disk of the capture folder: is there room for a run, and does it take the frames as fast as they come.

In: what was found out of a disk, what the cameras send, the rig file. Out: a check of the space and one of the speed.
Frames are counted as the cameras send them. Not here: how the disk was tried (see write_speed.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.config import RigConfig
from rigdriver.selftest.camera_loads import CameraLoad, of_unknown_size, total_megabytes_per_s, total_payload_bytes
from rigdriver.selftest.result import CheckResult, not_checked, unknown, verdict
from rigdriver.selftest.write_speed import DiskFacts

LONGEST_RUN_S = 60
"""Length of a run that must fit, in s; shorter where the light limits end a run before."""


def judge_disk(disk: DiskFacts, loads: Sequence[CameraLoad], config: RigConfig) -> list[CheckResult]:
    """Judge the disk of the folder into which `rigdriver capture` would write."""
    return [judge_space(disk, loads, config), judge_write_speed(disk, loads)]


def judge_space(disk: DiskFacts, loads: Sequence[CameraLoad], config: RigConfig) -> CheckResult:
    """Judge the free space against one run: as long as the light limits allow, a minute at most."""
    name, frame_set = "computer.disk_space", total_payload_bytes(loads)
    if frame_set is None:
        return not_checked(name, of_unknown_size(loads))
    frames = min(config.light.max_train_flashes, int(LONGEST_RUN_S * config.schedule.rate_hz) + 1)
    needed = frame_set * frames
    if disk.free_bytes is None:
        return unknown(name, f">= {needed / 1e6:.0f}", disk.why, "MB")
    remedy = (
        f"a run of {frames} frame sets does not fit below {disk.folder}: free space, or capture "
        "to another disk (`rigdriver capture --out DIR`)"
    )
    return verdict(disk.free_bytes >= needed, name, disk.free_bytes // 10**6, f">= {needed / 1e6:.0f}", "MB", remedy)


def judge_write_speed(disk: DiskFacts, loads: Sequence[CameraLoad]) -> CheckResult:
    """Judge the measured speed against what the cameras send."""
    name, rate = "computer.write_speed", total_megabytes_per_s(loads)
    if rate is None:
        return not_checked(name, of_unknown_size(loads))
    if disk.megabytes_per_s is None:
        return unknown(name, f">= {rate:.0f}", disk.why, "MB/s")
    remedy = (
        f"the disk below {disk.folder} takes less than the cameras send: capture to a faster disk "
        "(`rigdriver capture --out DIR`), or lower rate_hz or the image size"
    )
    measured = round(disk.megabytes_per_s, 1)
    return verdict(disk.megabytes_per_s >= rate, name, measured, f">= {rate:.0f}", "MB/s", remedy)
