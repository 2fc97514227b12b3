"""Frame ids tell how many frames were lost on the way, and never invent one."""

from __future__ import annotations

import pytest

from rigdriver.sync.frame_ids import LONGEST_LOSS, UNKNOWN, Counted, DamagedIds, FrameIds


def missing(*ids: int) -> list[tuple[int, ...]]:
    counter = FrameIds()
    return [counter.count(number).missing for number in ids]


def test_ids_in_a_row_miss_nothing_wherever_they_begin() -> None:
    assert missing(7, 8, 9) == [(), (), ()]


def test_each_id_that_is_left_out_is_missing() -> None:
    assert missing(0, 1, 4, 6) == [(), (), (2, 3), (5,)]


def test_a_frame_that_others_overtook_is_belated_and_counts_once() -> None:
    counter = FrameIds()
    for number in (0, 2):
        counter.count(number)
    assert counter.count(1) == Counted(is_belated=True)
    assert counter.count(3) == Counted()


@pytest.mark.parametrize("first", [0, 1])
def test_a_short_counter_that_begins_again_misses_nothing(first: int) -> None:
    assert missing(65534, 65535, first, first + 1) == [(), (), (), ()]


def test_a_loss_across_the_end_of_a_short_counter_is_seen() -> None:
    assert missing(65533, 3) == [(), (65534, 65535, 1, 2)]


@pytest.mark.parametrize("ids", [(50, 0), (5, 5), (0, LONGEST_LOSS + 2), (1, 1 << 40)])
def test_a_counter_that_begins_anew_or_stands_still_misses_nothing(ids: tuple[int, int]) -> None:
    assert missing(*ids) == [(), ()]


def test_a_frame_without_an_id_uses_up_the_one_that_was_due() -> None:
    assert missing(UNKNOWN, 4, UNKNOWN, 6, 8) == [(), (), (), (), (7,)]


def test_a_damaged_frame_is_the_one_that_was_due_until_a_whole_one_shows_that_its_id_was_true() -> None:
    counter = FrameIds()
    counter.count(2)
    assert counter.count_damaged(5) == Counted(assumed=3)
    assert counter.count(6).missing == (3, 4)


def test_a_damaged_frame_with_the_id_of_a_later_one_hides_neither_that_one_nor_itself() -> None:
    counter = FrameIds()
    counter.count(2)
    counter.count_damaged(8)
    assert [counter.count(number) for number in range(4, 10)] == [Counted()] * 6


def test_a_whole_frame_takes_back_the_id_that_a_damaged_one_was_assumed_to_have() -> None:
    counter = FrameIds()
    for number in (1, 2, 4):
        counter.count(number)
    assert counter.count_damaged(8) == Counted(assumed=5)
    assert counter.count(5) == Counted(is_belated=True)
    assert counter.count(6) == Counted()


def test_a_damaged_frame_that_others_overtook_is_belated() -> None:
    counter = FrameIds()
    for number in (1, 3):
        counter.count(number)
    assert counter.count_damaged(2) == Counted(is_belated=True)


def test_the_id_of_a_damaged_frame_is_believed_at_once_only_where_it_goes_on_with_the_count() -> None:
    ids = DamagedIds()
    assert not ids.believes(4, 4), "nothing has come before"
    ids.arrived(7)
    assert ids.believes(8, 9)
    assert ids.believes(10, 10)
    assert not ids.believes(13, 13)


def test_a_doubtful_id_explains_its_own_frame_and_until_then_any_other_once() -> None:
    ids = DamagedIds()
    ids.arrived(2)
    ids.believes(8, 8)
    assert ids.explain(3)
    assert not ids.explain(4)
    ids.believes(20, 20)
    ids.arrived(21)
    assert not ids.explain(19), "20 has not come, so that one was damaged"
    assert ids.explain(20)


def test_an_id_that_arrives_whole_was_another_frames_and_can_still_explain_one() -> None:
    ids = DamagedIds()
    ids.arrived(2)
    ids.believes(8, 8)
    ids.arrived(8)
    assert [ids.explain(None), ids.explain(3)] == [True, False]
