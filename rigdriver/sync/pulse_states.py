"""How far the box has reported a pulse: its states and every transition between them.

In: an act. Out: the next state; each act is allowed in each state, and nothing else changes state.
Not here: the places of the cameras in a pulse (see places.py), and when it is given up (see matcher.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class PulseState(Enum):
    """What the box has reported of one pulse that has not left."""

    OPEN = "open"
    """Its end is not reported; no report of it is known to be missing."""
    TORN = "torn"
    """Its end is not reported, and a report of it is missing."""
    CLOSED = "closed"
    """It is reported to its end."""
    CLOSED_TORN = "closed, torn"
    """Its end has come, and a report of it is missing."""
    GIVEN_UP = "given up"
    """The time for its frames and reports is over."""


class PulseAct(Enum):
    """What changes the state of a pulse."""

    LOSE = "lose"
    """Reports of the box are missing."""
    CLOSE = "close"
    """The box reports its end."""
    GIVE_UP = "give up"


TRANSITIONS: Mapping[tuple[PulseState, PulseAct], PulseState] = MappingProxyType(
    {
        (PulseState.OPEN, PulseAct.LOSE): PulseState.TORN,
        (PulseState.OPEN, PulseAct.CLOSE): PulseState.CLOSED,
        (PulseState.OPEN, PulseAct.GIVE_UP): PulseState.GIVEN_UP,
        (PulseState.TORN, PulseAct.LOSE): PulseState.TORN,
        (PulseState.TORN, PulseAct.CLOSE): PulseState.CLOSED_TORN,
        (PulseState.TORN, PulseAct.GIVE_UP): PulseState.GIVEN_UP,
        # What is lost after its end is of later pulses.
        (PulseState.CLOSED, PulseAct.LOSE): PulseState.CLOSED,
        (PulseState.CLOSED, PulseAct.CLOSE): PulseState.CLOSED,
        (PulseState.CLOSED, PulseAct.GIVE_UP): PulseState.GIVEN_UP,
        (PulseState.CLOSED_TORN, PulseAct.LOSE): PulseState.CLOSED_TORN,
        (PulseState.CLOSED_TORN, PulseAct.CLOSE): PulseState.CLOSED_TORN,
        (PulseState.CLOSED_TORN, PulseAct.GIVE_UP): PulseState.GIVEN_UP,
        # All its places are settled; it waits for the pulses before it.
        (PulseState.GIVEN_UP, PulseAct.LOSE): PulseState.GIVEN_UP,
        (PulseState.GIVEN_UP, PulseAct.CLOSE): PulseState.GIVEN_UP,
        (PulseState.GIVEN_UP, PulseAct.GIVE_UP): PulseState.GIVEN_UP,
    }
)
AWAITED = (PulseState.OPEN, PulseState.TORN)
"""States of a pulse whose end may still be reported."""
CLOSED = (PulseState.CLOSED, PulseState.CLOSED_TORN)
"""States of a pulse whose end is reported."""
TORN = (PulseState.TORN, PulseState.CLOSED_TORN)
"""States of a pulse of which a report is missing."""


def after(state: PulseState, act: PulseAct) -> PulseState:
    """Return the state after the act."""
    return TRANSITIONS[state, act]
