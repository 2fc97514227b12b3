"""A word is found in names and bytes wherever it stands, and a longer word that contains it is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rigdriver.catalogue import byte_search
from rigdriver.catalogue.byte_search import SearchedFolder, search_bytes

WORD = "P00012"


@pytest.mark.parametrize("place", [0, 1, 4090, 4095, 4096, 8185, 10_000 - 6])
def test_a_word_is_found_at_every_place_also_where_two_pieces_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(byte_search, "_PIECE", 4096)
    raw = bytearray(b"." * 10_000)
    raw[place : place + 6] = WORD.encode()
    (tmp_path / "a").write_bytes(raw)
    assert search_bytes([SearchedFolder(tmp_path)], [WORD]).found == [tmp_path / "a"]


@pytest.mark.parametrize("place", range(4060, 4100))
def test_the_id_of_another_subject_is_no_hit_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(byte_search, "_PIECE", 4096)
    raw = bytearray(b"." * 8192)
    raw[place : place + 8] = b"P00012A3"
    (tmp_path / "a").write_bytes(raw)
    assert search_bytes([SearchedFolder(tmp_path)], [WORD], ["P00012A3"]).is_clean
    assert not search_bytes([SearchedFolder(tmp_path)], [WORD]).is_clean


@pytest.mark.parametrize("text", [WORD.encode("utf-16-le"), b"p00012", b"xP00012x"])
def test_other_ways_to_write_a_word_are_found(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a").write_bytes(text)
    assert search_bytes([SearchedFolder(tmp_path)], [WORD]).found == [tmp_path / "a"]


def test_names_of_files_folders_and_targets_of_links_are_looked_at_and_links_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    (folder / f"sub-{WORD}").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "a").write_text(WORD)
    (folder / "link").symlink_to(elsewhere)
    (folder / "dead").symlink_to(f"sub-{WORD}.mcap")
    done = search_bytes([SearchedFolder(folder), SearchedFolder(tmp_path / "missing")], [WORD])
    assert sorted(path.name for path in done.found) == ["dead", f"sub-{WORD}"]
    assert (done.files, done.folders) == (0, [folder])


def test_a_shallow_folder_is_not_left_and_what_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_text(WORD)
    (tmp_path / "b").write_text("nothing")
    assert search_bytes([SearchedFolder(tmp_path, is_deep=False)], [WORD]).is_clean
    real = os.open

    def refuse(path: object, *words: int, **keys: int) -> int:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return real(path, *words, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    done = search_bytes([SearchedFolder(tmp_path, is_deep=False)], [WORD])
    assert done.unread == [tmp_path / "b"]
    assert not done.is_clean
