"""How far the box has reported a pulse goes along its table of states, and nowhere else.

In: acts in every state. Out: the next state. Not here: what the matcher makes of them.
"""

from __future__ import annotations

from rigdriver.sync.pulse_states import AWAITED, CLOSED, TORN, PulseAct, PulseState, after

TABLE = """
state         lose          close         give-up
open          torn          closed        given-up
torn          torn          closed,-torn  given-up
closed        closed        closed        given-up
closed,-torn  closed,-torn  closed,-torn  given-up
given-up      given-up      given-up      given-up
"""
"""The oracle: a copy of its own, written by hand."""


def test_the_table_of_states_is_the_one_written_here() -> None:
    heading, *rows = (line.replace("-", " ").split("  ") for line in TABLE.strip().splitlines())
    acts, *expected = ([word.strip() for word in row if word.strip()] for row in (heading, *rows))
    found = [[s.value, *(after(s, act).value for act in PulseAct)] for s in PulseState]
    assert (acts[1:], found) == ([act.value for act in PulseAct], expected)


def test_a_pulse_that_is_not_given_up_is_awaited_or_closed_and_may_be_torn_in_both() -> None:
    assert {*AWAITED, *CLOSED, PulseState.GIVEN_UP} == {*PulseState}
    assert not {*AWAITED} & {*CLOSED}
    assert [state in TORN for state in (*AWAITED, *CLOSED)] == [False, True, False, True]
