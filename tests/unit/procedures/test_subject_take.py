"""A take knows every file that is written for it, and no other; erasing asks first.

In: folders that a take, an export or an operator fills. Out: what the catalogue has noted. Not here: a rig.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subjects import SubjectWishes, add_subject, subject_of
from rigdriver.catalogue.takes import places_of, takes_of
from rigdriver.cli import subject as subject_verbs
from rigdriver.cli.verbs import app
from rigdriver.errors import UsageError
from rigdriver.procedures.subject_take import TakeWishes, note_by_hand, running_take
from tests.unit.recording.recorded import frame_set

ID = "K7Q2M9X4"


@pytest.fixture
def wishes(tmp_path: Path) -> TakeWishes:
    with CatalogueFile(tmp_path / "data" / "catalogue.sqlite", is_made=True) as file:
        add_subject(file, ID, SubjectWishes())
    return TakeWishes(tmp_path / "data" / "catalogue.sqlite", ID)


def noted(wishes: TakeWishes) -> set[str]:
    """Return the files that the catalogue has noted, from the folder above its own on."""
    with CatalogueFile(wishes.catalogue) as file:
        places = places_of(file, takes_of(file, subject_of(file, ID)))
    return {str(place.path.relative_to(wishes.catalogue.parents[1])) for place in places if not place.is_folder}


def filled(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_a_folder_of_images_is_counted_and_noted_without_what_lay_there(wishes: TakeWishes, tmp_path: Path) -> None:
    filled(tmp_path / "out", "mine.txt")
    (tmp_path / "out" / "link").symlink_to(tmp_path / "data")
    with running_take(wishes, tmp_path / "out", 3) as take:
        filled(take.path, "left/000000.png", "proofs.csv")
        for number in range(3):
            take.watch(frame_set(number, lost=("left",) if number == 1 else ()))
    assert noted(wishes) == {"out/left/000000.png", "out/proofs.csv"}
    with CatalogueFile(wishes.catalogue) as file:
        (only,) = takes_of(file, subject_of(file, ID))
    assert only.quality is not None
    assert (only.state, only.quality.complete, only.quality.gaps, only.quality.worst_skew_us) == ("incomplete", 2, 1, 4)


def test_a_take_that_wrote_nothing_leaves_neither_row_nor_folder(wishes: TakeWishes) -> None:
    with running_take(wishes, None, 3, ".mcap") as take:
        assert take.path.parent.is_dir()
        assert stat.S_IMODE(take.path.parent.stat().st_mode) == 0o700
    assert noted(wishes) == set()
    assert [path.name for path in wishes.catalogue.parent.iterdir()] == ["catalogue.sqlite"]


def test_what_cannot_be_one_subjects_is_not_noted(wishes: TakeWishes, tmp_path: Path) -> None:
    filled(tmp_path, "a/x")
    (tmp_path / "link").symlink_to("a")
    for path in (tmp_path, tmp_path / "data", wishes.catalogue, tmp_path / "a" / "..", tmp_path / "link", Path("/")):
        with pytest.raises(UsageError):
            note_by_hand(wishes, [path], None)
    assert noted(wishes) == set()
    with CatalogueFile(wishes.catalogue) as file:
        assert takes_of(file, subject_of(file, ID)) == []


def test_nothing_is_erased_when_somebody_says_no(
    wishes: TakeWishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, "take.mcap")
    note_by_hand(wishes, [tmp_path / "take.mcap"], None)
    monkeypatch.setattr(subject_verbs, "_agreed", lambda: False)
    words = ["subject", "erase", ID, "--catalogue", str(wishes.catalogue)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert str(tmp_path / "take.mcap") in done.output
    assert "nothing was erased" in done.output
    assert (tmp_path / "take.mcap").exists()
    assert CliRunner().invoke(app, [*words, "--json"]).exit_code == 2
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(subject_verbs, "_agreed", lambda: True)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "ERASED: nothing was found" in done.output
    assert "wear levelling" in done.output
    assert not (tmp_path / "take.mcap").exists()


def test_what_is_over_is_listed_and_erased_with_its_subject_only_when_that_is_over_too(
    wishes: TakeWishes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    where = ("--catalogue", str(wishes.catalogue), "--json")
    filled(tmp_path, "one.mcap", "two.mcap")
    for name in ("one", "two"):
        note_by_hand(wishes, [tmp_path / f"{name}.mcap"], None)
    CliRunner().invoke(app, ["subject", "change", ID, "--take", "1", "--keep-until", "2020-01-01", *where])
    listed = json.loads(CliRunner().invoke(app, ["subject", "expired", *where]).stdout)["expired"]
    assert [(one["id"], [take["number"] for take in one["takes"]]) for one in listed] == [(ID, [1])]
    assert CliRunner().invoke(app, ["subject", "expired", "--erase", "--yes", *where]).exit_code == 0
    assert noted(wishes) == {"two.mcap"}
    assert not (tmp_path / "one.mcap").exists()
    assert json.loads(CliRunner().invoke(app, ["subject", "expired", *where]).stdout) == {"expired": []}
