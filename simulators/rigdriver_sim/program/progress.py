"""A progress bar on stderr for what takes longer than a user likes to wait without a word.

In: counts. Out: a bar on a terminal; elsewhere one line when it begins and nothing when there is nothing to wait for.
Not here: what is counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_S = 2.0
"""Longest wait, in s, that needs no word."""
TEXT = "preparing what the simulated cameras see (rendered once, then read from disk)"


@contextmanager
def rendering_bar(text: str = TEXT) -> Iterator[Callable[[int, int], None]]:
    """Yield what is called with the number done and the number wanted."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began_s = time.monotonic()
    has_begun = False
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=None, visible=False)

        def show(done: int, wanted: int) -> None:
            nonlocal has_begun
            if time.monotonic() - began_s < QUIET_S:
                return
            if not has_begun and not console.is_terminal:
                sys.stderr.write(f"{text}: {wanted} views\n")
                sys.stderr.flush()
            has_begun = True
            progress.update(task, completed=done, total=wanted, visible=True)

        yield show
