"""What a person or a script gets to see: results on stdout, everything else on stderr.

In: texts, rows, JSON values. Out: tables on stdout, notes and errors on stderr, a progress bar on a terminal only.
Not here: what is shown (see the verbs).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rigdriver.json_values import JsonObject


class _Console(Console):
    """A console whose reader may go: that raises BrokenPipeError as everywhere, and does not end the process."""

    def on_broken_pipe(self) -> None:
        """Leave it to the caller; the library would exit with status 1, which means something else here."""


def show(what: RenderableType = "") -> None:
    """Print a result; lines of text are left as they are, so that paths can be copied."""
    _Console(highlight=False).print(what, soft_wrap=isinstance(what, str), markup=False)


def show_json(value: JsonObject) -> None:
    """Print one JSON object on stdout and flush it, so that a reader at a pipe has it at once."""
    # Strict JSON: readers other than Python's stop at NaN.
    json.dump(value, sys.stdout, allow_nan=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def can_ask() -> bool:
    """Return whether a person can answer: a script that pipes in or out must never wait for one."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def note(text: str) -> None:
    """Print what goes on, on stderr."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print an error on stderr, one line per finding."""
    console = Console(stderr=True, highlight=False)
    console.print("error: ", style="bold red", end="")
    # No markup: paths and device names may hold square brackets.
    console.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while the block runs, on a terminal only; yields what is called with the number done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Not in a log or a pipe, where a bar would be thousands of lines.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
