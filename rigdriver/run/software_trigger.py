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
    since_s: float


class SoftwareTrigger:
    """Commands triggers, and knows who is waited for."""

    def __init__(self, execute: Callable[[str, str], None], timebase: Timebase) -> None:
        """`execute`: executes a command feature of a camera, and returns when it is done."""
        self._execute, self._timebase = execute, timebase
        self._waiting: Waiting | None = None
        self._held_up: deque[tuple[str, float]] = deque()

    def trigger(self, camera: str) -> tuple[str, CameraSilent | None]:
        """Trigger a camera; return what it said when it refused, and the error when it left this unanswered too long.

        A camera that is lost tells so by itself.
        """
        begun = Waiting(camera, self._timebase.now_s())
        # Modelled time stands still while a producer waits, so the wall's time is asked, too.
        wall_s = WALL_TIME.now_s()
        self._waiting = begun
        try:
            self._execute(camera, COMMAND)
        except CameraSilent as exc:
            is_lost = WALL_TIME.now_s() - wall_s >= ANSWER_LIMIT_S
            return str(exc), exc if is_lost else None
        except RigError as exc:
            return str(exc), None
        finally:
            took_s = self._timebase.now_s() - begun.since_s
            if took_s > SLOW_S:
                self._held_up.append((camera, took_s))
            self._waiting = None  # last: whoever sees that nothing is waited for sees the entry above, too
        return "", None

    @property
    def waiting(self) -> Waiting | None:
        """The command under way; ask for this before `holds`."""
        return self._waiting

    def holds(self) -> list[tuple[str, float]]:
        """Return the cameras that have held up the others since the last call, and for how long, in s."""
        return [self._held_up.popleft() for _ in range(len(self._held_up))]
