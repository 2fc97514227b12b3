"""The host's time and all waiting: this computer's monotonic clock, or the time that a simulated rig models.

In: a path, or none. Out: a `Timebase` that is passed to whatever reads a clock or waits. With `WALL_TIME` nothing is
special. With a `ModelledTime` the simulated rig publishes the time in a shared page and waits for the driver: each
thread that devices report to takes part, and time never runs further ahead of it than a small lead. A run then gives
the same result on a busy computer as on a quiet one. Not here: the simulator's side (simulators/rigdriver_sim/
reach/timebase_page.py), and the box's and cameras' clocks (clock.py).

    page: 8 bytes magic | u64 now_ns | u64 parts | u64 steps of the rig | padding to 64, then for each part 64 bytes:
          u64 process id (0: free) | u64 seen_ns | u64 turns | 24 bytes name | padding
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar

from rigdriver.errors import ConfigError
from rigdriver.own_pause import LOOK_S, AttendedTime
from rigdriver.signal_safe import always

T = TypeVar("T")

MAGIC = b"RIGTIME1"
PARTS = 32
RECORD_BYTES = 64
SLICE_S = 0.001
"""Longest real wait between two looks at modelled time, in s."""
TRANSIT_LOOKS = 200
"""Number of looks for a reply, a millisecond each, in which it may be on its way although no modelled time passes. A
pseudo terminal hands bytes on in a thread of the kernel, which a busy computer holds up. Looks are counted, not real
time, because a thread that is held up itself does not look."""


class AnyEvent(Protocol):
    """What is set once something has happened."""

    def is_set(self) -> bool:
        """Return whether it is set."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most that long; return whether it is."""
        ...


class AnyCondition(Protocol):
    """What its holders may wait for."""

    def wait(self, timeout: float | None = None) -> bool:
        """Let go, wait for a notification, at most that long, and take hold again; return whether it came."""
        ...


class Timebase(Protocol):
    """A clock, and how to wait by it."""

    def now_ns(self) -> int:
        """Return the host's time in nanoseconds; it never runs backwards."""
        ...

    def now_s(self) -> float:
        """Return the host's time in seconds."""
        ...

    def wait(self, event: AnyEvent, timeout_s: float) -> bool:
        """Wait until the event is set, at most that long; return whether it is set."""
        ...

    def wait_on(self, condition: AnyCondition, timeout_s: float) -> None:
        """Wait for the condition once, for `timeout_s` or less; the caller looks at its own state and at the time."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Let that much time pass."""
        ...

    def slice_s(self, wait_s: float) -> float:
        """Return for how long to really wait before the next look at the time, when `wait_s` are left."""
        ...

    def idle(self) -> None:
        """State that this thread has nothing left to do of what has happened so far."""
        ...

    def busy(self) -> None:
        """State that this thread lives and still has something to do, so that modelled time waits on."""
        ...

    def may_be_in_transit(self, looks: int) -> bool:
        """Return whether a reply may be on its way although no time passes, after so many looks that found nothing."""
        ...

    def steps(self) -> int:
        """Return how often a simulated rig has looked at what was sent to it; it stands still while the rig does."""
        ...

    def take_part(self, name: str) -> AbstractContextManager[None]:
        """Let modelled time wait for this thread until the context ends. `idle`, and every wait here, lets it go on."""
        ...


class WallTime:
    """This computer's monotonic clock."""

    def now_ns(self) -> int:
        """Return `time.monotonic_ns`."""
        return time.monotonic_ns()

    def now_s(self) -> float:
        """Return `time.monotonic`."""
        return time.monotonic()

    def wait(self, event: AnyEvent, timeout_s: float) -> bool:
        """Wait for the event; a time in which this process stood still is not counted."""
        limit = TimeLimit(self, timeout_s)
        while not event.wait(limit.look_s()):
            if limit.left_s() <= 0:
                return event.is_set()
        return True

    def wait_on(self, condition: AnyCondition, timeout_s: float) -> None:
        """Wait for the condition."""
        condition.wait(timeout_s)

    def sleep(self, duration_s: float) -> None:
        """Sleep."""
        time.sleep(duration_s)

    def slice_s(self, wait_s: float) -> float:
        """Return all of the wait: real time needs no looking at."""
        return wait_s

    def idle(self) -> None:
        """Do nothing: real time waits for nobody."""

    def busy(self) -> None:
        """Do nothing: real time waits for nobody."""

    def may_be_in_transit(self, looks: int) -> bool:  # noqa: ARG002 - real time passes for bytes on their way, too
        """Return False: a time limit holds as it is."""
        return False

    def steps(self) -> int:
        """Return 0: no rig steps here."""
        return 0

    def take_part(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 - real time waits for nobody
        """Return a context that does nothing."""
        return nullcontext()


WALL_TIME = WallTime()


def _no_page(page: Path) -> ConfigError:
    return ConfigError(
        device=f"timebase = {str(page)!r}", seen="is no page of a simulated rig", remedy="remove the key"
    )


class ModelledTime:
    """The time that a simulated rig publishes in its page."""

    def __init__(self, page: Path) -> None:
        """Map the page. ConfigError when it is none."""
        try:
            self._fd = os.open(page, os.O_RDWR | os.O_CLOEXEC)
        except OSError as exc:
            raise ConfigError(
                device=f"timebase = {str(page)!r}",
                seen=f"cannot be opened ({exc.strerror}); only the rig file of a simulated rig names one, and it is "
                "gone when that rig ends",
                remedy="remove the key",
            ) from exc
        weakref.finalize(self, os.close, self._fd)
        size = (PARTS + 1) * RECORD_BYTES
        if os.fstat(self._fd).st_size != size:
            raise _no_page(page)
        self._memory = memoryview(mmap.mmap(self._fd, size))
        if self._memory[: len(MAGIC)] != MAGIC:
            raise _no_page(page)
        self._words = self._memory.cast("Q")
        self._claims = threading.Lock()
        self._mine = threading.local()
        """State of each thread that takes part: `word`, the first one of its record, and `since_ns`, the start of its
        turn."""

    def now_ns(self) -> int:
        """Return the time that the rig has reached."""
        return self._words[1]

    def now_s(self) -> float:
        """Return the time that the rig has reached, in seconds."""
        return self._words[1] / 1e9

    def wait(self, event: AnyEvent, timeout_s: float) -> bool:
        """Wait for the event, by modelled time."""
        end_ns = self.now_ns() + round(timeout_s * 1e9)
        while True:
            is_over = self.now_ns() >= end_ns
            # Looked at once more after the end: what was set before the end counts.
            if event.wait(0 if is_over else SLICE_S) or is_over:
                return event.is_set()
            self.idle()

    def wait_on(self, condition: AnyCondition, timeout_s: float) -> None:
        """Wait for the condition for a millisecond at most."""
        if not condition.wait(min(timeout_s, SLICE_S)):
            self.idle()

    def sleep(self, duration_s: float) -> None:
        """Wait until that much modelled time has passed."""
        end_ns = self.now_ns() + round(duration_s * 1e9)
        while self.now_ns() < end_ns:
            time.sleep(SLICE_S)
            self.idle()

    def slice_s(self, wait_s: float) -> float:
        """Return a millisecond: modelled time stands still in shorter waits, so looking more often only costs."""
        return 0.0 if not wait_s else SLICE_S

    def idle(self) -> None:
        """Let time go on, up to the rig's lead beyond now."""
        word: int | None = getattr(self._mine, "word", None)
        if word is not None:
            # What has happened since the turn began may have come too late for it.
            self._words[word + 1] = self._mine.since_ns
            self._words[word + 2] += 1
            self._mine.since_ns = self._words[1]

    def busy(self) -> None:
        """Let time wait: a slow consumer is no thread that hangs."""
        word: int | None = getattr(self._mine, "word", None)
        if word is not None:
            self._words[word + 2] += 1

    def may_be_in_transit(self, looks: int) -> bool:
        """Return whether there were fewer looks than `TRANSIT_LOOKS`."""
        return looks < TRANSIT_LOOKS

    def steps(self) -> int:
        """Return the number that the rig counts up."""
        return self._words[3]

    def take_part(self, name: str) -> AbstractContextManager[None]:
        """Claim a record of the page for this thread; within another part of the same thread this changes nothing."""
        return _PartInTime(name, self._enter, self._leave)

    def _enter(self, part: _PartInTime) -> None:
        if getattr(self._mine, "word", None) is None:
            with self._claims:  # other processes claim, too
                always(lambda: self._claim(part), lambda: fcntl.flock(self._fd, fcntl.LOCK_UN))

    def _leave(self, part: _PartInTime) -> None:
        word, pid = part.word, os.getpid()
        if word is None:
            return
        # Some parts end on another thread than the one that began them, when a generator is closed there.
        if getattr(self._mine, "word", None) == word:
            self._mine.word = None
        if self._words[word] == pid:  # a forked child ends no part of its parent's
            self._words[word] = 0
        part.word = None  # at once: the record may be another's next

    def _claim(self, part: _PartInTime) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        number = next((n for n in range(1, PARTS + 1) if not self._words[n * RECORD_BYTES // 8]), None)
        if number is None:
            raise ConfigError(
                device="timebase",
                seen=f"{PARTS} threads take part already",
                remedy="close what is open on this rig",
            )
        start, word, pid = number * RECORD_BYTES, number * RECORD_BYTES // 8, os.getpid()
        self._memory[start + 24 : start + 48] = part.name.encode()[:24].ljust(24, b"\0")
        self._words[word + 1] = self._words[1]
        self._words[word + 2] = 0
        # Before time waits: what is interrupted right here is given back.
        part.word, self._mine.word, self._mine.since_ns = word, word, self._words[1]
        self._words[word] = pid


class _PartInTime:
    """A record of the page while a thread has it; leaving twice, or without having entered, is harmless."""

    def __init__(self, name: str, enter: Callable[[_PartInTime], None], leave: Callable[[_PartInTime], None]) -> None:
        self.name, self._enter, self._leave = name, enter, leave
        self.word: int | None = None
        """First word of the record."""

    def __enter__(self) -> None:
        self._enter(self)

    def __exit__(self, *_: object) -> None:
        self._leave(self)


def taking_part(timebase: Timebase, name: str, act: Callable[[], T]) -> T:
    """Return what `act` returns, done while modelled time waits for this thread; no interrupt leaves it waiting."""
    part = timebase.take_part(name)

    def act_within() -> T:
        with part:
            return act()

    return always(act_within, lambda: part.__exit__(None, None, None))


class TimeLimit:
    """A time limit that counts only time in which its thread could look (see own_pause.py)."""

    def __init__(self, timebase: Timebase, timeout_s: float) -> None:
        """`left_s` must be asked for at least every `LOOK_S`."""
        self._time = AttendedTime(timebase.now_s)
        self._timeout_s = timeout_s

    def left_s(self) -> float:
        """Return how much is left; 0 or less: give up."""
        return self._timeout_s - self._time.look()

    def look_s(self) -> float:
        """Return for how long to wait until the next look: what is left, but no longer than a look may take."""
        return max(0.0, min(self._timeout_s - self._time.attended_s, LOOK_S / 2))


def wait_for(timebase: Timebase, condition: AnyCondition, is_so: Callable[[], bool], timeout_s: float) -> bool:
    """Wait on a held condition until `is_so`, at most that long by that timebase; return whether it is."""
    limit = TimeLimit(timebase, timeout_s)
    while not is_so():
        if limit.left_s() <= 0:
            return is_so()
        timebase.wait_on(condition, limit.look_s())
    return True


def open_timebase(page: Path | None) -> Timebase:
    """Return the modelled time of a simulated rig's page, or real time without one. ConfigError as in ModelledTime."""
    return WALL_TIME if page is None else ModelledTime(page)
