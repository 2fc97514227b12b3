"""The triggers that this computer commands, camera after camera, and how long each camera lets the others wait.

In: names of cameras, on the thread "software". Out: what a camera said when it refused; on the thread "sync", the
camera whose answer is waited for, and how long the cameras behind it were held up. One command is executed at a time,
so a camera that does not answer keeps the others untriggered: that is no silence of theirs. Not here: when triggers
are due (see bench_run.py), and which camera is silent (see silence.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rigdriver.errors import CameraSilent, RigError
from rigdriver.own_pause import AttendedTime
from rigdriver.timebase import WALL_TIME, Timebase

COMMAND = "TriggerSoftware"
ANSWER_LIMIT_S = 1.0
"""Longest time for which a camera may leave one command unanswered; after that it counts as lost, in s."""
SLOW_S = 0.25
"""Length of a command, in s, from which the other cameras are excused for it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command that is under way."""

    camera: str
    waited_s: float
    """Time for which the run's loop has waited for it; a pause of this process does not count."""


class SoftwareTrigger:
    """Commands triggers, and knows who is waited for."""

    def __init__(self, execute: Callable[[str, str], None], timebase: Timebase) -> None:
        """`execute`: executes a command feature of a camera, and returns when it is done."""
        self._execute, self._timebase = execute, timebase
        # Modelled time stands still while a producer waits, so the wall's time is asked, too.
        self._time, self._wall = AttendedTime(timebase.now_s), AttendedTime(WALL_TIME.now_s)
        self._waiting: tuple[str, float] | None = None
        """Camera and attended time at which its command began."""
        self._held_up: deque[tuple[str, float]] = deque()

    def trigger(self, camera: str) -> tuple[str, CameraSilent | None]:
        """Trigger a camera; return what it said when it refused, and the error when it left this unanswered too long.

        A camera that is lost tells so by itself.
        """
        begun_s, wall_s = self._timebase.now_s(), self._wall.attended_s
        self._waiting = camera, self._time.attended_s
        try:
            self._execute(camera, COMMAND)
        except CameraSilent as exc:
            is_lost = self._wall.attended_s - wall_s >= ANSWER_LIMIT_S
            return str(exc), exc if is_lost else None
        except RigError as exc:
            return str(exc), None
        finally:
            took_s = self._timebase.now_s() - begun_s
            if took_s > SLOW_S:
                self._held_up.append((camera, took_s))
            self._waiting = None  # last: whoever sees that nothing is waited for sees the entry above, too
        return "", None

    def look(self) -> Waiting | None:
        """Return the command under way; called in every turn of the loop that judges, before `holds`."""
        now_s, waiting = self._time.look(), self._waiting
        self._wall.look()
        return None if waiting is None else Waiting(waiting[0], now_s - waiting[1])

    def holds(self) -> list[tuple[str, float]]:
        """Return the cameras that have held up the others since the last call, and for how long, in s."""
        return [self._held_up.popleft() for _ in range(len(self._held_up))]
