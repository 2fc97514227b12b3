"""The catalogue's file: private whatever the umask is, and left as it is when it is not sound.

In: files that are damaged, foreign, too new, held, not writable; older tables. Out: an error of the right kind with a
remedy, and the same bytes as before; or the newest tables with all rows.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rigdriver.catalogue import catalogue_file, schema
from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.schema import APPLICATION_ID, STEPS
from rigdriver.catalogue.subjects import SubjectWishes, add_subject, all_subjects
from rigdriver.errors import CatalogueUnusable, UsageError
from rigdriver.findings import CatalogueFault


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "catalogue.sqlite"


@pytest.fixture
def made(path):
    with CatalogueFile(path, is_made=True) as file:
        for number in range(40):
            add_subject(file, f"P{number:05d}", SubjectWishes(note="x" * 200))
    return path


@contextmanager
def refused(path, fault, word=""):
    """Expect an error of that kind that names the file, has a remedy, and leaves every byte as it was."""
    before = path.read_bytes()
    with pytest.raises(CatalogueUnusable) as caught:
        yield
    assert caught.value.kind is fault
    assert caught.value.device == str(path)
    assert caught.value.remedy
    assert word in str(caught.value)
    assert path.read_bytes() == before


def test_catalogue_journal_and_folder_are_private_under_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with CatalogueFile(path, is_made=True) as file:
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            with file.transaction() as rows:
                rows.execute("INSERT INTO erasure (day, is_finished) VALUES ('2026-01-01', 1)")
                modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"catalogue.sqlite": 0o600, "catalogue.sqlite-journal": 0o600}


def test_a_wal_of_another_program_is_private_too_and_goes_when_the_file_is_scrubbed(made: Path) -> None:
    before = os.umask(0)
    try:
        with closing(sqlite3.connect(made)) as other:
            other.execute("PRAGMA journal_mode = WAL")
            other.execute("UPDATE subject SET note = 'y'")
            other.commit()
            modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in made.parent.iterdir()}
        assert set(modes.values()) == {0o600}
        assert len(modes) == 3
    finally:
        os.umask(before)
    with CatalogueFile(made) as file:
        file.scrub()
        assert [part.name for part in made.parent.iterdir()] == [made.name]


def test_a_catalogue_that_others_may_read_is_made_private_when_it_is_opened(made: Path) -> None:
    made.chmod(0o644)
    CatalogueFile(made).close()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_no_catalogue_is_made_by_looking(path: Path) -> None:
    with pytest.raises(UsageError, match="rigdriver subject new"):
        CatalogueFile(path)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", CatalogueFault.DAMAGED),
        (b"SQLite format 3\0", CatalogueFault.DAMAGED),
        (b"id,name\n" * 100, CatalogueFault.FOREIGN),
        (b"SQLite format 3\0" + bytes(4080), CatalogueFault.FOREIGN),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_and_kept(path: Path, content: bytes, fault: CatalogueFault) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with refused(path, fault):
        CatalogueFile(path, is_made=True)


def test_a_database_of_another_program_is_refused_and_kept_with_its_journal(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (id)")
    journal = path.with_name(f"{path.name}-journal")
    journal.write_bytes(b"precious")
    with refused(path, CatalogueFault.FOREIGN):
        CatalogueFile(path, is_made=True)
    assert journal.read_bytes() == b"precious"


def test_a_planted_trigger_is_refused(made: Path) -> None:
    with closing(sqlite3.connect(made)) as other:
        other.execute("CREATE TRIGGER t AFTER DELETE ON subject BEGIN INSERT INTO erasure VALUES (9, old.id, 1); END")
        other.commit()
    with refused(made, CatalogueFault.FOREIGN, "tables"):
        CatalogueFile(made)


@pytest.mark.parametrize("place", [4096, 3 * 4096, -4096])
def test_a_damaged_page_is_found_when_the_file_is_opened(made: Path, place: int) -> None:
    raw = bytearray(made.read_bytes())
    raw[place : place + 100] = b"\xff" * 100
    made.write_bytes(raw)
    with refused(made, CatalogueFault.DAMAGED, "last copy"):
        CatalogueFile(made)


def test_a_cut_file_is_found_when_it_is_opened(made: Path) -> None:
    os.truncate(made, made.stat().st_size - 4096)
    with refused(made, CatalogueFault.DAMAGED):
        CatalogueFile(made)


def test_a_lost_catalogue_is_not_replaced_by_an_empty_one_beside_its_journal(made: Path) -> None:
    made.with_name(f"{made.name}-journal").write_bytes(b"hot")
    made.unlink()
    with pytest.raises(CatalogueUnusable) as caught:
        CatalogueFile(made, is_made=True)
    assert caught.value.kind is CatalogueFault.DAMAGED
    assert not made.exists()


def test_a_newer_version_is_refused(made: Path) -> None:
    with closing(sqlite3.connect(made)) as other:
        other.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with refused(made, CatalogueFault.NEWER, f"version {len(STEPS) + 1}"):
        CatalogueFile(made)


def test_a_held_catalogue_is_an_error_after_a_bounded_wait(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_file, "BUSY_S", 0.01)
    with closing(sqlite3.connect(made, isolation_level=None)) as other, CatalogueFile(made) as file:
        other.execute("BEGIN IMMEDIATE")
        with refused(made, CatalogueFault.LOCKED):
            add_subject(file, "Q00001", SubjectWishes())
        with refused(made, CatalogueFault.LOCKED):
            file.scrub()
        other.execute("ROLLBACK")
        add_subject(file, "Q00001", SubjectWishes())


def test_a_catalogue_that_cannot_be_written_can_be_read(made: Path) -> None:
    with CatalogueFile(made) as file:
        file._connection.execute("PRAGMA query_only = ON")  # root may write to any file
        assert len(all_subjects(file)) == 40
        with refused(made, CatalogueFault.READ_ONLY, "right to write"):
            add_subject(file, "Q00001", SubjectWishes())


def test_a_full_disk_is_told_and_nothing_is_lost(made: Path) -> None:
    with CatalogueFile(made) as file:
        file._connection.execute("PRAGMA max_page_count = 1")
        with refused(made, CatalogueFault.FULL, "free space"), file.transaction() as rows:
            rows.execute("UPDATE subject SET note = ?", ("x" * 100_000,))
        assert len(all_subjects(file)) == 40


def test_an_older_version_is_brought_up_with_all_its_rows_or_not_at_all(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        schema, "STEPS", (*STEPS, "ALTER TABLE subject ADD COLUMN extra TEXT; CREATE TABLE subject (x)")
    )
    monkeypatch.setattr(catalogue_file, "STEPS", schema.STEPS)
    monkeypatch.setattr(catalogue_file, "newest_tables", frozenset)
    before = made.read_bytes()
    with pytest.raises(CatalogueUnusable):
        CatalogueFile(made)
    assert made.read_bytes()[100:] == before[100:]
    monkeypatch.undo()
    monkeypatch.setattr(schema, "STEPS", (*STEPS, "ALTER TABLE subject ADD COLUMN extra TEXT"))
    monkeypatch.setattr(catalogue_file, "STEPS", schema.STEPS)
    with CatalogueFile(made) as file:
        assert len(all_subjects(file)) == 40
        assert file._connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
        assert file._connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
