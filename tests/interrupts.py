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
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import rigdriver

MOST_MOMENTS = 2000
_TOOL = 4
"""Number of this tool for `sys.monitoring`; profilers and debuggers have others."""
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


class _Watch:
    """Counts the moments of watched functions, and interrupts at the one that is asked for."""

    def __init__(self, moment: int, is_watched: Callable[[str], bool]) -> None:
        self.is_watched = is_watched
        self._left = moment
        self._places: dict[FrameType, int] = {}
        """Where each function was, in bytes; -1 where nothing is looked for."""

    def begun(self, frame: FrameType) -> None:
        """Take note that a function begins."""
        self._places[frame] = -1
        self._count()

    def at(self, frame: FrameType, place: int) -> None:
        """Take note of the instruction that comes next."""
        before, self._places[frame] = self._places.get(frame, -1), place
        if _is_checked(frame, before):
            self._count()

    def raised(self, frame: FrameType) -> None:
        """Take note that a function's last instruction has raised: no signal is looked for after it."""
        self._places[frame] = -1

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Interrupt


def interrupted_at(
    moment: int, act: Callable[[], object], is_watched: Callable[[str], bool] = is_ours_or_waits
) -> bool:
    """Call `act` with an interrupt at its n-th moment, counted from 1; return whether it came.

    `is_watched`: whether moments in a source file of that name count.
    """
    watch = _Watch(moment, is_watched)
    try:
        # Since Python 3.12 a function whose tracing begins within it misses instructions; monitoring misses none.
        if sys.version_info >= (3, 12):
            _monitored(act, watch)
        else:
            _traced(act, watch)
    except Interrupt:
        return True
    return False


def _traced(act: Callable[[], object], watch: _Watch) -> None:
    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "call":
            if not watch.is_watched(frame.f_code.co_filename):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            told: Callable[[], None] = partial(watch.begun, frame)
        elif event == "exception":
            told = partial(watch.raised, frame)
        elif event == "opcode":
            told = partial(watch.at, frame, frame.f_lasti)
        else:
            return trace
        try:
            told()
        except Interrupt:
            sys.settrace(None)
            raise
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)


def _monitored(act: Callable[[], object], watch: _Watch) -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    events, thread, is_over = monitoring.events, threading.get_ident(), False

    def told(tell: Callable[[FrameType, int], None]) -> Callable[..., None]:
        def hear(code: CodeType, place: int, *_: object) -> None:
            nonlocal is_over
            if is_over or threading.get_ident() != thread or not watch.is_watched(code.co_filename):
                return
            try:
                tell(sys._getframe(1), place)
            except Interrupt:
                is_over = True
                raise

        return hear

    hearing = {
        events.PY_START: told(lambda frame, _: watch.begun(frame)),
        events.INSTRUCTION: told(watch.at),
        events.RAISE: told(lambda frame, _: watch.raised(frame)),
    }
    monitoring.use_tool_id(_TOOL, "interrupts")
    try:
        for event, hear in hearing.items():
            monitoring.register_callback(_TOOL, event, hear)
        monitoring.set_events(_TOOL, events.PY_START | events.INSTRUCTION | events.RAISE)
        act()
    finally:
        is_over = True
        monitoring.set_events(_TOOL, 0)
        for event in hearing:
            monitoring.register_callback(_TOOL, event, None)
        monitoring.free_tool_id(_TOOL)


def moments_of(act: Callable[[], object]) -> list[int]:
    """Return the numbers of the moments of `act`, which is done anew for each; the last one is after its end."""
    for moment in range(1, MOST_MOMENTS):
        if not interrupted_at(moment, act):
            return list(range(1, moment + 1))
    raise AssertionError("it has more moments than are tried")
