"""What every run offers its consumer: a loop over frame sets that starts by itself and never leaves anything running.

In: an outbox that a run fills. Out: an iterator and a context manager over `FrameSet`. Not here: how frame sets come
about (see run.py and bench_run.py).
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from threading import RLock, Thread, get_ident
from types import TracebackType
from typing import Self

from rigdriver.ends import END_S, LATE_NEWS_S, NEWS_S, RUN_END_S, End
from rigdriver.errors import LinkLost, RigError, StateError
from rigdriver.frames import FrameSet
from rigdriver.lifecycle import Lifecycle, RigState
from rigdriver.ownership import Owner
from rigdriver.run.queues import Outbox
from rigdriver.run.states import HALTED, RunAct, RunState, RunStates
from rigdriver.run.statistics import RunStatistics
from rigdriver.run_end import EndCause
from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit

TURN_S = 0.05
"""Longest sleep of a waiting consumer or thread, in s; it bounds how late a timeout is noticed."""

GATE_S = 1.0
"""Longest time, in s, for which an end waits for a start under way on another thread."""
JOIN_S = 1.5
"""Longest time, in s, for which an end waits for the run's own threads together."""

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
        self._starter: int | None = None
        """Thread that starts the run."""
        self._is_starter_waiting = False
        self._end = End("the run", self._end_now, timebase, RUN_END_S)
        self.fault: BaseException | None = None
        """Error that had ended the run when its loop was left; it stands in the log only."""

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
            self._starter = get_ident()
            try:
                self._begin()
            # Whoever stops a run that starts gets an empty loop, not an error.
            except GivenUp:
                self.close()
            except BaseException as exc:
                self._close_after(exc)
                raise
            finally:
                self._starter = None

    @abstractmethod
    def stop(self) -> None:
        """End after the pulse under way; frames that are on their way still come. Returns at once."""

    def close(self) -> None:
        """Turn all outputs off now and let the cameras rest. Closing twice, or in a fork, is harmless.

        It takes 5 s at most, and Ctrl-C waits until it is done.
        """
        if self._owner.is_here:
            self._note_starter()
            self._end.run()

    def _note_starter(self) -> None:
        if self._starter == get_ident():
            self._is_starter_waiting = True

    def await_end(self) -> None:
        """Wait for an end under way, 5 s at most."""
        if self._owner.is_here and self._states.state in HALTED:
            self._end.wait(END_S)

    def _end_now(self) -> None:
        """Finish the run; on a thread of its own, unless that cannot be."""
        self._states.go(RunAct.CLOSE)
        # The thread that starts the run may be the one that waits for this end, and a start may hang.
        has_gate = self._gate.acquire(timeout=0 if self._is_starter_waiting else GATE_S)
        try:
            before = self._states.go(RunAct.FINISH)
            if before is None:  # it never began
                self._outbox.end()
                return
            try:
                self._finish(EndCause.STOPPED if before is RunState.CLOSING_STOPPED else EndCause.CLOSED_EARLY)
            finally:
                self._outbox.end()
                if self._lifecycle.state is not RigState.CLOSED:
                    self._lifecycle.go(RigState.OPEN)
        finally:
            if has_gate:
                self._gate.release()

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
        limit = TimeLimit(WALL_TIME, JOIN_S)
        for thread in self._threads:
            thread.join(max(0.01, limit.left_s()))
            if thread.is_alive():
                _logger.warning('the thread "%s" of the run has not ended; it is left to itself', thread.name)

    @abstractmethod
    def _finish(self, cause: EndCause) -> None:
        """Turn everything off; called once, and only after `_begin`. `cause` counts if nothing else ended it."""

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
                        break
                    if frame_set is not None:
                        yield frame_set
        except RigError as exc:
            self._close_after(exc)
            raise
        except GeneratorExit:
            self._close_unheard()
            raise
        except BaseException:
            self.close()
            raise
        self.close()

    def _close_unheard(self) -> None:
        """Close behind a loop that was left: what is raised here reaches nobody, so it is logged."""
        self.fault = self._outbox.unheard
        if self.fault is not None:
            _logger.warning("the run had been ended by a fault before its loop was left: %s", self.fault)
        try:
            self.close()
        except RigError as exc:
            self.fault = self.fault or exc
            _logger.warning("closing the run: %s", exc)

    def _close_after(self, error: BaseException) -> None:
        """Close; what fails then is a consequence of what ended the run, and must not stand in its place."""
        if not isinstance(error, RigError):  # Ctrl-C, or the application's own: no news of ours waits
            try:
                self.close()
            except RigError as exc:
                error.add_note(f"afterwards, closing the run: {exc}")
            return
        if self._end.is_left:
            return
        self._note_starter()
        self._end.begin()
        if not self._end.wait(LATE_NEWS_S if isinstance(error, LinkLost) else NEWS_S):
            # The news comes first; `close` and the next run wait for the rest of the end.
            self._end.leave()
            _logger.warning("the run ends, but its devices take long to stop: %s", error)
            return
        try:
            self._end.raise_error()
        except RigError as exc:
            error.add_note(f"afterwards, closing the run: {exc}")

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
