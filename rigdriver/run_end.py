"""How a run ended: a cause, and the error where there was one.

In: a cause. Out: frozen values that statistics and errors hold; their sentence is made here, once. Not here: when a run
is over (see run/ending.py); any other type of the package (this file imports none).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class EndCause(Enum):
    """What ended a run. The value is what a technician reads."""

    DONE = "done"
    """All frame sets that were asked for came."""
    STOPPED = "stopped"
    """The application asked the run to end."""
    CLOSED_EARLY = "closed early"
    """The application closed the run before it was done."""
    LIGHT_LIMIT = "light limit"
    """A limit on light: a flash train that is used up, or a fault of the box."""
    FAILED = "failed"
    """An error."""
    BY_ANOTHER_PROGRAM = "another program has stopped the trigger box"
    """The box reported the end of the run, and this program has sent it no Stop."""
    BY_THIS_PROGRAM = "this program has stopped the trigger box itself (box.stop)"
    PULSES_USED_UP = "all pulses of the run are used up, spare ones included (run.on_gap = 'retry')"
    REPORTS_LOST = "the trigger box has made all pulses, but its reports of the last ones are lost"


REMEDIES: Final[Mapping[EndCause, str]] = MappingProxyType(
    {
        EndCause.BY_ANOTHER_PROGRAM: "close that program, then start a new run",
        EndCause.BY_THIS_PROGRAM: "end a run by its own method stop, and leave the box alone while it runs",
        EndCause.PULSES_USED_UP: "mend what leaves gaps (`rigdriver selftest` names it), then start a new run",
        EndCause.REPORTS_LOST: "check the cable of the trigger box, then start a new run",
    }
)
"""What to do after a run that was cut short, by its cause."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended."""

    cause: EndCause
    error: BaseException | None = None
    """Error that ended it, or that says it was cut short; None where it ended as the application wanted."""

    def __str__(self) -> str:
        return str(self.error) if self.cause is EndCause.FAILED else self.cause.value
