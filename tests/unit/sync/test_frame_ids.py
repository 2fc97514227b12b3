"""Frame ids tell how many frames were lost on the way, and never invent one."""

from __future__ import annotations

import pytest

from rigdriver.sync.frame_ids import LONGEST_LOSS, UNKNOWN, Counted, FrameIds


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
