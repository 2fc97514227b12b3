"""The states of one camera's stream and every transition between them; nothing else changes state.

In: a state and an act. Out: the next state, or None where the act is not allowed.
Not here: buffers and slots (see stream.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class StreamState(Enum):
    """What the camera of a stream does."""

    IDLE = "idle"
    """The camera is open and acquires nothing."""
    STREAMING = "streaming"
    """The camera acquires, and its buffers are polled."""
    FAILED = "failed"
    """The camera was given up while it acquired; the parent has been told."""
    CLOSED = "closed"
    """The camera and its slots are given back."""


class Act(Enum):
    """What changes the state of a stream."""

    START = "start"
    STOP = "stop"
    FAIL = "fail"
    """The camera fails, or delivers what cannot be read."""
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[StreamState, Act], StreamState] = MappingProxyType(
    {
        (StreamState.IDLE, Act.START): StreamState.STREAMING,
        (StreamState.IDLE, Act.CLOSE): StreamState.CLOSED,
        (StreamState.STREAMING, Act.START): StreamState.STREAMING,
        (StreamState.STREAMING, Act.STOP): StreamState.IDLE,
        (StreamState.STREAMING, Act.FAIL): StreamState.FAILED,
        (StreamState.STREAMING, Act.CLOSE): StreamState.CLOSED,
        (StreamState.FAILED, Act.START): StreamState.STREAMING,
        (StreamState.FAILED, Act.CLOSE): StreamState.CLOSED,
        (StreamState.CLOSED, Act.CLOSE): StreamState.CLOSED,
    }
)


def after(state: StreamState, act: Act) -> StreamState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))
