"""Only what the catalogue names goes: no link is followed, no folder with other files goes, and what stays is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigdriver.catalogue.removing import RemovalKind, remove_file, remove_folder


def test_a_file_goes_and_a_second_time_it_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "take.mcap"
    path.write_bytes(b"x")
    assert remove_file(path).kind is RemovalKind.REMOVED
    assert remove_file(path).kind is RemovalKind.NOT_THERE
    assert remove_file(tmp_path / "gone" / "take.mcap").kind is RemovalKind.NOT_THERE
    assert not RemovalKind.NOT_THERE.is_failure


@pytest.mark.parametrize("is_deep", [False, True])
def test_a_link_on_the_way_or_at_the_end_is_not_followed(tmp_path: Path, is_deep: bool) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = tmp_path / "foreign" / "take.mcap"
    foreign.write_bytes(b"precious")
    if is_deep:
        (tmp_path / "sub").symlink_to("foreign")
    else:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "take.mcap").symlink_to(foreign)
    removal = remove_file(tmp_path / "sub" / "take.mcap")
    assert removal.kind is RemovalKind.LINK
    assert removal.kind.is_in_the_way
    assert foreign.read_bytes() == b"precious"
    assert os.path.lexists(tmp_path / "sub" / "take.mcap")


def test_a_folder_behind_a_link_and_one_that_is_a_link_stay(tmp_path: Path) -> None:
    (tmp_path / "foreign" / "empty").mkdir(parents=True)
    (tmp_path / "link").symlink_to("foreign")
    assert remove_folder(tmp_path / "link" / "empty").kind is RemovalKind.LINK
    assert remove_folder(tmp_path / "link").kind is RemovalKind.LINK
    assert (tmp_path / "foreign" / "empty").is_dir()


def test_a_folder_with_a_foreign_file_stays_and_unfinished_files_of_ours_do_not_keep_it(tmp_path: Path) -> None:
    full, ours = tmp_path / "full", tmp_path / "ours"
    full.mkdir()
    ours.mkdir()
    (full / "notes.txt").write_text("precious")
    (ours / ".rigdriver-0123456789abcdef.part").write_bytes(b"half an image")
    assert remove_folder(full).kind is RemovalKind.NOT_EMPTY
    assert (full / "notes.txt").read_text() == "precious"
    assert remove_folder(ours).kind is RemovalKind.REMOVED


def test_a_folder_or_a_pipe_in_place_of_a_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "b")
    assert remove_file(tmp_path / "a").kind is RemovalKind.NO_FILE
    assert remove_file(tmp_path / "b").kind is RemovalKind.NO_FILE


def test_another_name_of_the_content_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.link(tmp_path / "a", tmp_path / "b")
    removal = remove_file(tmp_path / "a")
    assert removal.kind is RemovalKind.OTHER_NAMES
    assert removal.kind.is_failure
    assert not removal.kind.is_in_the_way


def test_a_file_that_the_system_keeps_is_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "take.mcap"
    path.write_bytes(b"x")

    def refuse(*_words: object, **_keys: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refuse)
    removal = remove_file(path)
    assert str(removal) == f"{path} cannot be removed (Operation not permitted)"
    assert removal.kind.is_in_the_way
