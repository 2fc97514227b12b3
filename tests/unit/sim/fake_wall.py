"""A wall clock and a selector in one, for tests of the simulator's loop: only its `select` lets time pass.

In: descriptors that the test says are readable. Out: the time, and the waits that the loop asked for. Not here: what
the loop must make of them (see test_engine.py and test_engine_in_lockstep.py).
"""

from __future__ import annotations

import selectors
from collections.abc import Mapping
from typing import Any

from rigdriver_sim.engine import EventEngine


class FakeWall(selectors.BaseSelector):
    """A wall clock that only `select` moves on, and the selector that moves it."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000
        self.waits: list[float] = []
        self.ready: list[tuple[selectors.SelectorKey, int]] = []
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def __call__(self) -> int:
        return self.ns

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None
        self.waits.append(timeout)
        ready, self.ready = [(k, m) for k, m in self.ready if k.fileobj in self._keys], []
        if not ready:
            self.ns += round(timeout * 1e9)
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def readable(self, fd: int) -> None:
        self.ready.append((self._keys[fd], selectors.EVENT_READ))


def engine_of(wall: FakeWall, pace: float) -> EventEngine:
    return EventEngine(pace, wall_ns=wall, selector=wall)
