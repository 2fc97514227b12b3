"""Whom the stops of a run may reach, and when: plans from a seed, and descent in tables of processes made here.

In: process tables, seeds. Out: families, refusals, stops. Real processes are in test_realtime_bad_conditions.py.
"""

from __future__ import annotations

from itertools import islice

import pytest

import bad_conditions
from bad_conditions import LONGEST_S, SHORTEST_S, Process, Stop, family, handle_of, is_descendant, plan_stops


def process(pid: int, parent: int, start: int = 100, state: str = "S") -> Process:
    return Process(pid, start, parent, state, f"process {pid}")


INIT = process(1, 0, 1)
ROOT = process(10, 1, 50)
TABLE = {
    p.pid: p for p in (INIT, ROOT, process(11, 10), process(12, 11), process(13, 10), process(20, 1), process(21, 20))
}


@pytest.fixture
def table(monkeypatch):
    """A table that `look_at` reads from; tests change it."""
    table = dict(TABLE)
    monkeypatch.setattr(bad_conditions, "look_at", table.get)
    return table


def test_a_family_is_all_descendants_and_nobody_else():
    assert {p.pid for p in family(TABLE, ROOT)} == {11, 12, 13}


def test_a_root_whose_number_was_used_again_has_no_family():
    assert family(TABLE | {10: process(10, 1, 51)}, ROOT) == []
    assert family({pid: p for pid, p in TABLE.items() if pid != 10}, ROOT) == []


def test_a_child_that_is_older_than_its_parent_belongs_to_an_earlier_owner_of_the_number(table):
    table[11] = process(11, 10, 120)  # its child, 12, began at 100
    assert {p.pid for p in family(table, ROOT)} == {11, 13}
    assert not is_descendant(table[12], ROOT)


def test_descent_is_looked_up_again_before_each_signal(table):
    seen = table[12]
    assert is_descendant(seen, ROOT)
    table[11] = process(11, 20)
    assert not is_descendant(seen, ROOT), "its parent went elsewhere"
    table[11] = TABLE[11]
    table[12] = process(12, 11, 101)
    assert not is_descendant(seen, ROOT), "its number was used again"
    table[12] = process(12, 11, state="Z")
    assert not is_descendant(seen, ROOT), "it is dead"
    del table[12]
    assert not is_descendant(seen, ROOT), "it is gone"


def test_nobody_is_a_descendant_of_a_root_that_was_replaced(table):
    table[10] = process(10, 1, 60)
    assert not is_descendant(table[12], ROOT)


@pytest.mark.parametrize("pid", [1, 10, 20, 21])
def test_the_root_itself_and_strangers_are_no_descendants(table, pid):
    assert not is_descendant(table[pid], ROOT)


def test_no_handle_is_given_out_for_a_stranger(monkeypatch):
    opened, closed = [], []
    monkeypatch.setattr(bad_conditions, "look_at", TABLE.get)
    monkeypatch.setattr(bad_conditions.os, "pidfd_open", lambda pid: opened.append(pid) or 99)
    monkeypatch.setattr(bad_conditions.os, "close", closed.append)
    with handle_of(TABLE[21], ROOT) as handle:
        assert handle is None
    with handle_of(TABLE[12], ROOT) as handle:
        assert handle == 99
    assert (opened, closed) == ([21, 12], [99, 99])


# ---------------------------------------------------------------- plans


def test_a_seed_gives_the_same_stops_again_and_another_seed_others():
    def first(seed):
        return list(islice(plan_stops(seed, 3.5), 50))

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_stops_keep_their_bounds_and_take_the_wanted_share_of_the_time():
    stops = list(islice(plan_stops(5, 3.5), 5000))
    assert all(SHORTEST_S <= stop.length_s <= LONGEST_S for stop in stops)
    assert all(0 <= stop.share < 1 for stop in stops)
    stopped_s = sum(stop.length_s for stop in stops)
    assert stopped_s / (stopped_s + sum(stop.after_s for stop in stops)) == pytest.approx(0.073, abs=0.005)


def test_a_stop_hits_every_running_process_for_some_share_and_no_stopped_or_dead_one():
    candidates = [process(n, 10, state=state) for n, state in enumerate("SRTDZt", start=1)]
    hit = {Stop(1, 0.1, share / 100).pick(candidates) for share in range(100)}
    assert {p.pid for p in hit if p is not None} == {1, 2, 4}
    assert Stop(1, 0.1, 0.5).pick(candidates[2:3]) is None
