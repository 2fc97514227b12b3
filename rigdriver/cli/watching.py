"""How a person at a terminal watches a procedure: bars and lines on stderr.

In: what a procedure reports to its `Progress`. Out: a bar while a stage runs, on a terminal only, and a line per note.
Not here: results (see the verbs, and screen.py).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from rigdriver.cli.screen import note, progress_bar
from rigdriver.cli.verb import expect_to_go_on
from rigdriver.progress import Advance


class TerminalProgress:
    """A `Progress` on stderr."""

    def stage(self, what: str, total: int | None) -> AbstractContextManager[Advance]:
        """Show a bar while the stage runs."""
        return progress_bar(what, total)

    def note(self, what: object) -> None:
        """Print a line."""
        note(str(what))

    def go_on(self) -> None:
        """Stop when Ctrl-C came while something loaded or was compiled."""
        expect_to_go_on()


PROGRESS = TerminalProgress()
"""Progress of every verb that needs no other."""
