"""What a procedure reports while it works: stages with a count, notes, and whether the person wants to go on.

In: nothing. Out: the protocol `Progress`, and `SILENT`, which shows nothing. A command line draws bars and lines of it
(see cli/screen.py), a page draws its own.
Not here: results. A procedure returns them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Function that a stage yields: it is called with how much is done, of the stage's total."""


class Progress(Protocol):
    """Somebody who watches a procedure."""

    def stage(self, what: str, total: int | None) -> AbstractContextManager[Advance]:
        """Begin a stage of the work; it ends with the `with` block."""
        ...

    def note(self, what: object) -> None:
        """Report what happened; `str(what)` is its sentence."""
        ...

    def go_on(self) -> None:
        """Raise KeyboardInterrupt when the person has asked to stop; procedures ask before anything flashes."""
        ...


class SilentProgress:
    """Shows nothing and never stops."""

    @contextmanager
    def stage(self, what: str, total: int | None) -> Iterator[Advance]:
        """Yield a function that does nothing."""
        del what, total
        yield lambda _done: None

    def note(self, what: object) -> None:
        """Forget it."""

    def go_on(self) -> None:
        """Go on."""


SILENT = SilentProgress()
"""Progress of a procedure that nobody watches."""
