"""A run that ends with fewer frame sets than were asked for, although nobody in this application asked it to end.

In: how many frame sets came, how many were asked for, and what is known of the end. Out: one `RunCutShort` that names
the cause and what to do. Not here: when a run is over (see ending.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from rigdriver.errors import RunCutShort


class CutShort(Enum):
    """What ended a run before its time."""

    BY_ANOTHER_PROGRAM = "another program has stopped the trigger box"
    """The box reported the end of the run, and this program has sent it no Stop."""
    BY_THIS_PROGRAM = "this program has stopped the trigger box itself (box.stop)"
    PULSES_USED_UP = "all pulses of the run are used up, spare ones included (run.on_gap = 'retry')"
    REPORTS_LOST = "the trigger box has made all pulses, but its reports of the last ones are lost"


REMEDIES: Final[Mapping[CutShort, str]] = MappingProxyType(
    {
        CutShort.BY_ANOTHER_PROGRAM: "close that program, then start a new run",
        CutShort.BY_THIS_PROGRAM: "end a run by its own method stop, and leave the box alone while it runs",
        CutShort.PULSES_USED_UP: "mend what leaves gaps (`rigdriver selftest` names it), then start a new run",
        CutShort.REPORTS_LOST: "check the cable of the trigger box, then start a new run",
    }
)


def cut_short(cause: CutShort, frame_sets: int, asked: int | None) -> RunCutShort:
    """Return the error. `asked` None: as many frame sets as come until somebody stops the run."""
    return _told(frame_sets, asked, cause.value, REMEDIES[cause])


def in_all(error: RunCutShort, frame_sets: int, asked: int | None) -> RunCutShort:
    """Return the error of several runs in a row, the last of which was cut short."""
    return _told(frame_sets, asked, error.stopped_by, error.remedy)


def _told(frame_sets: int, asked: int | None, stopped_by: str, remedy: str) -> RunCutShort:
    came = f"{frame_sets} frame sets" if asked is None else f"{frame_sets} of {asked} frame sets"
    return RunCutShort(
        device="run",
        seen=f"{came} came; {stopped_by}",
        remedy=remedy,
        frame_sets=frame_sets,
        asked=asked,
        stopped_by=stopped_by,
    )
