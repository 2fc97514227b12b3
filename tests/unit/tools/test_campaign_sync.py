"""The campaign prints what came of every kind of world, and of all together.

In: outcomes as worlds leave them. Out: the rows of the table. Not here: the worlds (see tests/unit/sync/campaign.py).
"""

from __future__ import annotations

from rich.table import Table

import campaign_sync
from tests.unit.sync.campaign import Outcome, planted_outcome


def rows(table: Table) -> list[dict[str, str]]:
    """Return each row of a table: heading -> text."""
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return [
        dict(zip((str(c.header) for c in table.columns), cells, strict=True)) for cells in zip(*columns, strict=True)
    ]


def test_the_table_gives_the_share_of_frame_sets_without_a_gap_of_each_kind_and_of_all() -> None:
    sums = {
        "long": Outcome(frame_sets=300, complete=240, gaps=70),
        "short": Outcome(frame_sets=100, complete=90, gaps=10),
    }
    told = rows(campaign_sync.outcome_table(sums, Outcome()))
    assert [(row["world"], row["complete"]) for row in told] == [
        ("long", "0.800"),
        ("short", "0.900"),
        ("all", "0.825"),
    ]
    assert [row["gaps"] for row in told] == ["70", "10", "80"]


def test_clean_worlds_are_a_row_of_their_own_and_a_kind_without_worlds_is_none() -> None:
    told = rows(campaign_sync.outcome_table({"long": Outcome()}, Outcome(frame_sets=1000, complete=1000)))
    assert [(row["world"], row["complete"]) for row in told] == [("clean", "1.000")]


def test_a_world_counts_its_frame_sets_without_a_gap() -> None:
    """Each frame set with a gap has one per camera at most, and no outcome has more complete ones than frame sets."""
    outcome = planted_outcome("no exposure lines", 3, 60)
    assert outcome.frame_sets - outcome.gaps <= outcome.complete <= outcome.frame_sets == 60
    assert (outcome.complete == 60) == (outcome.gaps == 0)
