"""Ends that nothing interrupts and that take no longer than their time: turning off, stopping, closing.

In: what is to be done at the end, and a name for it. Out: an `End` that does it once, on a thread of its own. Ctrl-C
and every other exception that a signal handler raises reach the main thread only, so they interrupt the wait for the
end and never the end itself; they are raised again when it is over. An end that is not over in time is left to itself
and logged, once. All ends that one exception causes (of the loop, the run, the folder and the rig) share one time, and
so does an end within an end. Not here: what is turned off (see rig.py, run/frame_sets.py and the devices).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from threading import Lock, Thread, get_ident, local
from typing import Protocol

from rigdriver.signal_safe import SafeEvent
from rigdriver.timebase import SLICE_S, WALL_TIME, Timebase, TimeLimit

END_S = 4.8
"""Longest time for all ends that one exception causes, or for one that nothing causes but a call, in s; a user is
promised 5 s."""
RUN_END_S = 4.2
"""Longest time for the end of a run, in s; the ends that follow it (files, devices) have the rest."""
SHORTEST_S = 0.3
"""Time that an end has in any case, in s, also when the ends before it have taken all of `END_S`."""
NEWS_S = 0.4
"""Longest time, in s, for which the news of a fault waits for the end that follows it."""
LATE_NEWS_S = 0.1
"""Longest time, in s, for which the news of a silent box waits: it took up to 0.9 s to notice, and 1 s is promised."""
BOX_END_S = 1.0
"""Longest time for turning the box off, in s; after it the box's own watchdog does so."""
CAMERAS_END_S = 3.8
"""Longest time for stopping or closing all cameras, in s; a camera process that needs longer is killed. Producers wait
for one camera that does not answer for up to 3 s."""
_LOOK_S = 0.05
_logger = logging.getLogger(__name__)
_AFTER_S = 0.3
"""Time, in s, that an end keeps for what follows an act of it that takes all of its time."""
_LEAST_S = 0.1
"""Time, in s, that an act of an end has in any case: a stop that is not even sent stops nothing."""
_SHARED = "rigdriver: time for all ends"
_here = local()
"""Limit of the end that the calling thread is doing: `limit`, None outside; an end within an end runs on the same
thread."""


class _Limit(Protocol):
    """How long somebody waits."""

    def left_s(self) -> float:
        """Return how much is left; 0 or less: give up."""
        ...


class _AtLeast:
    """A time limit that others have used already, or `SHORTEST_S` from now on if that is more."""

    def __init__(self, limit: _Limit, wall: Timebase) -> None:
        self._limits = limit, TimeLimit(wall, SHORTEST_S)

    def left_s(self) -> float:
        return max([limit.left_s() for limit in self._limits])


class _Both:
    """Two limits that hold together; each is looked at every time, or it would count no time."""

    def __init__(self, *limits: _Limit) -> None:
        self._limits = limits

    def left_s(self) -> float:
        return min([limit.left_s() for limit in self._limits])


def time_left_s(most_s: float) -> float:
    """Return that time, or less, so that the end that the calling thread is doing ends in its time."""
    limit: _Limit | None = getattr(_here, "limit", None)
    return most_s if limit is None else min(most_s, max(_LEAST_S, limit.left_s() - _AFTER_S))


def _limit_of(cause: BaseException, wall: Timebase) -> _Limit:
    """Return the time limit of all ends that an exception causes."""
    limit: _Limit = vars(cause).setdefault(_SHARED, TimeLimit(wall, END_S))
    return limit


class End:
    """Something that is done once, at the end. `name` stands in messages.

    All who wait for it wait for `time_s` together, and no longer than the exception under way gives all ends.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], None],
        timebase: Timebase = WALL_TIME,
        time_s: float = END_S,
        wall: Timebase = WALL_TIME,
    ) -> None:
        """`timebase`: the rig's time, which goes on while this end is waited for; `wall`: the time of its limits."""
        self._name, self._act, self._timebase, self._time_s, self._wall = name, act, timebase, time_s, wall
        self._turn = Lock()
        self._own: TimeLimit | None = None
        """Time limit of this end, from when it was first waited for."""
        self._is_told = False
        """Whether the log knows that nobody waits any more."""
        self._is_over = SafeEvent()
        self._error: BaseException | None = None
        self._doer: int | None = None
        self.is_left = False
        """Whether nobody waits for it any more."""

    @property
    def is_over(self) -> bool:
        """Whether it has been done."""
        return self._is_over.is_set()

    def run(self) -> None:
        """Do it, or wait for the one who does. It goes on behind an interrupt, which is raised when it is over.

        Raises:
            BaseException: what the act raised, once; or what interrupted the wait for it.
        """
        if self._doer == get_ident():  # asked for again from inside: it is being done
            return
        cause, cut = sys.exception(), None
        limit, is_begun = self._limit(cause), False
        begun_s = self._wall.now_s()
        while not self._is_over.is_set():
            try:
                if not is_begun:
                    self._begin(limit)
                    is_begun = True
                if not self._waited(limit):
                    self._tell(self._wall.now_s() - begun_s)
                break
            except BaseException as exc:  # noqa: BLE001 - raised again below
                cut = exc
        if cut is not None:
            if cause is not None:  # the ends that follow have no more time because of it
                vars(cut)[_SHARED] = _limit_of(cause, self._wall)
            raise cut
        self.raise_error()

    def begin(self) -> None:
        """Begin with it, unless it is under way or done already."""
        self._begin(self._limit(sys.exception()))

    def leave(self) -> None:
        """Wait no more; what it raises is logged from now on."""
        self.is_left = True

    def wait(self, time_s: float) -> bool:
        """Wait for what has begun, at most that long; return whether it is over."""
        return self._waited(_Both(TimeLimit(self._wall, time_s), self._limit(sys.exception())))

    def raise_error(self) -> None:
        """Raise what the act raised, to one caller."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _limit(self, cause: BaseException | None) -> _Limit:
        """Return the limit for who waits now: this end's own, and that of the end or the exception around it."""
        own = self._own = self._own or TimeLimit(self._wall, self._time_s)
        around: _Limit | None = getattr(_here, "limit", None)
        if around is None and cause is not None:
            around = _limit_of(cause, self._wall)
        return own if around is None else _Both(own, _AtLeast(around, self._wall))

    def _begin(self, limit: _Limit) -> None:
        if getattr(_here, "limit", None) is not None:
            self._do(limit)
            return
        try:
            Thread(target=self._do, args=(limit,), name=f"end of {self._name}", daemon=True).start()
        except RuntimeError:  # the interpreter ends and starts no thread any more
            self._do(limit)

    def _waited(self, limit: _Limit) -> bool:
        while (left_s := limit.left_s()) > 0:
            if self._wall.wait(self._is_over, self._timebase.slice_s(max(SLICE_S, min(_LOOK_S, left_s)))):
                return True
            self._timebase.idle()  # what ends may need time to pass
        return self._is_over.is_set()

    def _tell(self, waited_s: float) -> None:
        if not self._is_told:
            self._is_told = True
            _logger.warning("%s has not ended within %.3g s; it is left to itself", self._name, waited_s)

    def _do(self, limit: _Limit) -> None:
        if not self._turn.acquire(blocking=False):
            return
        self._doer = get_ident()
        before = getattr(_here, "limit", None)
        _here.limit = limit
        try:
            self._act()
        except BaseException as exc:  # noqa: BLE001 - raised where the end is waited for
            if self.is_left:
                _logger.warning("end of %s: %s", self._name, exc)
            else:
                self._error = exc
        finally:
            _here.limit = before
            self._doer = None
            self._is_over.set()
