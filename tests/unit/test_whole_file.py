"""Files are written whole or not at all, files that grow have whole lines, and what cannot be written is told.

In: folders, full disks, limits. Out: content, permissions, sentences. Not here: what each writer writes.
"""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigdriver.errors import FileNotWritten, UsageError
from rigdriver.line_file import LineFile
from rigdriver.whole_file import make_folder, write_new, write_set, write_whole

FULL = Path("/dev/full")
"""Linux's disk that is always full."""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond that size; the write that would fails in its middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_holds_all_its_parts_and_nothing_lies_beside_it(tmp_path):
    write_whole(tmp_path / "a.txt", "grün\n", b"raw", memoryview(b"view"))
    assert (tmp_path / "a.txt").read_bytes() == "grün\n".encode() + b"rawview"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_an_older_file_stays_and_no_half_one_is_left_when_the_disk_takes_no_more(tmp_path):
    write_whole(tmp_path / "a.txt", "old")
    with files_up_to(8192), pytest.raises(FileNotWritten, match=r"a\.txt: cannot be written: File too large; raise"):
        write_whole(tmp_path / "a.txt", b"x" * 100_000)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_of_files_that_belong_together_none_is_written_when_one_does_not_fit(tmp_path):
    write_whole(tmp_path / "a", "old")
    with files_up_to(8192), pytest.raises(FileNotWritten, match="b: cannot be written"):
        write_set({tmp_path / "a": "new", tmp_path / "b": b"x" * 100_000})
    assert (tmp_path / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    write_set({tmp_path / "a": "new", tmp_path / "b": "too"})
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("new", "too")


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_is_told_with_the_file_and_the_remedy(tmp_path):
    script = """
import sys
from pathlib import Path
from rigdriver.errors import FileNotWritten
from rigdriver.whole_file import write_whole
folder = Path(sys.argv[1])
write_whole(folder / "a", "old")
try:
    write_whole(folder / "a", bytes(1 << 20))
except FileNotWritten as exc:
    print(exc, exc.errno, sorted(p.name for p in folder.iterdir()), (folder / "a").read_text())
"""
    command = f"mount -t tmpfs -o size=64k none {tmp_path} || exit 77; exec {sys.executable} -c '{script}' {tmp_path}"
    words = ["unshare", "-m", "sh", "-c", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode == 77:
        pytest.skip(f"cannot mount: {done.stderr}")
    assert done.stdout == (
        f"{tmp_path}/a: cannot be written: No space left on device; free space on the disk, or name a file on "
        "another one 28 ['a'] old\n"
    ), done.stderr


def test_a_path_that_is_a_folder_or_lies_in_none_is_told(tmp_path):
    with pytest.raises(FileNotWritten, match="Is a directory; name a file, not a folder"):
        write_whole(tmp_path, "x")
    with pytest.raises(FileNotWritten, match="No such file or directory; name a folder that exists"):
        write_whole(tmp_path / "no" / "a", "x")
    write_whole(tmp_path / "a", "x")
    with pytest.raises(FileNotWritten, match="name a folder that exists"):
        write_whole(tmp_path / "a" / "b", "x")
    with pytest.raises(FileNotWritten, match="cannot be written"):
        make_folder(tmp_path / "a" / "b")
    with pytest.raises(FileNotWritten, match="File name too long; name a shorter one"):
        write_whole(tmp_path / ("a" * 300), "x")


def test_a_link_that_leads_to_itself_is_told(tmp_path):
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(FileNotWritten, match="cannot be written"):
        write_whole(tmp_path / "a", "x")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "a").symlink_to("b")
    write_whole(tmp_path / "a", "x")
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "b").read_text() == "x"


def test_a_device_is_written_to_and_never_replaced():
    before = FULL.stat()
    with pytest.raises(FileNotWritten, match=r"/dev/full: cannot be written: No space left on device"):
        write_whole(FULL, "x")
    assert FULL.stat().st_ino == before.st_ino
    assert stat.S_ISCHR(FULL.stat().st_mode)


def test_a_new_file_never_takes_the_place_of_another(tmp_path):
    write_new(tmp_path / "a", "first")
    with pytest.raises(UsageError, match="exists already"):
        write_new(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_shows_people_is_private_whatever_the_umask_says(tmp_path):
    with umask(0):
        make_folder(tmp_path / "faces" / "left", is_private=True)
        write_whole(tmp_path / "faces" / "left" / "a.png", "x", is_private=True)
        write_whole(tmp_path / "open", "x")
        with LineFile(tmp_path / "lines", is_private=True) as lines:
            lines.append("x")
    assert [mode(tmp_path / name) for name in ("faces", "faces/left", "faces/left/a.png", "open", "lines")] == [
        0o700,
        0o700,
        0o600,
        0o666,
        0o600,
    ]


def test_a_replaced_file_keeps_its_permissions_unless_it_is_private(tmp_path):
    write_whole(tmp_path / "a", "x")
    (tmp_path / "a").chmod(0o640)
    write_whole(tmp_path / "a", "y")
    assert mode(tmp_path / "a") == 0o640
    write_whole(tmp_path / "a", "z", is_private=True)
    assert mode(tmp_path / "a") == 0o600


def test_lines_are_added_and_stand_in_the_file_at_once(tmp_path):
    with LineFile(tmp_path / "new" / "log") as first:
        first.append("1", "2", is_durable=True)
        assert (tmp_path / "new" / "log").read_text() == "1\n2\n"
    with LineFile(tmp_path / "new" / "log") as second:
        second.append("3")
    second.close()
    assert (tmp_path / "new" / "log").read_text() == "1\n2\n3\n"


def test_a_torn_last_line_is_ended_before_another_follows(tmp_path, caplog):
    (tmp_path / "log").write_text('{"a": 1}\n{"a": ')
    with LineFile(tmp_path / "log") as lines:
        lines.append('{"a": 2}')
    assert (tmp_path / "log").read_text() == '{"a": 1}\n{"a": \n{"a": 2}\n'
    assert "its last line is not whole" in caplog.text


def test_a_line_that_does_not_fit_is_taken_back(tmp_path):
    with LineFile(tmp_path / "log") as lines:
        lines.append("x" * 4000)
        with files_up_to(8000), pytest.raises(FileNotWritten, match="log: cannot be written: File too large"):
            lines.append("y" * 5000)
        assert (tmp_path / "log").read_text() == "x" * 4000 + "\n"
        lines.append("z")
    assert (tmp_path / "log").read_text() == "x" * 4000 + "\nz\n"


def test_a_line_for_a_file_that_was_removed_is_refused(tmp_path):
    with LineFile(tmp_path / "log") as lines:
        (tmp_path / "log").unlink()
        with pytest.raises(FileNotWritten, match="log: cannot be written: it was removed"):
            lines.append("x")


def test_a_line_for_a_full_disk_is_refused():
    with LineFile(FULL) as lines, pytest.raises(FileNotWritten, match="/dev/full: cannot be written: No space left"):
        lines.append("x", is_durable=True)
