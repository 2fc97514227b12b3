"""The key Enter as a button: a line on stdin presses it, from a terminal or from another program.

In: stdin. Out: a `SaveButton` that is pressed with the first line; after the end of stdin nobody can press it any more.
Not here: what the button does (see procedures/record.py).
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rigdriver.cli.screen import note
from rigdriver.errors import UsageError
from rigdriver.recording.pre_trigger import SaveButton

TURN_S = 0.1
"""Longest time, in s, after which the end of the block is noticed."""


@contextmanager
def pressed_by_enter() -> Iterator[SaveButton]:
    """Yield a button that the key Enter presses while the block runs.

    Raises:
        UsageError: stdin is closed, so that nobody can press it.
    """
    if sys.stdin is None:
        raise UsageError(device="--pre", seen="stdin is closed, so that nobody can press Enter", remedy="open it")
    button, is_over = SaveButton(), threading.Event()
    listener = threading.Thread(target=_listen, args=(sys.stdin.fileno(), button, is_over), name="enter", daemon=True)
    note("press Enter to begin the recording; Ctrl-C ends without one")
    listener.start()
    try:
        yield button
    finally:
        is_over.set()
        listener.join(1.0)


def _listen(handle: int, button: SaveButton, is_over: threading.Event) -> None:
    # Without Python's own buffer: a thread that holds its lock when the program ends would end it with a crash.
    while not is_over.is_set():
        if handle in select.select([handle], [], [], TURN_S)[0]:
            raw = os.read(handle, 4096)
            if b"\n" in raw:
                button.save()
            if not raw:
                button.withdraw()
            if not raw or button.is_pressed:
                return
