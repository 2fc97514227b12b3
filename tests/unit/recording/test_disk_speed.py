"""Whether the disk keeps up: the figure that a refusal tells, what is remembered of a disk, and what a trial leaves.

In: folders, measurements made up here. Out: refusals; a remembered figure that is good is used, a bad one is measured
again. Nothing here depends on how fast this disk is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.devices.free_memory import free_memory_bytes
from rigdriver.errors import FileNotWritten, UsageError
from rigdriver.procedures.record_checks import refuse_if_memory_is_short, refuse_if_too_slow
from rigdriver.recording import disk_speed
from rigdriver.recording.disk_speed import default_file, disk_megabytes_per_s, measured_megabytes_per_s

FRAME_SET = 20_000_000


class Disk:
    def __init__(self, *speeds: float | None) -> None:
        self.speeds = list(speeds)

    def __call__(self, _folder: Path) -> float | None:
        return self.speeds.pop(0)


def test_a_disk_that_is_too_slow_is_refused_with_both_figures(tmp_path):
    with pytest.raises(UsageError, match=r"takes 100 MB/s, and the cameras send 200 MB/s; expected 5\.0 frame sets"):
        refuse_if_too_slow(tmp_path / "take.mcap", FRAME_SET, 10.0, tmp_path / "disks.json", Disk(100.0))
    refuse_if_too_slow(tmp_path / "take.mcap", FRAME_SET, 10.0, tmp_path / "disks.json", Disk(201.0))


def test_a_good_figure_is_remembered_for_a_day_and_a_bad_one_is_measured_again(tmp_path, mocker):
    now = mocker.patch.object(disk_speed, "time", return_value=1000.0)
    file, disk = tmp_path / "cache" / "disks.json", Disk(100.0, 300.0, 250.0)
    asked = (tmp_path, 200.0, file, disk)
    assert disk_megabytes_per_s(*asked) == 100.0
    assert disk_megabytes_per_s(*asked) == 300.0, "it was busy, perhaps"
    now.return_value = 1000.0 + 86_399
    assert disk_megabytes_per_s(*asked) == 300.0
    now.return_value = 1000.0 + 86_400
    assert disk_megabytes_per_s(*asked) == 250.0
    assert disk.speeds == []
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}', '{"a": {"megabytes_per_s": "fast"}}', "\xff"])
def test_a_damaged_memory_is_measured_anew(tmp_path, text):
    file = tmp_path / "disks.json"
    file.write_text(text, encoding="latin-1")
    assert disk_megabytes_per_s(tmp_path, 1.0, file, Disk(7.0)) == 7.0
    assert next(iter(json.loads(file.read_text()).values()))["megabytes_per_s"] == 7.0


def test_slow_cameras_and_small_disks_are_not_tried(tmp_path):
    refuse_if_too_slow(tmp_path / "take.mcap", 500_000, 10.0, tmp_path / "disks.json", Disk())
    refuse_if_too_slow(tmp_path / "take.mcap", FRAME_SET, 10.0, tmp_path / "disks.json", Disk(None))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_with_less_room_is_tried_with_less_and_a_full_one_not_at_all(tmp_path, mocker):
    free = mocker.patch.object(shutil, "disk_usage")
    parts: list[int] = []
    free.return_value.free = 40 << 20
    assert measured_megabytes_per_s(tmp_path, write=lambda _file, data: parts.append(len(data))) is not None
    assert sum(parts) <= 10 << 20
    free.return_value.free = 3 << 20
    assert measured_megabytes_per_s(tmp_path, write=lambda *_: pytest.fail("it was written to")) is None


def test_speeds_are_remembered_in_the_folder_of_caches_that_the_environment_names(tmp_path):
    assert default_file({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "rigdriver" / "disks.json"
    assert default_file({}) == Path.home() / ".cache" / "rigdriver" / "disks.json"


def test_a_disk_that_refuses_its_trial_is_told_as_one_that_cannot_be_written_to(tmp_path):
    def refuse(_folder: Path) -> float:
        raise OSError(30, "Read-only file system")

    with pytest.raises(FileNotWritten, match="Read-only file system"):
        disk_megabytes_per_s(tmp_path, 1.0, tmp_path / "disks.json", refuse)


def test_what_waits_before_a_trigger_must_fit_into_the_memory():
    refuse_if_memory_is_short(5.0, 50, 10**7, 10**9)
    refuse_if_memory_is_short(5.0, 50, 10**7, None)
    with pytest.raises(UsageError, match=r"needs 0\.50 GB of memory, and 0\.40 GB are free; expected 3\.2 s at most"):
        refuse_if_memory_is_short(5.0, 50, 10**7, 400_000_000)


def test_the_limit_of_a_container_counts_where_it_is_lower(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:  4000 kB\n")
    assert free_memory_bytes(ComputerFiles(tmp_path)) == 4_096_000
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1000000\n")
    (group / "memory.max").write_text("max\n")
    assert free_memory_bytes(ComputerFiles(tmp_path)) == 4_096_000
    (group / "memory.max").write_text("3000000\n")
    assert free_memory_bytes(ComputerFiles(tmp_path)) == 2_000_000
    assert free_memory_bytes(ComputerFiles(tmp_path / "none")) is None
