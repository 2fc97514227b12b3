"""A link that loses, doubles and overtakes whole events, and one that is cut.

In: events by number. Out: the numbers that arrive.
"""

from __future__ import annotations

from rigdriver_sim.trigger_box.event_damage import EventDamage, EventLink
from rigdriver_sim.trigger_box.line_noise import LineNoise

EVENTS = [bytes([number]) for number in range(200)]


def arrived(damage: EventDamage) -> list[bytes]:
    link = EventLink(seed=1)
    link.damage = damage
    return [message for event in EVENTS for message in link.carry(event)]


def test_a_sound_link_passes_all_events_on():
    assert arrived(EventDamage()) == EVENTS


def test_one_event_in_so_many_is_lost():
    came = arrived(EventDamage(lose_every=10))
    assert len(came) == 180
    assert came == sorted(came)


def test_one_event_in_so_many_comes_twice():
    came = arrived(EventDamage(double_every=10))
    assert len(came) == 220
    assert sorted(set(came)) == EVENTS
    assert came == sorted(came)


def test_one_event_in_so_many_comes_after_the_next_one():
    came = arrived(EventDamage(overtake_every=10))
    late = [k for k in range(len(came) - 1) if came[k] > came[k + 1]]
    assert 18 <= len(late) <= 20
    assert set(came) >= set(EVENTS[:-1])
    assert all(came[k][0] == came[k + 1][0] + 1 for k in late)


def test_a_cut_line_carries_nothing_until_it_is_mended():
    line = LineNoise(1, "to_host")
    line.is_cut = True
    assert line.carry(b"lost") == b""
    line.is_cut = False
    assert line.carry(b"heard") == b"heard"
    assert line.hits == len(b"lost")
