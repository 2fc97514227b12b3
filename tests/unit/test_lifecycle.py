"""A rig changes its state only along the table.

In: every pair of state and wish. Out: the new state where the table has one, StateError where it has none.
"""

from __future__ import annotations

from itertools import product

import pytest

from rigdriver.errors import StateError
from rigdriver.lifecycle import TRANSITIONS, Lifecycle, RigState

PATHS = {
    RigState.OPEN: [],
    RigState.STARTING: [RigState.STARTING],
    RigState.RUNNING: [RigState.STARTING, RigState.RUNNING],
    RigState.CLOSED: [RigState.CLOSED],
}


@pytest.mark.parametrize(("start", "to"), list(product(RigState, RigState)))
def test_every_step_outside_the_table_is_refused_with_what_is_allowed(start: RigState, to: RigState) -> None:
    lifecycle = Lifecycle()
    for state in PATHS[start]:
        lifecycle.go(state)
    if to in TRANSITIONS[start]:
        lifecycle.go(to)
        assert lifecycle.state is to
    else:
        with pytest.raises(StateError, match=f"rig: cannot become {to.value} while it is {start.value}; "):
            lifecycle.go(to)
        assert lifecycle.state is start
