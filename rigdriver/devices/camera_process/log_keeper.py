"""What a library logs instead of raising it, kept for the error that is raised here.

In: log records. Out: the first line of each, up to a number. Not here: whose logger it is (see binding.py).
"""

from __future__ import annotations

import logging

_LINES_KEPT = 20


class LogKeeper(logging.Handler):
    """Keeps warnings and errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.add(record.getMessage())

    def add(self, line: str) -> None:
        """Keep one more, if there is room."""
        if len(self.lines) < _LINES_KEPT:
            self.lines.append(first_line(line))


def first_line(value: object) -> str:
    """Return the first line of a text, or the name of the type of what has none."""
    return (str(value).strip().splitlines() or [type(value).__name__])[0]
