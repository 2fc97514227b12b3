"""A small part of the campaign of damaged files: each is read, or refused in a sentence.

In: 210 cases of one seed, ten of each kind. Out: no traceback, crash, hang or flood. The whole campaign is
tools/campaign_files.py.
"""

from __future__ import annotations

import random

import campaign_files
from file_kinds import KINDS

SEED = 7
CASES_PER_KIND = 10


def test_damaged_files_of_every_kind_are_read_or_refused_in_a_sentence():
    count = CASES_PER_KIND * len(KINDS)
    counts, bad = campaign_files.campaign("", SEED, 0, count, lambda _: None)
    assert bad == []
    assert sum(counts.values()) == count
    assert {what.partition(":")[0] for what in counts} == {kind.name for kind in KINDS}


def test_damage_is_the_same_for_the_same_seed_and_changes_the_file():
    raw = b'{"a": [1, 2, {"b": "c"}]}'
    kind = next(kind for kind in KINDS if kind.is_json)
    found = [campaign_files.damaged(raw, random.Random(f"1 {n}"), kind) for n in range(50)]
    assert found == [campaign_files.damaged(raw, random.Random(f"1 {n}"), kind) for n in range(50)]
    assert len(set(found)) > 25


def test_an_error_that_is_no_refusal_is_a_traceback(tmp_path):
    def stumble(path):
        raise KeyError(path)

    kind = campaign_files.Kind("planted", lambda folder: folder, stumble)
    assert campaign_files.outcome(kind, tmp_path).startswith("TRACEBACK KeyError")
