"""Locks, conditions and events that an interrupted thread never keeps: Ctrl-C comes between any two calls.

In: threads that wait for each other, one of which is the main thread. Out: the waits, and a release on every way out.
A signal handler raises in the main thread, after any call that it makes. The conditions and events of Python's
`threading` enter and leave in Python code, so an interrupt there keeps their lock for ever (0.3 to 0.8 % of the
interrupts of a thread that waits for frame sets), and whoever turns the rig off waits for it. Here `with` enters and
leaves in one call of the interpreter's own, and what needs more steps is undone by `always`.
Not here: which signals raise, and what (see cli/verb.py).
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from threading import Lock, get_ident
from typing import TypeVar

T = TypeVar("T")


def always(act: Callable[[], T], undo: Callable[[], object]) -> T:
    """Return what `act` returns, after `undo`, however `act` ends.

    `undo` is called twice, since an interrupt may come before its first step, so twice must be the same as once.
    """
    try:
        try:
            return act()
        finally:
            undo()
    finally:
        undo()


class SafeCondition(_thread.RLock):  # type: ignore[misc]  # the stub calls it final; CPython allows subclasses
    """A `threading.Condition` whose lock no interrupt keeps. A thread that waits must hold it once only."""

    _is_owned: Callable[[], bool]
    """Whether the calling thread holds it; of the class above."""

    def __init__(self) -> None:
        self._sleepers: list[Lock] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Let go, wait for `notify_all`, at most that long, and take hold again; return whether it came."""
        sleeper = Lock()
        sleeper.acquire()
        self._sleepers.append(sleeper)
        return always(lambda: self._sleep(sleeper, timeout), lambda: self._wake(sleeper))

    def notify_all(self) -> None:
        """Wake all who wait; the caller holds the condition. One that was interrupted is made up for by the next."""
        for sleeper in self._sleepers:
            if sleeper.locked():
                sleeper.release()
        self._sleepers.clear()

    def _sleep(self, sleeper: Lock, timeout: float | None) -> bool:
        self.release()
        return sleeper.acquire(timeout=-1 if timeout is None else max(0.0, timeout))

    def _wake(self, sleeper: Lock) -> None:
        while not self._is_owned():
            self.acquire()
        if sleeper in self._sleepers:
            self._sleepers.remove(sleeper)


class SafeEvent:
    """A `threading.Event` whose lock no interrupt keeps."""

    def __init__(self) -> None:
        self._changed = SafeCondition()
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake all who wait."""
        with self._changed:
            self._is_set = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Let it not be set."""
        with self._changed:
            self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most that long; return whether it is."""
        with self._changed:
            if not self._is_set:
                self._changed.wait(timeout)
            return self._is_set


class SafeTurn:
    """What one thread at a time may have, in the order of asking, and may take again while it has it.

    Each taking has a token of its own, which keeps its place from the first try on. Giving it back is harmless before
    it was taken, and twice; whoever waits no more must do so.
    """

    def __init__(self) -> None:
        self._changed = SafeCondition()
        self._owner = 0
        self._tokens: list[object] = []
        self._waiting: list[object] = []

    def take(self, token: object, timeout_s: float) -> bool:
        """Take the turn, or wait for it at most that long; return whether the calling thread has it."""
        with self._changed:
            if not self._is_mine and token not in self._waiting:
                self._waiting.append(token)
            if not self._is_next(token):
                self._changed.wait(timeout_s)
            if not self._is_next(token):
                return False
            if token in self._waiting:
                self._waiting.remove(token)
            self._owner = get_ident()
            self._tokens.append(token)
            return True

    def give_back(self, token: object) -> None:
        """Give back what was taken with that token, or its place in the row."""
        with self._changed:
            for tokens in (self._tokens, self._waiting):
                if token in tokens:
                    tokens.remove(token)
                    self._changed.notify_all()

    @property
    def _is_mine(self) -> bool:
        return bool(self._tokens) and self._owner == get_ident()

    def _is_next(self, token: object) -> bool:
        return self._is_mine or (not self._tokens and self._waiting[:1] == [token])
