"""Ends that nothing interrupts and that take no longer than their time: turning off, stopping, closing.

In: what is to be done at the end, and a name for it. Out: an `End` that does it once, on a thread of its own. Ctrl-C
and every other exception that a signal handler raises reach the main thread only, so they interrupt the wait for the
end and never the end itself; they are raised again when it is over. An end that is not over in time is left to itself
and logged. Not here: what is turned off (see rig.py, run/frame_sets.py and the devices).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread, get_ident, local

from rigdriver.timebase import WALL_TIME, Timebase, TimeLimit

END_S = 4.8
"""Longest time for the end of a whole rig, in s; a user is promised 5 s."""
NEWS_S = 0.4
"""Longest time, in s, for which the news of a fault waits for the end that follows it."""
BOX_END_S = 1.0
"""Longest time for turning the box off, in s; after it the box's own watchdog does so."""
CAMERAS_END_S = 3.8
"""Longest time for stopping or closing all cameras, in s; a camera process that needs longer is killed. Producers wait
for one camera that does not answer for up to 3 s."""
_LOOK_S = 0.05
_logger = logging.getLogger(__name__)
_here = local()
"""Whether the calling thread is one of an end; an end within an end runs on the same thread."""


class End:
    """Something that is done once, at the end. `name` stands in messages."""

    def __init__(self, name: str, act: Callable[[], None], timebase: Timebase = WALL_TIME) -> None:
        self._name, self._act, self._timebase = name, act, timebase
        self._turn = Lock()
        self._is_over = Event()
        self._error: BaseException | None = None
        self._doer: int | None = None
        self.is_left = False
        """Whether nobody waits for it any more."""

    @property
    def is_over(self) -> bool:
        """Whether it has been done."""
        return self._is_over.is_set()

    def run(self, time_s: float = END_S) -> None:
        """Do it, or wait for the one who does. It goes on behind an interrupt, which is raised when it is over.

        Raises:
            BaseException: what the act raised, once; or what interrupted the wait for it.
        """
        if self._doer == get_ident():  # asked for again from inside: it is being done
            return
        cut: BaseException | None = None
        limit = TimeLimit(WALL_TIME, time_s)
        is_begun = False
        while not self._is_over.is_set():
            try:
                if not is_begun:
                    self.begin()
                    is_begun = True
                if self._waited(limit):
                    break
                _logger.warning("%s has not ended within %g s; it is left to itself", self._name, time_s)
                break
            except BaseException as exc:  # noqa: BLE001 - raised again below
                cut = exc
        if cut is not None:
            raise cut
        self.raise_error()

    def begin(self) -> None:
        """Begin with it, unless it is under way or done already."""
        if getattr(_here, "is_end", False):
            self._do()
            return
        try:
            Thread(target=self._do, name=f"end of {self._name}", daemon=True).start()
        except RuntimeError:  # the interpreter ends and starts no thread any more
            self._do()

    def leave(self) -> None:
        """Wait no more; what it raises is logged from now on."""
        self.is_left = True

    def wait(self, time_s: float) -> bool:
        """Wait for what has begun; return whether it is over."""
        return self._waited(TimeLimit(WALL_TIME, time_s))

    def raise_error(self) -> None:
        """Raise what the act raised, to one caller."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _waited(self, limit: TimeLimit) -> bool:
        while not self._is_over.wait(self._timebase.slice_s(min(_LOOK_S, limit.look_s()))):
            if limit.left_s() <= 0:
                return self._is_over.is_set()
            self._timebase.idle()  # what ends may need time to pass
        return True

    def _do(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        self._doer = get_ident()
        before = getattr(_here, "is_end", False)
        _here.is_end = True
        try:
            self._act()
        except BaseException as exc:  # noqa: BLE001 - raised where the end is waited for
            if self.is_left:
                _logger.warning("end of %s: %s", self._name, exc)
            else:
                self._error = exc
        finally:
            _here.is_end = before
            self._doer = None
            self._is_over.set()
