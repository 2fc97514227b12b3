"""Where producers are looked for: the standard's variable with all that installers leave in it, and bare names.

In: folders, files, missing entries, doubles and capitals. Out: the producers that are there, and one finding per entry
that gives none.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigdriver.errors import UsageError
from rigdriver.procedures.producer_paths import STANDARD_PATH, EntryProblem, find_producer, search_standard_path


def standard_path(*entries: Path | str) -> dict[str, str]:
    return {STANDARD_PATH: os.pathsep.join(map(str, entries))}


def producer(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_an_entry_may_be_a_folder_or_a_file(tmp_path: Path) -> None:
    b, a, single = (producer(tmp_path / name) for name in ("all/b.cti", "all/a.cti", "one/c.cti"))
    producer(tmp_path / "one/d.cti")
    found = search_standard_path(standard_path(tmp_path / "all", single))
    assert found.paths == (a, b, single)
    assert found.findings == ()


def test_capitals_are_as_good(tmp_path: Path) -> None:
    loud = producer(tmp_path / "LOUD.CTI")
    assert search_standard_path(standard_path(tmp_path)).paths == (loud,)


def test_each_bad_entry_is_named_and_the_good_ones_are_used(tmp_path: Path) -> None:
    good = producer(tmp_path / "good/a.cti")
    text, empty = producer(tmp_path / "notes.txt"), tmp_path / "empty"
    empty.mkdir()
    found = search_standard_path(standard_path("/nowhere", text, empty, good.parent, "", good))
    assert found.paths == (good,)
    assert [(f.entry, f.problem) for f in found.findings] == [
        ("/nowhere", EntryProblem.MISSING),
        (str(text), EntryProblem.NO_PRODUCER),
        (str(empty), EntryProblem.EMPTY),
        (str(good), EntryProblem.DOUBLE),
    ]
    assert str(found.findings[0]) == f"{STANDARD_PATH}: /nowhere does not exist; correct {STANDARD_PATH}"


def test_a_producer_that_is_linked_into_a_second_folder_is_used_once(tmp_path: Path) -> None:
    real = producer(tmp_path / "real/a.cti")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/a.cti").symlink_to(real)
    assert search_standard_path(standard_path(real.parent, tmp_path / "links")).paths == (real,)


def test_a_bare_name_is_found_here_first_and_then_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = producer(tmp_path / "there/a.cti")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert find_producer(Path("a.cti"), standard_path(there.parent)) == there
    here = producer(tmp_path / "here/a.cti")
    assert find_producer(Path("a.cti"), standard_path(there.parent)) == here


def test_a_bare_name_that_is_nowhere_is_told_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        find_producer(Path("a.cti"), standard_path("/opt/one", "/opt/two"))
    for place in (str(tmp_path), "/opt/one", "/opt/two", STANDARD_PATH):
        assert place in str(caught.value)
    with pytest.raises(UsageError, match="it is not set"):
        find_producer(Path("a.cti"), {})


def test_a_path_is_taken_as_it_is_and_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_producer(Path("sub/a.cti"), standard_path("/opt")) == tmp_path / "sub/a.cti"
