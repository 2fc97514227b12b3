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
    """The camera was given up while it acquired; the parent has its report."""
    CLOSED = "closed"
    """The camera and its slots are given back."""


class StreamAct(Enum):
    """What changes the state of a stream."""

    START = "start"
    STOP = "stop"
    FAIL = "fail"
    """The camera fails, or delivers what cannot be read."""
    CLOSE = "close"


TRANSITIONS: Mapping[tuple[StreamState, StreamAct], StreamState] = MappingProxyType(
    {
        (StreamState.IDLE, StreamAct.START): StreamState.STREAMING,
        (StreamState.IDLE, StreamAct.CLOSE): StreamState.CLOSED,
        (StreamState.STREAMING, StreamAct.START): StreamState.STREAMING,
        (StreamState.STREAMING, StreamAct.STOP): StreamState.IDLE,
        (StreamState.STREAMING, StreamAct.FAIL): StreamState.FAILED,
        (StreamState.STREAMING, StreamAct.CLOSE): StreamState.CLOSED,
        (StreamState.FAILED, StreamAct.START): StreamState.STREAMING,
        (StreamState.FAILED, StreamAct.CLOSE): StreamState.CLOSED,
        (StreamState.CLOSED, StreamAct.CLOSE): StreamState.CLOSED,
    }
)


def after(state: StreamState, act: StreamAct) -> StreamState | None:
    """Return the state after the act, or None where the act is not allowed."""
    return TRANSITIONS.get((state, act))
