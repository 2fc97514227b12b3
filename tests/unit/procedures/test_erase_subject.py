"""An erasure leaves no byte of the subject, finishes after a kill at any step, and touches nobody else's files.

In: a data folder with two subjects, whose files hold bytes that stand nowhere else. Out: what a search of every byte
finds after the erasure; it is written here anew, so that it is no witness in its own cause.
"""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rigdriver.catalogue import catalogue_file
from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.erasing import is_unfinished
from rigdriver.catalogue.removing import RemovalKind
from rigdriver.catalogue.subjects import SubjectWishes, add_subject, all_subjects, find_subject, subject_of
from rigdriver.catalogue.takes import TakeQuality, begin_take, end_take, note_places, takes_of
from rigdriver.errors import CatalogueUnusable, StateError, UsageError
from rigdriver.findings import CatalogueFault
from rigdriver.procedures import erase_subject
from rigdriver.procedures.erase_subject import Erased, erase, finish_erasure, plan_erasure

GONE, OTHER = "P00012", "P00012A3"
"""The id of the second subject begins with that of the first."""
IMAGE = {GONE: b"\x93\x01image bytes of the one\xfe", OTHER: b"\x93\x02image bytes of the other\xfe"}
QUALITY = TakeQuality("complete", "", 1, 1, 0, 2.0)
KILLS = [
    ("erase", "_remove", 0), ("os", "unlink", 0), ("os", "unlink", 1), ("os", "rmdir", 0), ("os", "rmdir", 1),
    ("erase", "forget", 0), ("sql", "DELETE FROM subject", 0), ("sql", "COMMIT", 1), ("file", "scrub", 0),
    ("sql", "VACUUM", 0), ("erase", "search_bytes", 0), ("erase", "note_finished", 0),
]  # fmt: skip
"""Each step of an erasure, and how often it is passed before the kill."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two subjects with a recording and a folder of images each; the cache holds something of nobody."""
    folder = tmp_path / "data"
    (folder / "cache" / "rigdriver").mkdir(parents=True)
    (folder / "cache" / "rigdriver" / "scene").write_text("a scene")
    with CatalogueFile(folder / "catalogue.sqlite", is_made=True) as file:
        for subject_id in (GONE, OTHER):
            add_subject(file, subject_id, SubjectWishes(note="n" * 300, keep_until=date(2026, 1, 1)))
            for number in (1, 2):
                _take(file, folder, subject_id, number)
    return folder


def _take(file: CatalogueFile, data: Path, subject_id: str, number: int) -> None:
    take = begin_take(file, subject_of(file, subject_id), SubjectWishes(note=f"of {subject_id}"), 1)
    home = data / f"sub-{subject_id}"
    files = [home / f"sub-{subject_id}_take-{number:03d}.mcap"]
    folders = []
    if number == 2:
        images = home / f"sub-{subject_id}_take-002"
        (images / "left").mkdir(parents=True)
        files = [images / "left" / f"{n:06d}.png" for n in range(3)]
        folders = [images, images / "left"]
    home.mkdir(exist_ok=True)
    for path in files:
        path.write_bytes(b"." * 100 + IMAGE[subject_id] + subject_id.encode())
    note_places(file, take, files, folders)
    end_take(file, take, QUALITY)


def _holding(folder: Path, word: bytes) -> list[str]:
    """Return every file and folder with these bytes in its name or content; those of the other id do not count."""
    found = []
    for path in folder.rglob("*"):
        raw = os.fsencode(path.name) + b"\n" + (path.read_bytes() if path.is_file() else b"")
        if word in raw.replace(OTHER.encode(), b"").replace(IMAGE[OTHER], b""):
            found.append(str(path.relative_to(folder)))
    return found


def _traces(data: Path) -> list[str]:
    return _holding(data, GONE.encode()) + _holding(data, IMAGE[GONE])


def _erase(data: Path, **wishes: object) -> Erased:
    with CatalogueFile(data / "catalogue.sqlite") as file:
        subject = find_subject(file, GONE)
        environment = {"XDG_CACHE_HOME": str(data / "cache")}
        if subject is None:
            return finish_erasure(file, GONE, environment)
        return erase(file, plan_erasure(file, subject, **wishes), environment)  # type: ignore[arg-type]


class Killing:
    """Stands for a function or a connection, and kills this process when it has been used that often."""

    def __init__(self, real: Any, word: str, passed: int) -> None:
        self._real = real
        self._word = word
        self._left = passed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __call__(self, *words: Any, **keys: Any) -> Any:
        self._count()
        return self._real(*words, **keys)

    def execute(self, sql: str, *words: Any) -> Any:
        if sql.startswith(self._word):
            self._count()
        return self._real.execute(sql, *words)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _killed(data: Path, where: str, name: str, passed: int) -> int:
    """Erase in a process that is killed at that step; return how it ended."""
    child = os.fork()
    if child == 0:
        try:
            if where != "sql":
                place: Any = {"os": os, "erase": erase_subject, "file": CatalogueFile}[where]
                setattr(place, name, Killing(getattr(place, name), name, passed))
            with CatalogueFile(data / "catalogue.sqlite") as file:
                plan = plan_erasure(file, subject_of(file, GONE))
                if where == "sql":
                    file._connection = Killing(file._connection, name, passed)  # type: ignore[assignment]
                erase(file, plan, {"XDG_CACHE_HOME": str(data / "cache")})
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_no_byte_of_the_subject_is_left_and_all_of_the_other_is(data: Path) -> None:
    before = {path: path.read_bytes() for path in (data / f"sub-{OTHER}").rglob("*") if path.is_file()}
    assert len(_traces(data)) == 7 + 4, "the id is in two folders, the catalogue and four files; these hold the images"
    done = _erase(data)
    assert done.is_proved
    assert (done.removed, done.missing, done.failures, done.kept) == (4, (), (), ())
    assert _traces(data) == []
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in data.iterdir()) == ["cache", "catalogue.sqlite", f"sub-{OTHER}"]
    assert done.search is not None
    assert done.search.folders[:2] == [data, data / "cache" / "rigdriver"]
    assert done.search.files == 6
    with CatalogueFile(data / "catalogue.sqlite") as file:
        assert [subject.id for subject in all_subjects(file)] == [OTHER]
        assert len(takes_of(file, all_subjects(file)[0])) == 2


@pytest.mark.parametrize("left_out", ["nothing", "both"])
def test_the_search_finds_the_rows_when_nobody_overwrites_and_rewrites_them(
    data: Path, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    if left_out == "both":
        settings = [s.replace("secure_delete = ON", "secure_delete = OFF") for s in catalogue_file._SETTINGS]
        monkeypatch.setattr(catalogue_file, "_SETTINGS", settings)
        monkeypatch.setattr(CatalogueFile, "scrub", lambda self: None)
    done = _erase(data)
    assert done.is_proved == (left_out == "nothing")
    assert (_traces(data) != []) == (left_out == "both")
    assert done.search is not None
    assert done.search.found == ([data / "catalogue.sqlite"] if left_out == "both" else [])


def test_rows_in_a_wal_are_erased_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(data / "catalogue.sqlite")) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE subject SET note = 'again of ' || id")
        other.commit()
        assert GONE.encode() in (data / "catalogue.sqlite-wal").read_bytes()
        # Another program still has it open: the WAL cannot go, and the erasure says so and loses nothing.
        monkeypatch.setattr(catalogue_file, "BUSY_S", 0.01)
        with pytest.raises(CatalogueUnusable) as caught:
            _erase(data)
        assert caught.value.kind is CatalogueFault.LOCKED
        with CatalogueFile(data / "catalogue.sqlite") as file:
            assert is_unfinished(file)
    done = _erase(data)
    assert done.is_proved
    assert _traces(data) == []


@pytest.mark.parametrize(("where", "name", "passed"), KILLS, ids=[f"{n}-{c}" for _, n, c in KILLS])
def test_an_erasure_that_was_killed_finishes_when_it_is_run_again(
    data: Path, where: str, name: str, passed: int
) -> None:
    assert _killed(data, where, name, passed) == -signal.SIGKILL
    done = _erase(data)
    assert done.is_proved, done
    assert _traces(data) == []
    with CatalogueFile(data / "catalogue.sqlite") as file:
        assert [subject.id for subject in all_subjects(file)] == [OTHER]
    with pytest.raises(UsageError, match="no subject of this id"):
        _erase(data)


def test_links_foreign_files_and_folders_of_others_stay(data: Path, tmp_path: Path) -> None:
    home = data / f"sub-{GONE}"
    (home / "notes.txt").write_text("precious")
    take = home / f"sub-{GONE}_take-001.mcap"
    foreign = tmp_path / "foreign.mcap"
    foreign.write_bytes(b"precious")
    take.unlink()
    take.symlink_to(foreign)
    done = _erase(data)
    assert [removal.kind for removal in done.failures] == [RemovalKind.LINK]
    assert done.search is None
    assert not done.is_proved
    with CatalogueFile(data / "catalogue.sqlite") as file:
        assert subject_of(file, GONE).is_erasing, "its rows stay, so that it can be finished"
        assert len(takes_of(file, subject_of(file, GONE))) == 2
    take.unlink()
    again = _erase(data)
    assert [removal.kind for removal in again.kept] == [RemovalKind.NOT_EMPTY]
    assert not again.is_proved, "the folder that stays bears the id"
    assert again.search is not None
    assert again.search.found == [home]
    assert foreign.read_bytes() == b"precious"
    assert (home / "notes.txt").read_text() == "precious"


def test_a_file_that_cannot_be_removed_is_named_and_nothing_is_called_erased(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.unlink

    def refuse(path: str, *words: object, **keys: int) -> None:
        if str(path).endswith("000001.png"):
            raise OSError(errno.EROFS, "Read-only file system")
        real(path, **keys)

    monkeypatch.setattr(os, "unlink", refuse)
    done = _erase(data)
    assert [removal.path.name for removal in done.failures] == ["000001.png"]
    assert "Read-only file system" in str(done.failures[0])
    assert not done.is_proved
    monkeypatch.undo()
    again = _erase(data)
    assert again.is_proved
    assert len(again.missing) == 3


def test_one_take_goes_and_the_others_stay(data: Path) -> None:
    with CatalogueFile(data / "catalogue.sqlite") as file:
        first = takes_of(file, subject_of(file, GONE))[0]
    done = _erase(data, takes=[first])
    assert done.is_proved
    assert done.removed == 1
    assert _holding(data, f"{GONE}_take-001".encode()) == []
    with CatalogueFile(data / "catalogue.sqlite") as file:
        assert [take.number for take in takes_of(file, subject_of(file, GONE))] == [2]


def test_a_take_that_is_being_written_is_not_erased(data: Path) -> None:
    with CatalogueFile(data / "catalogue.sqlite") as file:
        begin_take(file, subject_of(file, GONE), SubjectWishes(), None)
        with pytest.raises(StateError, match=f"take 3: is being written by process {os.getpid()}"):
            plan_erasure(file, subject_of(file, GONE))


def test_files_of_a_capture_that_was_killed_are_named_and_not_guessed(data: Path) -> None:
    images = data / "somewhere"
    with CatalogueFile(data / "catalogue.sqlite") as file:
        take = begin_take(file, subject_of(file, GONE), SubjectWishes(), None)
        images.mkdir()
        note_places(file, take, [], [images])
        with file.transaction() as rows:
            rows.execute("UPDATE take SET writer = '999999999 1' WHERE take_key = ?", (take.key,))
    (images / "000000.png").write_bytes(IMAGE[GONE])
    done = _erase(data)
    assert [removal.kind for removal in done.failures] == [RemovalKind.NOT_NOTED]
    assert (images / "000000.png").exists()
    assert not done.is_proved
    with CatalogueFile(data / "catalogue.sqlite") as file:
        note_places(file, take, [images / "000000.png"])
    assert _erase(data).is_proved
    assert _traces(data) == []


def test_results_of_a_program_that_was_killed_are_named_and_not_guessed(data: Path) -> None:
    made = data / "somewhere"
    with CatalogueFile(data / "catalogue.sqlite") as file:
        made.mkdir()
        take = takes_of(file, subject_of(file, GONE))[0]
        note_places(file, take, [], [made])
    (made / "0.ply").write_bytes(IMAGE[GONE])
    done = _erase(data)
    assert [removal.kind for removal in done.failures] == [RemovalKind.NOT_NOTED]
    assert (made / "0.ply").exists()
    assert not done.is_proved
    with CatalogueFile(data / "catalogue.sqlite") as file:
        note_places(file, take, [made / "0.ply"])
    assert _erase(data).is_proved
    assert _traces(data) == []


@pytest.fixture(autouse=True)
def _no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests is looked at."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
