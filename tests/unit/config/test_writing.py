"""Changing a rig file keeps what its author wrote, and never leaves half a file or one that does not load.

In: rig files with comments, arrays of tables and inline tables. Out: the changed text, its diff, or an error with the
file as it was. The oracle for the values is tomllib, which shares no code with the writer's library.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigdriver.config import load, write
from rigdriver.errors import ConfigError, FileNotWritten, UsageError
from rigdriver.whole_file import write_new

RIG = """\
# The rig in room 12.
name = "bench"          # as on its label

[box]
url = "/dev/ttyACM0"

[genicam]
producers = [
    "vendor.cti",       # version 3.1
]

# Upper row first.
[[cameras]]
name = "left"
serial = "11"           # was 10 until May
output = 0
features = { PixelFormat = "Mono8", Gain = 3.5 }

[[cameras]]
serial = "12"
name = "right"
output = 1

[[lamps]]
name = "flash"
kind = "pattern"
output = 6

[schedule]
rate_hz = 10            # ten per second
"""


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    return path


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"schedule.rate_hz": 12.5}, "rate_hz = 10  ", "rate_hz = 12.5  "),
        ({"cameras.1.serial": "23A7"}, 'serial = "12"', 'serial = "23A7"'),
        ({"cameras.left.serial": "23A7"}, 'serial = "11"  ', 'serial = "23A7"  '),
        ({"cameras.left.features.Gain": 6.0}, "Gain = 3.5", "Gain = 6.0"),
        ({"lamps.flash.output": 7}, "output = 6", "output = 7"),
        ({"name": "bench-2"}, 'name = "bench"  ', 'name = "bench-2"  '),
        ({"cameras.right.input": 2}, "output = 1\n", "output = 1\ninput = 2\n"),
        ({"schedule.texture_gap_us": 600}, "second\n", "second\ntexture_gap_us = 600\n"),
        ({"cameras.left.features": None}, 'features = { PixelFormat = "Mono8", Gain = 3.5 }\n', ""),
        ({"run.on_gap": "stop"}, "second\n", 'second\n\n[run]\non_gap = "stop"\n'),
        ({"calibration": Path("cal/rig.json")}, "\n\n[box]\n", '\ncalibration = "cal/rig.json"\n\n[box]\n'),
    ],
)
def test_only_the_key_that_is_named_changes(rig: Path, changes: dict[str, Any], old: str, new: str) -> None:
    assert RIG.count(old) == 1
    write(rig, changes)
    assert rig.read_text() == RIG.replace(old, new)
    load(rig)


def test_the_diff_shows_what_changed_and_is_empty_when_nothing_did(rig: Path) -> None:
    diff = write(rig, {"schedule.rate_hz": 12, "cameras.left.output": 3})
    lines = [line for line in diff.splitlines() if line[0] in "+-" and not line.startswith(("---", "+++"))]
    assert lines == ["-output = 0", "+output = 3", "-rate_hz = 10            # ten per second",
                     "+rate_hz = 12            # ten per second"]  # fmt: skip
    assert diff.startswith("--- rig.toml\n+++ rig.toml\n")
    before = rig.stat().st_ino
    assert write(rig, {"schedule.rate_hz": 12}) == ""
    assert rig.stat().st_ino == before


def test_an_element_is_appended_to_an_array_of_tables_and_removed_from_it(rig: Path) -> None:
    write(rig, {"cameras.2": {"name": "third", "serial": "13", "output": 2}})
    assert [camera.name for camera in load(rig).cameras] == ["left", "right", "third"]
    assert "# Upper row first." in rig.read_text()
    write(rig, {"cameras.third": None})
    assert tomllib.loads(rig.read_text()) == tomllib.loads(RIG)


def test_a_change_that_would_not_load_again_is_refused_with_its_line_and_the_file_stays(rig: Path) -> None:
    with pytest.raises(ConfigError, match=r"rig\.toml as changed line 30: schedule\.rate_hz = 0: .*greater than 0"):
        write(rig, {"name": "other", "schedule.rate_hz": 0})
    with pytest.raises(ConfigError, match="already used by"):
        write(rig, {"cameras.right.output": 0})
    with pytest.raises(ConfigError, match="unknown key"):
        write(rig, {"schedule.rat_hz": 10})
    assert rig.read_text() == RIG
    assert list(rig.parent.iterdir()) == [rig]


def test_a_file_that_does_not_load_can_be_mended(rig: Path) -> None:
    rig.write_text(RIG.replace("rate_hz = 10", "rate_hz = 0"))
    write(rig, {"schedule.rate_hz": 10})
    assert rig.read_text() == RIG


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cameras.middle.output": 3}, "cameras.middle: no such element; expected a number below 2 or one of left"),
        ({"cameras.7.output": 3}, "cameras.7: no such element"),
        ({"name.first": 3}, "name: holds 'bench'; expected a table"),
        ({"schedule.rate_hz": 1 + 2j}, "is not a value that TOML can hold"),
        ({"cameras.0": 3}, "is not a value that TOML can hold"),
    ],
)
def test_a_key_that_leads_nowhere_and_a_value_that_toml_lacks_are_refused(
    rig: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        write(rig, changes)
    assert told in str(caught.value)
    assert rig.read_text() == RIG


def test_permissions_line_ends_and_a_link_are_kept(rig: Path, tmp_path: Path) -> None:
    rig.write_bytes(RIG.replace("\n", "\r\n").encode())
    rig.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(rig)
    write(link, {"schedule.rate_hz": 12})
    assert link.is_symlink()
    assert stat.S_IMODE(rig.stat().st_mode) == 0o640
    assert rig.read_bytes() == RIG.replace("rate_hz = 10", "rate_hz = 12").replace("\n", "\r\n").encode()


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that nobody may write to, and this process without the rights of root."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # nobody may not enter every folder for temporary files
    (folder / "rig.toml").write_text(RIG)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_is_read_only_is_told_and_the_file_stays(as_nobody: Path) -> None:
    with pytest.raises(ConfigError, match=r"rig\.toml: cannot be written: Permission denied; the file is as it was"):
        write(as_nobody / "rig.toml", {"schedule.rate_hz": 12})
    assert (as_nobody / "rig.toml").read_text() == RIG
    assert [path.name for path in as_nobody.iterdir()] == ["rig.toml"]


def test_a_file_that_cannot_be_written_to_its_end_leaves_the_old_one(rig: Path) -> None:
    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, known[1]))
    try:
        with pytest.raises(ConfigError, match="cannot be written: File too large"):
            write(rig, {"schedule.rate_hz": 12})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, known)
    assert rig.read_text() == RIG
    assert list(rig.parent.iterdir()) == [rig]


def test_a_disk_that_is_full_when_it_is_synchronised_leaves_the_old_file(
    rig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left on device; the file is as it was; free space"):
        write(rig, {"schedule.rate_hz": 12})
    assert rig.read_text() == RIG
    assert list(rig.parent.iterdir()) == [rig]


KEYS: dict[str, st.SearchStrategy[Any]] = {
    "schedule.rate_hz": st.floats(1, 20) | st.integers(1, 20),
    "schedule.mode": st.sampled_from(["box", "free"]),
    "cameras.0.serial": st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=10)
    .map(str.strip).filter(bool).filter(lambda text: text != "12"),
    "cameras.1.exposure_us": st.floats(1, 1000),
    "cameras.0.features.Gain": st.floats(0, 10),
    "genicam.producers": st.lists(st.sampled_from(["a.cti", "b c.cti"]), min_size=1, max_size=3),
    "light.log": st.just("light.jsonl"),
    "links": st.just([{"name": "usb", "megabytes_per_s": 380}]),
}  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.fixed_dictionaries({}, optional=KEYS))
def test_whatever_changes_the_file_holds_these_values_and_all_comments(rig: Path, changes: dict[str, Any]) -> None:
    rig.write_text(RIG)
    write(rig, changes)
    expected = tomllib.loads(RIG)
    for key, value in changes.items():
        *folders, last = key.split(".")
        place: Any = expected
        for part in folders:
            place = place[int(part)] if part.isdecimal() else place.setdefault(part, {})
        place[last] = value
    text = rig.read_bytes().decode()
    assert tomllib.loads(text) == expected
    kept = [line.partition("#")[2] for line in RIG.splitlines() if "#" in line]
    lost = {" version 3.1"} if "genicam.producers" in changes else set()
    for comment in kept:
        assert comment in text or comment in lost


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    write_new(path, "one")
    with pytest.raises(UsageError, match="never overwritten"):
        write_new(path, "two")
    assert path.read_text() == "one"
    with pytest.raises(FileNotWritten, match="cannot be written: No such file"):
        write_new(tmp_path / "none" / "rig.toml", "one")
