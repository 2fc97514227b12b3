"""How a person with a board in the hands watches a guided capture: a bar towards enough, advice, a bell for each view.

In: what `take_views` notes. Out: a bar with the next advice on a terminal; elsewhere a line for each view, and for a
reason that lasts.
Not here: which views are taken (see procedures/board_views.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from rigdriver.calibration.views.capture import OfferKind
from rigdriver.cli.screen import note
from rigdriver.cli.watching import TerminalProgress
from rigdriver.procedures.board_views import ViewOffer

LASTING = 4
"""Number of frame sets in a row with one kind of reason, from which a line is shown."""


class _Bar(TerminalProgress):
    """Shows how near enough is."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def note(self, what: object) -> None:
        """Show an offer in the bar, and anything else above it."""
        if not isinstance(what, ViewOffer):
            self._progress.console.print(str(what), markup=False)
            return
        offer = what.offer
        if offer.is_taken:
            self._progress.console.print(str(what), markup=False)
            # The person holds the board and looks at it, not at the screen.
            self._progress.console.bell()
        now = offer.advice if offer.is_taken else offer.reason
        self._progress.update(self._task, completed=100 * offer.progress, description=f"{what.views} views; {now}")


class _PrintedViews(TerminalProgress):
    """Prints each view, and once a lasting reason why none is taken."""

    def __init__(self) -> None:
        self._kind: OfferKind | None = None
        self._seen = 0

    def note(self, what: object) -> None:
        """Print a line when there is something new."""
        if not isinstance(what, ViewOffer):
            note(str(what))
            return
        self._seen = self._seen + 1 if what.offer.kind is self._kind else 1
        self._kind = what.offer.kind
        # A log is read later: a reason that passes in a moment is not worth a line.
        if what.offer.is_taken or self._seen == LASTING:
            note(f"[{what.offer.progress:4.0%}] {what.views} views: {what}")


@contextmanager
def watched_views() -> Iterator[TerminalProgress]:
    """Yield the progress of a guided capture."""
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(20), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    if not console.is_terminal:
        yield _PrintedViews()
        return
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, progress.add_task("looking for the board", total=100))
