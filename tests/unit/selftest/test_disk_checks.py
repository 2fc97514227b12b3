"""The disk of the capture folder: what is written to find out, and what is judged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigdriver.config import RigConfig, parse
from rigdriver.devices.computer_files import ComputerFiles
from rigdriver.recording import disk_speed
from rigdriver.recording.disk_speed import MOST_BYTES, measured_megabytes_per_s
from rigdriver.selftest import write_speed
from rigdriver.selftest.camera_loads import CameraLoad
from rigdriver.selftest.disk_checks import judge_disk
from rigdriver.selftest.result import CheckResult, Status
from rigdriver.selftest.write_speed import DiskFacts, disk_facts
from tests.fake_time import FakeTime

IMAGE_BYTES = 2048 * 1536
FOLDER = Path("/captures")


def rig(light: str = "") -> RigConfig:
    text = 'name = "r"\ngenicam = { producers = ["x.cti"] }\nbox = { url = "/dev/ttyACM0" }\n'
    return parse(f'{text}cameras = [{{ name = "a", serial = "A1", output = 0 }}]\n{light}', "rig.toml", Path())


def judged(disk: DiskFacts, size: int | None = IMAGE_BYTES, light: str = "") -> dict[str, CheckResult]:
    checks = judge_disk(disk, [CameraLoad("a", "A1", 10, size)], rig(light))
    return {check.name.partition(".")[2]: check for check in checks}


@pytest.mark.parametrize(
    ("free", "speed", "space", "pace"),
    [
        (10**9, 200.0, Status.GOOD, Status.GOOD),
        (300 * 10**6, 200.0, Status.FAILED, Status.GOOD),
        (10**9, 31.0, Status.GOOD, Status.FAILED),
        (10**9, None, Status.GOOD, Status.UNKNOWN),
        (None, None, Status.UNKNOWN, Status.UNKNOWN),
    ],
)
def test_space_and_speed_are_judged_by_what_the_cameras_send(free, speed, space: Status, pace: Status) -> None:
    checks = judged(DiskFacts(FOLDER, free, speed, "no such folder"))
    assert (checks["disk_space"].status, checks["write_speed"].status) == (space, pace)
    assert (checks["disk_space"].expected, checks["write_speed"].expected) == (">= 315", ">= 31")


def test_a_run_without_a_near_limit_on_light_needs_room_for_a_minute() -> None:
    check = judged(DiskFacts(FOLDER, 10**9, 200.0), light="[light]\nmax_train_flashes = 100000\n")["disk_space"]
    assert (check.status, check.expected) == (Status.FAILED, ">= 1891")
    assert "`rigdriver capture --out DIR`" in check.remedy


def test_frames_of_unknown_size_are_not_checked() -> None:
    assert {check.status for check in judged(DiskFacts(FOLDER, 10**9, 200.0), size=None).values()} == {
        Status.NOT_CHECKED
    }


class PlayedDisk:
    """A disk that takes a given number of bytes per second of played time."""

    def __init__(self, time: FakeTime, bytes_per_s: float) -> None:
        self._time, self._bytes_per_s = time, bytes_per_s
        self.parts: list[int] = []
        self.names: list[str] = []

    def write(self, descriptor: int, data: bytes) -> None:
        self.parts.append(len(data))
        self.names.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        self._time.pass_s(len(data) / self._bytes_per_s)


@pytest.mark.parametrize("megabytes_per_s", [5, 20, 100, 500, 5000])
def test_the_speed_is_measured_within_two_seconds_and_256_megabytes(tmp_path: Path, megabytes_per_s: float) -> None:
    time = FakeTime()
    begun_s = time.now_s()
    disk = PlayedDisk(time, megabytes_per_s * 1e6)
    assert measured_megabytes_per_s(tmp_path, time, disk.write) == pytest.approx(megabytes_per_s, rel=1e-6)
    assert sum(disk.parts) <= MOST_BYTES
    assert time.now_s() - begun_s <= 2
    assert all("(deleted)" in name for name in disk.names), "a program that is killed leaves no file"
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_gone_when_the_disk_refuses(tmp_path: Path) -> None:
    def refuse(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        measured_megabytes_per_s(tmp_path, FakeTime(), refuse)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def write(_descriptor: int, _data: bytes) -> int:
        steps.append("write")
        return 3

    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", lambda _: steps.append("fsync"))
    disk_speed._write_through(0, b"seven..")
    assert steps == ["write", "write", "write", "fsync"]


def test_nothing_is_written_where_the_space_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_speed, "SPARE", 10**9)
    monkeypatch.setattr(write_speed, "measured_megabytes_per_s", lambda *_: pytest.fail("the disk was written to"))
    facts = disk_facts(ComputerFiles(), tmp_path)
    assert facts.megabytes_per_s is None
    assert facts.free_bytes
    assert "MB free, too few to try" in facts.why


def test_a_folder_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    facts = disk_facts(ComputerFiles(), tmp_path / "gone")
    assert (facts.free_bytes, facts.megabytes_per_s) == (None, None)
    assert "No such file or directory" in facts.why


def test_a_disk_that_refuses_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_folder: Path) -> float:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(write_speed, "measured_megabytes_per_s", refuse)
    assert "cannot be written to: Read-only file system" in disk_facts(ComputerFiles(), tmp_path).why


@pytest.mark.parametrize(("text", "speed"), [("1000000000\n250000000\n", 250.0), ("", None), ("much\nfast", None)])
def test_a_simulated_computer_states_its_disk(tmp_path: Path, text: str, speed: float | None) -> None:
    (tmp_path / "disk").write_text(text)
    facts = disk_facts(ComputerFiles(tmp_path), tmp_path / "captures")
    assert facts.megabytes_per_s == speed
    assert bool(facts.why) is (speed is None)
