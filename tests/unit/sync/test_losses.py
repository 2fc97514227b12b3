"""Reports of lost frames explain the gaps that those frames leave, and no others.

In: planted reports and arrivals. Out: the reason of each gap.
"""

from __future__ import annotations

import pytest

from rigdriver.frames import GapReason
from rigdriver.sync.losses import MAX_LOST, LossReports


@pytest.fixture
def losses() -> LossReports:
    """A camera whose frames 0 to 4 have come whole."""
    made = LossReports()
    for frame_id in range(5):
        made.arrived(frame_id)
    return made


def test_a_report_that_names_its_last_frame_explains_all_frames_that_it_counts(losses: LossReports) -> None:
    losses.take(7, 3, GapReason.NO_SLOT)
    assert [losses.named(frame_id) for frame_id in (4, 5, 6, 7, 8)] == [None, *[GapReason.NO_SLOT] * 3, None]
    assert losses.named(None) is None


def test_a_report_without_a_frame_id_explains_as_many_gaps_as_it_counts(losses: LossReports) -> None:
    losses.take(None, 2, GapReason.NO_SLOT)
    assert [losses.explain(5), losses.explain(None), losses.explain(6)] == [GapReason.NO_SLOT, GapReason.NO_SLOT, None]


def test_reports_of_one_reason_add_up_and_another_reason_begins_anew(losses: LossReports) -> None:
    losses.take(None, 1, GapReason.NO_SLOT)
    losses.take(None, 1, GapReason.NO_SLOT)
    assert [losses.explain(None) for _ in range(3)] == [GapReason.NO_SLOT, GapReason.NO_SLOT, None]
    losses.take(None, 5, GapReason.NO_SLOT)
    losses.take(None, 1, GapReason.INCOMPLETE)
    assert [losses.explain(None) for _ in range(2)] == [GapReason.INCOMPLETE, None]


def test_a_damaged_frame_that_continues_the_count_is_named_and_another_one_explains_a_gap(losses: LossReports) -> None:
    losses.take(5, 1, GapReason.INCOMPLETE)
    assert losses.named(5) is GapReason.INCOMPLETE
    losses.take(9, 1, GapReason.INCOMPLETE)
    assert losses.named(9) is None
    assert [losses.explain(6), losses.explain(6)] == [GapReason.INCOMPLETE, None]


def test_only_the_newest_reasons_are_kept(losses: LossReports) -> None:
    losses.take(2 * MAX_LOST, 10 * MAX_LOST, GapReason.NO_SLOT)
    losses.take(2 * MAX_LOST + 1, 1, GapReason.NO_SLOT)
    named = [frame_id for frame_id in range(3 * MAX_LOST) if losses.named(frame_id)]
    assert named == list(range(MAX_LOST + 2, 2 * MAX_LOST + 2))
