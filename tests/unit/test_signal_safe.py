"""An interrupt of a thread that waits keeps no lock: whoever turns the rig off gets it.

In: an interrupt at every moment at which Python lets one come, in Python's own library, too. Out: the
same lock, condition, queue or turn, free for another thread. No time passes here: nothing is waited for that comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rigdriver.run.queues import Outbox
from rigdriver.signal_safe import SafeCondition, SafeEvent, SafeTurn, always
from tests.interrupts import interrupted_at, moments_of

WAIT_S = 60.0


def comes_to_an_end_elsewhere(act: Callable[[], object]) -> bool:
    """Whether another thread can do that."""
    other = threading.Thread(target=act, daemon=True)
    other.start()
    other.join(WAIT_S)
    return not other.is_alive()


def of_an_outbox() -> tuple[Callable[[], object], Callable[[], object]]:
    outbox: Outbox[int] = Outbox(1, is_dropping=False)
    return lambda: outbox.take(0.001), outbox.abandon


def of_an_event() -> tuple[Callable[[], object], Callable[[], object]]:
    event = SafeEvent()
    return lambda: event.wait(0.001), event.set


def of_a_condition() -> tuple[Callable[[], object], Callable[[], object]]:
    condition = SafeCondition()

    def notify() -> None:
        with condition:
            condition.notify_all()

    def wait() -> None:
        with condition:
            condition.wait(0.001)

    return wait, notify


def of_a_turn() -> tuple[Callable[[], object], Callable[[], object]]:
    turn = SafeTurn()

    def take() -> None:
        token = object()
        always(lambda: turn.take(token, 0.001), lambda: turn.give_back(token))

    def take_elsewhere() -> None:
        assert turn.take(object(), WAIT_S)

    return take, take_elsewhere


@pytest.mark.parametrize("made", [of_an_outbox, of_an_event, of_a_condition, of_a_turn])
def test_an_interrupt_at_any_moment_of_a_wait_keeps_no_lock(made) -> None:
    moments = moments_of(made()[0])
    assert len(moments) > 5
    for moment in moments:
        wait, need = made()
        assert interrupted_at(moment, wait) == (moment != moments[-1])
        assert comes_to_an_end_elsewhere(need), f"interrupted at moment {moment} of {len(moments)}"


def test_whoever_waits_is_woken_by_a_notification_that_follows_an_interrupted_one() -> None:
    condition, waits, woken = SafeCondition(), threading.Event(), threading.Event()

    def wait() -> None:
        with condition:
            waits.set()
            if condition.wait(WAIT_S):
                woken.set()

    def notify() -> None:
        with condition:
            condition.notify_all()

    for moment in moments_of(notify):
        waits.clear()
        woken.clear()
        waiter = threading.Thread(target=wait, daemon=True)
        waiter.start()
        assert waits.wait(WAIT_S)
        interrupted_at(moment, notify)
        notify()
        assert woken.wait(WAIT_S), f"interrupted at moment {moment}"
        waiter.join(WAIT_S)


def test_a_turn_may_be_taken_again_by_the_thread_that_has_it_and_by_no_other() -> None:
    turn, tokens, refused = SafeTurn(), (object(), object()), []

    def refuse() -> None:
        token = object()
        refused.append(always(lambda: not turn.take(token, 0), lambda: turn.give_back(token)))

    assert all(turn.take(token, 0) for token in tokens)
    for token in tokens:
        other = threading.Thread(target=refuse)
        other.start()
        other.join(WAIT_S)
        turn.give_back(token)
        turn.give_back(token)
    assert refused == [True, True]
    assert turn.take(object(), 0)


def test_a_thread_that_takes_its_turn_again_and_again_lets_those_who_wait_go_first() -> None:
    turn, others, order = SafeTurn(), [object(), object()], []
    mine = object()
    assert turn.take(mine, 0)
    for token in others:
        asked = threading.Event()

        def wait(token=token, asked=asked) -> None:
            turn.take(token, 0)
            asked.set()
            while not turn.take(token, WAIT_S):
                pass
            order.append(token)
            turn.give_back(token)

        threading.Thread(target=wait, daemon=True).start()
        assert asked.wait(WAIT_S)
    turn.give_back(mine)
    again = object()
    while not turn.take(again, WAIT_S):
        pass
    assert order == others


def test_whoever_waits_no_more_keeps_no_place() -> None:
    turn, mine, gone, other = SafeTurn(), object(), object(), object()
    assert turn.take(mine, 0)
    elsewhere = threading.Thread(target=lambda: turn.take(gone, 0))
    elsewhere.start()
    elsewhere.join(WAIT_S)
    turn.give_back(gone)
    turn.give_back(mine)
    assert turn.take(other, 0)
