"""Takes: two programs never get the same number, and a file belongs to one take."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.erasing import mark_erasing, over_on
from rigdriver.catalogue.subjects import SubjectWishes, add_subject, subject_of
from rigdriver.catalogue.takes import (
    TakeQuality,
    begin_take,
    end_take,
    note_places,
    note_results,
    owners_of,
    places_of,
    takes_of,
    withdraw_take,
)
from rigdriver.catalogue.writing_process import is_running, this_process
from rigdriver.errors import StateError, UsageError

PROGRAM = """
import sys
from pathlib import Path
from rigdriver.catalogue.catalogue_file import CatalogueFile
from rigdriver.catalogue.subjects import SubjectWishes, subject_of
from rigdriver.catalogue.takes import begin_take
sys.stdin.readline()
for _ in range(20):
    with CatalogueFile(Path(sys.argv[1])) as file:
        print(begin_take(file, subject_of(file, "P00012"), SubjectWishes(), None).number)
"""


@pytest.fixture
def file(tmp_path):
    with CatalogueFile(tmp_path / "catalogue.sqlite", is_made=True) as file:
        add_subject(file, "P00012", SubjectWishes(keep_until=date(2026, 1, 31)))
        yield file


def test_two_programs_at_once_get_different_numbers(file: CatalogueFile) -> None:
    words = [sys.executable, "-c", PROGRAM, str(file.path)]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as one,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as two,
    ):
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [[*map(int, process.communicate(timeout=300)[0].split())] for process in (one, two)]
    assert sorted(told[0] + told[1]) == list(range(1, 41))
    assert [len(numbers) for numbers in told] == [20, 20]


def test_the_number_of_a_take_that_wrote_nothing_is_given_again_unless_a_later_one_was(file: CatalogueFile) -> None:
    subject = subject_of(file, "P00012")
    first = begin_take(file, subject, SubjectWishes(), None)
    withdraw_take(file, first)
    again = begin_take(file, subject, SubjectWishes(), None)
    later = begin_take(file, subject, SubjectWishes(), None)
    withdraw_take(file, again)
    assert (first.number, again.number, later.number) == (1, 1, 2)
    assert begin_take(file, subject, SubjectWishes(), None).number == 3


def test_a_subject_that_is_being_erased_gets_no_take(file: CatalogueFile) -> None:
    subject = subject_of(file, "P00012")
    mark_erasing(file, subject, (), is_whole=True)
    with pytest.raises(StateError, match="is being erased"):
        begin_take(file, subject, SubjectWishes(), None)


def test_a_take_knows_what_it_came_to_and_its_last_day(file: CatalogueFile) -> None:
    subject = subject_of(file, "P00012")
    take = begin_take(file, subject, SubjectWishes(note="hair wet"), 12)
    assert (take.state, take.note, take.keep_until) == ("open", "hair wet", date(2026, 1, 31))
    quality = TakeQuality("incomplete", "it was stopped by hand", 11, 10, 3, 4.5)
    end_take(file, take, quality)
    begin_take(file, subject, SubjectWishes(keep_until=date(2027, 1, 1)), None)
    ended, other = takes_of(file, subject)
    assert (ended.quality, ended.state, ended.planned) == (quality, "incomplete", 12)
    assert over_on(date(2026, 1, 31), subject, [ended, other]) == ([], False)
    assert over_on(date(2026, 2, 1), subject, [ended, other]) == ([ended], False)
    assert over_on(date(2026, 2, 1), subject, [ended]) == ([ended], True)


def test_a_file_belongs_to_one_take_also_when_it_is_named_by_a_link(file: CatalogueFile, tmp_path: Path) -> None:
    subject = subject_of(file, "P00012")
    one, two = (begin_take(file, subject, SubjectWishes(), None) for _ in range(2))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    path = tmp_path / "link" / b"\xff.mcap".decode("utf-8", "surrogateescape")
    note_places(file, one, [path])
    assert places_of(file, [one])[0].path == tmp_path / "real" / path.name
    for place in (tmp_path / "real" / path.name, tmp_path / "link"):
        assert [owner.number for owner in owners_of(file, place)] == [one.number]
    assert owners_of(file, tmp_path / "rea") == []
    with pytest.raises(UsageError, match="another take"):
        note_places(file, two, [path])


def test_what_was_made_from_two_takes_belongs_to_both_of_them_and_to_no_third(
    file: CatalogueFile, tmp_path: Path
) -> None:
    subject = subject_of(file, "P00012")
    one, two, three = (begin_take(file, subject, SubjectWishes(), None) for _ in range(3))
    for _ in range(2):  # noted twice is noted once
        note_results(file, [one, two], [tmp_path / "map.png"], [tmp_path / "maps"])
    for take in (one, two):
        assert [place.path.name for place in places_of(file, [take])] == ["map.png", "maps"]
    for takes in ([three], [one, three]):
        with pytest.raises(UsageError, match="another take"):
            note_results(file, takes, [tmp_path / "map.png"])
    assert places_of(file, [three]) == []


def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    assert is_running(this_process())
    number, started = this_process().split()
    assert not is_running(f"{number} {int(started) + 1}")
    assert not is_running("999999999 1")
    assert not is_running("")
