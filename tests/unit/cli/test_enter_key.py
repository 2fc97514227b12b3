"""A line on stdin presses the button; its end puts the button out of reach, and a closed one is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from rigdriver.cli.enter_key import pressed_by_enter
from rigdriver.errors import UsageError


class Piped:
    """Stands for stdin."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def fileno(self) -> int:
        return self.handle


@pytest.mark.parametrize(("typed", "is_pressed"), [(b"\n", True), (b"go on\n", True), (b"no end", False), (b"", False)])
def test_a_whole_line_presses_the_button(monkeypatch, typed: bytes, is_pressed: bool) -> None:
    reading, writing = os.pipe()
    try:
        monkeypatch.setattr("sys.stdin", Piped(reading))
        with pressed_by_enter() as button:
            os.write(writing, typed)
            os.close(writing)
            wait_until(lambda: not any(thread.name == "enter" for thread in threading.enumerate()))
            assert button.is_pressed is is_pressed
            assert button.is_out_of_reach is not is_pressed
    finally:
        os.close(reading)


def test_a_closed_stdin_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="stdin is closed"), pressed_by_enter():
        pass


def wait_until(is_so: Callable[[], bool]) -> None:
    event = threading.Event()
    for _ in range(6000):
        if is_so():
            return
        event.wait(0.01)
    raise AssertionError("it never came")
