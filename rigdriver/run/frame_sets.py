"""What every run offers its consumer: a loop over frame sets that starts by itself and never leaves anything running.

In: an outbox that a run fills. Out: an iterator and a context manager over `FrameSet`. Not here: how frame sets come
about (see run.py and bench_run.py).
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from threading import RLock, Thread, Timer
from types import TracebackType
from typing import Self

from rigdriver.errors import RigError, StateError
from rigdriver.frames import FrameSet
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.ownership import Owner
from rigdriver.run.queues import Outbox
from rigdriver.run.states import RunAct, RunState, RunStates
from rigdriver.run.statistics import RunStatistics
from rigdriver.timebase import WALL_TIME, Timebase

TURN_S = 0.05
"""Longest sleep of a waiting consumer or thread, in s; it bounds how late a timeout is noticed."""

SLOW_END_S = 0.3
"""Time, in s, after which an end that takes longer is told with its cause. Some producers wait seconds for an answer of
a camera that is gone, and nobody should wait with them to learn which camera it is."""

_logger = logging.getLogger(__name__)

NOT_BEGUN = (RunState.NEW, RunState.WITHDRAWN)


class GivenUp(Exception):
    """The run was stopped or closed while it started; never leaves `FrameSets`."""


class FrameSets(ABC):
    """Frame sets of one run.

    It starts with the first frame set asked for and ends with the loop, however that ends: all outputs are off then.
    """

    def __init__(self, lifecycle: Lifecycle, outbox: Outbox[FrameSet], timebase: Timebase = WALL_TIME) -> None:
        self._owner = Owner()
        self._timebase = timebase
        self._threads: list[Thread] = []
        self._lifecycle = lifecycle
        self._outbox = outbox
        self._states = RunStates()
        # Whoever closes waits for a start under way on another thread, or the box would run on with nobody to stop it.
        self._gate = RLock()

    @property
    def states(self) -> RunStates:
        """What the run is doing; may be read and watched from any thread."""
        return self._states

    def start(self) -> None:
        """Start the cameras, and with a box tie their clocks and start the schedule. Iterating does it by itself.

        Raises:
            StateError: the rig is closed or runs already, or this run is over.
            SyncLost: a camera's clock could not be tied to the box's; the message says which and why.
            DeviceError: a device failed.
        """
        self._owner.expect_here("this run")
        with self._gate:
            if self._states.state is RunState.CLOSED:
                raise _over()
            if self._states.state not in NOT_BEGUN:
                return
            self._lifecycle.go(RigState.STARTING)
            if self._states.go(RunAct.START) is None:  # another thread has closed it just now
                self._lifecycle.go(RigState.OPEN)
                raise _over()
            try:
                self._begin()
            # Whoever stops a run that starts gets an empty loop, not an error.
            except GivenUp:
                self.close()
            except BaseException as exc:
                self._close_after(exc)
                raise

    @abstractmethod
    def stop(self) -> None:
        """End after the pulse under way; frames that are on their way still come. Returns at once."""

    def close(self) -> None:
        """Turn all outputs off now and let the cameras rest. Closing twice, or in a fork, is harmless."""
        if not self._owner.is_here:
            return
        self._states.go(RunAct.CLOSE)
        with self._gate:
            before = self._states.go(RunAct.FINISH)
            if before is None:  # it never began, or somebody else has finished it
                self._outbox.end()
                return
            try:
                self._finish("stopped" if before is RunState.CLOSING_STOPPED else "closed early")
            finally:
                self._outbox.end()
                if self._lifecycle.state is not RigState.CLOSED:
                    self._lifecycle.go(RigState.OPEN)

    @abstractmethod
    def _begin(self) -> None:
        """Start; whatever it raises closes the run."""

    def _go_on(self, act: RunAct) -> None:
        """Go on with the start; GivenUp when the run has been stopped or closed meanwhile."""
        if self._states.go(act) is None:
            raise GivenUp

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        thread = Thread(target=self._take_part, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _take_part(self, name: str, work: Callable[[], None]) -> None:
        with self._timebase.take_part(name):
            work()

    def _join_threads(self) -> None:
        for thread in self._threads:
            thread.join(timeout=5)

    @abstractmethod
    def _finish(self, why: str) -> None:
        """Turn everything off; called once, and only after `_begin`. `why` it ended, if nothing else ended it."""

    @property
    @abstractmethod
    def statistics(self) -> RunStatistics:
        """The figures so far; may be read from any thread while the run goes on."""

    def __iter__(self) -> Iterator[FrameSet]:
        try:
            self.start()
            with self._outbox.consuming():
                while True:
                    self._owner.expect_here("this run")
                    try:
                        frame_set = self._outbox.take(TURN_S)
                    except StopIteration:
                        return
                    if frame_set is not None:
                        yield frame_set
        except RigError as exc:
            self._close_after(exc)
            raise
        finally:
            self.close()

    def _close_after(self, error: BaseException) -> None:
        """Close; what fails then is a consequence of what ended the run, and must not stand in its place."""
        meanwhile = Timer(SLOW_END_S, _logger.warning, ("the run ends, but its devices take long to stop: %s", error))
        meanwhile.daemon = True
        meanwhile.start()
        try:
            self.close()
        except RigError as exc:
            error.add_note(f"afterwards, closing the run: {exc}")
        finally:
            meanwhile.cancel()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is not None:
            self._close_after(exc)
        else:
            self.close()


def _over() -> StateError:
    return StateError(device="this run", seen="is over", remedy="ask the rig for a new one")
