"""An end is done once and whole, whatever interrupts the wait for it, and the interrupt is raised afterwards.

In: an interrupt at every line that the waiting thread runs, acts that fail or hang. Out: the act's one whole run.
"""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import pytest

from rigdriver import ends
from rigdriver.ends import End

MOST_LINES = 60


def interrupted_at(line: int, end: End) -> bool:
    """Run the end with a KeyboardInterrupt at the n-th line of this thread in ends.py; return whether it came."""
    seen = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal seen
        if frame.f_code.co_filename != ends.__file__:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        end.run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_at_any_line_of_the_wait_leaves_a_whole_end() -> None:
    came = 0
    for line in range(1, MOST_LINES):
        done: list[str] = []
        end = End("a thing", lambda done=done: done.extend(["begun", "ended"]))  # type: ignore[misc]
        came += interrupted_at(line, end)
        end.run()  # one that was interrupted before it began is made up for
        assert done == ["begun", "ended"], f"interrupted at line {line}"
    assert came > 5


def test_what_the_act_raises_is_raised_once() -> None:
    def fail() -> None:
        raise KeyError("mine")

    end = End("a thing", fail)
    with pytest.raises(KeyError, match="mine"):
        end.run()
    end.run()


def test_an_end_that_hangs_is_left_to_itself_and_named(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(30)

    end = End("the hung thing", hang)
    end.run(0.01)
    assert "the hung thing has not ended within 0.01 s" in caplog.text
    release.set()
    assert end.wait(30)


def test_an_end_may_be_asked_for_from_inside() -> None:
    done: list[int] = []

    def act() -> None:
        end.run()
        done.append(1)

    end = End("a thing", act)
    end.run()
    assert done == [1]
