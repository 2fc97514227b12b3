"""What files keep of the facts of a gap: they come back as they were, and what cannot be read keeps its sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rigdriver.gap_facts import (
    BadExposure,
    CountAgainstArrival,
    InARow,
    LostFrame,
    Miscounted,
    Oddity,
    Skew,
    StampOff,
    Told,
)
from rigdriver.recording.stored_facts import facts_table, stored_facts

FACTS = [
    *Oddity,
    BadExposure(50.04, 1000.0, 2000.0),
    Skew(-150.26, 100.0),
    StampOff(None),
    StampOff(-1234.5),
    Miscounted(None, 17),
    Miscounted(3, 17),
    CountAgainstArrival(4, True, None),
    CountAgainstArrival(4, False, 5, 2),
    LostFrame(0),
    Told("camera left: gone"),
    InARow(StampOff(12.0), 9),
]


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_facts_come_back_from_a_file_as_they_were(facts):
    written = json.loads(json.dumps(facts_table(facts)))
    assert stored_facts(written, str(facts)) == facts


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_facts_without_their_table_keep_their_sentence(facts):
    assert stored_facts(None, str(facts)) == Told(str(facts))


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"kind": "Heat", "celsius": 80.0},
        {"kind": "Skew", "late_us": "-150.3", "limit_us": 100.0},
        {"kind": "Skew", "limit_us": 100.0},
        {"kind": "Skew", "late_us": 1e400, "limit_us": 100.0},
        {"kind": "LostFrame", "frame_id": True},
        {"kind": "InARow", "frames": 3},
        {"kind": "InARow", "last": {"kind": "LostFrame"}, "frames": 3},
        {"kind": "InARow", "last": {"kind": "InARow", "last": {}, "frames": 1}, "frames": 3},
        {"kind": "InARow", "last": {"kind": "NO_STAMP"}, "frames": "3"},
        {"kind": ["Skew"]},
    ],
    ids=str,
)
def test_a_table_that_cannot_be_read_leaves_the_sentence(table):
    assert stored_facts(table, "-150.3 us from the others; limit 100 us") == Told(
        "-150.3 us from the others; limit 100 us"
    )


def test_a_table_that_contradicts_its_sentence_is_not_believed():
    facts = Skew(-150.26, 100.0)
    changed = facts_table(replace(facts, late_us=1.0))
    assert stored_facts(changed, str(facts)) == Told(str(facts))
