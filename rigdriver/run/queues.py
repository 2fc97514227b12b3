"""The two queues of a run: what devices report, on its way in; frame sets, on their way out.

In: items put by device threads. Out: items taken by the sync thread and by the consumer. Both are bounded. Frames wait
until there is room. Reports of the box never wait: they are small, and they come on the thread that feeds the watchdog.
Not here: what the items mean (see run.py).
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from rigdriver.signal_safe import SafeCondition
from rigdriver.timebase import WALL_TIME, Timebase

T = TypeVar("T")


class Inbox(Generic[T]):
    """Items in order of arrival; `heavy` ones are limited in number."""

    def __init__(self, heavy_limit: int, timebase: Timebase = WALL_TIME) -> None:
        self._timebase = timebase
        self._items: deque[tuple[T, bool]] = deque()
        self._heavy = 0
        self._heavy_limit = heavy_limit
        self._is_closed = False
        self._changed = SafeCondition()

    def put(self, item: T) -> None:
        """Add a light item; never waits."""
        with self._changed:
            self._items.append((item, False))
            self._changed.notify_all()

    def put_heavy(self, item: T) -> None:
        """Add a heavy item; waits for room, at most until the inbox is closed."""
        with self._changed:
            while self._heavy >= self._heavy_limit and not self._is_closed:
                self._changed.wait(timeout=1.0)
                self._timebase.busy()
            if self._is_closed:
                return
            self._items.append((item, True))
            self._heavy += 1
            self._changed.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """Return the oldest item, or None after the timeout or earlier."""
        with self._changed:
            if not self._items:
                self._timebase.wait_on(self._changed, timeout_s)
            if not self._items:
                return None
            item, is_heavy = self._items.popleft()
            if is_heavy:
                self._heavy -= 1
                self._changed.notify_all()
            return item

    def drain(self) -> list[T]:
        """Return everything that waits now, in order; never waits."""
        with self._changed:
            items = [item for item, _ in self._items]
            self._items.clear()
            self._heavy = 0
            self._changed.notify_all()
            return items

    def close(self) -> None:
        """Let everyone go who waits; later heavy items are dropped."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._heavy = 0
            self._changed.notify_all()


class _Consumer(Enum):
    """What the consumer of an outbox has done; it goes down this list only."""

    TAKES = "takes items"
    INFORMED = "has taken the end"
    GONE = "has gone before the end"


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a run."""

    error: BaseException | None


class Outbox(Generic[T]):
    """Finished items for one consumer: when it is slow, either the producer waits or the oldest item goes."""

    def __init__(self, limit: int, is_dropping: bool, timebase: Timebase = WALL_TIME) -> None:
        self._timebase = timebase
        self._items: deque[T] = deque()
        self._limit = limit
        self._is_dropping = is_dropping
        self._end: _End | None = None
        self._consumer = _Consumer.TAKES
        self._changed = SafeCondition()
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item; waits for room, or drops the oldest and counts it, as the policy says."""
        with self._changed:
            while len(self._items) >= self._limit and not self._is_dropping and self._consumer is _Consumer.TAKES:
                self._changed.wait(timeout=1.0)
                # A slow consumer is no thread that hangs: modelled time must wait for it.
                self._timebase.busy()
            if self._consumer is not _Consumer.TAKES:
                return
            if len(self._items) >= self._limit:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """No more items will come; the consumer gets what is left, then the error if there is one."""
        with self._changed:
            # The first end counts: what fails afterwards is a consequence of it.
            self._end = self._end or _End(error)
            self._changed.notify_all()

    @property
    def unheard(self) -> BaseException | None:
        """Error that ended the run and that the consumer has not taken."""
        with self._changed:
            return None if self._end is None or self._consumer is _Consumer.INFORMED else self._end.error

    def abandon(self) -> None:
        """The consumer has gone: nothing waits for it any more."""
        with self._changed:
            if self._consumer is _Consumer.TAKES:
                self._consumer = _Consumer.GONE
            self._items.clear()
            self._changed.notify_all()

    def consuming(self) -> AbstractContextManager[None]:
        """Let modelled time wait for the calling thread, where items would be dropped because it is slow."""
        return self._timebase.take_part("consumer") if self._is_dropping else nullcontext()

    def take(self, timeout_s: float) -> T | None:
        """Return the next item, or None after the timeout or earlier.

        Raises:
            StopIteration: the end has been reached.
            BaseException: whatever ended the run.
        """
        with self._changed:
            if not self._items and self._end is None:
                self._timebase.wait_on(self._changed, timeout_s)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._end is not None:
                self._consumer = _Consumer.INFORMED
                raise self._end.error if self._end.error is not None else StopIteration
            return None
