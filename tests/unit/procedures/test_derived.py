"""What is made from a take is noted as a part of it, before it is written, whoever writes it, and however it ends.

In: sources of takes and of nobody, all ways of writing. Out: what the catalogue has noted. Not here: verbs (see
tests/unit/cli/test_derived_results.py).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subjects import SubjectWishes, add_subject, subject_of
from rigdriver.catalogue.takes import places_of, takes_of
from rigdriver.errors import FileNotWritten, UsageError
from rigdriver.line_file import JsonListFile, LineFile
from rigdriver.procedures.derived import noting_results
from rigdriver.procedures.subject_take import TakeWishes, note_by_hand
from rigdriver.recording.mcap.writer import McapWriter
from rigdriver.whole_file import make_folder, write_new, write_set, write_whole

ID = "K7Q2M9X4"


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Return a catalogue with one subject whose two takes are `one.mcap` and `two.mcap`."""
    path = tmp_path / "data" / "catalogue.sqlite"
    with CatalogueFile(path, is_made=True) as file:
        add_subject(file, ID, SubjectWishes())
    for name in ("one", "two", "foreign"):
        (tmp_path / f"{name}.mcap").write_text(name)
    for name in ("one", "two"):
        note_by_hand(TakeWishes(path, ID), [tmp_path / f"{name}.mcap"], None)
    return path


def noted(catalogue: Path, take: int = 1) -> set[str]:
    """Return what the catalogue has noted for a take besides its recording; folders end with a stroke."""
    with CatalogueFile(catalogue) as file:
        takes = [one for one in takes_of(file, subject_of(file, ID)) if one.number == take]
        places = places_of(file, takes)
    names = {str(place.path.relative_to(catalogue.parents[1])) + "/" * place.is_folder for place in places}
    return {name for name in names if not name.endswith(".mcap")}


def test_every_way_of_writing_is_noted_before_it_is_done_and_other_sources_are_nobodys(
    catalogue: Path, tmp_path: Path
) -> None:
    with noting_results(catalogue, [tmp_path / "one.mcap"]):
        write_whole(tmp_path / "a", b"")
        write_new(tmp_path / "b", b"")
        write_set({tmp_path / "c": b"", tmp_path / "d": b""})
        LineFile(tmp_path / "e").close()
        JsonListFile(tmp_path / "f", {}, "rows").close()
        McapWriter(tmp_path / "g.part", "x").abandon()
        make_folder(tmp_path / "new" / "deep")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_whole, tmp_path / "h", b"").result()
        # A program that is killed now leaves nothing that the catalogue does not know.
        assert noted(catalogue) == {"a", "b", "c", "d", "e", "f", "g.part", "h", "new/", "new/deep/"}
    with noting_results(catalogue, [tmp_path / "foreign.mcap", tmp_path / "later"]):
        write_whole(tmp_path / "later", b"")
        write_whole(tmp_path / "x", b"")
    with noting_results(tmp_path / "missing.sqlite", [tmp_path / "one.mcap"]):
        write_whole(tmp_path / "y", b"")
    assert noted(catalogue) == {"a", "b", "c", "d", "e", "f", "g.part", "h", "new/", "new/deep/"}
    assert noted(catalogue, 2) == set()
    assert not (tmp_path / "missing.sqlite").exists()


def test_what_lies_in_a_new_folder_is_noted_also_when_the_work_ends_early(catalogue: Path, tmp_path: Path) -> None:
    def export() -> None:
        with noting_results(catalogue, [tmp_path / "one.mcap"]):
            make_folder(tmp_path / "images" / "left")
            write_whole(tmp_path / "images" / "left" / "0.png", b"")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export()
    assert noted(catalogue) == {"images/", "images/left/", "images/left/0.png"}


def test_a_result_of_a_result_is_the_takes_too_and_one_of_two_takes_is_of_both(catalogue: Path, tmp_path: Path) -> None:
    with noting_results(catalogue, [tmp_path / "one.mcap"]):
        make_folder(tmp_path / "clouds")
        write_whole(tmp_path / "clouds" / "mesh.ply", b"")
    with noting_results(catalogue, [tmp_path / "clouds" / "mesh.ply"]):
        write_whole(tmp_path / "cut.csv", b"")
    with noting_results(catalogue, [tmp_path / "clouds"]):  # a folder, by what lies in it
        write_whole(tmp_path / "sum.csv", b"")
    with noting_results(catalogue, [tmp_path / "cut.csv", tmp_path / "two.mcap"]):
        write_whole(tmp_path / "map.png", b"")
    assert noted(catalogue) == {"clouds/", "clouds/mesh.ply", "cut.csv", "sum.csv", "map.png"}
    assert noted(catalogue, 2) == {"map.png"}


def test_what_was_announced_and_not_written_is_forgotten_and_what_users_have_is_never_noted(
    catalogue: Path, tmp_path: Path
) -> None:
    for name in ("mine.csv", "old.csv", "grows.jsonl", "there.part"):
        (tmp_path / name).write_text("mine\n")
    with noting_results(catalogue, [tmp_path / "one.mcap"]):
        McapWriter(tmp_path / "gone.part", "x").abandon()
        (tmp_path / "gone.part").unlink()
        with pytest.raises(UsageError):
            write_new(tmp_path / "mine.csv", b"")
        with pytest.raises(FileNotWritten):
            McapWriter(tmp_path / "there.part", "x")
        write_whole(tmp_path / "old.csv", b"of the subject now")
        with LineFile(tmp_path / "grows.jsonl") as file:
            file.append("a line")
    assert noted(catalogue) == {"old.csv"}


def test_a_file_of_another_take_is_not_replaced(catalogue: Path, tmp_path: Path) -> None:
    with noting_results(catalogue, [tmp_path / "two.mcap"]):
        write_whole(tmp_path / "map.png", b"two")

    def replace() -> None:
        with noting_results(catalogue, [tmp_path / "one.mcap"]):
            write_whole(tmp_path / "map.png", b"one")

    with pytest.raises(UsageError, match="belongs to another take"):
        replace()
    assert (tmp_path / "map.png").read_bytes() == b"two"
    assert noted(catalogue) == set()
