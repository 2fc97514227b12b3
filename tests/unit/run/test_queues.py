"""The queues of a run: order kept, room bounded, nobody left waiting.

In: items from several threads. Out: the same items in order, counted drops, and ends that everybody who waits hears of.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

import pytest

from rigdriver.run.queues import Inbox, Outbox
from tests.fake_time import FakeTime


def test_the_inbox_keeps_the_order_of_light_and_heavy_items() -> None:
    inbox: Inbox[int] = Inbox(heavy_limit=2)
    inbox.put(1)
    inbox.put_heavy(2)
    inbox.put(3)
    assert [inbox.take(0) for _ in range(4)] == [1, 2, 3, None]


def test_a_closed_inbox_drops_heavy_items_at_once_instead_of_waiting() -> None:
    inbox: Inbox[int] = Inbox(heavy_limit=1)
    inbox.put_heavy(1)
    inbox.close()
    inbox.put_heavy(2)
    assert inbox.take(0) is None


def test_a_dropping_outbox_loses_the_oldest_and_counts_it() -> None:
    outbox: Outbox[int] = Outbox(limit=2, is_dropping=True)
    for n in range(5):
        outbox.put(n)
    assert (outbox.take(0), outbox.take(0), outbox.take(0)) == (3, 4, None)
    assert outbox.dropped == 3


def test_the_consumer_gets_what_is_left_before_the_end_and_then_the_error() -> None:
    outbox: Outbox[int] = Outbox(limit=4, is_dropping=False)
    outbox.put(1)
    outbox.end(OSError("gone"))
    outbox.end(None)
    assert outbox.take(0) == 1
    with pytest.raises(OSError, match="gone"):
        outbox.take(0)


def test_the_end_without_an_error_is_a_stop_iteration_every_time() -> None:
    outbox: Outbox[int] = Outbox(limit=4, is_dropping=False)
    outbox.end()
    for _ in range(2):
        with pytest.raises(StopIteration):
            outbox.take(0)


def test_nobody_waits_for_a_consumer_that_has_gone() -> None:
    outbox: Outbox[int] = Outbox(limit=1, is_dropping=False)
    outbox.put(1)
    outbox.abandon()
    outbox.put(2)
    assert outbox.take(0) is None


def test_modelled_time_waits_for_a_consumer_where_a_slow_one_would_lose_items() -> None:
    parts: list[str] = []

    def take_part(name: str) -> AbstractContextManager[None]:
        parts.append(name)
        return nullcontext()

    clock = FakeTime()
    clock.take_part = take_part  # type: ignore[method-assign]
    for is_dropping in (False, True):
        with Outbox(1, is_dropping, clock).consuming():
            pass
    assert parts == ["consumer"]


def test_modelled_time_hears_that_a_thread_waits_for_a_slow_consumer_and_does_not_hang() -> None:
    heard = threading.Event()
    clock = FakeTime()
    clock.busy = heard.set  # type: ignore[method-assign]
    outbox: Outbox[int] = Outbox(1, is_dropping=False, timebase=clock)
    outbox.put(0)
    producer = threading.Thread(target=outbox.put, args=(1,))
    producer.start()
    assert heard.wait(60), "it wakes every second while there is no room"
    assert outbox.take(1.0) == 0
    producer.join(60)
    assert outbox.take(1.0) == 1
