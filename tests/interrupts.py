"""An exception at each moment at which CPython lets a signal handler raise one.

In: something that the main thread does. Out: the same, interrupted at its n-th such moment. CPython runs handlers at
the beginning of a Python function, after a call and at the end of a turn of a loop (ceval.c: CHECK_EVAL_BREAKER), and
never between entering a `with` block of a lock and its first step.
"""

from __future__ import annotations

import dis
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import rigdriver

MOST_MOMENTS = 2000
_CHECKED = ("CALL", "JUMP_BACKWARD")
"""Beginnings of the names of instructions after which signals are looked for."""


class Interrupt(KeyboardInterrupt):
    """What a signal handler raises."""


_OURS = str(Path(rigdriver.__file__).parent)


def _is_checked(frame: FrameType, place: int) -> bool:
    return place >= 0 and dis.opname[frame.f_code.co_code[place]].startswith(_CHECKED)


def is_ours_or_waits(source: str) -> bool:
    """Whether a source file is the driver's, or that of Python's own locks."""
    return source.startswith(_OURS) or source == threading.__file__


def interrupted_at(
    moment: int, act: Callable[[], object], is_watched: Callable[[str], bool] = is_ours_or_waits
) -> bool:
    """Call `act` with an interrupt at its n-th moment, counted from 1; return whether it came.

    `is_watched`: whether moments in a source file of that name count.
    """
    seen = 0
    places: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal seen
        if event == "call":
            if not is_watched(frame.f_code.co_filename):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        is_moment = event == "call" or (event == "opcode" and _is_checked(frame, places.get(frame, -1)))
        places[frame] = frame.f_lasti
        if is_moment:
            seen += 1
            if seen == moment:
                sys.settrace(None)
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def moments_of(act: Callable[[], object]) -> list[int]:
    """Return the numbers of the moments of `act`, which is done anew for each; the last one is after its end."""
    for moment in range(1, MOST_MOMENTS):
        if not interrupted_at(moment, act):
            return list(range(1, moment + 1))
    raise AssertionError("it has more moments than are tried")
