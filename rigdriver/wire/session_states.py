"""The states of a Harp session and every transition between them; nothing else changes state.

In: a state and an act. Out: the next state, or None where the act is not allowed.
Not here: which reply fits which request (see session.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class SessionState(Enum):
    """Where the conversation with the box stands."""

    IDLE = "idle"
    """No request is outstanding, and no late reply can come."""
    WAITING = "waiting"
    """A request waits for its reply."""
    UNSURE = "unsure"
    """A request was given up: its reply may still come and look like a fresh one."""
    FENCING = "fencing"
    """A clock probe with a new nonce waits for its reply, which ends the doubt."""


class SessionAct(Enum):
    """What changes the state of a session."""

    REQUEST = "request"
    FENCE = "fence"
    REPLY = "reply"
    """A sound reply to the outstanding request, the fence's probe included, has come."""
    GIVE_UP = "give up"
    """The outstanding request is abandoned, or its reply came damaged."""
    TRUST = "trust"
    """Whoever asked knows that late replies do no harm."""


TRANSITIONS: Mapping[tuple[SessionState, SessionAct], SessionState] = MappingProxyType(
    {
        (SessionState.IDLE, SessionAct.REQUEST): SessionState.WAITING,
        (SessionState.IDLE, SessionAct.FENCE): SessionState.FENCING,
        (SessionState.WAITING, SessionAct.REPLY): SessionState.IDLE,
        (SessionState.WAITING, SessionAct.GIVE_UP): SessionState.UNSURE,
        # No REQUEST while unsure: the late reply to the last request could be taken for the answer to the next one
        # (PROTOCOL 2, "Lost and late replies").
        (SessionState.UNSURE, SessionAct.FENCE): SessionState.FENCING,
        (SessionState.UNSURE, SessionAct.TRUST): SessionState.IDLE,
        (SessionState.FENCING, SessionAct.REPLY): SessionState.IDLE,
        (SessionState.FENCING, SessionAct.GIVE_UP): SessionState.UNSURE,
    }
)


def after(state: SessionState, act: SessionAct) -> SessionState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))
